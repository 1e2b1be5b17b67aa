//! What a trace needs of an event.

use crate::Timestamp;
use serde::Deserialize;
use serde_json::Value;

/// An event of a timeline, as much of it as is read: whole events would cost the dispatcher's component a quarter of its size.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Line {
    pub seq: u64,
    #[serde(with = "time::serde::rfc3339")]
    pub at: Timestamp,
    /// What happened, in one word.
    #[serde(rename = "type")]
    pub name: String,
    #[serde(default)]
    pub data: Value,
}

impl Line {
    /// A member of the event; empty where there is none.
    pub fn text(&self, member: &str) -> &str {
        self.data.get(member).and_then(Value::as_str).unwrap_or_default()
    }

    /// The same for a number.
    pub fn number(&self, member: &str) -> u32 {
        self.data.get(member).and_then(Value::as_u64).and_then(|number| number.try_into().ok()).unwrap_or_default()
    }

    /// A member of a member.
    pub fn text_in(&self, member: &str, inner: &str) -> &str {
        self.data.get(member).and_then(|outer| outer.get(inner)).and_then(Value::as_str).unwrap_or_default()
    }
}
