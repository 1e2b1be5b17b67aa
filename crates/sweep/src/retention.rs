//! What is older than its retention goes, in bounded batches; never an unprocessed event.

use crate::{PAGE, Page, Share};
use mw_core::Timestamp;
use mw_store::retention::{WEBHOOKS_DAYS, prune_webhooks};
use mw_store::{Database, DbError};

pub(crate) fn reconcile(db: &mut dyn Database, now: Timestamp, share: &mut Share<'_>) -> Result<u64, DbError> {
    share.pages(|| prune_webhooks(db, now, WEBHOOKS_DAYS, PAGE).map(|answer| Page::of(answer.acted)))
}
