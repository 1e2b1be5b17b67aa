//! Overdue runs: a gate expires, work that did not end fails. Goes by key, so that a run which cannot be moved now is
//! stepped over and starves nobody.

use crate::{PAGE, PAGES_MAX};
use mw_core::Timestamp;
use mw_core::run::{Command, Context, Run, apply};
use mw_store::commit::{Committed, Decision, commit};
use mw_store::{Database, DbError, sweep};

pub(crate) fn reconcile(
    db: &mut dyn Database,
    now: Timestamp,
    new_id: &mut dyn FnMut() -> String,
) -> Result<u64, DbError> {
    let mut ended = 0;
    let mut after: Option<Run> = None;
    for _ in 0..PAGES_MAX {
        let runs = sweep::overdue_runs(db, now, after.as_ref(), PAGE)?;
        let mut context = Context { now, new_id };
        let decisions: Vec<Decision> = runs
            .iter()
            .filter_map(|run| apply(run, &Command::PassDeadline, "sweep", &mut context).ok().flatten())
            .map(|transition| Decision { transition: Some(transition), ..Decision::default() })
            .collect();
        if !decisions.is_empty() {
            // A conflict means that somebody moved the run: then it is theirs, or the next sweep's.
            let results = commit(db, now, &decisions)?.results;
            ended += results.iter().filter(|result| **result == Committed::Committed).count() as u64;
        }
        if runs.len() < PAGE as usize {
            break;
        }
        after = runs.into_iter().next_back();
    }
    Ok(ended)
}
