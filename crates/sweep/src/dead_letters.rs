//! Webhooks that matched no job, most often because they overtook the answer of the submission, are matched once more.

use crate::{by_pages, PAGE};
use mw_core::Timestamp;
use mw_store::{sweep, Database, DbError};

pub(crate) fn reconcile(db: &mut dyn Database, now: Timestamp) -> Result<u64, DbError> {
    by_pages(|| sweep::retry_dead_letters(db, now, PAGE).map(|answer| answer.acted))
}
