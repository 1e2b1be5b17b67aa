//! The envelope of a run: what every run has. What only a kind has is its body. How events change it: evolve.rs.

use crate::Timestamp;
use crate::gate_policy::GatePolicy;
use crate::run::edit::Change;
use crate::run::kind::Body;
use crate::status::{Channel, End, GateName, ProvidersMode, Verdict};
use serde::{Deserialize, Serialize};

/// A run as it stands. Stored whole beside its version; always equal to the fold of its events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Run<B: Body> {
    pub run_id: String,
    /// The name of its kind.
    pub kind: String,
    /// Number of events so far: the guard of every commit.
    pub version: u64,
    /// Where it stands, in a word of its kind; follows from all else.
    pub status: B::Status,
    pub definition: DefinitionRef,
    pub title: String,
    pub user_id: String,
    /// Name of the principal that started it (of a successor: its parent): who may not approve under no-self-approval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_by: Option<String>,
    /// Of a successor: the run that it goes on from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Parent>,
    pub mode: ProvidersMode,
    /// The gates that wait for people, in the order of their openings.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gates: Vec<OpenGate>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub decided: Vec<DecidedGate>,
    /// Set exactly while the run is paused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause: Option<Pause>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<RunError>,
    /// Who cancelled it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancelled_by: Option<String>,
    #[serde(with = "time::serde::rfc3339")]
    pub started_at: Timestamp,
    /// When the work that is no gate is overdue; none where there is none.
    #[serde(with = "time::serde::rfc3339::option", default, skip_serializing_if = "Option::is_none")]
    pub work_deadline: Option<Timestamp>,
    /// When the sweep must look at the run: the earliest of the work's and the gates' deadlines, or the pause's; none exactly in ends.
    #[serde(with = "time::serde::rfc3339::option", default)]
    pub deadline: Option<Timestamp>,
    /// Set exactly when the run has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<End>,
    #[serde(with = "time::serde::rfc3339::option", default)]
    pub finished_at: Option<Timestamp>,
    pub body: B,
}

/// The definition that a run pins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DefinitionRef {
    pub key: String,
    pub version: String,
    pub digest: String,
}

/// What a successor knows of the run that it goes on from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parent {
    pub run_id: String,
    /// Unique among the parent's successors.
    pub key: String,
    /// Approvals that people gave to the parent, at gates that this run does not open again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approved: Vec<DecidedGate>,
}

/// An operator holds the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    #[serde(with = "time::serde::rfc3339")]
    pub since: Timestamp,
    /// When the pause itself is over.
    #[serde(with = "time::serde::rfc3339")]
    pub until: Timestamp,
    pub reason: String,
    pub actor: String,
}

/// Which gate is meant, of those that a run can open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GateKey<'a> {
    /// The gate's own id, which its kind chose when it opened it.
    pub id: &'a str,
    pub gate: GateName,
}

/// A gate that waits for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenGate {
    /// The gate's own id: stays when it opens once more.
    pub id: String,
    /// Its name, as the definition gives it; several open gates may have one name.
    pub gate: GateName,
    /// Counts the openings of this run's gates; a link is good for one opening.
    pub opening: u32,
    pub summary: String,
    /// SHA-256 of what is decided about, in hex: a decision is about exactly this.
    pub subject_sha256: String,
    #[serde(default, skip_serializing_if = "GatePolicy::is_shipped")]
    pub policy: GatePolicy,
    /// The time that the gate has.
    pub limit_seconds: u32,
    #[serde(with = "time::serde::rfc3339")]
    pub opened_at: Timestamp,
    #[serde(with = "time::serde::rfc3339")]
    pub deadline: Timestamp,
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
    pub id: String,
    pub gate: GateName,
    pub opening: u32,
    /// What was decided about.
    pub subject_sha256: String,
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

impl OpenGate {
    pub fn key(&self) -> GateKey<'_> {
        GateKey { id: &self.id, gate: self.gate }
    }
}

impl<B: Body> Run<B> {
    pub fn is_ended(&self) -> bool {
        self.end.is_some()
    }

    /// The open gate of this name; of several, the one that opened first.
    pub fn open_gate(&self, gate: GateName) -> Option<&OpenGate> {
        self.gates.iter().find(|open| open.gate == gate)
    }

    /// The open gate of this opening.
    pub fn opening(&self, opening: u32) -> Option<&OpenGate> {
        self.gates.iter().find(|open| open.opening == opening)
    }

    /// How often changes were asked for.
    pub fn rounds(&self) -> usize {
        self.decided.iter().filter(|decided| decided.verdict == Verdict::RequestChanges).count()
    }

    /// The number of the next opening: no earlier opening of any gate of the run has it.
    pub fn next_opening(&self) -> u32 {
        let decided = self.decided.iter().map(|decided| decided.opening);
        decided.chain(self.gates.iter().map(|open| open.opening)).max().unwrap_or(0) + 1
    }

    /// Whether a person wrote this text while approving, here or in the run that this one goes on from.
    pub fn is_written_by_a_person(&self, field: &str) -> bool {
        let votes = self.gates.iter().flat_map(|open| &open.votes);
        let inherited = self.parent.iter().flat_map(|parent| &parent.approved);
        let mut decisions = inherited.chain(&self.decided).chain(votes);
        decisions.any(|decided| decided.edits.iter().any(|edit| edit.field == field))
    }
}
