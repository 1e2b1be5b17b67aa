//! A project's clips per day: never exceeded, and a refused start leaves nothing.

use crate::fixture::*;
use mw_media::Timestamp;
use mw_media::run::Transition;
use mw_media::status::ProvidersMode;
use mw_store::commit::{Committed, Decision, Idempotency, commit};
use mw_store::native::Client;
use time::Duration;

/// A start of a run of two clips, in a project that may have so many a day.
fn start_of(project: &str, clips_per_day: u32) -> Transition {
    let mut transition = start_transition("test_video_gen", ProvidersMode::Mock);
    transition.run.definition.key = project.to_owned();
    transition.run.body.settings.as_mut().unwrap().clips_per_day = Some(clips_per_day);
    transition
}

fn begin(db: &mut Client, at: Timestamp, project: &str, clips_per_day: u32) -> Committed {
    commit(db, at, &[of(start_of(project, clips_per_day))]).unwrap().results.remove(0)
}

/// Noon, so that no test runs across midnight.
fn noon() -> Timestamp {
    now().replace_time(time::Time::from_hms(12, 0, 0).unwrap())
}

#[test]
fn a_day_has_so_many_clips_and_the_next_one_again() {
    let mut db = connect();
    let project = fresh_id();
    for _ in 0..2 {
        assert_eq!(begin(&mut db, noon(), &project, 5), Committed::Committed);
    }
    assert_eq!(begin(&mut db, noon(), &project, 5), Committed::OverBudget { used: 4, limit: 5 });
    // A raised budget counts at once, and a clock that still shows yesterday takes from today.
    assert_eq!(begin(&mut db, noon(), &project, 6), Committed::Committed);
    let tomorrow = noon() + Duration::days(1);
    assert_eq!(begin(&mut db, tomorrow, &project, 5), Committed::Committed);
    assert_eq!(begin(&mut db, noon(), &project, 3), Committed::OverBudget { used: 2, limit: 3 });
    assert_eq!(begin(&mut db, tomorrow, &fresh_id(), 5), Committed::Committed, "another project's is its own");
}

#[test]
fn starts_at_the_same_time_never_exceed_it() {
    let project = fresh_id();
    let results: Vec<Committed> = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..12).map(|_| scope.spawn(|| begin(&mut connect(), noon(), &project, 7))).collect();
        starts.into_iter().map(|start| start.join().unwrap()).collect()
    });
    assert_eq!(results.iter().filter(|result| **result == Committed::Committed).count(), 3);
    let sql = "SELECT count(*) FROM runs WHERE project = $1";
    assert_eq!(count(&mut connect(), sql, &project), 3);
}

#[test]
fn a_refused_start_leaves_nothing_and_its_key_may_come_again() {
    let mut db = connect();
    let project = fresh_id();
    assert_eq!(begin(&mut db, noon(), &project, 2), Committed::Committed);
    let idempotency = Idempotency { caller: fresh_id(), key: "k".into(), fingerprint: "f".into() };
    let transition = start_of(&project, 2);
    let run_id = transition.run.run_id.clone();
    let start = Decision { idempotency: Some(idempotency.clone()), ..of(transition.clone()) };
    let refused = Committed::OverBudget { used: 2, limit: 2 };
    assert_eq!(commit(&mut db, noon(), std::slice::from_ref(&start)).unwrap().results, [refused]);
    for table in ["runs", "run_events", "gates", "artifacts", "idempotency_keys"] {
        assert_eq!(count(&mut db, &format!("SELECT count(*) FROM {table} WHERE run_id = $1"), &run_id), 0, "{table}");
    }
    let tomorrow = noon() + Duration::days(1);
    assert_eq!(commit(&mut db, tomorrow, std::slice::from_ref(&start)).unwrap().results, [Committed::Committed]);
    // The same key again is the same run, also when the budget is used up.
    assert_eq!(commit(&mut db, tomorrow, &[start]).unwrap().results, [Committed::Replay { run_id }]);
}

#[test]
fn clips_that_a_run_is_born_with_cost_nothing() {
    let mut db = connect();
    let project = fresh_id();
    let mut transition = start_of(&project, 2);
    transition.run.body.clips[0].state = mw_media::run::ClipState::Generated { url: "https://clips.test/0.mp4".into() };
    assert_eq!(commit(&mut db, noon(), &[of(transition)]).unwrap().results, [Committed::Committed]);
    assert_eq!(begin(&mut db, noon(), &project, 2), Committed::OverBudget { used: 1, limit: 2 });
}
