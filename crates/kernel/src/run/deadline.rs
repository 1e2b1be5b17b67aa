//! A time is over. A gate expires as its policy says, a pause ends the run; work that did not end fails it.

use crate::gate_policy::OnExpiry;
use crate::run::draft::{Draft, deadline_after};
use crate::run::event::{Common, Event};
use crate::run::kind::Kind;
use crate::run::state::{OpenGate, Run};
use crate::run::{Context, Refusal, refuse_ended};

/// The error type of a run whose step did not end in time.
pub const STEP_TIMEOUT: &str = "step_timeout";

pub(super) fn decide<B: Kind>(run: &Run<B>, context: &mut Context<'_>) -> Result<Vec<Event<B>>, Refusal> {
    refuse_ended(run)?;
    let now = context.now;
    if run.deadline.is_none_or(|deadline| deadline > now) {
        return Err(Refusal::NotDue { run_id: run.run_id.clone() });
    }
    let mut draft = Draft::of(run);
    // Going on by itself could publish what somebody stopped on purpose.
    if run.pause.is_some() {
        draft.push(Common::RunExpired { gate: None }, context);
        return Ok(draft.events);
    }
    for open in run.gates.iter().filter(|open| open.deadline <= now) {
        if !draft.run.is_ended() {
            expire(&mut draft, open, context);
        }
    }
    if !draft.run.is_ended() && run.work_deadline.is_some_and(|deadline| deadline <= now) {
        B::overdue(&mut draft, context);
    }
    Ok(draft.events)
}

/// Nobody decided in time: the gate's policy says what that means.
fn expire<B: Kind>(draft: &mut Draft<B>, open: &OpenGate, context: &mut Context<'_>) {
    let (gate, opening) = (open.gate, open.opening);
    let expired = Common::GateExpired { gate, opening };
    match open.policy.on_expiry {
        OnExpiry::ExtendOnce if !open.extended => {
            let deadline = deadline_after(context.now, open.limit_seconds);
            draft.push(Common::GateExtended { gate, opening, deadline }, context);
        }
        OnExpiry::Expire | OnExpiry::ExtendOnce => {
            draft.push(expired, context);
            B::expired(draft, gate, context);
        }
        OnExpiry::Reject => {
            draft.push(expired, context);
            draft.end_rejected(gate, context);
        }
    }
}
