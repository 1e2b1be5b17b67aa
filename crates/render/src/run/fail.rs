//! Work came to nothing: its worker says so, or is no longer heard of.

use crate::failure::FailureCode;
use crate::run::engines::Engines;
use crate::run::event::RenderEvent;
use crate::run::go_on::go_on;
use crate::run::{Draft, Event, Run, own, stale};
use crate::work::Held;
use mw_kernel::run::{Context, Refusal, refuse_ended};

/// The longest text of a failure that is kept, in characters.
pub const MESSAGE_CHARS_MAX: usize = 300;

/// What a worker says of work that came to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    pub held: Held,
    pub code: FailureCode,
    pub message: String,
    pub engines: Engines,
}

pub(super) fn decide(run: &Run, failed: &Failed, context: &mut Context<'_>) -> Result<Vec<Event>, Refusal> {
    refuse_ended(run)?;
    let Failed { held, code, message, engines } = failed;
    let (one, _) = run.body.held(held).ok_or_else(|| stale(run, &held.try_id))?;
    let (try_id, assignment, code) = (held.try_id.clone(), one.assignment, *code);
    let message = message.chars().filter(|letter| !letter.is_control()).take(MESSAGE_CHARS_MAX).collect();
    let mut draft = Draft::of(run);
    draft.push(own(RenderEvent::Failed { try_id, assignment, code, message }), context);
    go_on(&mut draft, engines, context);
    Ok(draft.events)
}

/// A lease ran out. Where the work may take no longer, that is why; else its worker is gone.
pub(super) fn expire(
    run: &Run,
    held: &Held,
    engines: &Engines,
    context: &mut Context<'_>,
) -> Result<Vec<Event>, Refusal> {
    refuse_ended(run)?;
    let (one, lease) = run.body.held(held).ok_or_else(|| stale(run, &held.try_id))?;
    let (code, message) = match lease.limit <= context.now {
        true => (FailureCode::TimedOut, format!("{} s are the most", one.assignment.limit_seconds())),
        false => (FailureCode::LeaseLost, format!("worker {}", lease.worker)),
    };
    let failed = Failed { held: held.clone(), code, message, engines: engines.clone() };
    decide(run, &failed, context)
}
