//! What /metrics reads: stored totals and cheap gauges of what is open. Requests are recorded by the statement that they make
//! anyway (`call_recording`), or by one of their own ([`observe`]).

use crate::{Database, DbError, Param, call, text, with_member, write};
use mw_kernel::Timestamp;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// An answered request, or one that is about to be.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Observation {
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
    call(db, "metrics_read", &json!({"now": text(now), "runs": runs}))
}

/// Records a request that no statement of its own has recorded.
pub fn observe(db: &mut dyn Database, observation: &Observation, run_id: Option<&str>) -> Result<(), DbError> {
    let request = json!({"seen": observation, "run_id": run_id});
    call::<IgnoredAny>(db, "request_observe", &request).map(|_| ())
}

/// Calls an SQL function that records the request which is served beside its own work; with bytes, where it takes some.
pub(crate) fn call_recording<A: DeserializeOwned>(
    db: &mut dyn Database,
    function: &'static str,
    request: &impl Serialize,
    bytes: Option<&[u8]>,
) -> Result<A, DbError> {
    #[derive(Deserialize)]
    struct Recorded {
        #[serde(default)]
        seen: bool,
    }
    let mut json = write(request)?;
    if let Some(observation) = db.observation() {
        json = with_member(&json, "seen", &write(&observation)?);
    }
    let answer = match bytes {
        Some(bytes) => db.query(function, &[Param::Json(&json), Param::Bytes(bytes)])?,
        None => db.query(function, &[Param::Json(&json)])?,
    };
    if crate::read::<Recorded>(&answer)?.seen {
        db.recorded();
    }
    crate::read(&answer)
}
