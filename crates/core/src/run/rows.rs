//! What a transition writes beside the run and its events: artifacts, jobs, gates and effects, each following from an
//! event. The database keeps them for people, for claims and for webhooks; the events alone would rebuild them.

use crate::Timestamp;
use crate::job::{JobKind, JobSpec};
use crate::notification::{self, Notice};
use crate::retry;
use crate::run::artifact::{self, Artifact};
use crate::run::event::{Event, Recorded};
use crate::run::state::{DecidedGate, Run};
use crate::run::warn;
use crate::status::{GateName, ProvidersMode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The rows of one transition.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Rows {
    pub artifacts: Vec<Artifact>,
    pub jobs: Vec<JobRow>,
    pub gates: Vec<GateRow>,
    /// Approvals that do not decide yet, where a gate needs several.
    pub votes: Vec<DecidedGate>,
    pub effects: Vec<Effect>,
    /// Submissions that ended and go out once more.
    pub rearmed: Vec<Rearmed>,
    /// What people are told; the database knows whom.
    pub notifications: Vec<Notice>,
}

/// An ended submission that goes out once more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rearmed {
    pub job_id: String,
    /// It may have reached the provider: reconciled before it is sent.
    pub unanswered: bool,
}

/// A provider job, for webhooks to find and for operators to see.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JobRow {
    pub job_id: String,
    pub kind: JobKind,
    pub provider: String,
    pub state: JobState,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_id: Option<String>,
    /// The publishing profile, by which an upload-post event without a known id is matched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    Requested,
    Submitted,
    Succeeded,
    Failed,
}

/// A gate, open or decided.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GateRow {
    pub gate: GateName,
    pub opening: u32,
    /// `open`, `approved`, `rejected`, `changes_requested`, `expired`, or `closed` by a new opening.
    pub state: String,
    /// How many different people must approve.
    pub approvals: u32,
    #[serde(with = "time::serde::rfc3339::option")]
    pub deadline: Option<Timestamp>,
    /// When the sweep next has to tell somebody that the gate waits; none when all are told.
    #[serde(with = "time::serde::rfc3339::option")]
    pub warn_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<DecidedGate>,
}

/// Work for the dispatcher: a row of the outbox.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Effect {
    /// Unique for ever: the same cause never makes two effects.
    pub key: String,
    pub kind: EffectKind,
    /// `kieai`, `shotstack`, `upload-post`, `llm`, `telegram`, `slack`, `otlp`, `sentry`, or `mock` for nobody: what limits
    /// and breakers go by.
    pub provider: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job_id: Option<String>,
    pub payload: Value,
    #[serde(with = "time::serde::rfc3339")]
    pub due_at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EffectKind {
    /// Ask the language model for a persona's answer.
    Persona,
    /// Hand a job to its provider.
    Submit,
    /// Ask the provider how a job stands.
    Poll,
    /// Tell somebody what happened. Made by the database, one for each address.
    Notify,
    /// Hand the trace of a run that has ended to the collector. Made by the database, where that is wanted.
    Trace,
    /// Report a failed run, or an effect that was given up, to Sentry. Made by the database, where that is wanted.
    Report,
}

impl EffectKind {
    /// The word as it stands in the outbox.
    pub fn as_str(self) -> &'static str {
        match self {
            EffectKind::Persona => "persona",
            EffectKind::Submit => "submit",
            EffectKind::Poll => "poll",
            EffectKind::Notify => "notify",
            EffectKind::Trace => "trace",
            EffectKind::Report => "report",
        }
    }
}

impl Rows {
    pub(super) fn extend(&mut self, run: &Run, recorded: &Recorded) {
        self.artifacts.extend(artifact::of(run, recorded));
        self.notifications.extend(notification::of(recorded));
        match &recorded.event {
            Event::GateOpened { .. }
            | Event::GateWarned { .. }
            | Event::GateEscalated { .. }
            | Event::GateExtended { .. }
            | Event::RunPaused { .. }
            | Event::RunResumed { .. }
            | Event::DeadlineExtended { .. } => self.gates.extend(open_gate(run)),
            Event::GateVoted(vote) => self.votes.push(vote.as_ref().clone()),
            Event::GateReopened { gate, previous, .. } => {
                self.close_gate(*gate, *previous, "closed", None);
                self.gates.extend(open_gate(run));
            }
            Event::GateDecided(decided) => {
                self.close_gate(decided.gate, decided.opening, decided.verdict.outcome(), Some(decided))
            }
            Event::GateExpired { gate, opening } => self.close_gate(*gate, *opening, "expired", None),
            Event::PersonaRequested { step, .. } => self.effects.push(Effect {
                // A persona that works on changes works anew.
                key: match run.rounds() {
                    0 => format!("persona:{}:{step}", run.run_id),
                    round => format!("persona:{}:{step}:{round}", run.run_id),
                },
                kind: EffectKind::Persona,
                provider: "llm".to_owned(),
                job_id: None,
                payload: json!({"step": step}),
                due_at: recorded.at,
            }),
            Event::JobRequested { job_id, spec, .. } => {
                self.jobs.push(job_row(job_id, spec, JobState::Requested, None));
                self.effects.push(job_effect(EffectKind::Submit, run, job_id, spec, recorded.at));
            }
            Event::JobSubmitted { job_id, task_id, .. } | Event::JobAdopted { job_id, task_id, .. } => {
                self.submitted(run, job_id, task_id, recorded.at);
            }
            Event::JobRetried { job_id, unanswered } => {
                self.job(run, job_id, JobState::Requested);
                self.rearmed.push(Rearmed { job_id: job_id.clone(), unanswered: *unanswered });
            }
            Event::JobSucceeded { job_id, .. } => self.job(run, job_id, JobState::Succeeded),
            Event::JobFailed { job_id, .. } => self.job(run, job_id, JobState::Failed),
            Event::RunStarted(_)
            | Event::StepStarted { .. }
            | Event::PersonaFinished { .. }
            | Event::JobSubmissionRepeated { .. }
            | Event::JobReplaced { .. }
            | Event::ClipAdopted { .. }
            | Event::RunRetried { .. }
            | Event::ArtifactAttached(_)
            | Event::RunPublished
            | Event::RunRejected { .. }
            | Event::RunExpired { .. }
            | Event::RunFailed { .. }
            | Event::RunCancelled { .. } => {}
        }
    }

    fn close_gate(&mut self, gate: GateName, opening: u32, state: &str, decision: Option<&DecidedGate>) {
        self.gates.push(GateRow {
            gate,
            opening,
            state: state.to_owned(),
            approvals: 1,
            deadline: None,
            warn_at: None,
            decision: decision.cloned(),
        });
    }

    fn submitted(&mut self, run: &Run, job_id: &str, task_id: &str, at: Timestamp) {
        let Some(job) = run.jobs.get(job_id) else { return };
        self.jobs.push(job_row(job_id, &job.spec, JobState::Submitted, Some(task_id)));
        let wait_seconds = match run.mode {
            ProvidersMode::Mock => 0,
            ProvidersMode::Sim | ProvidersMode::Live => retry::poll_wait_seconds(1),
        };
        let due_at = at + time::Duration::seconds(i64::from(wait_seconds));
        self.effects.push(job_effect(EffectKind::Poll, run, job_id, &job.spec, due_at));
    }

    fn job(&mut self, run: &Run, job_id: &str, state: JobState) {
        if let Some(job) = run.jobs.get(job_id) {
            self.jobs.push(job_row(job_id, &job.spec, state, job.phase.task_id()));
        }
    }
}

/// The row of the gate that the run waits at, as its deadline now stands. Nobody is warned while the run is held.
fn open_gate(run: &Run) -> Option<GateRow> {
    let open = run.gate.as_ref()?;
    let deadline = run.pause.as_ref().map(|pause| pause.step_deadline).or(run.deadline)?;
    Some(GateRow {
        gate: open.gate,
        opening: open.opening,
        state: "open".to_owned(),
        approvals: run.policy().map_or(1, |policy| policy.approvals),
        deadline: Some(deadline),
        warn_at: run.pause.is_none().then(|| warn::due_at(run, open, deadline)).flatten(),
        decision: None,
    })
}

fn job_row(job_id: &str, spec: &JobSpec, state: JobState, task_id: Option<&str>) -> JobRow {
    JobRow {
        job_id: job_id.to_owned(),
        kind: spec.kind(),
        provider: spec.kind().provider().to_owned(),
        state,
        task_id: task_id.map(str::to_owned),
        account: match spec {
            JobSpec::Publish(spec) => Some(spec.account.clone()),
            JobSpec::Generate(_) | JobSpec::Render(_) => None,
        },
    }
}

fn job_effect(kind: EffectKind, run: &Run, job_id: &str, spec: &JobSpec, due_at: Timestamp) -> Effect {
    Effect {
        key: format!("{}:{job_id}", kind.as_str()),
        kind,
        provider: match run.mode {
            ProvidersMode::Mock => "mock".to_owned(),
            ProvidersMode::Sim | ProvidersMode::Live => spec.kind().provider().to_owned(),
        },
        job_id: Some(job_id.to_owned()),
        payload: json!({}),
        due_at,
    }
}
