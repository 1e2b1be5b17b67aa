//! The doctor: one set of invariants for operators (`mw doctor`), the tests and the chaos runs.
//!
//! - [`invariant`]: what must hold, what a finding means and how it is repaired.
//! - [`fold`]: what is checked here and not in SQL: a state is the fold of its timeline.
//!
//! Goes by key, a page per statement, and each page is one moment of the database: the product may be at work.

mod fold;
mod invariant;

pub use invariant::Invariant;

use crate::{Database, DbError, call, text};
use fold::Stored;
use mw_kernel::Timestamp;
use mw_kernel::run::{Folded, Kinds};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// How late the sweep may be before something overdue is a finding.
const SLACK_SECONDS: u32 = 60;
const RUNS_PAGE: u64 = 100;
const WEBHOOKS_PAGE: u64 = 1000;
/// A sick database is told of so far, and then from where to go on.
const FINDINGS_MAX: usize = 1000;

/// What to look at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scope {
    /// Only this run.
    pub run_id: Option<String>,
    /// Go on after this run of an earlier look.
    pub after: Option<String>,
    /// At most so many runs.
    pub runs_max: Option<u64>,
}

impl Scope {
    #[must_use]
    pub fn run(run_id: &str) -> Self {
        Scope { run_id: Some(run_id.to_owned()), ..Scope::default() }
    }
}

/// A broken invariant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    pub invariant: Invariant,
    pub run_id: Option<String>,
    /// What is there, in words.
    pub detail: String,
}

/// What a look found, so far or in the end.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Checkup {
    pub runs: u64,
    pub webhooks: u64,
    pub findings: Vec<Finding>,
    /// The run after which to go on; `None` when all were looked at.
    pub next: Option<String>,
}

#[derive(Deserialize)]
struct RunsPage {
    runs: Vec<Stored>,
    findings: Vec<Finding>,
}

#[derive(Deserialize)]
struct WebhooksPage {
    count: u64,
    last: Option<String>,
    findings: Vec<Finding>,
}

/// Looks at everything in the scope; `told` hears of the progress after every page.
pub fn examine(
    db: &mut dyn Database,
    kinds: Kinds,
    now: Timestamp,
    scope: &Scope,
    told: &mut dyn FnMut(&Checkup),
) -> Result<Checkup, DbError> {
    let mut checkup = Checkup::default();
    look_at_runs(db, kinds, now, scope, &mut checkup, told)?;
    if scope.run_id.is_none() && checkup.next.is_none() {
        look_at_webhooks(db, now, &mut checkup, told)?;
    }
    Ok(checkup)
}

fn look_at_runs(
    db: &mut dyn Database,
    kinds: Kinds,
    now: Timestamp,
    scope: &Scope,
    checkup: &mut Checkup,
    told: &mut dyn FnMut(&Checkup),
) -> Result<(), DbError> {
    let mut after = scope.after.clone();
    loop {
        let left = scope.runs_max.unwrap_or(u64::MAX).saturating_sub(checkup.runs);
        if left == 0 || checkup.findings.len() >= FINDINGS_MAX {
            checkup.next = after;
            return Ok(());
        }
        let limit = left.min(RUNS_PAGE);
        let page = runs_page(db, now, scope.run_id.as_deref(), after.as_deref(), limit)?;
        let count = page.runs.len() as u64;
        checkup.runs += count;
        let looks: Vec<_> = page.runs.iter().map(|run| (&run.run_id, run.look(kinds))).collect();
        // Only its kind knows that a run waits for nothing but the clock.
        let rests = |id: &str| looks.iter().any(|(run_id, (_, rests))| *rests && *run_id == id);
        let is_resting = |found: &Finding| found.run_id.as_deref().is_some_and(rests);
        let found = page.findings.into_iter();
        checkup.findings.extend(found.filter(|it| it.invariant != Invariant::RunStuck || !is_resting(it)));
        checkup.findings.extend(looks.into_iter().flat_map(|(_, (findings, _))| findings));
        told(checkup);
        if scope.run_id.is_some() || count < limit {
            return Ok(());
        }
        after = page.runs.into_iter().next_back().map(|run| run.run_id);
    }
}

fn look_at_webhooks(
    db: &mut dyn Database,
    now: Timestamp,
    checkup: &mut Checkup,
    told: &mut dyn FnMut(&Checkup),
) -> Result<(), DbError> {
    let mut after: Option<String> = None;
    while checkup.findings.len() < FINDINGS_MAX {
        let request = json!({"now": text(now), "slack_seconds": SLACK_SECONDS, "limit": WEBHOOKS_PAGE, "after": after});
        let page: WebhooksPage = call(db, "doctor_webhooks", &request)?;
        checkup.webhooks += page.count;
        checkup.findings.extend(page.findings);
        told(checkup);
        if page.count < WEBHOOKS_PAGE {
            break;
        }
        after = page.last;
    }
    Ok(())
}

fn runs_page(
    db: &mut dyn Database,
    now: Timestamp,
    run_id: Option<&str>,
    after: Option<&str>,
    limit: u64,
) -> Result<RunsPage, DbError> {
    let request = json!({
        "now": text(now), "slack_seconds": SLACK_SECONDS, "run_id": run_id, "after": after, "limit": limit,
    });
    call(db, "doctor_page", &request)
}

/// What became of a repair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rebuilt {
    Done,
    /// The timeline moved on while it was read: try again.
    Moved,
    Unknown,
    /// The timeline itself is damaged: nothing was written.
    Untrusted(Vec<Finding>),
}

#[derive(Deserialize)]
struct Wrote {
    rebuilt: bool,
}

/// Writes a run's state and columns anew from its timeline, if the timeline is whole.
pub fn rebuild(db: &mut dyn Database, kinds: Kinds, now: Timestamp, run_id: &str) -> Result<Rebuilt, DbError> {
    let page = runs_page(db, now, Some(run_id), None, 1)?;
    let Some(stored) = page.runs.first() else { return Ok(Rebuilt::Unknown) };
    let tampered = page.findings.into_iter().filter(|found| found.invariant == Invariant::TimelineTampered);
    let mut damage: Vec<Finding> = tampered.collect();
    let Folded { run, result, .. } = match stored.folded(kinds) {
        Ok(folded) if damage.is_empty() => folded,
        Ok(_) => return Ok(Rebuilt::Untrusted(damage)),
        Err(finding) => {
            damage.push(finding);
            return Ok(Rebuilt::Untrusted(damage));
        }
    };
    let request = json!({"run_id": run_id, "run": run, "result": result});
    let wrote: Wrote = call(db, "doctor_rebuild", &request)?;
    Ok(if wrote.rebuilt { Rebuilt::Done } else { Rebuilt::Moved })
}
