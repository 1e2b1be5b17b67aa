//! A project's clips per day: never exceeded, and a refused start leaves nothing.

use crate::fixture::*;
use mw_kernel::Kind;
use mw_media::Timestamp;
use mw_media::run::{Decided, Media, Parent};
use mw_media::status::ProvidersMode;
use mw_store::commit::{Committed, Decision, Idempotency, commit};
use mw_store::native::Client;
use time::Duration;

/// A start of a run of two clips, in a project that may have so many a day.
fn start_of(project: &str, clips_per_day: u32) -> Decided {
    let mut transition = start_transition("test_video_gen", ProvidersMode::Mock);
    transition.run.definition.key = project.to_owned();
    transition.run.body.settings.as_mut().unwrap().clips_per_day = Some(clips_per_day);
    transition.rows.budget = Media::budget(&transition.run);
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
    transition.rows.budget = Media::budget(&transition.run);
    assert_eq!(commit(&mut db, noon(), &[of(transition)]).unwrap().results, [Committed::Committed]);
    assert_eq!(begin(&mut db, noon(), &project, 2), Committed::OverBudget { used: 1, limit: 2 });
}

#[test]
fn a_refused_start_takes_no_key_of_others() {
    let mut db = connect();
    let (project, ann, bob) = (fresh_id(), fresh_id(), fresh_id());
    let mut start = |caller: &str, key: &str| {
        let transition = start_of(&project, 4);
        let run_id = transition.run.run_id.clone();
        let idempotency = Some(Idempotency { caller: caller.into(), key: key.into(), fingerprint: "f".into() });
        let decision = Decision { idempotency, ..of(transition) };
        (run_id, commit(&mut db, noon(), &[decision]).unwrap().results.remove(0))
    };
    let (of_ann, of_bob) = (start(&ann, "k1").0, start(&bob, "k2").0);
    assert_eq!(start(&ann, "k2").1, Committed::OverBudget { used: 4, limit: 4 });
    assert_eq!(start(&ann, "k1").1, Committed::Replay { run_id: of_ann });
    assert_eq!(start(&bob, "k2").1, Committed::Replay { run_id: of_bob });
}

/// A transaction that holds the budget of a project until it ends.
fn holding(db: &mut Client, project: &str) {
    db.driver().batch_execute("BEGIN").unwrap();
    let sql = "SELECT FROM project_budgets WHERE project = $1 FOR UPDATE";
    db.driver().query_one(sql, &[&project]).unwrap();
}

#[test]
fn a_start_waits_for_no_other_projects_budget() {
    let mut db = connect();
    let (own, other) = (fresh_id(), fresh_id());
    for project in [&own, &other] {
        assert_eq!(begin(&mut db, noon(), project, 9), Committed::Committed);
    }
    let mut holder = connect();
    holding(&mut holder, &other);
    db.driver().batch_execute("SET lock_timeout = '5s'").unwrap();
    assert_eq!(begin(&mut db, noon(), &own, 9), Committed::Committed);
}

#[test]
fn a_start_takes_its_budget_before_its_place_as_successor() {
    let own = OwnDatabase::new();
    let mut db = own.connect();
    let project = fresh_id();
    let parent = born(&mut db, start_of(&project, 9));
    let successor = || {
        let mut transition = start_of(&project, 9);
        transition.run.parent = Some(Parent { run_id: parent.run_id.clone(), key: "k".into(), approved: Vec::new() });
        [of(transition)]
    };
    holding(&mut db, &project);
    let (mut other, mut watch) = (own.connect(), own.connect());
    let pid: i32 = other.driver().query_one("SELECT pg_backend_pid()", &[]).unwrap().get(0);
    let late = std::thread::scope(|scope| {
        let late = scope.spawn(move || commit(&mut other, noon(), &successor()).unwrap().results);
        blocked(&mut watch, pid);
        // Had the other one taken the place already, the two would wait for each other.
        let first = commit(&mut db, noon(), &successor()).unwrap().results;
        assert_eq!(first, [Committed::Committed]);
        db.driver().batch_execute("COMMIT").unwrap();
        late.join().unwrap()
    });
    assert!(matches!(late[..], [Committed::Replay { .. }]), "{late:?}");
}
