//! What is older than its retention goes, in bounded batches; never an unprocessed event.

use crate::{PAGE, by_pages};
use mw_core::Timestamp;
use mw_store::retention::{WEBHOOKS_DAYS, prune_webhooks};
use mw_store::{Database, DbError};

pub(crate) fn reconcile(db: &mut dyn Database, now: Timestamp) -> Result<u64, DbError> {
    by_pages(|| prune_webhooks(db, now, WEBHOOKS_DAYS, PAGE).map(|answer| answer.acted))
}
