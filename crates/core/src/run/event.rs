//! What can happen to a run. Events are facts: append-only, hash-chained in the database, and enough to rebuild the
//! state. Adding a variant or a field with a default is fine; changing the meaning of an old one is not.

use crate::Timestamp;
use crate::definition::{Settings, Step};
use crate::job::JobSpec;
use crate::persona::PersonaOutput;
use crate::run::attach::Attachment;
use crate::run::state::{DecidedGate, PersonaSource};
use crate::run::successor::Inheritance;
use crate::status::{GateName, ProvidersMode};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The definition that a run pins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DefinitionRef {
    pub key: String,
    pub version: String,
    pub digest: String,
}

/// One event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum Event {
    #[serde(rename = "run.started")]
    RunStarted(Box<Started>),
    /// The run entered a step of its pipeline.
    #[serde(rename = "step.started")]
    StepStarted {
        step: u32,
        name: String,
        #[serde(with = "time::serde::rfc3339")]
        deadline: Timestamp,
    },
    #[serde(rename = "gate.opened")]
    GateOpened { gate: GateName, opening: u32, summary: String },
    /// One of several approvals that the gate needs.
    #[serde(rename = "gate.voted")]
    GateVoted(Box<DecidedGate>),
    /// The gate opens once more where it stands: links and approvals of the opening before are void.
    #[serde(rename = "gate.reopened")]
    GateReopened { gate: GateName, opening: u32, previous: u32, summary: String, reason: String },
    #[serde(rename = "gate.decided")]
    GateDecided(Box<DecidedGate>),
    /// Nobody decided in time.
    #[serde(rename = "gate.expired")]
    GateExpired { gate: GateName, opening: u32 },
    /// Most of the gate's time is over, and nobody has decided.
    #[serde(rename = "gate.warned")]
    GateWarned { gate: GateName, opening: u32 },
    /// Nobody has decided for long: those whom the policy names for that are called in.
    #[serde(rename = "gate.escalated")]
    GateEscalated { gate: GateName, opening: u32 },
    /// Nobody decided in time, and the policy gives the gate its time once more.
    #[serde(rename = "gate.extended")]
    GateExtended {
        gate: GateName,
        opening: u32,
        #[serde(with = "time::serde::rfc3339")]
        deadline: Timestamp,
    },
    /// A language model is asked to speak for a persona.
    #[serde(rename = "persona.requested")]
    PersonaRequested { step: u32, persona: String },
    #[serde(rename = "persona.finished")]
    PersonaFinished { step: u32, persona: String, source: String, output: PersonaOutput },
    #[serde(rename = "job.requested")]
    JobRequested {
        job_id: String,
        step: u32,
        spec: JobSpec,
        /// Of a successor: the parent's job whose submission had no answer, so that the provider can recognise it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        known_as: Option<String>,
    },
    #[serde(rename = "job.submitted")]
    JobSubmitted { job_id: String, task_id: String, adopted: bool },
    /// The one documented exception to "never twice": no answer, and no callback within `adopt_wait_seconds`.
    #[serde(rename = "job.submission_repeated")]
    JobSubmissionRepeated { job_id: String, reason: String },
    #[serde(rename = "job.succeeded")]
    JobSucceeded { job_id: String, url: String },
    #[serde(rename = "job.failed")]
    JobFailed { job_id: String, code: String, message: String },
    /// A job that the provider never accepted is asked for again, under its own id; `unanswered`: it may have reached them.
    #[serde(rename = "job.retried")]
    JobRetried { job_id: String, unanswered: bool },
    /// A job that failed at the provider is asked for again, as another one.
    #[serde(rename = "job.replaced")]
    JobReplaced { job_id: String, by: String },
    /// A job that was at work when the parent run ended is followed on, not submitted again.
    #[serde(rename = "job.adopted")]
    JobAdopted { job_id: String, step: u32, spec: JobSpec, task_id: String, from_run: String },
    /// A clip of the parent run is used as it is.
    #[serde(rename = "clip.adopted")]
    ClipAdopted { index: u32, url: String, from_run: String },
    #[serde(rename = "run.paused")]
    RunPaused {
        reason: String,
        actor: String,
        /// When the pause itself is over, and the run expires.
        #[serde(with = "time::serde::rfc3339")]
        until: Timestamp,
    },
    #[serde(rename = "run.resumed")]
    RunResumed {
        reason: String,
        #[serde(with = "time::serde::rfc3339")]
        deadline: Timestamp,
    },
    #[serde(rename = "deadline.extended")]
    DeadlineExtended {
        reason: String,
        #[serde(with = "time::serde::rfc3339")]
        deadline: Timestamp,
    },
    /// An operator asks for what failed to be tried again.
    #[serde(rename = "run.retried")]
    RunRetried { reason: String },
    #[serde(rename = "artifact.attached")]
    ArtifactAttached(Attachment),
    #[serde(rename = "run.published")]
    RunPublished,
    #[serde(rename = "run.rejected")]
    RunRejected { gate: GateName },
    #[serde(rename = "run.expired")]
    RunExpired {
        /// The gate at which nobody decided; none when a pause went on for too long.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        gate: Option<GateName>,
    },
    #[serde(rename = "run.failed")]
    RunFailed { error_type: String, error_message: String },
    #[serde(rename = "run.cancelled")]
    RunCancelled { reason: String, actor: String },
}

crate::words! {
    /// What happened, in one word.
    EventKind {
        RunStarted = "run.started",
        StepStarted = "step.started",
        GateOpened = "gate.opened",
        GateVoted = "gate.voted",
        GateReopened = "gate.reopened",
        GateDecided = "gate.decided",
        GateExpired = "gate.expired",
        GateWarned = "gate.warned",
        GateEscalated = "gate.escalated",
        GateExtended = "gate.extended",
        PersonaRequested = "persona.requested",
        PersonaFinished = "persona.finished",
        JobRequested = "job.requested",
        JobSubmitted = "job.submitted",
        JobSubmissionRepeated = "job.submission_repeated",
        JobSucceeded = "job.succeeded",
        JobFailed = "job.failed",
        JobRetried = "job.retried",
        JobReplaced = "job.replaced",
        JobAdopted = "job.adopted",
        ClipAdopted = "clip.adopted",
        RunPaused = "run.paused",
        RunResumed = "run.resumed",
        DeadlineExtended = "deadline.extended",
        RunRetried = "run.retried",
        ArtifactAttached = "artifact.attached",
        RunPublished = "run.published",
        RunRejected = "run.rejected",
        RunExpired = "run.expired",
        RunFailed = "run.failed",
        RunCancelled = "run.cancelled",
    }
}

impl Event {
    /// What happened; what reads only some of an event goes by this.
    pub fn kind(&self) -> EventKind {
        match self {
            Event::RunStarted(_) => EventKind::RunStarted,
            Event::StepStarted { .. } => EventKind::StepStarted,
            Event::GateOpened { .. } => EventKind::GateOpened,
            Event::GateVoted(_) => EventKind::GateVoted,
            Event::GateReopened { .. } => EventKind::GateReopened,
            Event::GateDecided(_) => EventKind::GateDecided,
            Event::GateExpired { .. } => EventKind::GateExpired,
            Event::GateWarned { .. } => EventKind::GateWarned,
            Event::GateEscalated { .. } => EventKind::GateEscalated,
            Event::GateExtended { .. } => EventKind::GateExtended,
            Event::PersonaRequested { .. } => EventKind::PersonaRequested,
            Event::PersonaFinished { .. } => EventKind::PersonaFinished,
            Event::JobRequested { .. } => EventKind::JobRequested,
            Event::JobSubmitted { .. } => EventKind::JobSubmitted,
            Event::JobSubmissionRepeated { .. } => EventKind::JobSubmissionRepeated,
            Event::JobSucceeded { .. } => EventKind::JobSucceeded,
            Event::JobFailed { .. } => EventKind::JobFailed,
            Event::JobRetried { .. } => EventKind::JobRetried,
            Event::JobReplaced { .. } => EventKind::JobReplaced,
            Event::JobAdopted { .. } => EventKind::JobAdopted,
            Event::ClipAdopted { .. } => EventKind::ClipAdopted,
            Event::RunPaused { .. } => EventKind::RunPaused,
            Event::RunResumed { .. } => EventKind::RunResumed,
            Event::DeadlineExtended { .. } => EventKind::DeadlineExtended,
            Event::RunRetried { .. } => EventKind::RunRetried,
            Event::ArtifactAttached(_) => EventKind::ArtifactAttached,
            Event::RunPublished => EventKind::RunPublished,
            Event::RunRejected { .. } => EventKind::RunRejected,
            Event::RunExpired { .. } => EventKind::RunExpired,
            Event::RunFailed { .. } => EventKind::RunFailed,
            Event::RunCancelled { .. } => EventKind::RunCancelled,
        }
    }

    /// The event's name, as in its JSON.
    pub fn name(&self) -> &'static str {
        self.kind().as_str()
    }
}

/// All that a run is born with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Started {
    pub definition: DefinitionRef,
    pub title: String,
    pub user_id: String,
    /// Name of the principal that started it; a successor takes its parent's. None in timelines from before principals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_by: Option<String>,
    pub mode: ProvidersMode,
    pub personas: PersonaSource,
    /// The steps of this run: the definition's, after skips and extras.
    pub pipeline: Vec<Step>,
    pub settings: Settings,
    pub input: Value,
    pub options: Value,
    pub effects: bool,
    pub clips: Vec<PlannedClip>,
    /// Of a successor: what it takes over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inheritance: Option<Box<Inheritance>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedClip {
    pub subject: String,
    pub header: String,
}

/// An event with its place in the timeline. Its JSON is the body that the hash chain covers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recorded {
    /// From 1, without gaps.
    pub seq: u64,
    #[serde(with = "time::serde::rfc3339")]
    pub at: Timestamp,
    /// Who caused it.
    pub actor: String,
    #[serde(flatten)]
    pub event: Event,
}
