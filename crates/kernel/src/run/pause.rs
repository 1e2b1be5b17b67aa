//! An operator holds a run and lets it go on. While it is held nothing new is sent and nobody decides; what is in flight
//! at a provider is still collected. A pause has a deadline of its own, and the time that a step had left comes back.

use crate::Timestamp;
use crate::run::draft::Draft;
use crate::run::event::{Common, Event};
use crate::run::kind::Kind;
use crate::run::state::Run;
use crate::run::{Context, Refusal, refuse_ended};

/// How long a run stays paused when nobody says otherwise.
pub const PAUSE_DAYS: i64 = 7;

pub(super) fn pause<B: Kind>(
    run: &Run<B>,
    reason: &str,
    actor: &str,
    until: Timestamp,
) -> Result<Vec<Event<B>>, Refusal> {
    refuse_ended(run)?;
    if run.pause.is_some() {
        return Ok(Vec::new());
    }
    Ok(vec![Common::RunPaused { reason: reason.to_owned(), actor: actor.to_owned(), until }.into()])
}

pub(super) fn resume<B: Kind>(run: &Run<B>, reason: &str, context: &mut Context<'_>) -> Result<Vec<Event<B>>, Refusal> {
    refuse_ended(run)?;
    if run.pause.is_none() {
        return Ok(Vec::new());
    }
    let mut draft = Draft::of(run);
    draft.push(Common::RunResumed { reason: reason.to_owned() }, context);
    B::resumed(&mut draft, context);
    Ok(draft.events)
}
