//! Gates whose time runs out: whoever should decide is told once.

use crate::{SWEEP, Share, runs_by_pages};
use mw_kernel::Timestamp;
use mw_kernel::run::{AnyCommand, Kinds};
use mw_store::runs::Listed;
use mw_store::{Database, DbError, sweep};

pub(crate) fn reconcile(
    db: &mut dyn Database,
    kinds: Kinds,
    now: Timestamp,
    new_id: &mut dyn FnMut() -> String,
    share: &mut Share<'_>,
) -> Result<u64, DbError> {
    let warn = |_: &Listed| (AnyCommand::WarnGate, SWEEP.to_owned());
    runs_by_pages(db, kinds, now, new_id, (&warn, &|_, _| None), sweep::runs_to_warn, share)
}
