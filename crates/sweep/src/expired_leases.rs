//! Effects whose holder went silent are due again. A submission that may have gone out stays marked as sent, so the
//! dispatcher reconciles it before it sends anything.

use crate::{PAGE, Page, Share};
use mw_kernel::Timestamp;
use mw_store::{Database, DbError, sweep};

pub(crate) fn reconcile(db: &mut dyn Database, now: Timestamp, share: &mut Share<'_>) -> Result<u64, DbError> {
    share.pages(|| sweep::expire_leases(db, now, PAGE).map(|answer| Page::of(answer.acted)))
}
