//! Observations, written beside the work that they count, become totals.

use crate::PAGES_MAX;
use mw_store::{Database, DbError, sweep};

/// Observations are small: a larger page.
const PAGE: u32 = 5_000;

pub(crate) fn reconcile(db: &mut dyn Database) -> Result<u64, DbError> {
    let mut total = 0;
    for _ in 0..PAGES_MAX {
        let acted = sweep::fold_metrics(db, PAGE)?.acted;
        total += acted;
        if acted < u64::from(PAGE) {
            break;
        }
    }
    Ok(total)
}
