//! Runs that this version cannot read, and their end: decided by the kernel on what is known of them, and committed as every other.

use crate::commit::{CommitAnswer, Committed, Decision, commit};
use crate::{Database, DbError, call};
use mw_kernel::Timestamp;
use mw_kernel::run::{Remains, RunError};
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
    /// It moved on meanwhile: somebody reads it.
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
    let mut decisions = Vec::with_capacity(wanted.len());
    for Wanted { run_id, error, actor } in wanted {
        if let Some(row) = rows.get(run_id).filter(|row| !row.has_ended) {
            let end = row.end(error.clone(), actor, now).map_err(|error| DbError::Failed(error.to_string()))?;
            decisions.push(Decision { transition: Some(end), ..Decision::default() });
        }
    }
    let CommitAnswer { results, kick, .. } = match decisions.is_empty() {
        true => CommitAnswer { results: Vec::new(), kick: false, breakers: Vec::new() },
        false => commit(db, now, &decisions)?,
    };
    let mut results = results.into_iter();
    let became = |wanted: &Wanted| match rows.get(&wanted.run_id) {
        None => Ended::Missing,
        Some(row) if row.has_ended => Ended::Before,
        Some(_) if results.next() == Some(Committed::Committed) => Ended::Ended,
        Some(_) => Ended::Moved,
    };
    Ok(Ends { ends: wanted.iter().map(became).collect(), kick })
}
