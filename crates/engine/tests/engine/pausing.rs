//! A paused run under the dispatcher's hands.

use crate::fixture::*;
use mw_engine::World;
use mw_media::run::{Command, Run};
use mw_media::status::Status;
use time::Duration;

fn pause(engine: &mut Engine, run: &Run) {
    let until = engine.now() + Duration::days(7);
    engine.tell(&run.run_id, &Command::Pause { reason: "r".into(), actor: "a".into(), until });
}

fn resume(engine: &mut Engine, run: &Run) {
    engine.tell(&run.run_id, &Command::Resume { reason: "r".into() });
}

#[test]
fn a_paused_run_is_not_submitted_and_a_resumed_one_is_published() {
    let mut engine = Engine::new();
    let run = engine.generating("test_video_gen");
    pause(&mut engine, &run);
    engine.dispatch();
    assert!(engine.sim_state()["tasks"].as_array().unwrap().is_empty());
    resume(&mut engine, &run);
    let run = engine.carry(&run.run_id);
    assert_eq!(run.status, Status::AwaitingPrepublish);
    engine.events(&run.run_id);
}

#[test]
fn a_submission_that_comes_back_while_its_run_is_paused_is_held_and_not_counted() {
    let mut engine = Engine::new();
    let run = engine.generating("test_video_gen");
    pause(&mut engine, &run);
    // As if it had been on its way when the pause came.
    let back = "UPDATE outbox SET state = 'due', due_at = now() - interval '1 minute' WHERE state = 'held'";
    engine.db().driver().batch_execute(back).unwrap();
    engine.dispatch();
    let held = "SELECT count(*) FROM outbox WHERE state = 'held' AND attempt = 0 AND sent_at IS NULL";
    assert_eq!(engine.count(held), 2);
    assert!(engine.sim_state()["tasks"].as_array().unwrap().is_empty());
}

#[test]
fn an_effect_that_is_held_although_its_run_goes_on_is_released() {
    let mut engine = Engine::new();
    let run = engine.generating("test_video_gen");
    engine.db().driver().batch_execute("UPDATE outbox SET state = 'held' WHERE state = 'due'").unwrap();
    assert_eq!(engine.sweep().lost_effects, 2);
    assert_eq!(engine.carry(&run.run_id).status, Status::AwaitingPrepublish);
}

#[test]
fn an_open_job_that_nobody_works_on_gets_its_effect_back_and_is_looked_for_before_it_is_sent() {
    let mut engine = Engine::new();
    let run = engine.generating("test_video_gen");
    engine.db().driver().batch_execute("DELETE FROM outbox").unwrap();
    assert_eq!(engine.sweep().lost_effects, 2);
    let sent = "SELECT count(*) FROM outbox WHERE state = 'due' AND kind = 'submit' AND sent_at IS NOT NULL";
    assert_eq!(engine.count(sent), 2);
    assert_eq!(engine.count_events(&run.run_id, "job.effect_restored"), 2, "the timeline says so");
    assert_eq!(engine.sweep().lost_effects, 0, "one round a minute");
    engine.ahead += Duration::minutes(2);
    assert_eq!(engine.carry(&run.run_id).status, Status::AwaitingPrepublish);
}
