//! Ends that do not come from the engine: whatever ends a run, people are told and the same rows are left.

use crate::fixture::*;
use mw_engine::World;
use mw_media::run::{Command, PersonaSource, Run};
use mw_media::status::{ProvidersMode, Status};
use mw_store::channels::{Kind, add};
use mw_store::sweep::Exports;
use mw_store::unreadable;
use serde_json::Value;
use time::Duration;

const BY_HAND: &str = "UPDATE runs SET status = 'failed' WHERE run_id = $1 AND finished_at IS NULL";

/// An engine that exports, and that tells a chat and a channel of every run.
fn engine() -> Engine {
    let mut engine = Engine::new();
    engine.exports = Exports { trace: true, report: true };
    engine.sweep();
    start(&mut engine);
    let now = engine.now();
    add(&mut engine.db(), now, Kind::Telegram, "-100", None).unwrap();
    add(&mut engine.db(), now, Kind::Slack, "C01", None).unwrap();
    engine
}

fn start(engine: &mut Engine) -> Run {
    engine.start("test_video_gen", ProvidersMode::Mock, PersonaSource::Rules)
}

/// What the end of a run has left in the tables, without what differs from run to run.
fn left(engine: &Engine, run: &Run) -> Vec<String> {
    let sql = "SELECT format('artifact %s: %s', type, (SELECT string_agg(key, ', ' ORDER BY key) FROM jsonb_object_keys(metadata) AS key))
                 FROM artifacts WHERE run_id = $1
               UNION ALL SELECT format('%s of %s is %s', kind, provider, state) FROM outbox WHERE run_id = $1
               UNION ALL SELECT format('chat: %s of %s', role, gate) FROM chat_messages WHERE run_id = $1
               UNION ALL SELECT format('gate %s is %s', gate, state) FROM gates WHERE run_id = $1
               UNION ALL SELECT format('event %s: %s', type, (SELECT string_agg(key, ', ' ORDER BY key) FROM jsonb_object_keys(data->'data') AS key))
                 FROM run_events WHERE run_id = $1
               UNION ALL SELECT format('%s, ended %s, deadline %s, waits at %s, result %s', status, ended, deadline, awaiting_gate, result ? 'error')
                 FROM runs WHERE run_id = $1
               ORDER BY 1";
    engine.db().driver().query(sql, &[&run.run_id]).unwrap().iter().map(|row| row.get(0)).collect()
}

/// What an operator's `terminate` leaves: the measure of the others.
fn left_of_a_terminated_run(engine: &mut Engine) -> Vec<String> {
    let run = start(engine);
    engine.tell(&run.run_id, &Command::Terminate { reason: "r".into(), actor: "a".into() });
    let left = left(engine, &run);
    for row in
        ["notify of slack is due", "notify of telegram is due", "trace of otlp is due", "report of sentry is due"]
    {
        assert!(left.iter().any(|line| line == row), "{row} is not in {left:#?}");
    }
    left
}

fn modes(engine: &Engine, run: &Run) -> Vec<Option<String>> {
    let sql = "SELECT metadata->>'providersMode' FROM artifacts WHERE run_id = $1";
    engine.db().driver().query(sql, &[&run.run_id]).unwrap().iter().map(|row| row.get(0)).collect()
}

fn ended_by(engine: &Engine, run: &Run) -> (String, Value) {
    let sql = "SELECT actor, data->'data'->>'error_type', data->'data'->>'error_message' FROM run_events
                WHERE run_id = $1 ORDER BY seq DESC LIMIT 1";
    let row = engine.db().driver().query_one(sql, &[&run.run_id]).unwrap();
    (row.get(0), Value::from(vec![row.get::<_, String>(1), row.get(2)]))
}

fn messages(engine: &mut Engine, address: &str, run: &Run) -> Vec<String> {
    for _ in 0..40 {
        engine.dispatch();
        if engine.count("SELECT count(*) FROM outbox WHERE kind = 'notify' AND state = 'due'") == 0 {
            break;
        }
        engine.pass_until_due();
    }
    let url = format!("{}/_sim/messages?address={address}", engine.sim);
    let answer: Value = ureq::get(url).call().unwrap().body_mut().read_json().unwrap();
    let sent = answer["messages"].as_array().unwrap().iter().map(|message| message["body"].to_string());
    sent.filter(|body| body.contains(&run.run_id) && body.contains("The run failed")).collect()
}

/// A state that this version cannot read at all, or not in its body.
fn damage(engine: &Engine, run: &Run, state: &str) {
    let sql = format!("UPDATE runs SET state = {state} WHERE run_id = $1");
    engine.db().driver().execute(&sql, &[&run.run_id]).unwrap();
}

#[test]
fn a_run_marked_failed_in_sql_ends_like_any_other() {
    let mut engine = engine();
    let expected = left_of_a_terminated_run(&mut engine);
    let run = start(&mut engine);
    assert_eq!(engine.db().driver().execute(BY_HAND, &[&run.run_id]).unwrap(), 1);
    assert_eq!(engine.sweep().requested_ends, 1);
    assert_eq!(left(&engine, &run), expected);
    assert!(modes(&engine, &run).iter().all(|mode| mode.as_deref() == Some("mock")));
    let (actor, error) = ended_by(&engine, &run);
    let role = actor.strip_prefix("sql:").unwrap();
    assert_eq!(error, Value::from(vec!["marked_failed".to_owned(), format!("marked failed by {role}")]));
    assert_eq!((messages(&mut engine, "-100", &run).len(), messages(&mut engine, "C01", &run).len()), (1, 1));
    assert_eq!(engine.count_events(&run.run_id, "run.failed"), 1);
    assert_eq!(engine.sweep().requested_ends, 0, "once");
}

#[test]
fn sql_only_asks_for_the_end() {
    let mut engine = engine();
    let run = start(&mut engine);
    let before = left(&engine, &run);
    let asked = "SELECT end_requested_at::text || ' ' || end_requested_by FROM runs WHERE run_id = $1";
    let asked = |engine: &Engine| -> Option<String> {
        assert_eq!(engine.db().driver().execute(BY_HAND, &[&run.run_id]).unwrap(), 1);
        engine.db().driver().query_one(asked, &[&run.run_id]).unwrap().get(0)
    };
    let first = asked(&engine);
    assert!(first.is_some());
    assert_eq!(asked(&engine), first, "who asked first is who asked");
    assert_eq!(left(&engine, &run), before);
    assert_eq!(engine.run(&run.run_id), run);
}

#[test]
fn an_asked_end_meets_a_run_that_moved_on() {
    let mut engine = engine();
    let run = engine.generating("test_video_gen");
    engine.db().driver().execute(BY_HAND, &[&run.run_id]).unwrap();
    engine.dispatch();
    assert_eq!(engine.sweep().requested_ends, 1);
    assert_eq!(engine.run(&run.run_id).status, Status::Failed);
    engine.events(&run.run_id);
    let published = start(&mut engine);
    engine.db().driver().execute(BY_HAND, &[&published.run_id]).unwrap();
    engine.tell(&published.run_id, &Command::Cancel { reason: "r".into(), actor: "a".into() });
    assert_eq!(engine.sweep().requested_ends, 0, "its own end came first");
    assert_eq!(engine.run(&published.run_id).status, Status::Cancelled);
}

#[test]
fn nothing_new_starts_once_an_end_is_asked_for() {
    let mut engine = engine();
    let run = engine.generating("test_video_gen");
    let submissions = |engine: &Engine, what: &str| {
        let sql = format!("SELECT count(*) FROM outbox WHERE run_id = '{}' AND kind = 'submit' AND {what}", run.run_id);
        engine.count(&sql)
    };
    assert!(submissions(&engine, "state = 'due' AND sent_at IS NULL") > 0);
    engine.db().driver().execute(BY_HAND, &[&run.run_id]).unwrap();
    engine.dispatch();
    assert_eq!(submissions(&engine, "sent_at IS NOT NULL"), 0);
}

#[test]
fn a_damaged_row_hides_no_other_end() {
    let mut engine = engine();
    let (damaged, other) = (start(&mut engine), start(&mut engine));
    damage(&engine, &damaged, "'{}'");
    damage(&engine, &other, "'{}'");
    engine
        .db()
        .driver()
        .execute("UPDATE runs SET version = version - 1 WHERE run_id = $1", &[&damaged.run_id])
        .unwrap();
    for run in [&damaged, &other] {
        engine.db().driver().execute(BY_HAND, &[&run.run_id]).unwrap();
    }
    let swept = engine.sweep();
    assert_eq!((swept.requested_ends, swept.refused), (1, 1));
    let ended = format!("SELECT count(*) FROM runs WHERE run_id = '{}' AND ended = 'failed'", other.run_id);
    assert_eq!(engine.count(&ended), 1);
}

#[test]
fn an_unreadable_run_ends_like_any_other() {
    for state in
        ["'{}'", "'[7]'", "state || '{\"body\": {\"of\": \"a later version\"}}'", "state || '{\"mode\": \"later\"}'"]
    {
        let mut engine = engine();
        let expected = left_of_a_terminated_run(&mut engine);
        let run = start(&mut engine);
        damage(&engine, &run, state);
        engine.ahead += Duration::days(8);
        engine.sweep();
        assert_eq!(left(&engine, &run), expected, "{state}");
        assert!(modes(&engine, &run).iter().all(Option::is_some), "{state}");
        let (actor, error) = ended_by(&engine, &run);
        assert_eq!((actor.as_str(), &error[0]), ("sweep", &"terminated".into()), "{state}");
        let told = (messages(&mut engine, "-100", &run).len(), messages(&mut engine, "C01", &run).len());
        assert_eq!(told, (1, 1), "{state}");
    }
}

#[test]
fn what_a_state_still_tells_is_kept_at_its_end() {
    let mut engine = engine();
    let run = start(&mut engine);
    damage(&engine, &run, "state || '{\"body\": {\"of\": \"a later version\"}, \"decided\": 7}'");
    assert_eq!(engine.db().driver().execute(BY_HAND, &[&run.run_id]).unwrap(), 1);
    assert_eq!(engine.sweep().requested_ends, 1);
    let state: Value = engine
        .db()
        .driver()
        .query_one("SELECT state::text FROM runs WHERE run_id = $1", &[&run.run_id])
        .map(|row| serde_json::from_str(row.get(0)).unwrap())
        .unwrap();
    assert_eq!((&state["body"]["of"], &state["title"]), (&"a later version".into(), &run.title.clone().into()));
    assert_eq!((&state["status"], &state["version"]), (&"failed".into(), &(run.version + 1).into()));
    assert_eq!(ended_by(&engine, &run).1[0], "marked_failed");
}

#[test]
fn an_unreadable_run_ends_once() {
    let mut fixture = engine();
    let run = start(&mut fixture);
    damage(&fixture, &run, "'{}'");
    let end = |run_id: &str| unreadable::Wanted {
        run_id: run_id.to_owned(),
        error: mw_media::run::terminated("odd", "ann"),
        actor: "ann".to_owned(),
    };
    let now = fixture.now();
    let ended = |run_id: &str| unreadable::end(&mut fixture.db(), now, &[end(run_id)]).unwrap().ends;
    assert_eq!(ended(&run.run_id), [unreadable::Ended::Ended]);
    assert_eq!(ended(&run.run_id), [unreadable::Ended::Before]);
    assert_eq!(ended("nobody"), [unreadable::Ended::Missing]);
}
