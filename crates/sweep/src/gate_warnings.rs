//! Gates whose time runs out: whoever should decide is told once.

use crate::{SWEEP, Share, runs_by_pages};
use mw_media::Timestamp;
use mw_media::run::Command;
use mw_store::runs::Listed;
use mw_store::{Database, DbError, sweep};

pub(crate) fn reconcile(
    db: &mut dyn Database,
    now: Timestamp,
    new_id: &mut dyn FnMut() -> String,
    share: &mut Share<'_>,
) -> Result<u64, DbError> {
    let warn = |_: &Listed| (Command::WarnGate, SWEEP.to_owned());
    runs_by_pages(db, now, new_id, (&warn, &|_, _| None), sweep::runs_to_warn, share)
}
