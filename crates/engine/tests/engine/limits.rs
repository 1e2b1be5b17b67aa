//! Work that a limit holds back is waited for, and nobody starves behind it.

use crate::fixture::*;
use mw_engine::World;
use mw_media::run::PersonaSource;
use mw_media::status::{ProvidersMode, Status};
use serde_json::json;

/// Submissions that have gone out.
fn sent(engine: &Engine) -> i64 {
    engine.count("SELECT count(*) FROM outbox WHERE kind = 'submit' AND provider = 'kieai' AND sent_at IS NOT NULL")
}

#[test]
fn a_dispatcher_waits_for_the_window_and_goes_on_by_itself() {
    let mut engine = Engine::new();
    let runs: Vec<_> = (0..3).map(|_| engine.generating("aismr").run_id).collect();
    // 36 clips are due; the window lets 20 through.
    let before = engine.now();
    engine.dispatch();
    assert_eq!(sent(&engine), 36);
    let waited = engine.now() - before;
    assert!(waited.whole_seconds() >= 10, "the last 16 wait for the next window: {waited}");
    for run_id in runs {
        assert_eq!(engine.carry(&run_id).status, Status::AwaitingPrepublish);
    }
    let most = "SELECT max((SELECT count(*) FROM outbox AS other WHERE other.kind = 'submit'
        AND other.sent_at >= outbox.sent_at AND other.sent_at < outbox.sent_at + interval '10 seconds'
        AND other.provider = 'kieai')) FROM outbox WHERE kind = 'submit' AND provider = 'kieai'";
    assert_eq!(engine.count(most), 20);
}

#[test]
fn four_dispatchers_keep_the_window_together() {
    let mut engine = Engine::new();
    for _ in 0..6 {
        engine.generating("aismr");
    }
    let (settings, media) = (engine.settings.clone(), engine.media.clone());
    let twins: Vec<Twin> = (0..4).map(|_| engine.twin()).collect();
    std::thread::scope(|scope| {
        for mut twin in twins {
            let (settings, media) = (&settings, &media);
            scope.spawn(move || twin.work(settings, media));
        }
    });
    let most = "SELECT max((SELECT count(*) FROM outbox AS other WHERE other.kind = 'submit'
        AND other.sent_at >= outbox.sent_at AND other.sent_at < outbox.sent_at + interval '10 seconds'
        AND other.provider = 'kieai')) FROM outbox WHERE kind = 'submit' AND provider = 'kieai'";
    assert!(sent(&engine) >= 20);
    assert!(engine.count(most) <= 20, "{}", engine.count(most));
}

#[test]
fn mock_runs_know_no_limit() {
    let mut engine = Engine::new();
    for _ in 0..3 {
        let run = engine.start("aismr", ProvidersMode::Mock, PersonaSource::Rules);
        engine.approve(&run.run_id, mw_media::gate!("workflow"));
        engine.approve(&run.run_id, mw_media::gate!("ideate"));
    }
    let before = engine.now();
    engine.dispatch();
    assert_eq!(engine.count("SELECT count(*) FROM runs WHERE status = 'awaiting_prepublish'"), 3);
    assert!((engine.now() - before).whole_seconds() < 10);
}

#[test]
fn a_provider_that_asks_for_a_pause_is_left_alone_for_it() {
    let mut engine = Engine::new();
    engine.fault(
        &json!({"provider": "shotstack", "fault": "status_429", "on": "create", "times": 1, "retry_after_seconds": 300}),
    );
    let run = engine.generating("test_video_gen");
    let refused = "SELECT count(*) FROM outbox WHERE provider = 'shotstack' AND last_error LIKE '429%'";
    engine.dispatch();
    while engine.count(refused) == 0 {
        engine.pass_until_due();
        engine.dispatch();
    }
    let other = engine.generating("test_video_gen");
    for _ in 0..10 {
        engine.dispatch();
        engine.ahead += time::Duration::seconds(5);
    }
    assert_eq!(engine.run(&other.run_id).body.current_step().unwrap().name(), "render");
    let renders =
        engine.sim_state()["tasks"].as_array().unwrap().iter().filter(|t| t["provider"] == "shotstack").count();
    assert_eq!(renders, 0, "nobody's render starts meanwhile");
    engine.ahead += time::Duration::seconds(301);
    assert_eq!(engine.carry(&run.run_id).status, Status::AwaitingPrepublish);
    assert_eq!(engine.carry(&other.run_id).status, Status::AwaitingPrepublish);
}
