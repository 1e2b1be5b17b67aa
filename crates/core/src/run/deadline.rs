//! A time is over. A gate expires, and so does a pause; work that did not end fails the run.

use crate::Timestamp;
use crate::run::event::Event;
use crate::run::state::Run;
use crate::run::{Refusal, refuse_terminal};

/// The error type of a run whose step did not end in time.
pub(super) const STEP_TIMEOUT: &str = "step_timeout";

pub(super) fn decide(run: &Run, now: Timestamp) -> Result<Vec<Event>, Refusal> {
    refuse_terminal(run)?;
    if run.deadline.is_none_or(|deadline| deadline > now) {
        return Err(Refusal::NotDue { run_id: run.run_id.clone() });
    }
    if let Some(open) = &run.gate {
        return Ok(vec![
            Event::GateExpired { gate: open.gate, opening: open.opening },
            Event::RunExpired { gate: Some(open.gate) },
        ]);
    }
    // Going on by itself could publish what somebody stopped on purpose.
    if run.pause.is_some() {
        return Ok(vec![Event::RunExpired { gate: None }]);
    }
    let step = run.current_step().map_or("unknown", |step| step.name());
    Ok(vec![Event::RunFailed {
        error_type: STEP_TIMEOUT.to_owned(),
        error_message: format!("step {step} did not end in time"),
    }])
}

#[cfg(test)]
mod tests {
    use crate::run::testing::{T0, at_generate, every_state, try_command_at, with_context};
    use crate::run::{Command, Refusal, apply};
    use crate::status::Status;
    use time::Duration;

    #[test]
    fn every_non_terminal_state_has_a_deadline_and_ends_when_it_passes() {
        for run in every_state().into_iter().filter(|run| !run.status.is_terminal()) {
            let deadline = run.deadline.expect("a non-terminal run has a deadline");
            let next = try_command_at(&run, Command::PassDeadline, deadline).unwrap();
            let expected = if run.gate.is_some() || run.pause.is_some() { Status::Expired } else { Status::Failed };
            assert_eq!(next.status, expected);
            assert!(next.status.is_terminal());
        }
    }

    #[test]
    fn nothing_happens_before_the_deadline() {
        for run in every_state().into_iter().filter(|run| !run.status.is_terminal()) {
            let early = run.deadline.unwrap_or(T0) - Duration::microseconds(1);
            assert!(matches!(try_command_at(&run, Command::PassDeadline, early), Err(Refusal::NotDue { .. })));
        }
    }

    #[test]
    fn clips_that_did_not_come_in_time_are_counted() {
        let run = at_generate();
        let overdue = run.deadline.unwrap();
        let transition = with_context(overdue, |context| apply(&run, &Command::PassDeadline, "t", context));
        let artifacts = transition.unwrap().unwrap().rows.artifacts;
        assert_eq!(artifacts[0].artifact_type, "kieai.wait");
        assert_eq!(artifacts[0].metadata["status"], "timeout");
        assert_eq!(artifacts[0].metadata["expectedCount"], 2);
    }
}
