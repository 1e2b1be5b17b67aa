//! What a trace needs of an event. Whole events would cost the dispatcher's component a quarter of its size to read.

use crate::Timestamp;
use crate::job::JobKind;
use crate::status::{Channel, GateName, ProvidersMode, Verdict};
use serde::Deserialize;
use serde_json::Value;

/// An event of a timeline, as much of it as is told.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Line {
    pub seq: u64,
    #[serde(with = "time::serde::rfc3339")]
    pub at: Timestamp,
    /// What happened, in one word.
    #[serde(rename = "type")]
    pub name: String,
    #[serde(default)]
    pub(super) data: Data,
}

/// The members that some kind of event has; absent where another kind has none.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
pub(super) struct Data {
    pub(super) definition: Option<Definition>,
    pub(super) mode: Option<ProvidersMode>,
    /// Whatever the caller sent.
    pub(super) options: Value,
    pub(super) parent: Option<Parent>,
    pub(super) step: Option<u32>,
    pub(super) name: Option<String>,
    pub(super) gate: Option<GateName>,
    pub(super) opening: Option<u32>,
    pub(super) previous: Option<u32>,
    pub(super) verdict: Option<Verdict>,
    pub(super) channel: Option<Channel>,
    pub(super) persona: Option<String>,
    pub(super) source: Option<String>,
    pub(super) job_id: Option<String>,
    pub(super) spec: Option<Spec>,
    pub(super) code: Option<String>,
    pub(super) error_type: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Definition {
    pub(super) key: String,
    pub(super) version: String,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Parent {
    pub(super) run_id: String,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Spec {
    pub(super) kind: JobKind,
}
