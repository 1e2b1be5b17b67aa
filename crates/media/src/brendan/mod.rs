//! Brendan: what he may do about a message, and how he finds out what is wanted. He starts runs, explains them and hands out
//! links; he never decides a gate.
//!
//! ```text
//! rules         a message ─► an intent, without a language model
//! conversation  what a model is told: who he is, projects, what was said before, data in its place
//! tools         what a model may ask for, and how its arguments are checked
//! speech        what of a model's words reaches a person: no addresses, only passages that it was given
//! ```

pub mod conversation;
pub mod rules;
pub use mw_kernel::speech;
pub mod tools;

use crate::definition::{ClipSettings, Definition, StepRequest};
use crate::run::Input;
use crate::status::{GateName, StatusWord};
use serde::{Deserialize, Serialize};

/// At or above: the run is started.
pub const CONFIDENCE_START: f64 = 0.70;
/// At or above, below the start: he asks back.
pub const CONFIDENCE_ASK: f64 = 0.40;
/// A passage of the knowledge answers a question when it has at least this part of its words, weighed by their rarity.
pub const COVERAGE_MIN: f64 = 0.5;
/// Further passages are said when they have nearly as much of it as the best.
pub const COVERAGE_NEAR: f64 = 0.8;
/// More would be a list of links and no answer.
pub const PASSAGES_MAX: u32 = 3;
/// Of one passage; three fit into a message of a messenger.
pub const PASSAGE_CHARS_MAX: u32 = 700;
/// The longest prompt of a run that chat starts.
pub(crate) const PROMPT_CHARS_MAX: usize = 400;

/// A project as the planner knows it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct KnownProject {
    pub key: String,
    pub title: String,
    #[serde(default)]
    pub keywords: Vec<String>,
    pub has_runs: bool,
    /// A wish that names no project means this one.
    #[serde(default)]
    pub is_default: bool,
    #[serde(default)]
    pub requests: Vec<StepRequest>,
    /// What its videos are made of, whatever a message asks for.
    #[serde(default)]
    pub clips: Option<ClipSettings>,
    /// Where they are published.
    #[serde(default)]
    pub platforms: Vec<String>,
}

impl KnownProject {
    /// Its short name: the title up to a dash.
    #[must_use]
    pub fn name(&self) -> &str {
        let name = self.title.split([':', '\u{2013}', '\u{2014}']).next().unwrap_or_default();
        let name = name.split(" - ").next().unwrap_or_default().trim();
        if name.is_empty() { &self.key } else { name }
    }
}

/// For who has a definition at hand.
impl From<Definition> for KnownProject {
    fn from(definition: Definition) -> KnownProject {
        KnownProject {
            has_runs: definition.has_runs(),
            key: definition.key,
            title: definition.title,
            keywords: definition.keywords,
            is_default: definition.is_default,
            requests: definition.requests,
            platforms: definition.settings.iter().flat_map(|settings| settings.publish.platforms.clone()).collect(),
            clips: definition.settings.map(|settings| settings.clips),
        }
    }
}

/// One of the user's own runs, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownRun {
    pub run_id: String,
    pub project: String,
    /// A word of the run's kind.
    pub status: StatusWord,
    #[serde(default)]
    pub awaiting_gate: Option<GateName>,
}

/// A run that chat proposes.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposal {
    pub project: String,
    pub input: Input,
    pub skip: Vec<String>,
    pub add: Vec<String>,
    pub complexity: Complexity,
    pub confidence: f64,
    /// What is said of what was asked for beside, a sentence each.
    pub remarks: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Complexity {
    Simple,
    Standard,
    Complex,
}

impl Complexity {
    /// Fewer steps make a run simple, more make it complex.
    #[must_use]
    pub fn of(fewer: bool, more: bool) -> Complexity {
        match (fewer, more) {
            (true, _) => Complexity::Simple,
            (false, true) => Complexity::Complex,
            (false, false) => Complexity::Standard,
        }
    }
}

/// What may be made of a proposal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    MayStart,
    AskBack,
    Decline,
}

impl Proposal {
    /// By its confidence.
    #[must_use]
    pub fn standing(&self) -> Standing {
        if self.confidence >= CONFIDENCE_START {
            Standing::MayStart
        } else if self.confidence >= CONFIDENCE_ASK {
            Standing::AskBack
        } else {
            Standing::Decline
        }
    }
}
