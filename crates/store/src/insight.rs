//! What the report on the last days is made from.

use crate::{Database, DbError, call, text};
use mw_kernel::Timestamp;
use mw_kernel::status::End;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Figures of the runs that began within some days.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct Insight {
    #[serde(with = "time::serde::rfc3339")]
    pub since: Timestamp,
    /// Runs that the figures are of, the newest.
    pub counted: u64,
    /// Whether there were others, which no figure knows.
    pub more: bool,
    pub projects: Vec<ProjectRuns>,
    pub publish_seconds: Quantiles,
    pub gates: Vec<GateOpenings>,
    /// The commonest, with how many runs ended so.
    pub errors: Vec<ErrorRuns>,
    /// Gates that wait for a person now, counted to 1,000.
    pub open_gates: u64,
    #[serde(with = "time::serde::rfc3339::option")]
    pub oldest_open_at: Option<Timestamp>,
}

/// Runs of a project that stand so.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct ProjectRuns {
    pub project: String,
    pub status: String,
    pub runs: u64,
}

/// From a run's start to its publication; nothing where nothing was published.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct Quantiles {
    pub p50: Option<f64>,
    pub p95: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct GateOpenings {
    pub gate: String,
    /// `open`, `approved`, `rejected`, `expired`, `closed`.
    pub state: String,
    pub openings: u64,
    /// The median time that a person took; none while it is open.
    pub p50_seconds: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct ErrorRuns {
    #[serde(rename = "type")]
    pub error_type: String,
    pub runs: u64,
}

/// Reads the figures of the last days.
pub fn read(db: &mut dyn Database, now: Timestamp, days: u32) -> Result<Insight, DbError> {
    call(db, "insight_read", &json!({"now": text(now), "days": days, "success": End::Done}))
}
