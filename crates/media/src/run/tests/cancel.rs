use crate::run::testing::*;
use crate::run::*;

#[test]
fn cancel_ends_every_non_terminal_run_and_no_other() {
    for run in every_state() {
        let result = try_command(&run, Command::Cancel { reason: "enough".into(), actor: "me".into() });
        match run.status.is_terminal() {
            false => {
                let next = result.unwrap();
                assert_eq!(next.status, Status::Cancelled);
                assert_eq!((next.deadline, next.gates.is_empty()), (None, true));
            }
            true => assert!(matches!(result, Err(Refusal::AlreadyTerminal { .. }))),
        }
    }
}
