//! Webhooks that matched no job, most often because they overtook the answer of the submission, are matched once more.

use crate::{PAGE, Page, Share};
use mw_kernel::Timestamp;
use mw_store::{Database, DbError, dead_letters};

/// Answers with the number of letters that found their job.
pub(crate) fn reconcile(db: &mut dyn Database, now: Timestamp, share: &mut Share<'_>) -> Result<u64, DbError> {
    share.pages(|| {
        let tried = dead_letters::retry(db, now, PAGE)?;
        Ok(Page { acted: tried.processed, full: tried.acted >= u64::from(PAGE) })
    })
}
