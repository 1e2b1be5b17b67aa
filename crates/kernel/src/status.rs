//! The words that are true of every kind of run: how it ends, what people say at a gate, where they say it, and what
//! operators may do. The words of a kind's own states belong to the kind.

use arrayvec::ArrayString;
use serde::{Deserialize, Serialize};

crate::words! {
    /// How a run has ended. Ends are absorbing: nothing moves a run out of one.
    End {
        /// It did what it was started for.
        Done = "done",
        /// Something failed for good, or an operator terminated it.
        Failed = "failed",
        /// Its owner or an operator no longer wanted it.
        Cancelled = "cancelled",
        /// A person said no at a gate.
        Rejected = "rejected",
        /// Nobody decided in time, or a pause lasted for too long.
        Expired = "expired",
    }
}

/// The status of a run whose body nobody reads here: a word of its kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StatusWord(pub String);

impl StatusWord {
    pub fn of(word: &str) -> StatusWord {
        StatusWord(word.to_owned())
    }

    /// The word of a pause is every kind's.
    pub fn is_paused(&self) -> bool {
        self.0 == PAUSED
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The status of every run that somebody paused, whatever its kind.
pub const PAUSED: &str = "paused";

/// The words are those of all kinds that a program has: whoever knows them puts them in the place of this format.
#[cfg(not(target_family = "wasm"))]
impl schemars::JsonSchema for StatusWord {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Status".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "format": "run-status"})
    }
}

impl std::fmt::Display for StatusWord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// The longest name of a gate.
pub const GATE_NAME_LENGTH_MAX: usize = 40;

/// The name of a gate, as its definition gives it: a lower-case letter, then lower-case letters, digits and `_`. It stands in
/// paths, links and metrics; the schema's domain `gate_name` says the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GateName(ArrayString<GATE_NAME_LENGTH_MAX>);

impl GateName {
    /// The gate of this name; `None` for what can be no gate's.
    pub fn parse(name: &str) -> Option<GateName> {
        let is_identifier = name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        ArrayString::from(name).ok().filter(|_| is_identifier).map(GateName)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(not(target_family = "wasm"))]
impl schemars::JsonSchema for GateName {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "GateName".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "pattern": "^[a-z][a-z0-9_]{0,39}$"})
    }
}

impl std::fmt::Display for GateName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<GateName> for String {
    fn from(gate: GateName) -> String {
        gate.as_str().to_owned()
    }
}

impl TryFrom<String> for GateName {
    type Error = String;

    fn try_from(name: String) -> Result<GateName, String> {
        GateName::parse(&name).ok_or_else(|| {
            format!(
                "{name:?} is no name of a gate: a lower-case letter, then lower-case letters, digits and _, 40 at most"
            )
        })
    }
}

crate::words! {
    /// What an operator may do to a run by name: the routes `POST /v1/runs/:id/<verb>`, `mw runs <verb>`, and in bulk.
    Verb {
        /// The owner no longer wants it.
        Cancel = "cancel",
        /// Hold it: nothing new is sent, nothing is decided; what is in flight is still collected.
        Pause = "pause",
        /// Let a paused run go on where it was.
        Resume = "resume",
        /// End it, whatever it is doing.
        Terminate = "terminate",
        /// Give it more time.
        Extend = "extend",
        /// Try again what failed; of an ended run, in a successor.
        Retry = "retry",
        /// Open a successor at a named step.
        Rerun = "rerun",
    }
}

crate::words! {
    /// What a person says at a gate.
    Verdict {
        Approve = "approve",
        Reject = "reject",
        /// Back to the persona before the gate, with a comment.
        RequestChanges = "request_changes",
    }
}

impl Verdict {
    /// The past tense, as it stands in answers and rows.
    pub fn outcome(self) -> &'static str {
        match self {
            Verdict::Approve => "approved",
            Verdict::Reject => "rejected",
            Verdict::RequestChanges => "changes_requested",
        }
    }
}

crate::words! {
    /// The path by which a decision came.
    Channel {
        /// A signed link.
        Link = "link",
        /// A caller with an API key.
        Api = "api",
        /// A signed-in person in the console.
        Console = "console",
        /// A button under the bot's message.
        Telegram = "telegram",
        /// A button in a Slack message.
        Slack = "slack",
    }
}

crate::words! {
    /// Who makes the clips; fixed at run start.
    ProvidersMode {
        /// No network: our own mock answers.
        Mock = "mock",
        /// The real clients against the simulator.
        Sim = "sim",
        /// The real clients against the real providers.
        Live = "live",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_has_any_identifier_for_a_name() {
        for name in ["workflow", "legal_review", "g2", &"a".repeat(40)] {
            assert_eq!(GateName::parse(name).map(String::from).as_deref(), Some(name));
        }
        for name in ["", "Legal", "2nd", "_x", "a-b", "a b", "a/b", "\u{e9}", &"a".repeat(41)] {
            assert_eq!(GateName::parse(name), None, "{name}");
        }
        assert!(serde_json::from_str::<GateName>("\"no gate\"").unwrap_err().to_string().contains("no name of a gate"));
    }
}
