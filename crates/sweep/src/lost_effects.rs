//! Open jobs that nobody works on get their effect back. Nothing of ours loses one; a fault or a hand in the tables might.

use crate::{PAGE, PAGES_MAX};
use mw_core::Timestamp;
use mw_store::{Database, DbError, sweep};

pub(crate) fn reconcile(db: &mut dyn Database, now: Timestamp) -> Result<u64, DbError> {
    let mut total = 0;
    for _ in 0..PAGES_MAX {
        let page = sweep::restore_effects(db, now, PAGE)?;
        total += page.acted;
        if !page.more {
            break;
        }
    }
    Ok(total)
}
