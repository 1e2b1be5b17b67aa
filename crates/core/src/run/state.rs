//! The state of a run and how events change it. `evolve` never decides: it believes every event.

use crate::Timestamp;
use crate::definition::{Role, Settings, Step};
use crate::gate_policy::GatePolicy;
use crate::job::JobSpec;
use crate::run::edit::{self, Change};
use crate::run::event::{DefinitionRef, Event, Recorded, Started};
use crate::run::successor::Inheritance;
use crate::status::{Channel, GateName, ProvidersMode, Status, Verdict};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// A run as it stands. Stored whole beside its version; always equal to the fold of its events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    pub run_id: String,
    /// Number of events so far: the guard of every commit.
    pub version: u64,
    pub status: Status,
    pub definition: DefinitionRef,
    pub title: String,
    pub user_id: String,
    /// Name of the principal that started it (of a successor: its parent): who may not approve under no-self-approval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_by: Option<String>,
    pub mode: ProvidersMode,
    pub personas: PersonaSource,
    pub pipeline: Vec<Step>,
    pub settings: Option<Settings>,
    pub input: Value,
    pub options: Value,
    /// Index of the current step in the pipeline.
    pub step: u32,
    pub clips: Vec<Clip>,
    pub jobs: BTreeMap<String, Job>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<OpenGate>,
    #[serde(default)]
    pub decided: Vec<DecidedGate>,
    /// Set exactly while the run is paused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause: Option<Pause>,
    /// The persona of the current step has answered, and the run has not moved on (it is paused).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub answered: bool,
    /// What a successor took over from the run that it goes on from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inheritance: Option<Box<Inheritance>>,
    /// False when the editing persona is skipped.
    pub effects: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concept: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caption: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub post_title: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub render_url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publish_url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<RunError>,
    #[serde(with = "time::serde::rfc3339")]
    pub started_at: Timestamp,
    /// When the current step is overdue; `None` exactly in terminal states.
    #[serde(with = "time::serde::rfc3339::option", default)]
    pub deadline: Option<Timestamp>,
    /// Set exactly in terminal states.
    #[serde(with = "time::serde::rfc3339::option", default)]
    pub finished_at: Option<Timestamp>,
}

/// Who speaks for the personas; fixed at run start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PersonaSource {
    /// Deterministic rules; no network.
    Rules,
    /// The configured language model.
    Model,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clip {
    pub subject: String,
    pub header: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    pub state: ClipState,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum ClipState {
    Pending,
    Generated { url: String },
    Failed { code: String, message: String },
}

/// One request to a provider.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    pub step: u32,
    pub spec: JobSpec,
    pub phase: JobPhase,
    /// The id by which the provider may know it from an unanswered submission of an ended parent; else its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_as: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub enum JobPhase {
    /// Asked of us, not yet accepted by the provider.
    Requested,
    /// The provider works on it.
    Submitted {
        task_id: String,
    },
    Succeeded {
        task_id: String,
        url: String,
    },
    Failed {
        code: String,
        message: String,
        /// Set when the provider had accepted the job: it is never submitted under the same id again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        task_id: Option<String>,
    },
    /// Failed at the provider, and asked for again as another job.
    Replaced {
        by: String,
    },
}

impl JobPhase {
    /// The provider's id of the job, once it has one.
    pub fn task_id(&self) -> Option<&str> {
        match self {
            JobPhase::Submitted { task_id } | JobPhase::Succeeded { task_id, .. } => Some(task_id),
            JobPhase::Failed { task_id, .. } => task_id.as_deref(),
            JobPhase::Requested | JobPhase::Replaced { .. } => None,
        }
    }
}

/// An operator holds the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    #[serde(with = "time::serde::rfc3339")]
    pub since: Timestamp,
    /// The step's deadline when the pause began: what was left of it then is given back by `resume`.
    #[serde(with = "time::serde::rfc3339")]
    pub step_deadline: Timestamp,
    pub reason: String,
    pub actor: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenGate {
    pub gate: GateName,
    /// Counts the openings of this run's gates; a link is good for one opening.
    pub opening: u32,
    pub summary: String,
    #[serde(with = "time::serde::rfc3339")]
    pub opened_at: Timestamp,
    /// Somebody was told that the time is running out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub warned: bool,
    /// Others were called in, and may decide.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub escalated: bool,
    /// It had its time once more already.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub extended: bool,
    /// Approvals so far, where it needs several: one of each approver.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub votes: Vec<DecidedGate>,
}

/// A decision, attributed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecidedGate {
    pub gate: GateName,
    pub opening: u32,
    pub verdict: Verdict,
    pub approver: String,
    pub channel: Channel,
    #[serde(with = "time::serde::rfc3339")]
    pub at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Name that the caller put into the body: a note, not an identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// What the approver changed while approving.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub edits: Vec<Change>,
    /// The others whose approvals it took.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub with: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunError {
    pub error_type: String,
    pub error_message: String,
}

impl Run {
    /// A run before its first event.
    pub fn unborn(run_id: String) -> Self {
        Run {
            run_id,
            version: 0,
            status: Status::Running,
            definition: DefinitionRef { key: String::new(), version: String::new(), digest: String::new() },
            title: String::new(),
            user_id: String::new(),
            started_by: None,
            mode: ProvidersMode::Mock,
            personas: PersonaSource::Rules,
            pipeline: Vec::new(),
            settings: None,
            input: Value::Null,
            options: Value::Null,
            step: 0,
            clips: Vec::new(),
            jobs: BTreeMap::new(),
            gate: None,
            decided: Vec::new(),
            pause: None,
            answered: false,
            inheritance: None,
            effects: true,
            concept: None,
            caption: None,
            post_title: None,
            render_url: None,
            publish_url: None,
            error: None,
            started_at: Timestamp::UNIX_EPOCH,
            deadline: None,
            finished_at: None,
        }
    }

    /// The step that the run is in.
    pub fn current_step(&self) -> Option<&Step> {
        self.pipeline.get(self.step as usize)
    }

    /// The policy of the gate that the run waits at.
    pub fn policy(&self) -> Option<&GatePolicy> {
        match self.current_step()? {
            Step::Gate { policy, .. } => Some(policy),
            Step::Persona { .. } | Step::Generate { .. } | Step::Render { .. } | Step::Publish { .. } => None,
        }
    }

    /// How often changes were asked for.
    pub fn rounds(&self) -> usize {
        self.decided.iter().filter(|decided| decided.verdict == Verdict::RequestChanges).count()
    }

    /// Jobs of the current step.
    pub fn step_jobs(&self) -> impl Iterator<Item = (&String, &Job)> {
        self.jobs.iter().filter(|(_, job)| job.step == self.step)
    }

    /// Folds one event into the state.
    pub fn evolve(&mut self, recorded: &Recorded) {
        self.version = recorded.seq;
        let at = recorded.at;
        match &recorded.event {
            Event::RunStarted(started) => self.evolve_started(started, at),
            Event::StepStarted { step, deadline, .. } => {
                self.step = *step;
                self.answered = false;
                self.deadline = Some(*deadline);
                self.status = self.status_at(*step);
            }
            Event::GateOpened { gate, opening, summary } => {
                self.gate = Some(OpenGate {
                    gate: *gate,
                    opening: *opening,
                    summary: summary.clone(),
                    opened_at: at,
                    warned: false,
                    escalated: false,
                    extended: false,
                    votes: Vec::new(),
                });
            }
            Event::GateReopened { opening, summary, .. } => {
                if let Some(open) = &mut self.gate {
                    open.opening = *opening;
                    open.summary.clone_from(summary);
                    open.votes.clear();
                }
            }
            Event::GateWarned { .. } => {
                if let Some(open) = &mut self.gate {
                    open.warned = true;
                }
            }
            Event::GateEscalated { .. } => {
                if let Some(open) = &mut self.gate {
                    open.escalated = true;
                }
            }
            Event::GateExtended { deadline, .. } => {
                self.deadline = Some(*deadline);
                if let Some(open) = &mut self.gate {
                    open.extended = true;
                    open.warned = false;
                }
            }
            Event::GateVoted(vote) => {
                edit::apply(&vote.edits, self);
                if let Some(open) = &mut self.gate {
                    open.votes.push(vote.as_ref().clone());
                }
            }
            Event::GateDecided(decided) => {
                edit::apply(&decided.edits, self);
                self.gate = None;
                self.decided.push(decided.as_ref().clone());
            }
            Event::GateExpired { .. } => self.gate = None,
            Event::PersonaRequested { .. }
            | Event::JobSubmissionRepeated { .. }
            | Event::RunRetried { .. }
            | Event::ArtifactAttached(_) => {}
            Event::PersonaFinished { step, output, .. } => {
                self.answered = true;
                if let Some(role) = self.role_at(*step) {
                    output.apply(role, self);
                }
            }
            Event::JobRequested { job_id, step, spec, known_as } => {
                let (spec, known_as) = (spec.clone(), known_as.clone());
                self.jobs.insert(job_id.clone(), Job { step: *step, spec, phase: JobPhase::Requested, known_as });
            }
            Event::JobSubmitted { job_id, task_id, .. } => {
                self.set_phase(job_id, JobPhase::Submitted { task_id: task_id.clone() });
            }
            Event::JobSucceeded { job_id, url } => self.evolve_job_succeeded(job_id, url),
            Event::JobFailed { job_id, code, message } => self.evolve_job_failed(job_id, code, message),
            Event::JobRetried { job_id, .. } => {
                self.reopen_clip(job_id);
                self.set_phase(job_id, JobPhase::Requested);
            }
            Event::JobReplaced { job_id, by } => {
                self.reopen_clip(job_id);
                self.set_phase(job_id, JobPhase::Replaced { by: by.clone() });
            }
            Event::JobAdopted { job_id, step, spec, task_id, .. } => {
                let phase = JobPhase::Submitted { task_id: task_id.clone() };
                self.jobs.insert(job_id.clone(), Job { step: *step, spec: spec.clone(), phase, known_as: None });
            }
            Event::ClipAdopted { index, url, .. } => self.set_clip(*index, ClipState::Generated { url: url.clone() }),
            Event::RunPaused { reason, actor, until } => self.evolve_paused(reason, actor, *until, at),
            Event::RunResumed { deadline, .. } => {
                self.pause = None;
                self.deadline = Some(*deadline);
                self.status = self.status_at(self.step);
            }
            Event::DeadlineExtended { deadline, .. } => {
                self.deadline = Some(*deadline);
                if let Some(open) = &mut self.gate {
                    open.warned = false;
                }
            }
            Event::RunPublished => self.end(Status::Published, at),
            Event::RunRejected { .. } => self.end(Status::Rejected, at),
            Event::RunExpired { .. } => self.end(Status::Expired, at),
            Event::RunFailed { error_type, error_message } => {
                self.error = Some(RunError { error_type: error_type.clone(), error_message: error_message.clone() });
                self.end(Status::Failed, at);
            }
            Event::RunCancelled { .. } => self.end(Status::Cancelled, at),
        }
    }

    fn evolve_started(&mut self, started: &Started, at: Timestamp) {
        self.definition = started.definition.clone();
        self.title = started.title.clone();
        self.user_id = started.user_id.clone();
        self.started_by = started.started_by.clone();
        self.mode = started.mode;
        self.personas = started.personas;
        self.pipeline = started.pipeline.clone();
        self.settings = Some(started.settings.clone());
        self.input = started.input.clone();
        self.options = started.options.clone();
        self.effects = started.effects;
        self.started_at = at;
        if let Some(inheritance) = &started.inheritance {
            self.inheritance = Some(inheritance.clone());
            return inheritance.clone().apply(self);
        }
        self.clips = started
            .clips
            .iter()
            .map(|clip| Clip {
                subject: clip.subject.clone(),
                header: clip.header.clone(),
                prompt: None,
                state: ClipState::Pending,
            })
            .collect();
    }

    fn evolve_job_succeeded(&mut self, job_id: &str, url: &str) {
        let Some(job) = self.jobs.get(job_id) else { return };
        let task_id = job.phase.task_id().unwrap_or_default().to_owned();
        match &job.spec {
            JobSpec::Generate(spec) => self.set_clip(spec.index, ClipState::Generated { url: url.to_owned() }),
            JobSpec::Render(_) => self.render_url = Some(url.to_owned()),
            JobSpec::Publish(_) => self.publish_url = Some(url.to_owned()),
        }
        self.set_phase(job_id, JobPhase::Succeeded { task_id, url: url.to_owned() });
    }

    fn evolve_job_failed(&mut self, job_id: &str, code: &str, message: &str) {
        let Some(job) = self.jobs.get(job_id).cloned() else { return };
        match &job.spec {
            JobSpec::Generate(spec) => {
                self.set_clip(spec.index, ClipState::Failed { code: code.to_owned(), message: message.to_owned() });
            }
            JobSpec::Render(_) | JobSpec::Publish(_) => {}
        }
        let task_id = job.phase.task_id().map(str::to_owned);
        self.set_phase(job_id, JobPhase::Failed { code: code.to_owned(), message: message.to_owned(), task_id });
    }

    fn evolve_paused(&mut self, reason: &str, actor: &str, until: Timestamp, at: Timestamp) {
        self.pause = Some(Pause {
            since: at,
            step_deadline: self.deadline.unwrap_or(at),
            reason: reason.to_owned(),
            actor: actor.to_owned(),
        });
        self.status = Status::Paused;
        self.deadline = Some(until);
    }

    fn reopen_clip(&mut self, job_id: &str) {
        if let Some(JobSpec::Generate(spec)) = self.jobs.get(job_id).map(|job| &job.spec) {
            let index = spec.index;
            self.set_clip(index, ClipState::Pending);
        }
    }

    fn set_clip(&mut self, index: u32, state: ClipState) {
        if let Some(clip) = self.clips.get_mut(index as usize) {
            clip.state = state;
        }
    }

    fn set_phase(&mut self, job_id: &str, phase: JobPhase) {
        if let Some(job) = self.jobs.get_mut(job_id) {
            job.phase = phase;
        }
    }

    fn end(&mut self, status: Status, at: Timestamp) {
        self.status = status;
        self.gate = None;
        self.pause = None;
        self.deadline = None;
        self.finished_at = Some(at);
    }

    fn role_at(&self, step: u32) -> Option<Role> {
        match self.pipeline.get(step as usize)? {
            Step::Persona { role, .. } => Some(*role),
            Step::Gate { .. } | Step::Generate { .. } | Step::Render { .. } | Step::Publish { .. } => None,
        }
    }

    /// The status of a run at a step: a gate's own, `publishing` from the personas that prepare the post onwards,
    /// else `running`.
    fn status_at(&self, step: u32) -> Status {
        let rest = self.pipeline.get(step as usize..).unwrap_or_default();
        match rest.first() {
            Some(Step::Gate { gate, .. }) => gate.waiting_status(),
            Some(Step::Publish { .. }) => Status::Publishing,
            Some(Step::Persona { .. }) => {
                let next_work = rest.iter().find(|step| !matches!(step, Step::Persona { .. }));
                if matches!(next_work, Some(Step::Publish { .. })) { Status::Publishing } else { Status::Running }
            }
            Some(Step::Generate { .. } | Step::Render { .. }) | None => Status::Running,
        }
    }
}
