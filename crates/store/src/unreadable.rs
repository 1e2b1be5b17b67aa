//! Runs that this version cannot read, and their end: decided by the kernel on what is known of them, and committed as every other.

use crate::commit::{CommitAnswer, Committed, Decision, commit};
use crate::{Database, DbError, call};
use mw_kernel::Timestamp;
use mw_kernel::run::{Remains, RunError, Transition};
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;

/// An end that is wanted of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    pub run_id: String,
    pub error: RunError,
    pub actor: String,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    Ended,
    /// It had ended before.
    Before,
    /// It moved on meanwhile, since somebody reads it; or nothing can be known of it.
    Moved,
    Missing,
}

/// What became of each wanted end, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ends {
    pub ends: Vec<Ended>,
    /// Whether a dispatcher should be kicked.
    pub kick: bool,
}

/// Reads what is known of these runs and commits their ends, in one statement each.
pub fn end(db: &mut dyn Database, now: Timestamp, wanted: &[Wanted]) -> Result<Ends, DbError> {
    #[derive(Deserialize)]
    struct Answer {
        runs: BTreeMap<String, Remains>,
    }
    let run_ids: Vec<&str> = wanted.iter().map(|wanted| wanted.run_id.as_str()).collect();
    let rows = call::<Answer>(db, "runs_remains", &json!({"run_ids": run_ids}))?.runs;
    // Each by itself: one that cannot be ended must not hide the others.
    let decide = |wanted: &Wanted| {
        let row = rows.get(&wanted.run_id).filter(|row| !row.has_ended)?;
        row.end(wanted.error.clone(), &wanted.actor, now).ok()
    };
    let ends: Vec<_> = wanted.iter().map(decide).collect();
    let one = |end: &Transition| Decision { transition: Some(end.clone()), ..Decision::default() };
    let decisions: Vec<Decision> = ends.iter().flatten().map(one).collect();
    let CommitAnswer { results, kick, .. } = match decisions.is_empty() {
        true => CommitAnswer { results: Vec::new(), kick: false, breakers: Vec::new() },
        false => commit(db, now, &decisions)?,
    };
    let mut results = results.into_iter();
    let became = |(wanted, end): (&Wanted, &Option<Transition>)| match (rows.get(&wanted.run_id), end) {
        (None, _) => Ended::Missing,
        (Some(row), _) if row.has_ended => Ended::Before,
        (Some(_), Some(_)) if results.next() == Some(Committed::Committed) => Ended::Ended,
        (Some(_), _) => Ended::Moved,
    };
    Ok(Ends { ends: wanted.iter().zip(&ends).map(became).collect(), kick })
}
