use crate::run::testing::{every_state, try_command};
use crate::run::{Command, Refusal};
use crate::status::Status;

#[test]
fn cancel_ends_every_non_terminal_run_and_no_other() {
    for run in every_state() {
        let result = try_command(&run, Command::Cancel { reason: "enough".into(), actor: "me".into() });
        match run.status.is_terminal() {
            false => {
                let next = result.unwrap();
                assert_eq!(next.status, Status::Cancelled);
                assert_eq!((next.deadline, next.gate.is_none()), (None, true));
            }
            true => assert!(matches!(result, Err(Refusal::AlreadyTerminal { .. }))),
        }
    }
}
