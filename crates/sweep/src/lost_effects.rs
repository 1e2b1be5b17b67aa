//! Open jobs that nobody works on get their effect back. Nothing of ours loses one; a fault or a hand in the tables might.

use crate::{PAGE, Page, Share};
use mw_media::Timestamp;
use mw_store::{Database, DbError, sweep};

pub(crate) fn reconcile(db: &mut dyn Database, now: Timestamp, share: &mut Share<'_>) -> Result<u64, DbError> {
    share.pages(|| {
        let looked = sweep::restore_effects(db, now, PAGE)?;
        Ok(Page { acted: looked.acted, full: looked.more })
    })
}
