//! What only a media run has: its pipeline, its clips and jobs, its texts. How events change it: evolve.rs.

use crate::Timestamp;
use crate::definition::{Settings, Step};
use crate::job::JobSpec;
use crate::persona::likeness::Likeness;
use crate::run::successor::Inheritance;
use mw_kernel::status::StatusWord;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// The body of a media run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Media {
    pub personas: PersonaSource,
    /// The steps of this run: the definition's, after skips and extras.
    pub pipeline: Vec<Step>,
    pub settings: Option<Settings>,
    pub input: Value,
    pub options: Value,
    /// Index of the current step in the pipeline.
    pub step: u32,
    pub clips: Vec<Clip>,
    pub jobs: BTreeMap<String, Job>,
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
    /// Headers that were too much like an earlier run's when they were written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub likenesses: Vec<Likeness>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caption: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub post_title: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub render_url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publish_url: Option<String>,
}

crate::words! {
    /// Where a media run stands (the production runbook's words, and `rejected`, `expired`, `paused`).
    #[derive(Default)]
    Status {
        /// Waits at the first of MyloWare's gates.
        PendingWorkflow = "pending_workflow",
        /// Personas or providers are at work.
        #[default]
        Running = "running",
        /// Waits at the second of MyloWare's gates.
        AwaitingIdeate = "awaiting_ideate",
        /// Waits at the third of MyloWare's gates.
        AwaitingPrepublish = "awaiting_prepublish",
        /// Waits at a gate whose definition names no status of its own.
        AwaitingApproval = "awaiting_approval",
        /// The final video is on its way to the platforms.
        Publishing = "publishing",
        /// An operator holds the run.
        Paused = "paused",
        /// Ended: the post is out.
        Published = "published",
        /// Ended: a step failed for good.
        Failed = "failed",
        /// Ended: somebody cancelled it.
        Cancelled = "cancelled",
        /// Ended: a gate said no.
        Rejected = "rejected",
        /// Ended: nobody decided in time.
        Expired = "expired",
    }
}

impl From<Status> for StatusWord {
    fn from(status: Status) -> StatusWord {
        StatusWord::of(status.as_str())
    }
}

impl Status {
    /// Ends are absorbing: nothing moves a run out of them.
    pub fn is_terminal(self) -> bool {
        match self {
            Status::Published | Status::Failed | Status::Cancelled | Status::Rejected | Status::Expired => true,
            Status::PendingWorkflow
            | Status::Running
            | Status::AwaitingIdeate
            | Status::AwaitingPrepublish
            | Status::AwaitingApproval
            | Status::Publishing
            | Status::Paused => false,
        }
    }
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
    /// Who makes it, as the run's definition says.
    pub provider: String,
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

impl Media {
    /// The body before the run's first event.
    pub(super) fn before_start() -> Self {
        Media {
            personas: PersonaSource::Rules,
            pipeline: Vec::new(),
            settings: None,
            input: Value::Null,
            options: Value::Null,
            step: 0,
            clips: Vec::new(),
            jobs: BTreeMap::new(),
            answered: false,
            inheritance: None,
            effects: true,
            concept: None,
            likenesses: Vec::new(),
            caption: None,
            post_title: None,
            render_url: None,
            publish_url: None,
        }
    }

    /// The step that the run is in.
    pub fn current_step(&self) -> Option<&Step> {
        self.pipeline.get(self.step as usize)
    }

    /// Jobs of the current step.
    pub fn step_jobs(&self) -> impl Iterator<Item = (&String, &Job)> {
        self.jobs.iter().filter(|(_, job)| job.step == self.step)
    }

    /// The steps behind the current one.
    pub(super) fn later_steps(&self) -> &[Step] {
        self.pipeline.get(self.step as usize + 1..).unwrap_or_default()
    }

    /// The status of a run at its step: a gate's own, `publishing` from the personas that prepare the post onwards, else
    /// `running`.
    pub(super) fn status(&self) -> Status {
        let rest = self.pipeline.get(self.step as usize..).unwrap_or_default();
        match rest.first() {
            Some(Step::Gate { waiting_status, .. }) => (*waiting_status).into(),
            Some(Step::Publish { .. }) => Status::Publishing,
            Some(Step::Persona { .. }) => {
                let next_work = rest.iter().find(|step| !matches!(step, Step::Persona { .. }));
                if matches!(next_work, Some(Step::Publish { .. })) { Status::Publishing } else { Status::Running }
            }
            Some(Step::Generate { .. } | Step::Render { .. }) | None => Status::Running,
        }
    }
}

/// When a step that is entered now is overdue.
pub(super) fn step_deadline(now: Timestamp, step: &Step) -> Timestamp {
    mw_kernel::run::deadline_after(now, step.limit_seconds())
}
