//! What /metrics reads: stored totals and cheap gauges of what is open. Requests are counted by the statement that they make
//! anyway ([`ride`]), or by one of their own ([`observe`]).

use crate::{Database, DbError, call, text};
use mw_core::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// An answered request, or one that is about to be.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Seen {
    /// Ready for the text format: `a="b",c="d"`.
    pub labels: String,
    /// Since it came.
    pub seconds: f64,
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
    call(db, "SELECT metrics_read($1)", &json!({"now": text(now), "runs": runs}))
}

/// Counts a request that no statement of its own has counted.
pub fn observe(db: &mut dyn Database, seen: &Seen, run_id: Option<&str>) -> Result<(), DbError> {
    let request = json!({"seen": seen, "run_id": run_id});
    call::<Value>(db, "SELECT request_observe($1)", &request).map(|_| ())
}

/// Lets the request that is served be counted by a statement.
pub(crate) fn ride(db: &dyn Database, request: &mut Value) {
    if let (Some(seen), Value::Object(members)) = (db.seen(), request) {
        members.insert("seen".to_owned(), json!(seen));
    }
}

/// Notes what a statement answered to [`ride`].
pub(crate) fn ridden(db: &mut dyn Database, answer: &Value) {
    if answer.get("seen") == Some(&Value::Bool(true)) {
        db.counted();
    }
}
