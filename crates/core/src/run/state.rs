//! The state of a run: what it is made of. How events change it: evolve.rs.

use crate::Timestamp;
use crate::definition::{Settings, Step};
use crate::gate_policy::GatePolicy;
use crate::job::JobSpec;
use crate::persona::likeness::Likeness;
use crate::run::edit::Change;
use crate::run::event::DefinitionRef;
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
            likenesses: Vec::new(),
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
}
