//! Carries out the one effect of a counting run: says the number.

use crate::{Counter, CounterCommand};
use futures::FutureExt;
use futures::future::LocalBoxFuture;
use mw_engine::performer::{BoxTask, Performance, Performer, Task};
use mw_engine::{Came, Met, Performed};
use mw_kernel::run::{AnyRun, Command, Refusal};
use mw_kernel::{Kind, Timestamp};
use mw_store::effects::Claimed;

/// Counts, and asks nobody.
pub struct Counting;

impl<H> Performer<H> for Counting {
    fn kind(&self) -> &'static str {
        Counter::NAME
    }

    fn begin<'p>(&'p self, _: &Claimed, run: &AnyRun) -> Result<Option<BoxTask<'p, H>>, Refusal> {
        let next = run.read::<Counter>()?.body.count + 1;
        Ok(Some(Box::new(Number(next))))
    }
}

struct Number(u32);

impl<'p, H> Task<'p, H> for Number {
    fn perform<'a>(self: Box<Self>, _: &'a H, _: &'a Claimed, _: Timestamp) -> LocalBoxFuture<'a, Performance<'p, H>>
    where
        'p: 'a,
    {
        let count = Command::Own(CounterCommand::Count { number: self.0 }).erase();
        async { Performance::Came(Box::new(Came::new(Performed::Tell(count), Met::NOBODY))) }.boxed_local()
    }
}
