//! An open gate has waited for long: whoever should decide is told once, and whom the policy names for that is called in.
//! Times are counted back from the deadline, so that a pause moves them too.

use crate::Timestamp;
use crate::gate_policy::GatePolicy;
use crate::run::event::Event;
use crate::run::state::{OpenGate, Run};
use crate::run::{Refusal, refuse_terminal};
use time::Duration;

/// A warning comes when this part of the gate's time is left, unless the policy says when.
const LEFT_DIVISOR: i32 = 5;

/// When a gate is warned about: at four fifths of its time.
fn warn_at(open: &OpenGate, deadline: Timestamp, limit_seconds: u32, policy: &GatePolicy) -> Timestamp {
    match policy.warn_after_seconds {
        Some(after) => before(deadline, limit_seconds, after),
        None => deadline - (deadline - open.opened_at) / LEFT_DIVISOR,
    }
}

fn before(deadline: Timestamp, limit_seconds: u32, after_seconds: u32) -> Timestamp {
    deadline - Duration::seconds(i64::from(limit_seconds.saturating_sub(after_seconds)))
}

/// What is still to be told about the open gate, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Reminders {
    warn_at: Option<Timestamp>,
    escalate_at: Option<Timestamp>,
}

fn reminders(run: &Run, open: &OpenGate, deadline: Timestamp) -> Reminders {
    let policy = run.policy().cloned().unwrap_or_default();
    let limit_seconds = run.current_step().map_or(0, |step| step.limit_seconds());
    let escalation = policy.escalate.as_ref().filter(|_| !open.escalated);
    Reminders {
        warn_at: (!open.warned).then(|| warn_at(open, deadline, limit_seconds, &policy)),
        escalate_at: escalation.map(|escalation| before(deadline, limit_seconds, escalation.after_seconds)),
    }
}

/// When the sweep must look at the gate next; none when everything is told.
pub(super) fn due_at(run: &Run, open: &OpenGate, deadline: Timestamp) -> Option<Timestamp> {
    let reminders = reminders(run, open, deadline);
    [reminders.warn_at, reminders.escalate_at].into_iter().flatten().min()
}

pub(super) fn decide(run: &Run, now: Timestamp) -> Result<Vec<Event>, Refusal> {
    refuse_terminal(run)?;
    let not_due = || Refusal::NotDue { run_id: run.run_id.clone() };
    let (Some(open), Some(deadline)) = (&run.gate, run.deadline) else { return Err(not_due()) };
    if run.pause.is_some() || deadline <= now {
        return Err(not_due());
    }
    let (gate, opening) = (open.gate, open.opening);
    let Reminders { warn_at, escalate_at } = reminders(run, open, deadline);
    let is_due = |at: &Option<Timestamp>| at.is_some_and(|at| at <= now);
    let mut events = Vec::new();
    if is_due(&warn_at) {
        events.push(Event::GateWarned { gate, opening });
    }
    if is_due(&escalate_at) {
        events.push(Event::GateEscalated { gate, opening });
    }
    let all_told = warn_at.is_none() && escalate_at.is_none();
    if events.is_empty() && !all_told { Err(not_due()) } else { Ok(events) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate_policy::Escalation;
    use crate::run::testing::{at_gate, at_gate_with, every_state, paused, resume_at, try_command_at, with_context};
    use crate::run::{Command, apply};
    use crate::status::GateName;

    #[test]
    fn a_gate_is_warned_about_once_at_four_fifths_of_its_time() {
        let run = at_gate(GateName::Prepublish);
        let (open, deadline) = (run.gate.clone().unwrap(), run.deadline.unwrap());
        let due = due_at(&run, &open, deadline).unwrap();
        assert_eq!(deadline - due, (deadline - open.opened_at) / 5);
        let early = try_command_at(&run, Command::WarnGate, due - Duration::microseconds(1));
        assert!(matches!(early, Err(Refusal::NotDue { .. })));
        let told = with_context(due, |context| apply(&run, &Command::WarnGate, "sweep", context)).unwrap().unwrap();
        assert_eq!(told.rows.artifacts[0].artifact_type, "notification");
        assert!(told.run.gate.as_ref().unwrap().warned && told.run.status == run.status);
        assert_eq!(try_command_at(&told.run, Command::WarnGate, due).unwrap(), told.run);
        let late = try_command_at(&run, Command::WarnGate, deadline);
        assert!(matches!(late, Err(Refusal::NotDue { .. })), "then it expires");
    }

    #[test]
    fn a_policy_says_when_to_warn_and_when_to_call_others_in_and_a_pause_moves_both() {
        let escalate = Escalation { after_seconds: 200, approvers: vec!["boss".into()], groups: Vec::new() };
        let policy = GatePolicy { warn_after_seconds: Some(100), escalate: Some(escalate), ..GatePolicy::default() };
        let run = at_gate_with(GateName::Workflow, policy);
        let opened_at = run.gate.as_ref().unwrap().opened_at;
        let after = |seconds| opened_at + Duration::seconds(seconds);
        assert!(try_command_at(&run, Command::WarnGate, after(99)).is_err());
        let warned = try_command_at(&run, Command::WarnGate, after(100)).unwrap();
        assert!(warned.gate.as_ref().is_some_and(|open| open.warned && !open.escalated));
        assert!(try_command_at(&warned, Command::WarnGate, after(199)).is_err(), "nothing more is due yet");
        let escalated = try_command_at(&warned, Command::WarnGate, after(200)).unwrap();
        assert!(escalated.gate.as_ref().is_some_and(|open| open.escalated));
        assert_eq!(try_command_at(&escalated, Command::WarnGate, after(300)).unwrap(), escalated);
        let both = try_command_at(&run, Command::WarnGate, after(250)).unwrap();
        assert!(
            both.gate.as_ref().is_some_and(|open| open.warned && open.escalated),
            "a sweep that comes late tells all"
        );
        let resumed = resume_at(&paused(&run), after(50));
        assert!(try_command_at(&resumed, Command::WarnGate, after(149)).is_err());
        assert!(try_command_at(&resumed, Command::WarnGate, after(150)).is_ok());
    }

    #[test]
    fn nobody_is_warned_about_a_held_run_or_one_without_a_gate() {
        let held = paused(&at_gate(GateName::Workflow));
        let late = held.deadline.unwrap() - Duration::seconds(1);
        assert!(matches!(try_command_at(&held, Command::WarnGate, late), Err(Refusal::NotDue { .. })));
        for run in every_state().into_iter().filter(|run| run.gate.is_none()) {
            assert!(try_command_at(&run, Command::WarnGate, run.deadline.unwrap_or(run.started_at)).is_err());
        }
    }
}
