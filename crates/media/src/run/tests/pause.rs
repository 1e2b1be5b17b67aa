use crate::run::testing::*;
use crate::run::*;
use time::Duration;

#[test]
fn every_open_run_can_be_paused_and_goes_on_where_it_was() {
    for run in every_state().into_iter().filter(|run| !run.status.is_terminal() && run.pause.is_none()) {
        let held = paused(&run);
        assert_eq!((held.status, held.body.step, &held.gates), (Status::Paused, run.body.step, &run.gates));
        assert_eq!(try_command(&held, pause_at(T0)).unwrap(), held, "a second pause changes nothing");
        let after_an_hour = resume_at(&held, T0 + Duration::hours(1));
        assert_eq!((after_an_hour.status, after_an_hour.gates.len()), (run.status, run.gates.len()));
        assert_eq!(after_an_hour.deadline, run.deadline.map(|deadline| deadline + Duration::hours(1)));
    }
}

#[test]
fn nobody_decides_while_it_is_held() {
    let held = paused(&at_gate(gate("ideate")));
    let refusal = try_command(&held, Command::DecideGate(approve(gate("ideate")))).unwrap_err();
    assert!(matches!(refusal, Refusal::Paused { .. }));
    let resumed = resume_at(&held, T0);
    assert!(try_command(&resumed, Command::DecideGate(approve(gate("ideate")))).is_ok());
}

#[test]
fn what_comes_in_meanwhile_is_kept_and_moves_the_run_on_when_it_is_resumed() {
    let mut run = at_generate();
    let ids = job_ids(&run);
    for job_id in &ids {
        let submit =
            Command::Own(MediaCommand::SubmitJob { job_id: job_id.clone(), task_id: job_id.clone(), adopted: false });
        run = try_command(&run, submit).unwrap();
    }
    let mut held = paused(&run);
    for job_id in &ids {
        held = try_command(
            &held,
            Command::Own(MediaCommand::FinishJob { job_id: job_id.clone(), url: "https://c".into() }),
        )
        .unwrap();
    }
    assert_eq!(held.status, Status::Paused);
    assert!(held.body.clips.iter().all(|clip| matches!(clip.state, ClipState::Generated { .. })));
    assert_eq!(resume_at(&held, T0).body.current_step().unwrap().name(), "render");
}

#[test]
fn a_persona_that_answered_meanwhile_is_not_asked_again() {
    let held = paused(&at_persona());
    let finish = Command::Own(MediaCommand::FinishPersona {
        step: held.body.step,
        output: Default::default(),
        source: "m".into(),
    });
    let held = try_command(&held, finish.clone()).unwrap();
    assert_eq!(held.status, Status::Paused);
    assert!(matches!(try_command(&held, finish), Err(Refusal::StaleStep { .. })));
    assert_eq!(resume_at(&held, T0).status, Status::AwaitingIdeate);
}

#[test]
fn a_step_that_had_no_time_left_gets_a_minute() {
    let run = at_generate();
    let late = run.deadline.unwrap() - Duration::seconds(1);
    let held = crate::run::testing::try_command_at(&run, pause_at(late), late).unwrap();
    let resumed = resume_at(&held, late + Duration::days(1));
    assert_eq!(resumed.deadline, Some(late + Duration::days(1) + Duration::minutes(1)));
}

#[test]
fn a_pause_that_nobody_ends_expires_the_run() {
    let held = paused(&at_generate());
    let over = held.deadline.unwrap();
    assert_eq!(over, T0 + Duration::days(PAUSE_DAYS));
    let ended = crate::run::testing::try_command_at(&held, Command::PassDeadline, over).unwrap();
    assert_eq!((ended.status, ended.pause), (Status::Expired, None));
}
