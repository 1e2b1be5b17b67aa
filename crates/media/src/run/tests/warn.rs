use crate::gate_policy::Escalation;
use crate::gate_policy::GatePolicy;
use crate::run::testing::*;
use crate::run::*;
use time::Duration;

#[test]
fn a_gate_is_warned_about_once_at_four_fifths_of_its_time() {
    let run = at_gate(gate("prepublish"));
    let (open, deadline) = (run.gates[0].clone(), run.deadline.unwrap());
    let due = open.reminder_due_at().unwrap();
    assert_eq!(deadline - due, (deadline - open.opened_at) / 5);
    let early = try_command_at(&run, Command::WarnGate, due - Duration::microseconds(1));
    assert!(matches!(early, Err(Refusal::NotDue { .. })));
    let told = with_context(due, |context| apply(&run, &Command::WarnGate, "sweep", context)).unwrap().unwrap();
    assert_eq!(told.rows.artifacts[0].artifact_type, "notification");
    assert!(told.run.gates[0].warned && told.run.status == run.status);
    assert_eq!(try_command_at(&told.run, Command::WarnGate, due).unwrap(), told.run);
    let late = try_command_at(&run, Command::WarnGate, deadline);
    assert!(matches!(late, Err(Refusal::NotDue { .. })), "then it expires");
}

#[test]
fn a_policy_says_when_to_warn_and_when_to_call_others_in_and_a_pause_moves_both() {
    let escalate = Escalation { after_seconds: 200, approvers: vec!["boss".into()], groups: Vec::new() };
    let policy = GatePolicy { warn_after_seconds: Some(100), escalate: Some(escalate), ..GatePolicy::default() };
    let run = at_gate_with(gate("workflow"), policy);
    let opened_at = run.gates[0].opened_at;
    let after = |seconds| opened_at + Duration::seconds(seconds);
    assert!(try_command_at(&run, Command::WarnGate, after(99)).is_err());
    let warned = try_command_at(&run, Command::WarnGate, after(100)).unwrap();
    assert!(warned.gates.first().is_some_and(|open| open.warned && !open.escalated));
    assert!(try_command_at(&warned, Command::WarnGate, after(199)).is_err(), "nothing more is due yet");
    let escalated = try_command_at(&warned, Command::WarnGate, after(200)).unwrap();
    assert!(escalated.gates.first().is_some_and(|open| open.escalated));
    assert_eq!(try_command_at(&escalated, Command::WarnGate, after(300)).unwrap(), escalated);
    let both = try_command_at(&run, Command::WarnGate, after(250)).unwrap();
    assert!(both.gates.first().is_some_and(|open| open.warned && open.escalated), "a sweep that comes late tells all");
    let resumed = resume_at(&paused(&run), after(50));
    assert!(try_command_at(&resumed, Command::WarnGate, after(149)).is_err());
    assert!(try_command_at(&resumed, Command::WarnGate, after(150)).is_ok());
}

#[test]
fn nobody_is_warned_about_a_held_run_or_one_without_a_gate() {
    let held = paused(&at_gate(gate("workflow")));
    let late = held.deadline.unwrap() - Duration::seconds(1);
    assert!(matches!(try_command_at(&held, Command::WarnGate, late), Err(Refusal::NotDue { .. })));
    for run in every_state().into_iter().filter(|run| run.gates.is_empty()) {
        assert!(try_command_at(&run, Command::WarnGate, run.deadline.unwrap_or(run.started_at)).is_err());
    }
}
