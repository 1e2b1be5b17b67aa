//! What /metrics reads: stored totals and cheap gauges of what is open.

use crate::{Database, DbError, call, text};
use mw_core::Timestamp;
use serde::Deserialize;
use serde_json::json;

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Sample {
    pub name: String,
    /// Ready for the text format: `a="b",c="d"`.
    pub labels: String,
    pub value: f64,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Metrics {
    pub totals: Vec<Sample>,
    pub gauges: Vec<Sample>,
}

/// Reads every total and gauge.
pub fn read(db: &mut dyn Database, now: Timestamp) -> Result<Metrics, DbError> {
    call(db, "SELECT metrics_read($1)", &json!({"now": text(now)}))
}
