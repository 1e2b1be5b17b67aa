//! A submission whose answer is lost: found out about before it is repeated.

use crate::fixture::*;
use mw_media::run::{Command, Event, JobPhase, MediaEvent, Run};
use mw_media::status::Status;
use serde_json::json;
use time::Duration;

fn clip_job(run: &Run) -> String {
    run.body.step_jobs().next().unwrap().0.clone()
}

fn phase(engine: &Engine, run: &Run, job_id: &str) -> JobPhase {
    engine.run(&run.run_id).body.jobs[job_id].phase.clone()
}

#[test]
fn a_callback_tells_the_task_and_the_provider_confirms_it() {
    let mut engine = Engine::new();
    engine.fault(&json!({"provider": "kieai", "fault": "drop_connection", "on": "create"}));
    let run = engine.generating("test_video_gen");
    engine.dispatch();
    let job_id = clip_job(&run);
    assert_eq!(phase(&engine, &run, &job_id), JobPhase::Requested);
    let task = engine.tasks_of(&job_id).remove(0);
    let answer = engine.callback("kieai", &job_id, &task);
    assert!(answer.kick, "a callback wakes the waiting submission");
    engine.dispatch();
    assert!(!matches!(phase(&engine, &run, &job_id), JobPhase::Requested));
    assert_eq!(engine.tasks_of(&job_id), [task]);
    let adopted = engine
        .events(&run.run_id)
        .into_iter()
        .any(|event| matches!(event.event, Event::Own(MediaEvent::JobSubmitted { adopted: true, .. })));
    assert!(adopted);
}

#[test]
fn a_strangers_task_is_not_adopted() {
    let mut engine = Engine::new();
    let other = engine.generating("test_video_gen");
    engine.dispatch();
    let foreign = engine.tasks_of(&clip_job(&other)).remove(0);
    engine.fault(&json!({"provider": "kieai", "fault": "drop_connection", "on": "create"}));
    let run = engine.generating("test_video_gen");
    engine.dispatch();
    let job_id = clip_job(&run);
    engine.callback("kieai", &job_id, &foreign);
    engine.dispatch();
    assert_eq!(phase(&engine, &run, &job_id), JobPhase::Requested);
}

#[test]
fn without_a_callback_it_is_sent_once_more_after_the_wait_and_the_timeline_says_so() {
    let mut engine = Engine::new();
    engine.fault(&json!({"provider": "kieai", "fault": "drop_connection", "on": "create", "times": 1}));
    let run = engine.generating("test_video_gen");
    engine.dispatch();
    engine.ahead += Duration::seconds(60);
    engine.dispatch();
    assert_eq!(engine.count_events(&run.run_id, "job.submission_repeated"), 0, "the wait is not over");
    engine.ahead += Duration::seconds(40);
    engine.dispatch();
    assert_eq!(engine.count_events(&run.run_id, "job.submission_repeated"), 1);
    let run = engine.carry(&run.run_id);
    assert_eq!(run.status, Status::AwaitingPrepublish);
    assert_eq!(engine.sim_state()["submitted_twice"].as_array().unwrap().len(), 1);
}

#[test]
fn a_provider_that_never_answers_fails_the_run_after_three_sends() {
    let mut engine = Engine::new();
    engine.fault(&json!({"provider": "kieai", "fault": "drop_connection", "on": "create"}));
    let run = engine.generating("test_video_gen");
    let ended = engine.carry(&run.run_id);
    assert_eq!(ended.status, Status::Failed);
    assert_eq!(ended.error.unwrap().error_type, "submission_unanswered");
    assert_eq!(engine.tasks_of(&clip_job(&run)).len(), 3);
}

#[test]
fn a_render_is_adopted_by_its_callback() {
    let mut engine = Engine::new();
    engine.fault(&json!({"provider": "shotstack", "fault": "drop_connection", "on": "create", "times": 1}));
    let run = engine.generating("test_video_gen");
    while engine.sim_state()["tasks"].as_array().unwrap().len() < 3 {
        engine.dispatch();
        engine.pass_until_due();
    }
    let run = engine.run(&run.run_id);
    let job_id = clip_job(&run);
    let task = engine.tasks_of(&job_id).remove(0);
    engine.callback("shotstack", &job_id, &task);
    let run = engine.carry(&run.run_id);
    assert_eq!(run.status, Status::AwaitingPrepublish);
    assert_eq!(engine.sim_state()["submitted_twice"].as_array().unwrap().len(), 0);
}

#[test]
fn a_post_is_recovered_by_our_own_id() {
    let mut engine = Engine::new();
    engine.fault(&json!({"provider": "upload-post", "fault": "drop_connection", "on": "create", "times": 1}));
    let run = engine.generating("test_video_gen");
    engine.carry(&run.run_id);
    engine.approve(&run.run_id, mw_media::gate!("prepublish"));
    assert!(is_published(&engine.carry(&run.run_id)));
    assert_eq!(engine.count_events(&run.run_id, "job.submission_repeated"), 0);
    let posts =
        engine.sim_state()["tasks"].as_array().unwrap().iter().filter(|t| t["provider"] == "upload-post").count();
    assert_eq!(posts, 1);
}

#[test]
fn a_dispatcher_that_died_after_sending_is_followed_by_one_that_asks_first() {
    let mut engine = Engine::new();
    let run = engine.generating("test_video_gen");
    // It claimed, sent, and was killed before it could say so.
    let now = mw_engine::World::now(&engine);
    let claim = mw_store::effects::claim(&mut engine.db(), now, 16, 45).unwrap();
    assert_eq!(claim.effects.len(), 2);
    engine.ahead += Duration::seconds(46);
    assert_eq!(engine.sweep().expired_leases, 2);
    engine.dispatch();
    assert_eq!(engine.sim_state()["tasks"].as_array().unwrap().len(), 0, "not sent again before the wait is over");
    let run = engine.carry(&run.run_id);
    assert_eq!(run.status, Status::AwaitingPrepublish);
    assert_eq!(engine.count_events(&run.run_id, "job.submission_repeated"), 2);
}

#[test]
fn a_database_without_a_free_connection_is_told_a_little_later() {
    let mut engine = Engine::new();
    let run = engine.generating("test_video_gen");
    // The claim gets its connection; the ten openings after it, which would tell the outcomes, get none.
    engine.outage = engine.opened + 2..engine.opened + 12;
    engine.dispatch();
    assert!(engine.count_events(&run.run_id, "job.submitted") >= 2);
    assert_eq!(engine.carry(&run.run_id).status, Status::AwaitingPrepublish);
    assert_eq!(engine.sim_state()["submitted_twice"].as_array().unwrap().len(), 0);
    assert_eq!(engine.count_events(&run.run_id, "job.submission_repeated"), 0);
}

#[test]
fn a_post_whose_answer_was_lost_when_its_run_ended_is_not_made_again_by_the_successor() {
    let mut engine = Engine::new();
    let run = engine.generating("test_video_gen");
    engine.carry(&run.run_id);
    engine.fault(&json!({"provider": "upload-post", "fault": "drop_connection", "on": "create", "times": 1}));
    engine.approve(&run.run_id, mw_media::gate!("prepublish"));
    engine.dispatch();
    let ended = engine.tell(&run.run_id, &Command::Terminate { reason: "r".into(), actor: "a".into() });
    let posts = |engine: &Engine| {
        engine.sim_state()["tasks"].as_array().unwrap().iter().filter(|task| task["provider"] == "upload-post").count()
    };
    assert_eq!((ended.status, posts(&engine)), (Status::Failed, 1));
    let now = mw_engine::World::now(&engine);
    let mut new_id = fresh_id;
    let mut context = mw_media::run::Context { now, new_id: &mut new_id };
    let retry = mw_media::run::Order::Retry { key: String::new(), fresh: false };
    let successor =
        mw_store::commit::order(&mut engine.db(), KINDS, ended.erase().unwrap(), &retry, "r", "a", &mut context)
            .map(|moved| typed(&moved.run))
            .unwrap();
    assert!(is_published(&engine.carry(&successor.run_id)));
    assert_eq!(posts(&engine), 1);
}
