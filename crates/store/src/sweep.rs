//! The reconcilers' statements. Each is bounded, may be repeated and may run twice at once.

use crate::runs::Listed;
use crate::{Database, DbError, Readable, call, text};
use mw_kernel::run::AnyRun;
use mw_media::{Timestamp, metrics};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What the sweep finds when it takes its lease.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Begun {
    /// False while another sweep holds the lease.
    pub granted: bool,
    /// No reconciler has work: the success is recorded, and no lease is held.
    pub idle: bool,
    pub fence: Option<i64>,
    pub due: Due,
}

/// What there is to do, per reconciler.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Due {
    pub expired_leases: bool,
    pub requested_ends: bool,
    pub deadlines: bool,
    pub gate_warnings: bool,
    pub lost_effects: bool,
    pub dead_letters: bool,
    pub metrics: bool,
    pub retention: bool,
    pub effects: bool,
}

/// What is exported of runs that end: as the sweep is configured. A commit goes by what the sweeps of a day have said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Exports {
    /// Traces, to a collector.
    pub trace: bool,
    /// Failures, to Sentry.
    pub report: bool,
}

/// Takes the sweep's lease, asks what is due, and says what is exported.
pub fn begin(
    db: &mut dyn Database,
    now: Timestamp,
    holder: &str,
    lease_seconds: u32,
    exports: Exports,
) -> Result<Begun, DbError> {
    let request = json!({"now": text(now), "holder": holder, "lease_seconds": lease_seconds, "exports": exports});
    call(db, "sweep_begin", &request)
}

/// Gives the lease back and records the success and how long it took; an older holder records nothing.
pub fn finish(db: &mut dyn Database, now: Timestamp, fence: i64, report: &Value, seconds: f64) -> Result<(), DbError> {
    let le = metrics::bucket("sweep_seconds", seconds);
    let request = json!({"now": text(now), "fence": fence, "report": report, "seconds": seconds, "le": le});
    call::<Value>(db, "sweep_finish", &request).map(|_| ())
}

/// Number of rows that a statement acted on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Acted {
    pub acted: u64,
    #[serde(default)]
    pub kick: bool,
}

/// Makes effects due again whose holder went silent.
pub fn expire_leases(db: &mut dyn Database, now: Timestamp, limit: u32) -> Result<Acted, DbError> {
    call(db, "leases_expire", &json!({"now": text(now), "limit": limit}))
}

#[derive(Deserialize)]
struct Rows {
    runs: Vec<Listed>,
}

fn page(
    db: &mut dyn Database,
    function: &'static str,
    now: Timestamp,
    after: Option<&Listed>,
    limit: u32,
) -> Result<Vec<Listed>, DbError> {
    let after = after.map(|run| json!({"at": run.at, "run_id": run.run_id}));
    let request = json!({"now": text(now), "after": after, "limit": limit});
    call::<Rows>(db, function, &request).map(|rows| rows.runs)
}

/// Reads a page of overdue runs, after the given one by deadline and id.
pub fn overdue_runs(
    db: &mut dyn Database,
    now: Timestamp,
    after: Option<&Listed>,
    limit: u32,
) -> Result<Vec<Listed>, DbError> {
    page(db, "runs_past_deadline", now, after, limit)
}

/// Reads a page of runs whose gate must be warned about, after the given one by time and id.
pub fn runs_to_warn(
    db: &mut dyn Database,
    now: Timestamp,
    after: Option<&Listed>,
    limit: u32,
) -> Result<Vec<Listed>, DbError> {
    page(db, "runs_past_warning", now, after, limit)
}

/// Reads a page of runs whose end somebody asked for in SQL, after the given one by time and id.
pub fn runs_to_end(
    db: &mut dyn Database,
    now: Timestamp,
    after: Option<&Listed>,
    limit: u32,
) -> Result<Vec<Listed>, DbError> {
    page(db, "runs_past_request", now, after, limit)
}

/// A page of open jobs that was looked over.
#[derive(Debug, Clone, PartialEq)]
pub struct Lost {
    /// Runs with the jobs that nobody works on.
    pub jobs: Vec<(AnyRun, Vec<String>)>,
    /// Held effects of runs that go on, which are due again.
    pub released: u64,
    /// There are more pages in this round.
    pub more: bool,
}

/// Looks over the next page of open jobs for those that nobody works on.
pub fn lost_effects(db: &mut dyn Database, now: Timestamp, limit: u32) -> Result<Lost, DbError> {
    #[derive(Deserialize)]
    struct Answer {
        runs: Vec<Row>,
        released: u64,
        more: bool,
    }
    #[derive(Deserialize)]
    struct Row {
        run: Readable<AnyRun>,
        job_ids: Vec<String>,
    }
    let answer: Answer = call(db, "effects_lost", &json!({"now": text(now), "limit": limit}))?;
    // One that cannot be read ends when its time is over.
    let readable = |row: Row| row.run.0.ok().map(|run| (run, row.job_ids));
    Ok(Lost {
        jobs: answer.runs.into_iter().filter_map(readable).collect(),
        released: answer.released,
        more: answer.more,
    })
}

/// Folds metric observations into totals; of what is kept by run, the newest runs' stays.
pub fn fold_metrics(db: &mut dyn Database, limit: u32) -> Result<Acted, DbError> {
    let bounds: BTreeMap<_, _> = metrics::histograms().collect();
    let series =
        metrics::SERIES.map(|(series, name, labels)| json!({"series": series, "name": name, "labels": labels}));
    let request = json!({"limit": limit, "bounds": bounds, "job_bounds": metrics::JOB_SECONDS, "runs": metrics::RUNS_MAX,
        "series": series});
    call(db, "metrics_fold", &request)
}
