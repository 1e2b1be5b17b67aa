//! What is older than its retention goes, in bounded batches; strangers' dead letters end, and no unprocessed event of
//! anybody who signs.

use crate::{PAGE, Page, Share};
use mw_kernel::Timestamp;
use mw_store::retention::{WEBHOOKS_DAYS, prune};
use mw_store::{Database, DbError};

pub(crate) fn reconcile(db: &mut dyn Database, now: Timestamp, share: &mut Share<'_>) -> Result<u64, DbError> {
    share.pages(|| prune(db, now, WEBHOOKS_DAYS, PAGE).map(|gone| Page::of(gone.acted)))
}
