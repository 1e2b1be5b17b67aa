//! Most of a gate's time is over: whoever should decide is told once.

use crate::Timestamp;
use crate::run::event::Event;
use crate::run::state::{OpenGate, Run};
use crate::run::{Refusal, refuse_terminal};
use time::Duration;

/// A warning comes when this part of the gate's time is left.
const LEFT_DIVISOR: i32 = 5;

/// When a gate is warned about: at four fifths of its time.
pub(super) fn due_at(open: &OpenGate, deadline: Timestamp) -> Timestamp {
    deadline - (deadline - open.opened_at) / LEFT_DIVISOR
}

pub(super) fn decide(run: &Run, now: Timestamp) -> Result<Vec<Event>, Refusal> {
    refuse_terminal(run)?;
    let not_due = || Refusal::NotDue { run_id: run.run_id.clone() };
    let (Some(open), Some(deadline)) = (&run.gate, run.deadline) else { return Err(not_due()) };
    let remains = deadline - now;
    if open.warned {
        return Ok(Vec::new());
    }
    if run.pause.is_some() || due_at(open, deadline) > now || remains <= Duration::ZERO {
        return Err(not_due());
    }
    Ok(vec![Event::GateWarned { gate: open.gate, opening: open.opening }])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::testing::{at_gate, every_state, paused, try_command_at, with_context};
    use crate::run::{Command, apply};
    use crate::status::GateName;

    #[test]
    fn a_gate_is_warned_about_once_at_four_fifths_of_its_time() {
        let run = at_gate(GateName::Prepublish);
        let (open, deadline) = (run.gate.clone().unwrap(), run.deadline.unwrap());
        let due = due_at(&open, deadline);
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
    fn nobody_is_warned_about_a_held_run_or_one_without_a_gate() {
        let held = paused(&at_gate(GateName::Workflow));
        let late = held.deadline.unwrap() - Duration::seconds(1);
        assert!(matches!(try_command_at(&held, Command::WarnGate, late), Err(Refusal::NotDue { .. })));
        for run in every_state().into_iter().filter(|run| run.gate.is_none()) {
            assert!(try_command_at(&run, Command::WarnGate, run.deadline.unwrap_or(run.started_at)).is_err());
        }
    }
}
