//! A collector of traces and Sentry: what they take, and how they refuse.

use mw_integrations::FaultClass;
use mw_integrations::otlp::{Collector, Service, export};
use mw_integrations::sentry::{Dsn, Event, Sent, send};
use mw_media::trace::{Line, spans};
use serde_json::{Value, json};

use crate::common::*;

fn timeline() -> Vec<Line> {
    let definition = json!({"key": "aismr", "version": "1.0.0"});
    let events = json!([
        {"seq": 1, "at": "2026-01-02T03:04:05Z", "type": "run.started", "data": {"definition": definition, "mode": "sim"}},
        {"seq": 2, "at": "2026-01-02T03:04:06Z", "type": "run.published"},
    ]);
    serde_json::from_value(events).unwrap()
}

fn exported(sim: &Sim, key: &str) -> Result<Option<String>, mw_integrations::Fault> {
    let headers = vec![("x-api-key".to_owned(), key.to_owned())];
    let collector = Collector { endpoint: format!("{}/otlp", sim.url), headers };
    let spans = spans::<mw_media::run::Media>("run-1", &timeline());
    sim.run(export(&sim.client, &collector, &Service::default(), "run-1", &spans))
}

fn reported(sim: &Sim, id: &str) -> Result<Sent, mw_integrations::Fault> {
    let dsn = Dsn::parse(&format!("{}/sentry/42", sim.url.replace("://", "://publickey@"))).unwrap();
    let at = time::OffsetDateTime::UNIX_EPOCH;
    let (error_type, message) = ("402".to_owned(), "no credits".to_owned());
    let tags = vec![("run_id", "run-1".to_owned())];
    let event = Event { id: id.into(), at, logger: "myloware.run", error_type, message, tags };
    sim.run(send(&sim.client, &dsn, &Service::default(), &event, at))
}

#[test]
fn spans_are_kept_by_their_run() {
    let sim = Sim::start();
    assert_eq!(exported(&sim, "key"), Ok(None));
    let spans = sim.get("/_sim/spans?run_id=run-1").1["spans"].clone();
    assert_eq!(spans.as_array().unwrap().len(), 1);
    assert_eq!((&spans[0]["name"], &spans[0]["attributes"]["project"]), (&json!("aismr-graph"), &json!("aismr")));
    assert_eq!(spans[0]["start"], "1767323045000000000");
    assert_eq!(sim.get("/_sim/spans?run_id=other").1, json!({"spans": []}));
}

#[test]
fn the_collector_refuses_what_it_should() {
    let sim = Sim::start();
    assert_eq!(exported(&sim, " ").unwrap_err().code, "401");
    let request = http::Request::post(format!("{}/otlp/v1/traces", sim.url)).header("x-api-key", "k");
    let request = request.header("content-type", "application/json").body(b"{}".to_vec()).unwrap();
    assert_eq!(sim.call(request).0, 415);
    sim.fault("otlp", "spans_refused");
    assert!(exported(&sim, "key").unwrap_err().is_final());
    assert_eq!(sim.get("/_sim/spans").1, json!({"spans": []}));
    assert_eq!(sim.state()["counts"]["otlp"]["refusals"], 3);
}

#[test]
fn a_collector_leaves_out_what_it_is_told_to() {
    let sim = Sim::start();
    sim.fault("otlp", "spans_left_out");
    assert_eq!(exported(&sim, "key"), Ok(Some("the collector left 1 spans out: one was too much".to_owned())));
}

#[test]
fn an_event_id_is_kept_once() {
    let sim = Sim::start();
    let id = "9ec79c33ec9942ab8353589fcb2e04dc";
    assert_eq!(reported(&sim, id), Ok(Sent::Taken { hold_seconds: None }));
    sim.control("faults", json!({"provider": "sentry", "fault": "limit_with_success", "retry_after_seconds": 7}));
    assert_eq!(reported(&sim, id), Ok(Sent::Taken { hold_seconds: Some(7) }));
    let errors: Value = sim.get("/_sim/errors?run_id=run-1").1["errors"].clone();
    assert_eq!((errors.as_array().unwrap().len(), &errors[0]["event_id"]), (1, &json!(id)));
    sim.control("faults", json!({"provider": "sentry", "fault": "status_429", "retry_after_seconds": 9}));
    assert_eq!(reported(&sim, id), Ok(Sent::Limited { hold_seconds: 9 }));
}

#[test]
fn sentry_refuses_what_its_contract_does_not_allow() {
    let sim = Sim::start();
    assert_eq!(reported(&sim, "not-an-id").unwrap_err().message, "wrong event id or no sent_at");
    sim.control("faults", json!({"provider": "sentry", "fault": "envelope_refused", "text": "project is gone"}));
    let refused = reported(&sim, "9ec79c33ec9942ab8353589fcb2e04dc").unwrap_err();
    assert_eq!((refused.class, refused.message.as_str()), (FaultClass::Final, "project is gone"));
}
