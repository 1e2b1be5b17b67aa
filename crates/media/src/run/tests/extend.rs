use crate::Timestamp;
use crate::run::testing::*;
use crate::run::*;
use time::Duration;

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
    let far = T0 + Duration::days(i64::from(EXTEND_DAYS_MAX)) + Duration::seconds(1);
    assert!(matches!(try_command(&run, extend(far)), Err(Refusal::DeadlineTooFar { .. })));
}

#[test]
fn the_row_of_an_open_gate_moves_with_it() {
    let run = crate::run::testing::at_gate(gate("ideate"));
    let until = T0 + Duration::days(20);
    let rows = crate::run::testing::with_context(T0, |context| apply(&run, &extend(until), "t", context));
    let gates: Vec<GateRow> = rows.unwrap().unwrap().rows.gates;
    assert_eq!((gates[0].state.as_str(), gates[0].open.as_ref().unwrap().deadline), ("open", until));
}
