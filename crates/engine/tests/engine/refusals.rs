use crate::fixture::*;
use mw_media::run::ClipState;
use mw_media::status::Status;
use serde_json::json;

#[test]
fn a_final_refusal_of_one_clip_keeps_the_other_and_fails_the_run() {
    let mut engine = Engine::new();
    engine.fault(&json!({"provider": "kieai", "fault": "code_402", "times": 1, "on": "create"}));
    let run = engine.generating("test_video_gen");
    let run = engine.carry(&run.run_id);
    assert_eq!(run.status, Status::Failed);
    assert_eq!(run.error.as_ref().unwrap().error_type, "402");
    assert_eq!(run.body.clips.iter().filter(|clip| matches!(clip.state, ClipState::Generated { .. })).count(), 1);
    assert_eq!(engine.count("SELECT count(*) FROM artifacts WHERE type IN ('run.failed', 'kieai.error')"), 2);
}

#[test]
fn passing_refusals_are_retried_and_forgotten() {
    for fault in ["code_429", "code_455", "status_429"] {
        let mut engine = Engine::new();
        engine.fault(&json!({"provider": "kieai", "fault": fault, "times": 3, "on": "create"}));
        let run = engine.generating("test_video_gen");
        assert_eq!(engine.carry(&run.run_id).status, Status::AwaitingPrepublish, "{fault}");
        assert_eq!(engine.sim_state()["tasks"].as_array().unwrap().len(), 3, "{fault}");
    }
}

#[test]
fn a_provider_that_keeps_refusing_fails_the_run_after_five_attempts() {
    let mut engine = Engine::new();
    engine.fault(&json!({"provider": "kieai", "fault": "code_429", "on": "create"}));
    let run = engine.generating("test_video_gen");
    let run = engine.carry(&run.run_id);
    assert_eq!(run.status, Status::Failed);
    let dead = "SELECT count(*) FROM outbox WHERE state IN ('dead', 'fenced') AND attempt = 5";
    assert!(engine.count(dead) >= 1);
}

#[test]
fn a_provider_that_is_down_is_asked_again_until_it_answers() {
    let mut engine = Engine::new();
    engine.fault(&json!({"provider": "kieai", "fault": "status_500", "times": 4, "on": "query"}));
    let run = engine.generating("test_video_gen");
    assert_eq!(engine.carry(&run.run_id).status, Status::AwaitingPrepublish);
}

#[test]
fn jobs_that_fail_at_the_provider_fail_the_run_with_its_words() {
    for (provider, fault, after) in [
        ("kieai", "task_fails", None),
        ("shotstack", "render_fails", None),
        ("upload-post", "post_fails", Some(mw_media::gate!("prepublish"))),
        ("upload-post", "fallback_to_inbox", Some(mw_media::gate!("prepublish"))),
    ] {
        let mut engine = Engine::new();
        engine.fault(&json!({"provider": provider, "fault": fault}));
        let run = engine.generating("test_video_gen");
        let mut ended = engine.carry(&run.run_id);
        if let Some(gate) = after {
            engine.approve(&run.run_id, gate);
            ended = engine.carry(&run.run_id);
        }
        assert_eq!(ended.status, Status::Failed, "{fault}");
        assert!(!ended.error.unwrap().error_message.is_empty(), "{fault}");
    }
}

#[test]
fn a_render_that_failed_in_passing_is_made_once_more_and_one_that_failed_for_good_is_not() {
    let mut engine = Engine::new();
    let words = json!({"provider": "shotstack", "fault": "render_fails", "text": "Service temporarily unavailable", "times": 1});
    engine.fault(&words);
    let run = engine.generating("test_video_gen");
    assert_eq!(engine.carry(&run.run_id).status, Status::AwaitingPrepublish);
    assert_eq!(engine.count_events(&run.run_id, "job.replaced"), 1);
    engine.fault(&json!({"provider": "shotstack", "fault": "render_fails", "times": 1}));
    let run = engine.generating("test_video_gen");
    assert_eq!(engine.carry(&run.run_id).status, Status::Failed);
    assert_eq!(engine.count_events(&run.run_id, "job.replaced"), 0);
}

/// While instances are replaced one after the other, an old one may claim what only a new one can do.
#[test]
fn an_unknown_provider_costs_no_attempt_and_no_job() {
    let mut engine = Engine::new();
    let run = engine.generating("test_video_gen");
    let renamed = "UPDATE runs SET state = replace(state::text, '\"kieai\"', '\"acme\"')::jsonb WHERE run_id = $1";
    engine.db().driver().execute(renamed, &[&run.run_id]).unwrap();
    engine.dispatch();
    let waiting =
        "SELECT count(*) FROM outbox WHERE kind = 'submit' AND state = 'due' AND attempt = 0 AND sent_at IS NULL";
    assert!(engine.count(waiting) > 0);
    assert_eq!(engine.count("SELECT count(*) FROM provider_jobs WHERE NOT is_open"), 0);
}
