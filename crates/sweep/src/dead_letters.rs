//! Webhooks that matched no job, most often because they overtook the answer of the submission, are matched once more.

use crate::{PAGE, by_pages};
use mw_core::Timestamp;
use mw_store::{Database, DbError, sweep};

pub(crate) fn reconcile(db: &mut dyn Database, now: Timestamp) -> Result<u64, DbError> {
    by_pages(|| sweep::retry_dead_letters(db, now, PAGE).map(|answer| answer.acted))
}
