//! Overdue runs: a gate or a pause expires, work that did not end fails. A run that this version cannot read fails too, so that
//! it is not overdue for ever.

use crate::{SWEEP, Share, runs_by_pages};
use mw_kernel::Timestamp;
use mw_kernel::run::{AnyCommand, Kinds, terminated};
use mw_store::runs::Listed;
use mw_store::unreadable::Wanted;
use mw_store::{Database, DbError, sweep};

pub(crate) fn reconcile(
    db: &mut dyn Database,
    kinds: Kinds,
    now: Timestamp,
    new_id: &mut dyn FnMut() -> String,
    share: &mut Share<'_>,
) -> Result<u64, DbError> {
    let pass = |_: &Listed| (AnyCommand::PassDeadline, SWEEP.to_owned());
    let end = |listed: &Listed, error: &str| {
        let error = terminated(&format!("overdue, and its state cannot be read: {error}"), SWEEP);
        Some(Wanted { run_id: listed.run_id.clone(), error, actor: SWEEP.to_owned() })
    };
    runs_by_pages(db, kinds, now, new_id, (&pass, &end), sweep::overdue_runs, share)
}
