use crate::fixture::*;
use mw_core::run::PersonaSource;
use mw_core::status::{ProvidersMode, Status};
use time::Duration;

#[test]
fn an_idle_sweep_does_nothing_and_says_so() {
    let mut engine = Engine::new();
    let report = engine.sweep();
    assert!(report.granted && !report.kick);
    assert_eq!((report.expired_leases, report.deadlines, report.dead_letters), (0, 0, 0));
    let recorded = engine.count("SELECT count(*) FROM leases WHERE name = 'sweep' AND last_success_at IS NOT NULL");
    assert_eq!(recorded, 1);
}

#[test]
fn an_overdue_gate_expires_and_overdue_work_fails() {
    let mut engine = Engine::new();
    let waiting = engine.start("test_video_gen", ProvidersMode::Mock, PersonaSource::Rules);
    let working = engine.generating("test_video_gen");
    assert_eq!(engine.sweep().deadlines, 0);
    engine.ahead += Duration::days(8);
    let report = engine.sweep();
    assert_eq!(report.deadlines, 2);
    assert_eq!(engine.run(&waiting.run_id).status, Status::Expired);
    assert_eq!(engine.run(&working.run_id).status, Status::Failed);
    engine.events(&waiting.run_id);
    engine.events(&working.run_id);
    assert_eq!(engine.sweep().deadlines, 0, "once");
}

#[test]
fn more_overdue_runs_than_a_page_all_end() {
    let mut engine = Engine::new();
    for _ in 0..250 {
        engine.start("test_video_gen", ProvidersMode::Mock, PersonaSource::Rules);
    }
    engine.ahead += Duration::days(8);
    assert_eq!(engine.sweep().deadlines, 250);
}

#[test]
fn one_sweep_works_while_another_holds_the_lease_and_takes_over_when_it_died() {
    let mut engine = Engine::new();
    engine.start("test_video_gen", ProvidersMode::Mock, PersonaSource::Rules);
    engine.ahead += Duration::days(8);
    let now = mw_dispatch::World::now(&engine);
    let held = mw_store::sweep::begin(&mut engine.db(), now, "dead", 60).unwrap();
    assert!(held.granted);
    assert!(!engine.sweep().granted);
    engine.ahead += Duration::seconds(61);
    assert!(engine.sweep().granted);
    // The dead one wakes up: its fence is an old one.
    mw_store::sweep::finish(&mut engine.db(), now, held.fence.unwrap(), &serde_json::json!({"late": true})).unwrap();
    assert_eq!(engine.count("SELECT count(*) FROM leases WHERE last_report ? 'late'"), 0);
}

#[test]
fn a_sweep_asks_for_a_dispatcher_when_effects_are_due() {
    let mut engine = Engine::new();
    engine.generating("test_video_gen");
    assert!(engine.sweep().kick);
}
