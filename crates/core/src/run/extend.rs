//! An operator gives a run more time: the deadline of its step, its gate or its pause moves to a later moment. Naming
//! the moment, not a number of seconds, makes repeating it harmless.

use crate::Timestamp;
use crate::run::event::Event;
use crate::run::state::Run;
use crate::run::{Context, Refusal, refuse_terminal, rfc3339};
use time::Duration;

/// The furthest deadline that anybody can set.
pub const DAYS_MAX: u32 = 90;

pub(super) fn decide(run: &Run, until: Timestamp, reason: &str, context: &Context<'_>) -> Result<Vec<Event>, Refusal> {
    refuse_terminal(run)?;
    let latest = context.now + Duration::days(i64::from(DAYS_MAX));
    if until > latest {
        return Err(Refusal::DeadlineTooFar { latest: rfc3339(latest) });
    }
    if run.deadline.is_some_and(|deadline| deadline >= until) {
        return Ok(Vec::new());
    }
    Ok(vec![Event::DeadlineExtended { reason: reason.to_owned(), deadline: until }])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::testing::{T0, every_state, try_command, try_command_at};
    use crate::run::{Command, GateRow, apply};
    use crate::status::GateName;

    fn extend(until: Timestamp) -> Command {
        Command::Extend { until, reason: "slow provider".into() }
    }

    #[test]
    fn every_open_run_gets_the_time_and_repeating_it_changes_nothing() {
        for run in every_state() {
            let until = T0 + Duration::days(30);
            let result = try_command(&run, extend(until));
            if run.status.is_terminal() {
                assert!(matches!(result, Err(Refusal::AlreadyTerminal { .. })));
                continue;
            }
            let longer = result.unwrap();
            assert_eq!((longer.deadline, longer.status), (Some(until), run.status));
            assert_eq!(try_command(&longer, extend(until)).unwrap(), longer);
            assert!(matches!(
                try_command_at(&longer, Command::PassDeadline, until - Duration::seconds(1)),
                Err(Refusal::NotDue { .. })
            ));
        }
    }

    #[test]
    fn nobody_gets_less_time_or_more_than_the_limit() {
        let run = crate::run::testing::at_generate();
        assert_eq!(try_command(&run, extend(T0)).unwrap(), run);
        let far = T0 + Duration::days(i64::from(DAYS_MAX)) + Duration::seconds(1);
        assert!(matches!(try_command(&run, extend(far)), Err(Refusal::DeadlineTooFar { .. })));
    }

    #[test]
    fn the_row_of_an_open_gate_moves_with_it() {
        let run = crate::run::testing::at_gate(GateName::Ideate);
        let until = T0 + Duration::days(20);
        let rows = crate::run::testing::with_context(T0, |context| apply(&run, &extend(until), "t", context));
        let gates: Vec<GateRow> = rows.unwrap().unwrap().rows.gates;
        assert_eq!((gates[0].state.as_str(), gates[0].deadline), ("open", Some(until)));
    }
}
