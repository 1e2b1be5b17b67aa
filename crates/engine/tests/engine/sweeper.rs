//! The sweep under bad circumstances: rows that it cannot fix, another sweep at the same time, and gates that run out.

use crate::fixture::*;
use mw_engine::World;
use mw_media::run::{Command, PersonaSource};
use mw_media::status::{ProvidersMode, Status};
use mw_store::sweep::Exports;
use time::Duration;

/// More than three pages of a reconciler.
const UNFIXABLE: i32 = 650;

#[test]
fn an_overdue_run_is_reached_behind_three_pages_that_cannot_be_ended() {
    let mut engine = Engine::new();
    let run = engine.start("test_video_gen", ProvidersMode::Mock, PersonaSource::Rules);
    // Their column says overdue and their state says no: the core refuses each.
    let copies = "INSERT INTO runs (run_id, kind, project, status, payload, created_at, updated_at, user_id, version, state,
            awaiting_gate, deadline)
        SELECT 'stuck-' || n, kind, project, status, payload, created_at, updated_at, user_id, version,
               state || jsonb_build_object('run_id', 'stuck-' || n, 'deadline', '2999-01-01T00:00:00Z', 'gates', (
                   SELECT jsonb_agg(open || '{\"deadline\": \"2999-01-01T00:00:00Z\"}') FROM jsonb_array_elements(state->'gates') AS open)), awaiting_gate,
               deadline - interval '1 day' FROM runs, generate_series(1, $1) AS n";
    engine.db().driver().execute(copies, &[&UNFIXABLE]).unwrap();
    engine.ahead += Duration::days(8);
    assert_eq!(engine.sweep().deadlines, 1);
    assert_eq!(engine.run(&run.run_id).status, Status::Expired);
}

#[test]
fn an_overdue_run_that_cannot_be_read_ends_and_hides_no_other() {
    let mut engine = Engine::new();
    let run = engine.start("test_video_gen", ProvidersMode::Mock, PersonaSource::Rules);
    let copies = "INSERT INTO runs (run_id, kind, project, status, payload, created_at, updated_at, user_id, version, state,
            awaiting_gate, deadline)
        SELECT 'odd-' || n, kind, project, status, payload, created_at, updated_at, user_id, version, '{}', awaiting_gate,
               deadline - interval '1 day' FROM runs, generate_series(1, 3) AS n";
    engine.db().driver().batch_execute(copies).unwrap();
    engine.ahead += Duration::days(8);
    assert_eq!(engine.sweep().deadlines, 4);
    assert_eq!(engine.run(&run.run_id).status, Status::Expired);
    assert_eq!(engine.count("SELECT count(*) FROM runs WHERE status = 'failed' AND run_id LIKE 'odd-%'"), 3);
}

#[test]
fn two_sweeps_at_once_do_everything_once() {
    let mut engine = Engine::new();
    let runs: Vec<_> =
        (0..30).map(|_| engine.start("test_video_gen", ProvidersMode::Mock, PersonaSource::Rules)).collect();
    engine.ahead += Duration::days(8);
    let now = engine.now();
    let reports: Vec<_> = std::thread::scope(|scope| {
        let sweep = |holder: &'static str| {
            let mut db = engine.db();
            scope.spawn(move || {
                mw_sweep::sweep(&mut db, KINDS, now, holder, Exports::default(), &mut fresh_id, &Default::default)
                    .unwrap()
            })
        };
        [sweep("one"), sweep("two")].map(|thread| thread.join().unwrap()).to_vec()
    });
    assert_eq!(reports.iter().map(|report| report.deadlines).sum::<u64>(), 30);
    for run in &runs {
        assert_eq!(engine.count_events(&run.run_id, "run.expired"), 1);
    }
}

#[test]
fn whoever_should_decide_is_warned_once_before_the_gate_closes() {
    let mut engine = Engine::new();
    let run = engine.start("test_video_gen", ProvidersMode::Mock, PersonaSource::Rules);
    let held = engine.start("test_video_gen", ProvidersMode::Mock, PersonaSource::Rules);
    let until = engine.now() + Duration::days(7);
    engine.tell(&held.run_id, &Command::Pause { reason: "r".into(), actor: "a".into(), until });
    assert_eq!(engine.sweep().gate_warnings, 0);
    engine.ahead += Duration::days(6);
    assert_eq!(engine.sweep().gate_warnings, 1);
    assert_eq!(engine.sweep().gate_warnings, 0);
    assert_eq!(engine.count_events(&run.run_id, "gate.warned"), 1);
    let told = "SELECT count(*) FROM chat_messages WHERE role = 'notice' AND content LIKE '%nobody has decided yet%'";
    assert_eq!(engine.count(told), 1);
}
