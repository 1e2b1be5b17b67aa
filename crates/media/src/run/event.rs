//! What can happen to a media run beside what can happen to every run.

use crate::Timestamp;
use crate::definition::{Settings, Step};
use crate::job::JobSpec;
use crate::persona::PersonaOutput;
use crate::run::body::PersonaSource;
use crate::run::successor::Inheritance;
use mw_kernel::run::OwnEvent;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One event that only a media run has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum MediaEvent {
    /// The run entered a step of its pipeline.
    #[serde(rename = "step.started")]
    StepStarted {
        step: u32,
        name: String,
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
        /// Who is to make it.
        provider: String,
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
    /// Nobody worked on the job: its effect was lost, and is there again.
    #[serde(rename = "job.effect_restored")]
    JobEffectRestored { job_id: String },
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
    JobAdopted { job_id: String, step: u32, provider: String, spec: JobSpec, task_id: String, from_run: String },
    /// A clip of the parent run is used as it is.
    #[serde(rename = "clip.adopted")]
    ClipAdopted { index: u32, url: String, from_run: String },
    #[serde(rename = "run.published")]
    RunPublished,
}

crate::words! {
    /// What happened, in one word.
    MediaEventName {
        StepStarted = "step.started",
        PersonaRequested = "persona.requested",
        PersonaFinished = "persona.finished",
        JobRequested = "job.requested",
        JobSubmitted = "job.submitted",
        JobSubmissionRepeated = "job.submission_repeated",
        JobEffectRestored = "job.effect_restored",
        JobSucceeded = "job.succeeded",
        JobFailed = "job.failed",
        JobRetried = "job.retried",
        JobReplaced = "job.replaced",
        JobAdopted = "job.adopted",
        ClipAdopted = "clip.adopted",
        RunPublished = "run.published",
    }
}

impl OwnEvent for MediaEvent {
    fn name(&self) -> &'static str {
        let name = match self {
            MediaEvent::StepStarted { .. } => MediaEventName::StepStarted,
            MediaEvent::PersonaRequested { .. } => MediaEventName::PersonaRequested,
            MediaEvent::PersonaFinished { .. } => MediaEventName::PersonaFinished,
            MediaEvent::JobRequested { .. } => MediaEventName::JobRequested,
            MediaEvent::JobSubmitted { .. } => MediaEventName::JobSubmitted,
            MediaEvent::JobSubmissionRepeated { .. } => MediaEventName::JobSubmissionRepeated,
            MediaEvent::JobEffectRestored { .. } => MediaEventName::JobEffectRestored,
            MediaEvent::JobSucceeded { .. } => MediaEventName::JobSucceeded,
            MediaEvent::JobFailed { .. } => MediaEventName::JobFailed,
            MediaEvent::JobRetried { .. } => MediaEventName::JobRetried,
            MediaEvent::JobReplaced { .. } => MediaEventName::JobReplaced,
            MediaEvent::JobAdopted { .. } => MediaEventName::JobAdopted,
            MediaEvent::ClipAdopted { .. } => MediaEventName::ClipAdopted,
            MediaEvent::RunPublished => MediaEventName::RunPublished,
        };
        name.as_str()
    }
}

/// What a media run starts with, beside what every run starts with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
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
