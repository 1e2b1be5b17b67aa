//! Webhooks that matched no job, most often because they overtook the answer of the submission, are matched once more.

use crate::{PAGE, PAGES_MAX};
use mw_core::Timestamp;
use mw_store::{Database, DbError, dead_letters};

/// Answers with the number of letters that found their job.
pub(crate) fn reconcile(db: &mut dyn Database, now: Timestamp) -> Result<u64, DbError> {
    let mut processed = 0;
    for _ in 0..PAGES_MAX {
        let page = dead_letters::retry(db, now, PAGE)?;
        processed += page.processed;
        if page.acted < u64::from(PAGE) {
            break;
        }
    }
    Ok(processed)
}
