//! Somebody has changed the message that started a run. It is the same message, so it asks for one run still: while nobody has
//! decided anything about the first, that one is withdrawn, and the changed text is heard in its place. After a decision the
//! change comes too late, and the person is told so.

use mw_edge::{Context, Problem, clock, ids};
use mw_kernel::run::{self, DecidedGate, Refusal};
use mw_store::commit::{TransitionError, withdraw as withdrawn};

const REASON: &str = "the message that asked for it was changed";

/// What became of the run that the message had started.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Amended {
    Withdrawn {
        /// Whether to wake the dispatcher.
        kick: bool,
    },
    /// It has ended without a decision, or is gone: nothing stands in the way.
    Nothing,
    /// What to tell the person.
    TooLate(String),
}

/// Withdraws the run, if that is still possible; `by` is who changed the message.
pub(crate) fn withdraw(context: &mut Context, run_id: &str, by: &str) -> Result<Amended, Problem> {
    let now = clock::now();
    let Some(run) = mw_store::runs::load(context.database()?, now, run_id, None)?.run else {
        return Ok(Amended::Nothing);
    };
    context.log.about_run(run_id);
    let (kinds, is_ended) = (context.kinds, run.end.is_some());
    let mut new_id = ids::new_id;
    let mut decision = run::Context { now, new_id: &mut new_id };
    match withdrawn(context.database()?, kinds, run, REASON, by, &mut decision) {
        Ok(moved) => Ok(Amended::Withdrawn { kick: moved.kick }),
        Err(TransitionError::Refused(Refusal::AlreadyDecided { decided, .. })) => {
            Ok(Amended::TooLate(too_late(run_id, &decided)))
        }
        Err(TransitionError::Refused(_)) if is_ended => Ok(Amended::Nothing),
        Err(error) => Err(error.into()),
    }
}

/// What stands before the answer to the changed message.
pub(crate) fn said(run_id: &str) -> String {
    format!("You changed your message, so run {run_id} is withdrawn.")
}

fn too_late(run_id: &str, decided: &DecidedGate) -> String {
    let DecidedGate { gate, approver, verdict, .. } = decided;
    format!(
        "Your message has started run {run_id}, and {approver} has {} it at the {gate} gate. Changing the message \
         changes nothing any more: cancel the run, or send a new message for another.",
        verdict.outcome()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_withdrawal_names_its_run() {
        assert_eq!(said("r1"), "You changed your message, so run r1 is withdrawn.");
    }
}
