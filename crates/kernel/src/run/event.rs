//! What can happen to a run. Events are facts: append-only, hash-chained in the database, and enough to rebuild the
//! state. Adding a variant or a field with a default is fine; changing the meaning of an old one is not.

use crate::Timestamp;
use crate::gate_policy::GatePolicy;
use crate::run::attach::Attachment;
use crate::run::kind::{Kind, OwnEvent};
use crate::run::state::{DecidedGate, DefinitionRef, Parent, Run};
use crate::status::{GateName, ProvidersMode};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// One event of a run of this kind.
#[derive(Debug, Clone, PartialEq)]
pub enum Event<B: Kind> {
    /// The first one.
    Started(Box<Started<B::Plan>>),
    /// What every kind has.
    Common(Common),
    /// What only this kind has.
    Own(B::Event),
}

/// All that a run starts with: what the kernel knows of it, and the kind's plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Started<P> {
    pub kind: String,
    pub definition: DefinitionRef,
    pub title: String,
    pub user_id: String,
    /// Name of the principal that started it; a successor takes its parent's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_by: Option<String>,
    pub mode: ProvidersMode,
    /// Of a successor: what it goes on from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Parent>,
    #[serde(flatten)]
    pub plan: P,
}

impl<P> Started<P> {
    /// What a successor starts with: all that its parent is, `key` by which it is the only one of the parent's successors, and the
    /// approvals at gates that it does not open again.
    pub fn after<B: Kind<Plan = P>>(parent: &Run<B>, key: String, approved: Vec<DecidedGate>, plan: P) -> Self {
        Started {
            kind: B::NAME.to_owned(),
            definition: parent.definition.clone(),
            title: parent.title.clone(),
            user_id: parent.user_id.clone(),
            started_by: parent.started_by.clone(),
            mode: parent.mode,
            parent: Some(Parent { run_id: parent.run_id.clone(), key, approved }),
            plan,
        }
    }
}

/// An event that a run of any kind can have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum Common {
    #[serde(rename = "gate.opened")]
    GateOpened(Box<Opened>),
    /// One of several approvals that the gate needs.
    #[serde(rename = "gate.voted")]
    GateVoted(Box<DecidedGate>),
    /// The gate opens once more where it stands: links and approvals of the opening before are void.
    #[serde(rename = "gate.reopened")]
    GateReopened {
        gate: GateName,
        opening: u32,
        previous: u32,
        summary: String,
        subject_sha256: String,
        reason: String,
    },
    #[serde(rename = "gate.decided")]
    GateDecided(Box<DecidedGate>),
    /// Nobody decided in time.
    #[serde(rename = "gate.expired")]
    GateExpired { gate: GateName, opening: u32 },
    /// What was asked is no longer to be decided.
    #[serde(rename = "gate.withdrawn")]
    GateWithdrawn { gate: GateName, opening: u32, reason: String },
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
    #[serde(rename = "run.paused")]
    RunPaused {
        reason: String,
        actor: String,
        /// When the pause itself is over, and the run expires.
        #[serde(with = "time::serde::rfc3339")]
        until: Timestamp,
    },
    /// Deadlines move by the time that the pause has lasted.
    #[serde(rename = "run.resumed")]
    RunResumed { reason: String },
    /// Deadlines that come before this moment move to it.
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
    ArtifactAttached(Box<Attachment>),
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

/// A gate begins to wait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    pub id: String,
    pub gate: GateName,
    pub opening: u32,
    pub summary: String,
    pub subject_sha256: String,
    #[serde(default, skip_serializing_if = "GatePolicy::is_shipped")]
    pub policy: GatePolicy,
    pub limit_seconds: u32,
    #[serde(with = "time::serde::rfc3339")]
    pub deadline: Timestamp,
}

crate::words! {
    /// What happened, in one word.
    CommonName {
        GateOpened = "gate.opened",
        GateVoted = "gate.voted",
        GateReopened = "gate.reopened",
        GateDecided = "gate.decided",
        GateExpired = "gate.expired",
        GateWithdrawn = "gate.withdrawn",
        GateWarned = "gate.warned",
        GateEscalated = "gate.escalated",
        GateExtended = "gate.extended",
        RunPaused = "run.paused",
        RunResumed = "run.resumed",
        DeadlineExtended = "deadline.extended",
        RunRetried = "run.retried",
        ArtifactAttached = "artifact.attached",
        RunRejected = "run.rejected",
        RunExpired = "run.expired",
        RunFailed = "run.failed",
        RunCancelled = "run.cancelled",
    }
}

impl Common {
    /// What happened; what reads only some of an event goes by this.
    pub fn name(&self) -> CommonName {
        match self {
            Common::GateOpened(_) => CommonName::GateOpened,
            Common::GateVoted(_) => CommonName::GateVoted,
            Common::GateReopened { .. } => CommonName::GateReopened,
            Common::GateDecided(_) => CommonName::GateDecided,
            Common::GateExpired { .. } => CommonName::GateExpired,
            Common::GateWithdrawn { .. } => CommonName::GateWithdrawn,
            Common::GateWarned { .. } => CommonName::GateWarned,
            Common::GateEscalated { .. } => CommonName::GateEscalated,
            Common::GateExtended { .. } => CommonName::GateExtended,
            Common::RunPaused { .. } => CommonName::RunPaused,
            Common::RunResumed { .. } => CommonName::RunResumed,
            Common::DeadlineExtended { .. } => CommonName::DeadlineExtended,
            Common::RunRetried { .. } => CommonName::RunRetried,
            Common::ArtifactAttached(_) => CommonName::ArtifactAttached,
            Common::RunRejected { .. } => CommonName::RunRejected,
            Common::RunExpired { .. } => CommonName::RunExpired,
            Common::RunFailed { .. } => CommonName::RunFailed,
            Common::RunCancelled { .. } => CommonName::RunCancelled,
        }
    }
}

/// The name of the first event of every run.
pub const RUN_STARTED: &str = "run.started";

impl<B: Kind> Event<B> {
    /// The event's name, as in its JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Event::Started(_) => RUN_STARTED,
            Event::Common(event) => event.name().as_str(),
            Event::Own(event) => event.name(),
        }
    }
}

impl<B: Kind> From<Common> for Event<B> {
    fn from(event: Common) -> Self {
        Event::Common(event)
    }
}

impl<B: Kind> Serialize for Event<B> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        /// As the events of an enum are written.
        #[derive(Serialize)]
        struct First<'a, P> {
            #[serde(rename = "type")]
            name: &'static str,
            data: &'a Started<P>,
        }
        match self {
            Event::Started(started) => First { name: RUN_STARTED, data: started }.serialize(serializer),
            Event::Common(event) => event.serialize(serializer),
            Event::Own(event) => event.serialize(serializer),
        }
    }
}

impl<'de, B: Kind> Deserialize<'de> for Event<B> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let event = AnyEvent::deserialize(deserializer)?;
        event.read().map_err(D::Error::custom)
    }
}

/// An event that nobody has read yet: its name, and the rest as it came.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AnyEvent {
    #[serde(rename = "type")]
    pub name: String,
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub data: Value,
}

impl AnyEvent {
    /// As an event of a kind.
    pub fn read<B: Kind>(self) -> Result<Event<B>, serde_json::Error> {
        if self.name == RUN_STARTED {
            return serde_json::from_value(self.data).map(|started| Event::Started(Box::new(started)));
        }
        match self.common()? {
            Some(event) => Ok(Event::Common(event)),
            None => serde_json::from_value(self.into_value()).map(Event::Own),
        }
    }

    /// As an event that every kind has; `None` for another.
    pub fn common(&self) -> Result<Option<Common>, serde_json::Error> {
        if CommonName::parse(&self.name).is_none() {
            return Ok(None);
        }
        serde_json::from_value(self.clone().into_value()).map(Some)
    }

    fn into_value(self) -> Value {
        let mut members = serde_json::Map::new();
        members.insert("type".to_owned(), self.name.into());
        if !self.data.is_null() {
            members.insert("data".to_owned(), self.data);
        }
        Value::Object(members)
    }
}

/// An event with its place in the timeline. Its JSON is the body that the hash chain covers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recorded<E> {
    /// From 1, without gaps.
    pub seq: u64,
    #[serde(with = "time::serde::rfc3339")]
    pub at: Timestamp,
    /// Who caused it.
    pub actor: String,
    #[serde(flatten)]
    pub event: E,
}
