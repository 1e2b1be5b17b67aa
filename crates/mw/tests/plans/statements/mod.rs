//! The statements, as the product calls them, a file for each subject: name, the most index entries that one call may read, and
//! the call. A name begins with its SQL function; `every_statement_of_the_store_is_measured` looks for it in these files.

mod chat;
mod console;
mod knowledge;
mod operations;
mod people;
mod runs;
mod webhooks;

use mw_media::run::Run;
use mw_store::Limit;
use mw_store::native::Client;

pub(crate) type Call = Box<dyn FnMut(&mut Client, &Run)>;
pub(crate) type Statement = (&'static str, i64, Call);

/// Enough for a look-up by key and what hangs on it.
const FEW: i64 = 40;
/// A page of 50, and one more to know of; some are passed over on the way.
const PAGE: i64 = 360;
/// The rows of a reconciler's batch of 200.
const BATCH: i64 = 450;
/// What is open, once or twice over; a table that holds nothing else may be scanned for it.
pub(crate) const OPEN: i64 = 25_000;
/// Asked for by an operator, who may wait.
const HISTORY: i64 = i64::MAX;

pub(crate) fn all() -> Vec<Statement> {
    [runs::all(), console::all(), chat::all(), webhooks::all(), operations::all(), people::all(), knowledge::all()]
        .into_iter()
        .flatten()
        .collect()
}

fn statement(name: &'static str, entries_max: i64, call: impl FnMut(&mut Client, &Run) + 'static) -> Statement {
    (name, entries_max, Box::new(call))
}

fn limit() -> Limit<'static> {
    Limit { name: "runs_start", caller: "ip:7", limit: 100, window_seconds: 60 }
}
