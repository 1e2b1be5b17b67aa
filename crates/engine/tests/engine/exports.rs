//! Traces and reports: whole, once, the same when repeated; and whatever goes wrong there stays there.

use crate::fixture::*;
use mw_media::run::{Attachment, Command, PersonaSource, Run};
use mw_media::status::{GateName, ProvidersMode, Status};
use mw_store::doctor::Scope;
use mw_store::sweep::Exports;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use time::Duration;

/// A world that exports.
fn engine() -> Engine {
    let mut engine = Engine::new();
    engine.exports = Exports { trace: true, report: true };
    engine.sweep();
    engine
}

fn published(engine: &mut Engine) -> Run {
    let run = engine.start("test_video_gen", ProvidersMode::Sim, PersonaSource::Rules);
    for gate in ["workflow", "ideate", "prepublish"] {
        let gate = GateName::parse(gate).unwrap();
        engine.carry(&run.run_id);
        engine.approve(&run.run_id, gate);
    }
    let run = engine.carry(&run.run_id);
    assert!(is_published(&run));
    run
}

/// A run that ends before anything goes out.
fn cancelled(engine: &mut Engine) -> Run {
    let run = engine.start("test_video_gen", ProvidersMode::Mock, PersonaSource::Rules);
    engine.tell(&run.run_id, &Command::Cancel { reason: "r".into(), actor: "a".into() })
}

fn terminated(engine: &mut Engine) -> Run {
    let run = engine.start("test_video_gen", ProvidersMode::Mock, PersonaSource::Rules);
    engine.tell(&run.run_id, &Command::Terminate { reason: "it smells".into(), actor: "a".into() })
}

fn attachment() -> Attachment {
    let (artifact_type, provider) = ("note".to_owned(), "api".to_owned());
    Attachment { artifact_type, provider, url: None, checksum: None, persona: None, metadata: json!({}) }
}

/// Dispatches until nothing is exported any more.
fn export_all(engine: &mut Engine) {
    for _ in 0..60 {
        engine.dispatch();
        if engine.count("SELECT count(*) FROM outbox WHERE kind IN ('trace', 'report') AND state = 'due'") == 0 {
            return;
        }
        engine.pass_until_due();
    }
    panic!("it is never exported: {:?}", engine.open_effects());
}

fn told(engine: &Engine, what: &str, run: &Run) -> Vec<Value> {
    let url = format!("{}/_sim/{what}?run_id={}", engine.sim, run.run_id);
    let answer: Value = ureq::get(url).call().unwrap().body_mut().read_json().unwrap();
    answer[what].as_array().unwrap().clone()
}

fn states(engine: &Engine, kind: &str) -> Vec<(String, String)> {
    let sql = "SELECT state, coalesce(last_error, '') FROM outbox WHERE kind = $1 ORDER BY effect_id";
    let rows = engine.db().driver().query(sql, &[&kind]).unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

fn names(spans: &[Value]) -> BTreeMap<String, usize> {
    let mut names = BTreeMap::new();
    spans.iter().for_each(|span| *names.entry(span["name"].as_str().unwrap().to_owned()).or_default() += 1);
    names
}

#[test]
fn a_published_run_arrives_as_one_tree_and_is_left_as_it_is() {
    let mut engine = engine();
    let run = published(&mut engine);
    export_all(&mut engine);
    let spans = told(&engine, "spans", &run);
    let ids: BTreeSet<&str> = spans.iter().map(|span| span["spanId"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), spans.len(), "each came once");
    let roots: Vec<&Value> = spans.iter().filter(|span| span["parentSpanId"] == "").collect();
    assert_eq!((roots.len(), &roots[0]["name"]), (1, &"test_video_gen-graph".into()));
    assert!(
        spans
            .iter()
            .all(|span| span["traceId"] == spans[0]["traceId"] && span["attributes"]["project"] == "test_video_gen")
    );
    assert!(spans.iter().all(|span| span == roots[0] || ids.contains(span["parentSpanId"].as_str().unwrap())));
    let names = names(&spans);
    let counts = ["decision", "kieai generate", "shotstack render", "upload-post publish", "submit", "poll"];
    assert_eq!(counts.map(|name| names[name]), [3, 2, 1, 1, 4, 4]);
    assert_eq!(spans[0]["resource"]["service.version"], "1.2.3");
    assert_eq!(states(&engine, "trace"), [("done".to_owned(), String::new())]);
    assert_eq!(engine.run(&run.run_id), run);
    assert_eq!(engine.findings(Scope::run(&run.run_id)), []);
}

#[test]
fn nothing_is_exported_that_nobody_wants() {
    let mut engine = Engine::new();
    engine.sweep();
    cancelled(&mut engine);
    terminated(&mut engine);
    assert_eq!(engine.count("SELECT count(*) FROM outbox WHERE kind IN ('trace', 'report')"), 0);
    // One is wanted, and a day after the last sweep that wanted it, no more.
    engine.exports = Exports { trace: false, report: true };
    engine.sweep();
    terminated(&mut engine);
    assert_eq!((states(&engine, "trace").len(), states(&engine, "report").len()), (0, 1));
    engine.exports = Exports::default();
    engine.ahead += Duration::hours(25);
    engine.sweep();
    terminated(&mut engine);
    assert_eq!(states(&engine, "report").len(), 1);
}

#[test]
fn what_is_configured_nowhere_any_more_is_done_with_a_note() {
    let mut engine = engine();
    engine.settings.exports = mw_engine::Exports::default();
    terminated(&mut engine);
    export_all(&mut engine);
    assert_eq!(states(&engine, "trace"), [("done".to_owned(), "no collector of traces is configured".to_owned())]);
    assert_eq!(states(&engine, "report"), [("done".to_owned(), "no Sentry is configured".to_owned())]);
}

#[test]
fn a_repeated_export_is_the_same_export() {
    let mut engine = engine();
    engine.fault(&json!({"provider": "otlp", "fault": "drop_connection", "times": 2}));
    let run = published(&mut engine);
    export_all(&mut engine);
    let spans = told(&engine, "spans", &run);
    let (first, rest) = spans.split_at(spans.len() / 3);
    assert!(first == &rest[..first.len()] && first == &rest[first.len()..], "three times the same");
    assert_eq!(states(&engine, "trace")[0].0, "done");
}

#[test]
fn what_is_taken_in_part_is_not_sent_again() {
    let mut engine = engine();
    engine.fault(&json!({"provider": "otlp", "fault": "spans_left_out"}));
    cancelled(&mut engine);
    export_all(&mut engine);
    let [(state, note)] = states(&engine, "trace").try_into().unwrap();
    assert_eq!((state.as_str(), note.as_str()), ("done", "the collector left 1 spans out: one was too much"));
    assert_eq!(engine.sim_state()["counts"]["otlp"]["requests"], 1);
}

#[test]
fn a_retry_after_is_kept_and_costs_no_attempt() {
    let mut engine = engine();
    engine.fault(&json!({"provider": "otlp", "fault": "status_429", "retry_after_seconds": 70, "times": 6}));
    let run = cancelled(&mut engine);
    engine.dispatch();
    engine.ahead += Duration::seconds(40);
    engine.dispatch();
    assert_eq!(engine.sim_state()["counts"]["otlp"]["requests"], 1, "it asked for 70 s");
    // More often than other effects are tried.
    for _ in 0..6 {
        engine.ahead += Duration::minutes(30);
        engine.dispatch();
    }
    assert_eq!(told(&engine, "spans", &run).len(), 3, "the run, its step, its gate");
}

#[test]
fn what_is_refused_for_good_is_dead_with_its_reason_and_reported_to_nobody() {
    let mut engine = engine();
    engine.fault(&json!({"provider": "otlp", "fault": "spans_refused"}));
    let run = cancelled(&mut engine);
    export_all(&mut engine);
    let dead = ("dead".to_owned(), "400: these spans are refused".to_owned());
    assert_eq!(states(&engine, "trace"), [dead]);
    assert_eq!(states(&engine, "report"), []);
    assert_eq!(engine.sim_state()["counts"]["otlp"]["requests"], 1);
    assert_eq!(engine.run(&run.run_id), run);
    assert_eq!(engine.findings(Scope::run(&run.run_id)), []);
    // When the cause is mended, as docs/traces.md has it.
    ureq::delete(format!("{}/_sim/faults", engine.sim)).call().unwrap();
    let page = include_str!("../../../../docs/traces.md");
    let again = page.lines().find(|line| line.starts_with("UPDATE outbox")).unwrap();
    assert_eq!(engine.db().driver().execute(again, &[]).unwrap(), 1);
    export_all(&mut engine);
    assert_eq!(told(&engine, "spans", &run).len(), 3);
}

#[test]
fn a_collector_that_is_down_for_hours_slows_no_run_and_gets_everything_when_it_is_back() {
    let mut engine = engine();
    let there = engine.settings.exports.collector.clone();
    engine.settings.exports.collector.as_mut().unwrap().endpoint = "http://127.0.0.1:1".into();
    let runs: Vec<Run> = (0..3).map(|_| published(&mut engine)).collect();
    for _ in 0..20 {
        engine.dispatch();
        engine.ahead += Duration::minutes(15);
    }
    assert_eq!(engine.count("SELECT count(*) FROM provider_states WHERE breaker <> 'closed'"), 1);
    assert_eq!(engine.count("SELECT count(*) FROM outbox WHERE kind = 'trace' AND state = 'due'"), 3);
    engine.settings.exports.collector = there;
    export_all(&mut engine);
    for run in &runs {
        assert_eq!(names(&told(&engine, "spans", run))["test_video_gen-graph"], 1);
        assert_eq!(engine.run(&run.run_id), *run);
    }
}

#[test]
fn an_export_is_given_up_after_a_day() {
    let mut engine = engine();
    engine.fault(&json!({"provider": "otlp", "fault": "gateway_error_after_work"}));
    engine.fault(&json!({"provider": "sentry", "fault": "status_500"}));
    terminated(&mut engine);
    engine.dispatch();
    engine.ahead += Duration::hours(25);
    export_all(&mut engine);
    for kind in ["trace", "report"] {
        let (state, error) = states(&engine, kind).remove(0);
        assert!(state == "dead" && error.contains("within a day"), "{kind}: {state} {error}");
    }
}

#[test]
fn a_failed_run_is_one_event_and_says_why() {
    let mut engine = engine();
    engine.fault(&json!({"provider": "sentry", "fault": "drop_connection", "times": 2}));
    let run = terminated(&mut engine);
    export_all(&mut engine);
    let [event] = told(&engine, "errors", &run).try_into().unwrap();
    let thrown = &event["exception"]["values"][0];
    assert_eq!((&thrown["type"], &event["logger"]), (&"terminated".into(), &"myloware.run".into()));
    assert!(thrown["value"].as_str().unwrap().contains("it smells"), "{thrown}");
    assert_eq!((&event["tags"]["project"], &event["tags"]["step"]), (&"test_video_gen".into(), &"workflow".into()));
    assert_eq!((&event["release"], &event["environment"]), (&"myloware@1.2.3".into(), &"local".into()));
    // What ended otherwise is no error.
    let run = cancelled(&mut engine);
    export_all(&mut engine);
    assert_eq!(told(&engine, "errors", &run), Vec::<Value>::new());
}

#[test]
fn an_effect_that_was_given_up_is_one_event_beside_that_of_its_run() {
    let mut engine = engine();
    engine.fault(&json!({"provider": "kieai", "fault": "status_429", "times": 100}));
    let run = engine.generating("test_video_gen");
    let run = engine.carry(&run.run_id);
    assert_eq!(run.status, Status::Failed);
    export_all(&mut engine);
    let given_up = engine.count("SELECT count(*) FROM outbox WHERE kind = 'submit' AND state = 'dead'");
    let errors = told(&engine, "errors", &run);
    let of_effects: Vec<&Value> = errors.iter().filter(|event| event["logger"] == "myloware.dispatch").collect();
    assert!(given_up > 0 && of_effects.len() == given_up as usize, "{errors:?}");
    assert_eq!(of_effects[0]["exception"]["values"][0]["type"], "kieai submit");
    assert!(
        of_effects[0]["exception"]["values"][0]["value"].as_str().unwrap().starts_with("dead after 5 attempts: 429")
    );
    assert_eq!(errors.len(), of_effects.len() + 1);
}

#[test]
fn sentrys_limits_are_kept_on_every_answer_and_what_was_limited_is_dropped() {
    let mut engine = engine();
    engine.fault(&json!({"provider": "sentry", "fault": "limit_with_success", "retry_after_seconds": 600, "times": 1}));
    let first = terminated(&mut engine);
    engine.dispatch();
    assert_eq!(told(&engine, "errors", &first).len(), 1);
    let second = terminated(&mut engine);
    engine.ahead += Duration::seconds(570);
    engine.dispatch();
    assert_eq!(told(&engine, "errors", &second).len(), 0, "it is held back");
    engine.ahead += Duration::seconds(31);
    engine.fault(&json!({"provider": "sentry", "fault": "status_429", "retry_after_seconds": 30, "times": 1}));
    engine.dispatch();
    engine.ahead += Duration::minutes(5);
    export_all(&mut engine);
    assert_eq!(told(&engine, "errors", &second).len(), 0);
    let notes: Vec<String> =
        states(&engine, "report").into_iter().map(|(state, note)| format!("{state} {note}")).collect();
    assert_eq!(notes, ["done ", "done dropped: Sentry wants no errors for 30 s"]);
}

#[test]
fn what_is_attached_to_an_ended_run_ends_it_not_once_more() {
    let mut engine = engine();
    let run = cancelled(&mut engine);
    engine.tell(&run.run_id, &Command::Attach(attachment()));
    export_all(&mut engine);
    assert_eq!(states(&engine, "trace").len(), 1);
    let finished = "SELECT count(*) FROM metric_observations WHERE name = 'runs_finished_total'";
    assert_eq!(engine.count(finished), 1, "counted once");
    let root = told(&engine, "spans", &run).into_iter().find(|span| span["parentSpanId"] == "").unwrap();
    assert_eq!(root["events"], json!([]), "its trace goes to its end");
}

#[test]
fn a_run_that_is_ended_by_hand_is_exported_too() {
    let mut engine = engine();
    let run = engine.start("test_video_gen", ProvidersMode::Mock, PersonaSource::Rules);
    let by_hand = "UPDATE runs SET status = 'failed' WHERE run_id = $1";
    engine.db().driver().execute(by_hand, &[&run.run_id]).unwrap();
    engine.sweep();
    export_all(&mut engine);
    assert_eq!(told(&engine, "spans", &run).len(), 3);
    assert_eq!(told(&engine, "errors", &run)[0]["exception"]["values"][0]["type"], "marked_failed");
}

#[test]
fn a_long_timeline_is_read_by_pages() {
    let mut engine = engine();
    let run = engine.start("test_video_gen", ProvidersMode::Mock, PersonaSource::Rules);
    let more = "SELECT events_append((SELECT jsonb_agg(jsonb_build_object('run_id', $1::text, 'seq', n, 'type', 'run.retried', 'at', at,
            'actor', 't', 'body', jsonb_build_object('seq', n, 'type', 'run.retried', 'at', at, 'actor', 't',
            'data', jsonb_build_object('reason', 'r'))::text) ORDER BY n)
         FROM generate_series(version + 1, version + 600) AS n,
              to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') AS at))
          FROM runs WHERE run_id = $1";
    engine.db().driver().execute(more, &[&run.run_id]).unwrap();
    let version =
        "UPDATE runs SET version = version + 600, state = jsonb_set(state, '{version}', to_jsonb(version + 600))
         WHERE run_id = $1";
    engine.db().driver().execute(version, &[&run.run_id]).unwrap();
    engine.tell(&run.run_id, &Command::Cancel { reason: "r".into(), actor: "a".into() });
    export_all(&mut engine);
    let root = told(&engine, "spans", &run).into_iter().find(|span| span["parentSpanId"] == "").unwrap();
    assert_eq!(root["events"].as_array().unwrap().len(), 600);
    assert_eq!(root["attributes"]["status"], "cancelled");
}
