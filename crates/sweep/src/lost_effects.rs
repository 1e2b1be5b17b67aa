//! Open jobs that nobody works on get their effect back. Nothing of ours loses one; a fault or a hand in the tables might.

use crate::{PAGE, Page, SWEEP, Share, commit_all};
use mw_kernel::Timestamp;
use mw_kernel::run::{AnyCommand, Context, Kinds};
use mw_store::{Database, DbError, sweep};

pub(crate) fn reconcile(
    db: &mut dyn Database,
    kinds: Kinds,
    now: Timestamp,
    new_id: &mut dyn FnMut() -> String,
    share: &mut Share<'_>,
) -> Result<u64, DbError> {
    let mut commits = std::mem::take(&mut share.commits);
    let looked = share.pages(|| {
        let lost = sweep::lost_effects(db, now, PAGE)?;
        let mut context = Context { now, new_id: &mut *new_id };
        let mut decided = Vec::new();
        for (run, job_ids) in lost.jobs {
            let command = AnyCommand::RestoreEffects { job_ids };
            let transition = kinds.of(&run).and_then(|kind| kind.apply(&run, &command, SWEEP, &mut context));
            // One that cannot be read ends when its time is over.
            decided.extend(transition.ok().flatten());
        }
        let restored = commit_all(db, now, decided, &|transition| transition.rows.rearmed.len() as u64, &mut commits)?;
        Ok(Page { acted: lost.released + restored, full: lost.more })
    });
    share.commits = commits;
    looked
}
