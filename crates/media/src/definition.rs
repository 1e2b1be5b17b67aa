//! A project's definition: the sequence of steps that its runs take. Definitions are files (`projects/*.json`),
//! validated when they are loaded, stored by key and version, and never changed once stored: a run pins one.
//!
//! - [`faults`]: every rule of a definition, and where a definition breaks it.
//! - [`guardrail`]: rules that a project sets for its runs, with the checks that code can make.
//! - [`template`]: texts with named places, which personas fill in where no language model speaks for them.

pub mod faults;
pub mod guardrail;
pub mod template;
#[cfg(test)]
mod tests;

pub use faults::{DefinitionError, Fault};

use crate::disclosure::Disclosure;
use crate::gate_policy::GatePolicy;
use crate::job::{JobKind, OverlayStyle};
use crate::persona::tool::PersonaTool;
use crate::run::Status;
use crate::status::GateName;
use guardrail::Guardrail;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use template::Template;

/// The largest number of clips in one run: bounds a commit and a page of artifacts.
pub const CLIPS_MAX: u32 = 24;
/// The largest number of steps in a definition.
pub const STEPS_MAX: usize = 20;

/// What a project is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// Lower-case name, as in `/v1/projects/:key`.
    pub key: String,
    /// Changes whenever anything else here changes.
    pub version: String,
    pub title: String,
    pub description: String,
    #[serde(default)]
    pub tags: Vec<String>,
    /// Words of a chat message that mean this project.
    #[serde(default)]
    pub keywords: Vec<String>,
    /// Whether a chat message that asks for a video, and names no project, means this one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_default: bool,
    /// Words of a chat message that leave out or add personas.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requests: Vec<StepRequest>,
    /// Empty for a project that only chats and has no runs.
    #[serde(default)]
    pub steps: Vec<Step>,
    /// Personas that a request may add, each before the named persona.
    #[serde(default)]
    pub optional_personas: Vec<OptionalPersona>,
    /// Required where there are steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<Settings>,
}

/// One step of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Step {
    /// A person decides.
    Gate {
        gate: GateName,
        /// Where the run stands while it waits here, in a word of the production runbook.
        #[serde(default, skip_serializing_if = "WaitingStatus::is_default")]
        waiting_status: WaitingStatus,
        /// What people are asked here: "Start this run?".
        #[serde(default, skip_serializing_if = "Option::is_none")]
        question: Option<String>,
        /// What is decided here, in one sentence.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        summary: Option<Template>,
        #[serde(default = "gate_seconds")]
        expires_after_seconds: u32,
        #[serde(default, skip_serializing_if = "GatePolicy::is_shipped")]
        policy: GatePolicy,
    },
    /// A persona works: by rules, or by a language model with these instructions.
    Persona {
        persona: String,
        role: Role,
        #[serde(default)]
        instructions: String,
        /// What a language model may use meanwhile; nothing, unless it is listed.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        tools: Vec<PersonaTool>,
        #[serde(default, skip_serializing_if = "ByRule::is_empty")]
        by_rule: ByRule,
        #[serde(default = "persona_seconds")]
        timeout_seconds: u32,
    },
    /// All clips are generated, in parallel.
    Generate {
        /// Who makes them.
        provider: String,
        /// The persona in whose name the artifacts of this work stand.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        persona: Option<String>,
        #[serde(default = "generate_seconds")]
        timeout_seconds: u32,
    },
    /// The clips become one video.
    Render {
        /// Who makes it.
        provider: String,
        /// The persona in whose name the artifacts of this work stand.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        persona: Option<String>,
        #[serde(default = "render_seconds")]
        timeout_seconds: u32,
    },
    /// The video is posted.
    Publish {
        /// Who posts it.
        provider: String,
        /// The persona in whose name the artifacts of this work stand.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        persona: Option<String>,
        #[serde(default = "publish_seconds")]
        timeout_seconds: u32,
    },
}

crate::words! {
    /// Where a run can stand while it waits for people. The first three are MyloWare's own.
    #[derive(Default)]
    WaitingStatus {
        PendingWorkflow = "pending_workflow",
        AwaitingIdeate = "awaiting_ideate",
        AwaitingPrepublish = "awaiting_prepublish",
        #[default]
        AwaitingApproval = "awaiting_approval",
    }
}

impl WaitingStatus {
    fn is_default(&self) -> bool {
        *self == WaitingStatus::default()
    }
}

impl From<WaitingStatus> for Status {
    fn from(status: WaitingStatus) -> Status {
        match status {
            WaitingStatus::PendingWorkflow => Status::PendingWorkflow,
            WaitingStatus::AwaitingIdeate => Status::AwaitingIdeate,
            WaitingStatus::AwaitingPrepublish => Status::AwaitingPrepublish,
            WaitingStatus::AwaitingApproval => Status::AwaitingApproval,
        }
    }
}

// A gate outlives a long weekend.
fn gate_seconds() -> u32 {
    7 * 24 * 3600
}
fn persona_seconds() -> u32 {
    600
}
// Providers of clips give up after 10 to 15 minutes; a queue of twelve clips may start late.
fn generate_seconds() -> u32 {
    1800
}
fn render_seconds() -> u32 {
    900
}
// Publishers call a job failed after an hour without activity.
fn publish_seconds() -> u32 {
    4500
}

impl Step {
    /// The step's name in timelines: the gate, the persona, or the kind of work.
    pub fn name(&self) -> &str {
        match self {
            Step::Gate { gate, .. } => gate.as_str(),
            Step::Persona { persona, .. } => persona,
            Step::Generate { .. } => "generate",
            Step::Render { .. } => "render",
            Step::Publish { .. } => "publish",
        }
    }

    /// Seconds after which the step is overdue.
    pub fn limit_seconds(&self) -> u32 {
        match self {
            Step::Gate { expires_after_seconds, .. } => *expires_after_seconds,
            Step::Persona { timeout_seconds, .. }
            | Step::Generate { timeout_seconds, .. }
            | Step::Render { timeout_seconds, .. }
            | Step::Publish { timeout_seconds, .. } => *timeout_seconds,
        }
    }

    /// The work that the step orders of a provider.
    pub fn work(&self) -> Option<Work<'_>> {
        let (kind, provider, persona) = match self {
            Step::Generate { provider, persona, .. } => (JobKind::Generate, provider, persona),
            Step::Render { provider, persona, .. } => (JobKind::Render, provider, persona),
            Step::Publish { provider, persona, .. } => (JobKind::Publish, provider, persona),
            Step::Gate { .. } | Step::Persona { .. } => return None,
        };
        Some(Work { kind, provider, persona: persona.as_deref() })
    }
}

/// What a step orders of a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Work<'a> {
    pub kind: JobKind,
    /// Who makes it.
    pub provider: &'a str,
    /// The persona in whose name its artifacts stand.
    pub persona: Option<&'a str>,
}

/// What a persona's answer may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Subjects and headers of the clips.
    Ideate,
    /// The prompt of each clip.
    Write,
    /// The cut.
    Edit,
    /// Sound design.
    Sound,
    /// Caption and title of the post.
    Caption,
}

/// A persona that a request may add.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptionalPersona {
    pub persona: String,
    pub role: Role,
    /// The persona before which it works.
    pub before: String,
    #[serde(default)]
    pub instructions: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<PersonaTool>,
    #[serde(default, skip_serializing_if = "ByRule::is_empty")]
    pub by_rule: ByRule,
}

/// What a persona says where no language model speaks for it; [`faults`] knows which role has which texts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ByRule {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<Template>,
    /// The prompt of each clip.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt: Option<Template>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caption: Option<Template>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<Template>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sound: Vec<Template>,
}

impl ByRule {
    fn is_empty(&self) -> bool {
        *self == ByRule::default()
    }
}

/// Words by which a chat message leaves out or adds personas.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepRequest {
    /// Each one or several whole words; one of them is enough.
    pub words: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skip: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub add: Vec<String>,
}

/// How the project's videos are made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    pub clips: ClipSettings,
    pub render: RenderSettings,
    pub publish: PublishSettings,
    /// Most clips that runs started on one UTC day may plan together; without it there is no budget.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clips_per_day: Option<u32>,
    #[serde(default)]
    pub guardrails: Vec<Guardrail>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClipSettings {
    pub count: u32,
    pub duration_seconds: f64,
    pub aspect_ratio: String,
    pub quality: String,
    pub model: String,
    pub subjects: Subjects,
    /// What one clip costs, in cents of the account's currency: shown to approvers, never charged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price_cents: Option<u32>,
}

/// Where the clips' subjects and headers come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "snake_case", deny_unknown_fields)]
pub enum Subjects {
    /// Always these, one per clip.
    Fixed { items: Vec<FixedClip> },
    /// One subject from the request; headers from its modifiers, else numbered.
    Request,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FixedClip {
    pub subject: String,
    pub header: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RenderSettings {
    pub resolution: String,
    #[serde(default)]
    pub overlay: OverlayStyle,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishSettings {
    pub account: String,
    pub platforms: Vec<String>,
    #[serde(default)]
    pub hashtags: Vec<String>,
    /// Whether posts say that a machine made the video.
    #[serde(default, skip_serializing_if = "Disclosure::is_default")]
    pub disclosure: Disclosure,
}

impl Settings {
    /// The guard-rails as personas are given them, and approvers see them.
    pub fn sentences(&self) -> Vec<String> {
        self.guardrails.iter().map(|guardrail| guardrail.sentence.clone()).collect()
    }
}

impl Definition {
    /// Parses and validates a definition file.
    pub fn from_json(text: &str) -> Result<Self, DefinitionError> {
        let definition: Definition =
            serde_json::from_str(text).map_err(|error| DefinitionError::Shape(error.to_string()))?;
        let mut faults = faults::faults(&definition);
        if text.contains("\\u0000") {
            faults.push(Fault::at("", "texts must not contain \\u0000, which PostgreSQL cannot store"));
        }
        if faults.is_empty() { Ok(definition) } else { Err(DefinitionError::Faults(faults)) }
    }

    /// What its steps order of providers.
    pub fn works(&self) -> impl Iterator<Item = Work<'_>> {
        self.steps.iter().filter_map(Step::work)
    }

    /// Whether runs can be started.
    pub fn has_runs(&self) -> bool {
        !self.steps.is_empty()
    }

    /// SHA-256 over the definition's canonical JSON, in hex: two definitions with one digest are the same.
    pub fn digest(&self) -> String {
        let text = serde_json::to_string(self).unwrap_or_default();
        Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
