//! The sweep: a set of reconcilers, one file each, run under one lease.
//!
//! - [`expired_leases`]: effects whose holder went silent are due again.
//! - [`requested_ends`]: runs that somebody marked as failed in SQL fail.
//! - [`deadlines`]: overdue gates and pauses expire, overdue work fails. A job's deadline is its step's.
//! - [`gate_warnings`]: whoever should decide is told when most of a gate's time is over.
//! - [`lost_effects`]: open jobs that nobody works on get their effect back.
//! - [`dead_letters`]: webhooks that came before their job are matched once more.
//! - [`metrics`]: observations become totals.
//! - [`retention`]: what is old goes.
//!
//! Rules: one code path; bounded work, by key, and bounded time, so that a host which ends long requests ends none in the
//! middle; no input but the world; may run twice at once; no retry inside, since the next sweep is the retry. The lease
//! statement says what is due, so an idle sweep is one statement.

mod dead_letters;
mod deadlines;
mod expired_leases;
mod gate_warnings;
mod lost_effects;
mod metrics;
mod requested_ends;
mod retention;

use mw_kernel::Timestamp;
use mw_kernel::run::{AnyCommand, Context, Kinds, Refusal, Transition};
use mw_store::commit::{Committed, Decision, commit};
use mw_store::runs::Listed;
pub use mw_store::sweep::Exports;
use mw_store::sweep::{begin, finish};
use mw_store::unreadable::{self, Ended, Wanted};
use mw_store::{Database, DbError};
use serde::Serialize;
use std::time::Duration;

/// Longer than any sweep; a sweep that died gives way after this time.
const LEASE_SECONDS: u32 = 60;
/// Rows per statement.
const PAGE: u32 = 200;
/// Pages per reconciler and sweep; what is left waits for the next one.
const PAGES_MAX: u32 = 20;
/// Nobody begins a second page after this time. Every reconciler has its first, so that none starves behind another.
const SHARE: Duration = Duration::from_secs(1);

/// Who the sweep is, in timelines.
const SWEEP: &str = "sweep";

/// What a sweep did; /v1/sweep answers it as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[cfg_attr(not(target_family = "wasm"), derive(mw_kernel::schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(crate = "mw_kernel::schemars", rename = "SweepReport"))]
pub struct Report {
    /// False when another sweep was at work; then nothing was done.
    pub granted: bool,
    pub expired_leases: u64,
    pub requested_ends: u64,
    pub deadlines: u64,
    pub gate_warnings: u64,
    pub lost_effects: u64,
    pub dead_letters: u64,
    pub metrics: u64,
    pub retention: u64,
    /// Runs whose rows the database refused to change; all others went on. `mw doctor` names what is wrong with them.
    pub refused: u64,
    /// Whether effects are due, so that a dispatcher should be kicked.
    pub kick: bool,
    /// Whether there was more to do than one sweep does: another one may follow at once.
    pub more: bool,
}

/// Sweeps once, as one that is configured to export this. `elapsed` says how long this has taken.
pub fn sweep(
    db: &mut dyn Database,
    kinds: Kinds,
    now: Timestamp,
    holder: &str,
    exports: Exports,
    new_id: &mut dyn FnMut() -> String,
    elapsed: &dyn Fn() -> Duration,
) -> Result<Report, DbError> {
    let mut share = Share { elapsed, more: false, commits: Commits::default() };
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
        report.expired_leases = expired_leases::reconcile(db, now, &mut share)?;
    }
    if due.requested_ends {
        report.requested_ends = requested_ends::reconcile(db, kinds, now, new_id, &mut share)?;
    }
    if due.deadlines {
        report.deadlines = deadlines::reconcile(db, kinds, now, new_id, &mut share)?;
    }
    if due.gate_warnings {
        report.gate_warnings = gate_warnings::reconcile(db, kinds, now, new_id, &mut share)?;
    }
    if due.lost_effects {
        report.lost_effects = lost_effects::reconcile(db, kinds, now, new_id, &mut share)?;
    }
    if due.dead_letters {
        report.dead_letters = dead_letters::reconcile(db, now, &mut share)?;
    }
    if due.metrics {
        report.metrics = metrics::reconcile(db, &mut share)?;
    }
    if due.retention {
        report.retention = retention::reconcile(db, now, &mut share)?;
    }
    report.kick |= report.expired_leases > 0 || report.dead_letters > 0 || report.lost_effects > 0;
    report.kick |= share.commits.kick;
    report.refused = share.commits.refused;
    report.more = share.more;
    let text = serde_json::to_value(&report).unwrap_or_default();
    finish(db, now, fence, &text, elapsed().as_secs_f64())?;
    Ok(report)
}

/// What one sweep may do, and what it came to.
struct Share<'a> {
    elapsed: &'a dyn Fn() -> Duration,
    more: bool,
    commits: Commits,
}

/// What commits came to beside what they were made for.
#[derive(Default)]
struct Commits {
    /// One made something due at once.
    kick: bool,
    /// Runs whose rows the database refused to change.
    refused: u64,
}

/// What a statement did, and whether it found as much as it may do at once.
struct Page {
    acted: u64,
    full: bool,
}

impl Page {
    /// One that takes [`PAGE`] rows.
    fn of(acted: u64) -> Page {
        Page { acted, full: acted >= u64::from(PAGE) }
    }
}

impl Share<'_> {
    /// Repeats a bounded statement until it finds less than a page, or the share is used up.
    fn pages(&mut self, mut page: impl FnMut() -> Result<Page, DbError>) -> Result<u64, DbError> {
        let mut total = 0;
        for _ in 0..PAGES_MAX {
            let Page { acted, full } = page()?;
            total += acted;
            if !full {
                return Ok(total);
            }
            if (self.elapsed)() >= SHARE {
                break;
            }
        }
        self.more = true;
        Ok(total)
    }
}

type ReadPage = fn(&mut dyn Database, Timestamp, Option<&Listed>, u32) -> Result<Vec<Listed>, DbError>;

/// What a run of a list is told, and in whose name.
type Tell = dyn Fn(&Listed) -> (AnyCommand, String);
/// The end that is wanted of a run of a list which cannot be read, given why; none where it is left alone.
type EndUnread = dyn Fn(&Listed, &str) -> Option<Wanted>;

/// Tells every run of a list a command, a page in one statement. Goes by key, so that a run which cannot be moved now is
/// stepped over and starves nobody. Answers with the number of runs that moved.
fn runs_by_pages(
    db: &mut dyn Database,
    kinds: Kinds,
    now: Timestamp,
    new_id: &mut dyn FnMut() -> String,
    (tell, end_unread): (&Tell, &EndUnread),
    read: ReadPage,
    share: &mut Share<'_>,
) -> Result<u64, DbError> {
    let mut after: Option<Listed> = None;
    let mut commits = std::mem::take(&mut share.commits);
    let moved = share.pages(|| {
        let mut page = read(db, now, after.as_ref(), PAGE)?;
        let full = page.len() >= PAGE as usize;
        let mut context = Context { now, new_id: &mut *new_id };
        let (mut decided, mut unread) = (Vec::new(), Vec::new());
        for listed in &page {
            match &listed.run {
                Ok(run) => {
                    let (command, actor) = tell(listed);
                    match kinds.of(run).and_then(|kind| kind.apply(run, &command, &actor, &mut context)) {
                        Ok(transition) => decided.extend(transition),
                        Err(Refusal::Unreadable { reason, .. }) => unread.extend(end_unread(listed, &reason)),
                        Err(_) => {}
                    }
                }
                Err(error) => unread.extend(end_unread(listed, error)),
            }
        }
        after = page.pop();
        let moved = commit_all(db, now, decided, &|_| 1, &mut commits)?;
        let ended = apart(&unread, &mut commits, &mut |unread, commits| {
            let ends = unreadable::end(db, now, unread)?;
            commits.kick |= ends.kick;
            Ok(ends.ends.iter().filter(|end| **end == Ended::Ended).count() as u64)
        })?;
        Ok(Page { acted: moved + ended, full })
    });
    share.commits = commits;
    moved
}

/// Commits what was decided, in one statement, and adds up the weights of what was committed. A conflict means that somebody moved
/// the run: then it is theirs, or the next sweep's.
fn commit_all(
    db: &mut dyn Database,
    now: Timestamp,
    decided: Vec<Transition>,
    weight: &dyn Fn(&Transition) -> u64,
    commits: &mut Commits,
) -> Result<u64, DbError> {
    let one = |transition: Transition| {
        (weight(&transition), Decision { transition: Some(transition), ..Decision::default() })
    };
    let (weights, decisions): (Vec<u64>, Vec<Decision>) = decided.into_iter().map(one).unzip();
    let places: Vec<usize> = (0..decisions.len()).collect();
    apart(&places, commits, &mut |places, commits| {
        let of_places: Vec<Decision> = places.iter().filter_map(|place| decisions.get(*place).cloned()).collect();
        let answer = commit(db, now, &of_places)?;
        commits.kick |= answer.kick;
        let done = places.iter().zip(&answer.results).filter(|(_, result)| **result == Committed::Committed);
        Ok(done.filter_map(|(place, _)| weights.get(*place)).sum())
    })
}

/// Does something to all of these runs in one statement. When the database refuses that, because one row is damaged, it is done
/// to each by itself, so that nobody waits for the damaged one.
fn apart<T, Act>(runs: &[T], commits: &mut Commits, act: &mut Act) -> Result<u64, DbError>
where
    Act: FnMut(&[T], &mut Commits) -> Result<u64, DbError>,
{
    if runs.is_empty() {
        return Ok(0);
    }
    match act(runs, commits) {
        Err(DbError::Failed(_)) if runs.len() > 1 => {
            runs.iter().map(|run| apart(std::slice::from_ref(run), commits, act)).sum()
        }
        Err(DbError::Failed(_)) => {
            commits.refused += 1;
            Ok(0)
        }
        answer => answer,
    }
}
