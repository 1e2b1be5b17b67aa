//! What a gate refuses, in HTTP.

use mw_edge::{Problem, problem, refusal};
use mw_kernel::run::{Body, Refusal, Run};
use mw_kernel::status::GateName;
use mw_store::commit::TransitionError;

/// At a gate, a decision that could not be committed is the original's 502: nothing is recorded, a retry does it.
pub fn not_committed(error: TransitionError) -> Problem {
    match error {
        TransitionError::Database(error) => problem::resume_failed().because(error),
        error => error.into(),
    }
}

/// Why a gate that isn't open has nothing to show or link to.
pub fn nothing_to_decide<B: Body>(run: &Run<B>, gate: GateName) -> Problem {
    let run_id = run.run_id.clone();
    let decided = run.decided.iter().rev().find(|decided| decided.gate == gate);
    refusal::of_run(&match decided {
        Some(decided) => Refusal::AlreadyDecided { gate, decided: Box::new(decided.clone()) },
        None if run.is_ended() => Refusal::AlreadyTerminal { run_id, status: run.status.to_string() },
        None => Refusal::NotWaiting { run_id, gate },
    })
}

/// 422 for what can be no gate's name.
pub fn unknown_gate() -> Problem {
    problem::invalid_field(
        "path:gate",
        "Input should be the name of a gate: a lower-case letter, then lower-case letters, digits and _",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use mw_media::run::{Media, Status};
    use mw_store::DbError;

    #[test]
    fn texts_of_refusals_are_the_contracts() {
        let mut run = Run::<Media>::empty("r1".to_owned());
        let waiting = nothing_to_decide(&run, mw_kernel::gate!("ideate"));
        assert_eq!((waiting.status, waiting.detail.as_str()), (409, "Run r1 is not waiting at gate ideate"));
        run.end = Some(mw_kernel::status::End::Cancelled);
        run.status = Status::Cancelled;
        let ended = nothing_to_decide(&run, mw_kernel::gate!("ideate"));
        assert_eq!((ended.status, ended.detail.as_str()), (409, "Run r1 is already cancelled"));
    }

    #[test]
    fn a_decision_that_could_not_be_committed_is_502() {
        let away = TransitionError::Database(DbError::Unavailable("refused".to_owned()));
        let problem = not_committed(away);
        assert_eq!((problem.status, problem.detail.as_str()), (502, "failed to resume run"));
    }
}
