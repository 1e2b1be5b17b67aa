//! A project's definition: the sequence of steps that its runs take. Definitions are files (`projects/*.json`),
//! validated here when they are loaded, stored by key and version, and never changed once stored: a run pins one.

use crate::disclosure::Disclosure;
use crate::gate_policy::GatePolicy;
use crate::job::OverlayStyle;
use crate::persona::tool::PersonaTool;
use crate::run::{Editable, SUMMARY_PLACES, Status};
use crate::status::GateName;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

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
        /// What is decided here, in one sentence; `{title}`, `{clips}` and `{concept}` stand for the run's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        summary: Option<String>,
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
        #[serde(default = "persona_seconds")]
        timeout_seconds: u32,
    },
    /// All clips are generated, in parallel.
    Generate {
        #[serde(default = "generate_seconds")]
        timeout_seconds: u32,
    },
    /// The clips become one video.
    Render {
        #[serde(default = "render_seconds")]
        timeout_seconds: u32,
    },
    /// The video is posted.
    Publish {
        #[serde(default = "publish_seconds")]
        timeout_seconds: u32,
    },
}

crate::words! {
    /// Where a run can stand while it waits for people. The first three are MyloWare's own.
    WaitingStatus {
        PendingWorkflow = "pending_workflow",
        AwaitingIdeate = "awaiting_ideate",
        AwaitingPrepublish = "awaiting_prepublish",
        AwaitingApproval = "awaiting_approval",
    }
}

impl Default for WaitingStatus {
    fn default() -> Self {
        WaitingStatus::AwaitingApproval
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
// kie.ai polling stops after 10 to 15 minutes; a queue of twelve clips may start late.
fn generate_seconds() -> u32 {
    1800
}
fn render_seconds() -> u32 {
    900
}
// upload-post calls a job failed after an hour without activity.
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
            | Step::Generate { timeout_seconds }
            | Step::Render { timeout_seconds }
            | Step::Publish { timeout_seconds } => *timeout_seconds,
        }
    }
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
    /// Sentences that personas are given and approvers see.
    #[serde(default)]
    pub guardrails: Vec<String>,
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

/// Why a definition is refused. Each text says what to change.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum DefinitionError {
    #[error("not a definition: {0}")]
    Shape(String),
    #[error("key {0:?} must be 1 to 64 of a-z, 0-9 and _")]
    Key(String),
    #[error("version must be 1 to 32 characters without spaces")]
    Version,
    #[error("{0}")]
    Rule(String),
}

impl Definition {
    /// Parses and validates a definition file.
    pub fn from_json(text: &str) -> Result<Self, DefinitionError> {
        let definition: Definition =
            serde_json::from_str(text).map_err(|error| DefinitionError::Shape(error.to_string()))?;
        if text.contains("\\u0000") {
            return Err(rule("texts must not contain \\u0000, which PostgreSQL cannot store"));
        }
        definition.validate()?;
        Ok(definition)
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

    fn validate(&self) -> Result<(), DefinitionError> {
        let key_ok = (1..=64).contains(&self.key.len())
            && self.key.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if !key_ok {
            return Err(DefinitionError::Key(self.key.clone()));
        }
        if self.version.is_empty() || self.version.len() > 32 || self.version.contains(char::is_whitespace) {
            return Err(DefinitionError::Version);
        }
        if !self.has_runs() {
            return Ok(());
        }
        let settings = self.settings.as_ref().ok_or_else(|| rule("a project with steps needs settings"))?;
        self.validate_steps()?;
        self.validate_optional_personas()?;
        settings.validate()
    }

    fn validate_steps(&self) -> Result<(), DefinitionError> {
        if self.steps.len() > STEPS_MAX {
            return Err(rule(format!("at most {STEPS_MAX} steps")));
        }
        if let Some(step) = self.steps.iter().find(|step| step.limit_seconds() == 0) {
            return Err(rule(format!("step {} needs a time limit above 0", step.name())));
        }
        self.validate_gates()?;
        let generate = self.only("generate", |step| matches!(step, Step::Generate { .. }))?;
        let render = self.only("render", |step| matches!(step, Step::Render { .. }))?;
        let publish = self.only("publish", |step| matches!(step, Step::Publish { .. }))?;
        let write = self.steps.iter().position(|step| matches!(step, Step::Persona { role: Role::Write, .. }));
        match write {
            Some(write) if write < generate && generate < render && render < publish => {}
            _ => return Err(rule("steps come in the order write persona, generate, render, publish")),
        }
        if publish + 1 != self.steps.len() {
            return Err(rule("publish is the last step"));
        }
        Ok(())
    }

    fn validate_gates(&self) -> Result<(), DefinitionError> {
        let generate = self.steps.iter().position(|step| matches!(step, Step::Generate { .. }));
        for (place, step) in self.steps.iter().enumerate() {
            let Step::Gate { gate, expires_after_seconds, policy, summary, .. } = step else { continue };
            let refuse = |error: String| rule(format!("gate {gate}: {error}"));
            if self.steps.iter().take(place).any(|earlier| earlier.name() == gate.as_str()) {
                return Err(refuse("an earlier step has this name".to_owned()));
            }
            policy.validate(*expires_after_seconds).map_err(refuse)?;
            for group in &policy.edits {
                let known = || format!("there is no group of texts {group:?}: {}", Editable::WORDS.join(", "));
                let editable = Editable::parse(group).ok_or_else(|| refuse(known()))?;
                // The clips are made by then.
                if editable != Editable::Captions && generate.is_some_and(|generate| generate < place) {
                    return Err(refuse("only captions can be edited after the clips are made".to_owned()));
                }
            }
            validate_summary(summary.as_deref().unwrap_or_default()).map_err(refuse)?;
        }
        Ok(())
    }

    fn only(&self, name: &str, matches: impl Fn(&Step) -> bool) -> Result<usize, DefinitionError> {
        let mut found = self.steps.iter().enumerate().filter(|(_, step)| matches(step)).map(|(index, _)| index);
        match (found.next(), found.next()) {
            (Some(index), None) => Ok(index),
            (None, _) | (Some(_), Some(_)) => Err(rule(format!("exactly one {name} step is needed"))),
        }
    }

    fn validate_optional_personas(&self) -> Result<(), DefinitionError> {
        for optional in &self.optional_personas {
            let known =
                self.steps.iter().any(|step| matches!(step, Step::Persona { .. }) && step.name() == optional.before);
            if !known {
                return Err(rule(format!(
                    "{} goes before {}, which is no persona of the steps",
                    optional.persona, optional.before
                )));
            }
        }
        Ok(())
    }
}

impl Settings {
    fn validate(&self) -> Result<(), DefinitionError> {
        let clips = &self.clips;
        if !(1..=CLIPS_MAX).contains(&clips.count) {
            return Err(rule(format!("clips.count is 1 to {CLIPS_MAX}")));
        }
        if !(1.0..=60.0).contains(&clips.duration_seconds) {
            return Err(rule("clips.duration_seconds is 1 to 60"));
        }
        if self.clips_per_day.is_some_and(|most| most < clips.count) {
            return Err(rule("clips_per_day is at least clips.count, or no run could ever start"));
        }
        self.publish.disclosure.validate().map_err(rule)?;
        match &clips.subjects {
            Subjects::Fixed { items } if items.len() != clips.count as usize => {
                Err(rule("clips.subjects.items has one entry per clip"))
            }
            Subjects::Fixed { .. } | Subjects::Request if self.publish.platforms.is_empty() => {
                Err(rule("publish.platforms names at least one platform"))
            }
            Subjects::Fixed { .. } | Subjects::Request => Ok(()),
        }
    }
}

/// Every name in braces is one that the run knows.
fn validate_summary(summary: &str) -> Result<(), String> {
    let names = summary.split('{').skip(1).filter_map(|part| part.split_once('}')).map(|(name, _)| name);
    match names.into_iter().find(|name| !SUMMARY_PLACES.contains(name)) {
        Some(name) => Err(format!("summary: there is no {{{name}}}; there are {{{}}}", SUMMARY_PLACES.join("}, {"))),
        None => Ok(()),
    }
}

fn rule(text: impl Into<String>) -> DefinitionError {
    DefinitionError::Rule(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shipped(name: &str) -> String {
        std::fs::read_to_string(format!("{}/../../projects/{name}.json", env!("CARGO_MANIFEST_DIR"))).unwrap()
    }

    #[test]
    fn the_shipped_definitions_are_valid() {
        for (name, steps) in [("test_video_gen", 10), ("aismr", 10), ("general", 0)] {
            let definition = Definition::from_json(&shipped(name)).unwrap();
            assert_eq!(definition.key, name);
            assert_eq!(definition.steps.len(), steps);
        }
    }

    #[test]
    fn a_digest_changes_with_any_field_and_survives_a_round_trip() {
        let definition = Definition::from_json(&shipped("aismr")).unwrap();
        let again = Definition::from_json(&serde_json::to_string(&definition).unwrap()).unwrap();
        assert_eq!(definition.digest(), again.digest());
        let mut other = definition.clone();
        other.title.push('!');
        assert_ne!(definition.digest(), other.digest());
    }

    type Change = fn(&mut serde_json::Value);

    #[test]
    fn a_definition_that_breaks_a_rule_is_refused_with_the_rule() {
        let cases: &[(&str, Change)] = &[
            ("key", |v| v["key"] = "Bad Key".into()),
            ("version", |v| v["version"] = "".into()),
            ("must not contain", |v| v["title"] = "a\0b".into()),
            ("unknown field", |v| v["surprise"] = 1.into()),
            ("needs settings", |v| v["settings"] = serde_json::Value::Null),
            ("an earlier step has this name", |v| v["steps"][2]["gate"] = "workflow".into()),
            ("there is no {clip}", |v| v["steps"][0]["summary"] = "Start {clip}".into()),
            ("no group of texts", |v| v["steps"][0]["policy"]["edits"] = serde_json::json!(["all"])),
            ("only captions", |v| v["steps"][7]["policy"]["edits"] = serde_json::json!(["script"])),
            ("exactly one generate", |v| {
                v["steps"].as_array_mut().unwrap().remove(4);
            }),
            ("publish is the last", |v| {
                v["steps"]
                    .as_array_mut()
                    .unwrap()
                    .push(serde_json::json!({"kind":"persona","persona":"x","role":"edit"}))
            }),
            ("write persona, generate", |v| v["steps"].as_array_mut().unwrap().swap(3, 4)),
            ("clips.count", |v| v["settings"]["clips"]["count"] = 0.into()),
            ("clips_per_day", |v| v["settings"]["clips_per_day"] = 1.into()),
            ("clips.duration_seconds", |v| v["settings"]["clips"]["duration_seconds"] = 0.into()),
            ("one entry per clip", |v| v["settings"]["clips"]["count"] = 3.into()),
            ("at least one platform", |v| v["settings"]["publish"]["platforms"] = serde_json::json!([])),
            ("no persona of the steps", |v| v["optional_personas"][0]["before"] = "nobody".into()),
            ("time limit", |v| v["steps"][0]["expires_after_seconds"] = 0.into()),
            ("no name of a gate", |v| v["steps"][0]["gate"] = "the final one".into()),
            ("unknown variant", |v| v["steps"][0]["waiting_status"] = "published".into()),
            ("unknown variant `approve_gate`", |v| v["steps"][1]["tools"] = serde_json::json!(["approve_gate"])),
        ];
        for (expected, change) in cases {
            let mut value: serde_json::Value = serde_json::from_str(&shipped("test_video_gen")).unwrap();
            change(&mut value);
            let error = Definition::from_json(&value.to_string()).expect_err(expected).to_string();
            assert!(error.contains(expected), "{expected}: {error}");
        }
    }
}
