//! Effects whose holder went silent are due again. A submission that may have gone out stays marked as sent, so the
//! dispatcher reconciles it before it sends anything.

use crate::{PAGE, by_pages};
use mw_core::Timestamp;
use mw_store::{Database, DbError, sweep};

pub(crate) fn reconcile(db: &mut dyn Database, now: Timestamp) -> Result<u64, DbError> {
    by_pages(|| sweep::expire_leases(db, now, PAGE).map(|answer| answer.acted))
}
