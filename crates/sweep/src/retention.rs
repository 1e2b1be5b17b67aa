//! What is older than its retention goes, in bounded batches; never an unprocessed event.

use crate::{PAGE, by_pages};
use mw_core::Timestamp;
use mw_store::{Database, DbError, sweep};

pub(crate) fn reconcile(db: &mut dyn Database, now: Timestamp) -> Result<u64, DbError> {
    by_pages(|| sweep::prune(db, now, PAGE).map(|answer| answer.acted))
}
