//! A time is over. A gate expires as its policy says, a pause ends the run; work that did not end fails it.

use crate::Timestamp;
use crate::gate_policy::OnExpiry;
use crate::run::event::Event;
use crate::run::state::{OpenGate, Run};
use crate::run::{Refusal, refuse_terminal};
use time::Duration;

/// The error type of a run whose step did not end in time.
pub(super) const STEP_TIMEOUT: &str = "step_timeout";

pub(super) fn decide(run: &Run, now: Timestamp) -> Result<Vec<Event>, Refusal> {
    refuse_terminal(run)?;
    if run.deadline.is_none_or(|deadline| deadline > now) {
        return Err(Refusal::NotDue { run_id: run.run_id.clone() });
    }
    // Going on by itself could publish what somebody stopped on purpose.
    if run.pause.is_some() {
        return Ok(vec![Event::RunExpired { gate: None }]);
    }
    if let Some(open) = &run.gate {
        return Ok(gate_expired(run, open, now));
    }
    let step = run.current_step().map_or("unknown", |step| step.name());
    Ok(vec![Event::RunFailed {
        error_type: STEP_TIMEOUT.to_owned(),
        error_message: format!("step {step} did not end in time"),
    }])
}

/// Nobody decided in time: the gate's policy says what that means.
fn gate_expired(run: &Run, open: &OpenGate, now: Timestamp) -> Vec<Event> {
    let (gate, opening) = (open.gate, open.opening);
    let expired = Event::GateExpired { gate, opening };
    match run.policy().map_or(OnExpiry::Expire, |policy| policy.on_expiry) {
        OnExpiry::ExtendOnce if !open.extended => {
            let limit_seconds = run.current_step().map_or(0, |step| step.limit_seconds());
            let deadline = now + Duration::seconds(i64::from(limit_seconds));
            vec![Event::GateExtended { gate, opening, deadline }]
        }
        OnExpiry::Expire | OnExpiry::ExtendOnce => vec![expired, Event::RunExpired { gate: Some(gate) }],
        OnExpiry::Reject => vec![expired, Event::RunRejected { gate }],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate_policy::GatePolicy;
    use crate::run::testing::{T0, at_gate_with, at_generate, every_state, try_command_at, with_context};
    use crate::run::{Command, apply};
    use crate::status::{GateName, Status};

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

    #[test]
    fn a_policy_says_what_an_expiry_means() {
        let end = |on_expiry| {
            let run = at_gate_with(GateName::Workflow, GatePolicy { on_expiry, ..GatePolicy::default() });
            try_command_at(&run, Command::PassDeadline, run.deadline.unwrap()).unwrap()
        };
        assert_eq!(end(OnExpiry::Expire).status, Status::Expired);
        assert_eq!(end(OnExpiry::Reject).status, Status::Rejected);
        let extended = end(OnExpiry::ExtendOnce);
        let deadline = extended.deadline.unwrap();
        assert_eq!(extended.status, Status::PendingWorkflow);
        assert_eq!(deadline - extended.gate.as_ref().unwrap().opened_at, Duration::seconds(2 * 7 * 24 * 3600));
        assert_eq!(try_command_at(&extended, Command::PassDeadline, deadline).unwrap().status, Status::Expired);
    }
}
