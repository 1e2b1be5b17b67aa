use crate::run::testing::*;
use crate::run::*;

fn terminate() -> Command {
    Command::Terminate { reason: "enough".into(), actor: "ann".into() }
}

#[test]
fn terminate_ends_every_non_terminal_run_and_says_who_and_why() {
    for run in every_state() {
        let result = try_command(&run, terminate());
        if run.status.is_terminal() {
            assert!(matches!(result, Err(Refusal::AlreadyTerminal { .. })));
            continue;
        }
        let ended = result.unwrap();
        assert_eq!(ended.status, Status::Failed);
        assert_eq!(ended.error.as_ref().unwrap().error_message, "terminated by ann: enough");
        assert_eq!((ended.deadline, ended.gates.len(), &ended.pause), (None, 0, &None));
        assert_eq!(try_command(&ended, terminate()).unwrap(), ended, "a second one changes nothing");
    }
}
