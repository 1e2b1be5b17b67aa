//! What /metrics reads: stored totals and cheap gauges of what is open. A request is recorded beside what it writes anyway
//! ([`Database::query_beside`]), or by a statement of its own ([`observe`]).

use crate::{Database, DbError, call, text};
use mw_kernel::Timestamp;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// An answered request, or one that is about to be.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Observation<'a> {
    /// Ready for the text format: `a="b",c="d"`.
    pub labels: &'a str,
    /// Since it came, until now.
    pub seconds: f64,
    /// The run that it is about.
    pub run_id: Option<&'a str>,
    /// See [`Beside::unless`].
    pub unless: Option<&'static str>,
}

/// What a statement knows of the request that is recorded beside it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Beside<'a> {
    /// The run that it is about, unless the statement's answer names it (`run_id`).
    pub run_id: Option<&'a str>,
    /// A JSON path that fits the statement's answer when the request is not answered as was thought; it is recorded later then.
    pub unless: Option<&'static str>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Sample {
    pub name: String,
    /// Ready for the text format: `a="b",c="d"`.
    pub labels: String,
    pub value: f64,
}

/// The observations of one series.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Histogram {
    pub name: String,
    pub labels: String,
    /// Empty for all together.
    pub run_id: String,
    /// How many fell between the bound before and this one; no bound is +Inf. Only where there are any, ascending.
    pub buckets: Vec<(Option<f64>, u64)>,
    pub sum: f64,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Metrics {
    pub totals: Vec<Sample>,
    pub gauges: Vec<Sample>,
    pub histograms: Vec<Histogram>,
}

/// Reads every total, gauge and histogram; those by run of at most so many of the newest runs.
pub fn read(db: &mut dyn Database, now: Timestamp, runs: u32) -> Result<Metrics, DbError> {
    call(db, "metrics_read", &json!({"now": text(now), "runs": runs}))
}

/// Records a request that no statement of its own has recorded.
pub fn observe(db: &mut dyn Database, observation: &Observation<'_>) -> Result<(), DbError> {
    call::<IgnoredAny>(db, "request_observe", observation).map(|_| ())
}
