//! Observations, written beside the work that they count, become totals.

use crate::{Page, Share};
use mw_store::{Database, DbError, sweep};

/// Observations are small: a larger page.
const PAGE: u32 = 5_000;

pub(crate) fn reconcile(db: &mut dyn Database, share: &mut Share<'_>) -> Result<u64, DbError> {
    share.pages(|| {
        let acted = sweep::fold_metrics(db, PAGE)?.acted;
        Ok(Page { acted, full: acted >= u64::from(PAGE) })
    })
}
