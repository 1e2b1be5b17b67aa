//! Gates whose time runs out: whoever should decide is told once.

use crate::{Share, runs_by_pages};
use mw_media::Timestamp;
use mw_media::run::Command;
use mw_store::{Database, DbError, sweep};

pub(crate) fn reconcile(
    db: &mut dyn Database,
    now: Timestamp,
    new_id: &mut dyn FnMut() -> String,
    share: &mut Share<'_>,
) -> Result<u64, DbError> {
    runs_by_pages(db, now, new_id, &Command::WarnGate, sweep::runs_to_warn, share).map(|done| done.moved)
}
