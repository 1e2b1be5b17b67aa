use crate::gate_policy::GatePolicy;
use crate::gate_policy::OnExpiry;
use crate::run::testing::*;
use crate::run::*;
use time::Duration;

#[test]
fn every_non_terminal_state_has_a_deadline_and_ends_when_it_passes() {
    for run in every_state().into_iter().filter(|run| !run.status.is_terminal()) {
        let deadline = run.deadline.expect("a non-terminal run has a deadline");
        let next = try_command_at(&run, Command::PassDeadline, deadline).unwrap();
        let expected = if !run.gates.is_empty() || run.pause.is_some() { Status::Expired } else { Status::Failed };
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
    assert!(artifacts[0].artifact_type.ends_with(".wait"));
    assert_eq!(artifacts[0].metadata["status"], "timeout");
    assert_eq!(artifacts[0].metadata["expectedCount"], 2);
}

#[test]
fn a_policy_says_what_an_expiry_means() {
    let end = |on_expiry| {
        let run = at_gate_with(gate("workflow"), GatePolicy { on_expiry, ..GatePolicy::default() });
        try_command_at(&run, Command::PassDeadline, run.deadline.unwrap()).unwrap()
    };
    assert_eq!(end(OnExpiry::Expire).status, Status::Expired);
    assert_eq!(end(OnExpiry::Reject).status, Status::Rejected);
    let extended = end(OnExpiry::ExtendOnce);
    let deadline = extended.deadline.unwrap();
    assert_eq!(extended.status, Status::PendingWorkflow);
    assert_eq!(deadline - extended.gates[0].opened_at, Duration::seconds(2 * 7 * 24 * 3600));
    assert_eq!(try_command_at(&extended, Command::PassDeadline, deadline).unwrap().status, Status::Expired);
}
