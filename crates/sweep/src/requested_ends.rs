//! Runs whose end somebody asked for in SQL, with a hand-written `UPDATE … SET status = 'failed'`: they fail in the name of the
//! role that asked.

use crate::{Share, runs_by_pages};
use mw_kernel::Timestamp;
use mw_kernel::run::{AnyCommand, Kinds, marked_failed};
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
    let mark = |listed: &Listed| (AnyCommand::MarkFailed { role: role(listed) }, actor(listed));
    let end = |listed: &Listed, _: &str| {
        Some(Wanted { run_id: listed.run_id.clone(), error: marked_failed(&role(listed)), actor: actor(listed) })
    };
    runs_by_pages(db, kinds, now, new_id, (&mark, &end), sweep::runs_to_end, share)
}

fn role(listed: &Listed) -> String {
    listed.end_requested_by.clone().unwrap_or_default()
}

fn actor(listed: &Listed) -> String {
    format!("sql:{}", role(listed))
}
