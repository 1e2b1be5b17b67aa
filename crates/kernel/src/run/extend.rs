//! An operator gives a run more time: the deadline of its step, its gate or its pause moves to a later moment. Naming
//! the moment, not a number of seconds, makes repeating it harmless.

use crate::Timestamp;
use crate::run::event::{Common, Event};
use crate::run::kind::Kind;
use crate::run::state::Run;
use crate::run::{Context, Refusal, refuse_ended, rfc3339};
use time::Duration;

/// The furthest deadline that anybody can set.
pub const DAYS_MAX: u32 = 90;

pub(super) fn decide<B: Kind>(
    run: &Run<B>,
    until: Timestamp,
    reason: &str,
    context: &Context<'_>,
) -> Result<Vec<Event<B>>, Refusal> {
    refuse_ended(run)?;
    let latest = context.now + Duration::days(i64::from(DAYS_MAX));
    if until > latest {
        return Err(Refusal::DeadlineTooFar { latest: rfc3339(latest) });
    }
    if run.deadline.is_some_and(|deadline| deadline >= until) {
        return Ok(Vec::new());
    }
    Ok(vec![Common::DeadlineExtended { reason: reason.to_owned(), deadline: until }.into()])
}
