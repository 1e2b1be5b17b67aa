//! A run's timeline as spans, for collectors of traces (docs/traces.md).
//!
//! ```text
//! <project>-graph                        the run
//! ├── step <name>
//! │   ├── gate <name> ── decision        one for each approval and refusal
//! │   └── work, jobs with their calls    what only a kind has ([`Kind::trace`])
//! └── paused
//! ```
//!
//! Ids follow from the run's id and the event that begins the span, so that a repeated export is the same export. No word
//! that a person or a model wrote, no URL and no name of a person gets into a span. `line` is what is read of an event,
//! `tree` grows the spans.

mod line;
mod tree;

pub use line::Line;
pub use tree::{Key, Tree};

use crate::Timestamp;
use crate::run::Kind;
use sha2::{Digest, Sha256};

/// The id of a run's trace.
pub type TraceId = [u8; 16];
/// The id of a span, within its trace.
pub type SpanId = [u8; 8];

/// A piece of work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    pub id: SpanId,
    /// None only for the run itself.
    pub parent: Option<SpanId>,
    pub name: String,
    /// Work that somebody else does for us.
    pub is_call: bool,
    pub start: Timestamp,
    /// Never before the start, whatever the clocks of two instances say.
    pub end: Timestamp,
    pub attributes: Vec<(&'static str, Attribute)>,
    /// What happened meanwhile: names of events, with their times.
    pub marks: Vec<(String, Timestamp)>,
    pub outcome: Outcome,
}

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attribute {
    Text(String),
    Number(i64),
}

impl From<&str> for Attribute {
    fn from(text: &str) -> Self {
        Attribute::Text(text.to_owned())
    }
}

impl From<u32> for Attribute {
    fn from(number: u32) -> Self {
        Attribute::Number(number.into())
    }
}

/// How a piece of work ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was overtaken, or ended without being either.
    Unset,
    Ok,
    /// With its code.
    Error(String),
}

/// The id of the trace of a run.
pub fn trace_id(run_id: &str) -> TraceId {
    head(&digest(&[b"trace", run_id.as_bytes()]))
}

/// The id of a report: the same however often it is sent.
pub fn report_id(run_id: &str, effect_id: i64) -> [u8; 16] {
    head(&digest(&[b"report", run_id.as_bytes(), &effect_id.to_be_bytes()]))
}

/// The spans of a timeline, which begins with the run's first event. What is open at its end, ends there.
pub fn spans<B: Kind>(run_id: &str, timeline: &[Line]) -> Vec<Span> {
    tree::grow::<B>(run_id, timeline)
}

/// The id of the span that an event begins; an event begins one span of a role.
fn span_id(run_id: &str, role: &str, seq: u64) -> SpanId {
    head(&digest(&[b"span", run_id.as_bytes(), role.as_bytes(), &seq.to_be_bytes()]))
}

/// Over parts that cannot run into each other.
fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

fn head<const N: usize>(digest: &[u8; 32]) -> [u8; N] {
    std::array::from_fn(|place| digest.get(place).copied().unwrap_or_default())
}
