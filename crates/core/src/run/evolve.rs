//! How events change a run. `evolve` never decides: it believes every event.

use crate::Timestamp;
use crate::definition::{Role, Step};
use crate::job::JobSpec;
use crate::run::edit;
use crate::run::event::{Event, Recorded, Started};
use crate::run::state::{Clip, ClipState, Job, JobPhase, OpenGate, Pause, Run, RunError};
use crate::status::Status;

impl Run {
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
