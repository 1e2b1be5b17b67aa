//! What the dispatcher asks of a kind of run: to carry out the effects that only the kind knows. One performer for each kind; the
//! dispatcher finds it by the run's kind.

use crate::perform::Came;
use futures::future::LocalBoxFuture;
use mw_kernel::Timestamp;
use mw_kernel::run::{AnyRun, Refusal};
use mw_store::effects::Claimed;
use mw_store::{Database, DbError};

/// Carries out the effects of one kind of run.
pub trait Performer<H> {
    /// The name of the kind.
    fn kind(&self) -> &'static str;

    /// Begins an effect of a run; none where the run is elsewhere by now.
    fn begin<'p>(&'p self, effect: &Claimed, run: &AnyRun) -> Result<Option<BoxTask<'p, H>>, Refusal>;
}

/// An effect that is being carried out.
pub trait Task<'p, H> {
    /// Reads what the task needs, before it begins and whenever it came back for more: nowhere else is a connection held.
    fn look_up(&mut self, db: &mut dyn Database) -> Result<(), DbError> {
        let _ = db;
        Ok(())
    }

    /// Asks whoever is to be asked.
    fn perform<'a>(
        self: Box<Self>,
        http: &'a H,
        effect: &'a Claimed,
        now: Timestamp,
    ) -> LocalBoxFuture<'a, Performance<'p, H>>
    where
        'p: 'a;
}

pub type BoxTask<'p, H> = Box<dyn Task<'p, H> + 'p>;

/// How far a task came.
pub enum Performance<'p, H> {
    Came(Box<Came>),
    /// It wants something looked up, and goes on then.
    LookUp(BoxTask<'p, H>),
}
