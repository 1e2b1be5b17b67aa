use crate::fixture::*;
use mw_media::run::{ClipState, PersonaSource};
use mw_media::status::{ProvidersMode, Status};

fn walk(project: &str, mode: ProvidersMode) -> (Engine, String) {
    let mut engine = Engine::new();
    let run = engine.start(project, mode, PersonaSource::Rules);
    assert_eq!(run.status, Status::PendingWorkflow);
    engine.approve(&run.run_id, mw_media::gate!("workflow"));
    engine.approve(&run.run_id, mw_media::gate!("ideate"));
    let run = engine.carry(&run.run_id);
    assert_eq!(run.status, Status::AwaitingPrepublish);
    engine.approve(&run.run_id, mw_media::gate!("prepublish"));
    let run = engine.carry(&run.run_id);
    assert!(is_published(&run), "{run:?}");
    assert!(run.body.publish_url.as_ref().is_some_and(|url| !url.is_empty()));
    engine.events(&run.run_id);
    (engine, run.run_id)
}

#[test]
fn a_mock_run_is_published_without_any_request() {
    let (engine, run_id) = walk("test_video_gen", ProvidersMode::Mock);
    assert!(engine.run(&run_id).body.publish_url.unwrap().starts_with("https://publish.mock/"));
    assert_eq!(engine.sim_state()["tasks"].as_array().unwrap().len(), 0);
}

#[test]
fn a_run_of_twelve_clips_is_published_with_one_task_for_each_job() {
    let (engine, run_id) = walk("aismr", ProvidersMode::Sim);
    let state = engine.sim_state();
    assert_eq!(state["tasks"].as_array().unwrap().len(), 14);
    assert_eq!(state["submitted_twice"].as_array().unwrap().len(), 0);
    let run = engine.run(&run_id);
    assert!(run.body.clips.iter().all(|clip| matches!(clip.state, ClipState::Generated { .. })));
    assert_eq!(engine.count("SELECT count(*) FROM outbox WHERE state <> 'done'"), 0);
}

#[test]
fn four_dispatchers_at_once_lose_no_clip_and_make_none_twice() {
    let mut engine = Engine::new();
    let run = engine.generating("aismr");
    for _ in 0..100 {
        if !engine.run(&run.run_id).gates.is_empty() {
            break;
        }
        let (settings, media) = (&engine.settings, &engine.media);
        let twins: Vec<Twin> = (0..4).map(|_| engine.twin()).collect();
        std::thread::scope(|scope| {
            for mut twin in twins {
                scope.spawn(move || twin.work(settings, media));
            }
        });
        engine.pass_until_due();
    }
    let run = engine.run(&run.run_id);
    assert_eq!(run.status, Status::AwaitingPrepublish, "{:?}", engine.open_effects());
    assert_eq!(engine.count_events(&run.run_id, "job.succeeded"), 13);
    assert_eq!(engine.sim_state()["submitted_twice"].as_array().unwrap().len(), 0);
}

#[test]
fn nothing_is_sent_for_a_cancelled_run() {
    let mut engine = Engine::new();
    let run = engine.generating("test_video_gen");
    let cancel = mw_media::run::Command::Cancel { reason: "enough".into(), actor: "me".into() };
    engine.tell(&run.run_id, &cancel);
    assert_eq!(engine.dispatch().claimed, 0);
    assert_eq!(engine.sim_state()["tasks"].as_array().unwrap().len(), 0);
    assert_eq!(engine.run(&run.run_id).status, Status::Cancelled);
}
