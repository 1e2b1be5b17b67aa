//! Overdue runs: a gate or a pause expires, work that did not end fails. A run that this version cannot read is ended in
//! the database, so that it is not overdue for ever.

use crate::{Share, runs_by_pages};
use mw_media::Timestamp;
use mw_media::run::Command;
use mw_store::runs::{ForcedEnd, force_end};
use mw_store::{Database, DbError, sweep};

pub(crate) fn reconcile(
    db: &mut dyn Database,
    now: Timestamp,
    new_id: &mut dyn FnMut() -> String,
    share: &mut Share<'_>,
) -> Result<u64, DbError> {
    let done = runs_by_pages(db, now, new_id, &Command::PassDeadline, sweep::overdue_runs, share)?;
    let mut ended = done.moved;
    for (run_id, error) in done.unreadable {
        let message = format!("overdue, and its state cannot be read: {error}");
        ended += u64::from(force_end(db, &run_id, "sweep", &message)? == ForcedEnd::Ended);
    }
    Ok(ended)
}
