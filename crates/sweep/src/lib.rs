//! The sweep: a set of reconcilers, one file each, run under one lease.
//!
//! - [`expired_leases`]: effects whose holder went silent are due again.
//! - [`deadlines`]: overdue gates and pauses expire, overdue work fails. A job's deadline is its step's.
//! - [`gate_warnings`]: whoever should decide is told when most of a gate's time is over.
//! - [`lost_effects`]: open jobs that nobody works on get their effect back.
//! - [`dead_letters`]: webhooks that came before their job are matched once more.
//! - [`metrics`]: observations become totals.
//! - [`retention`]: what is old goes.
//!
//! Rules: one code path; bounded work, by key; no input but the world; may run twice at once; no retry inside, since
//! the next sweep is the retry. The lease statement says what is due, so an idle sweep is one statement.

mod dead_letters;
mod deadlines;
mod expired_leases;
mod gate_warnings;
mod lost_effects;
mod metrics;
mod retention;

use mw_core::Timestamp;
use mw_core::run::{Command, Context, apply};
use mw_store::commit::{Committed, Decision, commit};
use mw_store::runs::Listed;
pub use mw_store::sweep::Exports;
use mw_store::sweep::{begin, finish};
use mw_store::{Database, DbError};
use serde::Serialize;
use std::time::Instant;

/// Longer than any sweep; a sweep that died gives way after this time.
const LEASE_SECONDS: u32 = 60;
/// Rows per statement.
const PAGE: u32 = 200;
/// Pages per reconciler and sweep; what is left waits for the next one.
const PAGES_MAX: u32 = 20;

/// What a sweep did.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Report {
    /// False when another sweep was at work; then nothing was done.
    pub granted: bool,
    pub expired_leases: u64,
    pub deadlines: u64,
    pub gate_warnings: u64,
    pub lost_effects: u64,
    pub dead_letters: u64,
    pub metrics: u64,
    pub retention: u64,
    /// Whether effects are due, so that a dispatcher should be kicked.
    pub kick: bool,
}

/// Sweeps once, as one that is configured to export this.
pub fn sweep(
    db: &mut dyn Database,
    now: Timestamp,
    holder: &str,
    exports: Exports,
    new_id: &mut dyn FnMut() -> String,
) -> Result<Report, DbError> {
    let started = Instant::now();
    let begun = begin(db, now, holder, LEASE_SECONDS, exports)?;
    let Some(fence) = begun.fence.filter(|_| begun.granted) else {
        return Ok(Report::default());
    };
    let due = begun.due;
    let mut report = Report { granted: true, kick: due.effects, ..Report::default() };
    if begun.idle {
        return Ok(report);
    }
    if due.expired_leases {
        report.expired_leases = expired_leases::reconcile(db, now)?;
    }
    if due.deadlines {
        report.deadlines = deadlines::reconcile(db, now, new_id)?;
    }
    if due.gate_warnings {
        report.gate_warnings = gate_warnings::reconcile(db, now, new_id)?;
    }
    if due.lost_effects {
        report.lost_effects = lost_effects::reconcile(db, now)?;
    }
    if due.dead_letters {
        report.dead_letters = dead_letters::reconcile(db, now)?;
    }
    if due.metrics {
        report.metrics = metrics::reconcile(db)?;
    }
    if due.retention {
        report.retention = retention::reconcile(db, now)?;
    }
    report.kick |= report.expired_leases > 0 || report.dead_letters > 0 || report.lost_effects > 0;
    let text = serde_json::to_value(&report).unwrap_or_default();
    finish(db, now, fence, &text, started.elapsed().as_secs_f64())?;
    Ok(report)
}

/// Repeats a bounded statement until it finds less than a page, or the sweep's share is used up.
fn by_pages(mut page: impl FnMut() -> Result<u64, DbError>) -> Result<u64, DbError> {
    let mut total = 0;
    for _ in 0..PAGES_MAX {
        let acted = page()?;
        total += acted;
        if acted < u64::from(PAGE) {
            break;
        }
    }
    Ok(total)
}

type ReadPage = fn(&mut dyn Database, Timestamp, Option<&Listed>, u32) -> Result<Vec<Listed>, DbError>;

/// What became of the runs of a reconciler.
#[derive(Default)]
struct RunsDone {
    moved: u64,
    /// Runs whose state cannot be read, with the reason.
    unreadable: Vec<(String, String)>,
}

/// Tells every run of a list a command, a page in one statement. Goes by key, so that a run which cannot be moved now is
/// stepped over and starves nobody.
fn runs_by_pages(
    db: &mut dyn Database,
    now: Timestamp,
    new_id: &mut dyn FnMut() -> String,
    command: &Command,
    read: ReadPage,
) -> Result<RunsDone, DbError> {
    let mut done = RunsDone::default();
    let mut after: Option<Listed> = None;
    for _ in 0..PAGES_MAX {
        let mut page = read(db, now, after.as_ref(), PAGE)?;
        let mut context = Context { now, new_id };
        let mut decisions = Vec::new();
        for listed in &page {
            match &listed.run {
                Ok(run) => {
                    let transition = apply(run, command, "sweep", &mut context).ok().flatten();
                    decisions.extend(
                        transition.map(|transition| Decision { transition: Some(transition), ..Decision::default() }),
                    );
                }
                Err(error) => done.unreadable.push((listed.run_id.clone(), error.clone())),
            }
        }
        if !decisions.is_empty() {
            // A conflict means that somebody moved the run: then it is theirs, or the next sweep's.
            let results = commit(db, now, &decisions)?.results;
            done.moved += results.iter().filter(|result| **result == Committed::Committed).count() as u64;
        }
        if page.len() < PAGE as usize {
            break;
        }
        after = page.pop();
    }
    Ok(done)
}
