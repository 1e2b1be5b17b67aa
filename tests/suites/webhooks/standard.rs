//! Sources that sign by Standard Webhooks, on stacks of these tests' own, since sources are configured.

use crate::support::{Answer, Run, Service, signing, stack, unique};
use mw::mode::Mode;
use mw_stack::stack::Stack;
use serde_json::{Value, json};

const NEW: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const OLD: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

const ISSUED: &str = "whsec_BAECAwQFBgcICQoLDA0ODxAREhMUFRYX";

/// `replicate` is being rotated; `openai` has a secret of its own; that of `up_base` stands as its issuer shows it.
fn with_sources() -> (Stack, Service) {
    let openai = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX";
    let sources = format!("replicate={NEW},openai={openai},up_base=v1,{ISSUED},replicate={OLD}");
    let builder = stack::builder().mode(Mode::Mock).cron(false).setting("STD_WEBHOOK_SOURCES", sources);
    let stack = builder.start().unwrap();
    let service = stack::service_of(&stack);
    (stack, service)
}

struct Event<'a> {
    source: &'a str,
    query: &'a str,
    prefix: &'a str,
    secret: &'a str,
    id: String,
    at: i64,
    body: Value,
}

impl Event<'_> {
    fn of(body: Value) -> Event<'static> {
        let (id, at) = (unique("msg"), signing::unix_now());
        Event { source: "replicate", query: "", prefix: "webhook", secret: NEW, id, at, body }
    }

    fn send(&self, service: &Service) -> Answer {
        let body = self.body.to_string();
        let headers = signing::standard(self.prefix, self.secret, &self.id, self.at, body.as_bytes());
        let path = format!("/v1/webhooks/std/{}{}", self.source, self.query);
        let call = service.call("POST", &path).body("application/json", body);
        headers.iter().fold(call, |call, (name, value)| call.header(name, value)).send()
    }

    fn receipt(&self, service: &Service) -> Option<Value> {
        let sql = "SELECT provider, outcome, signature_status, run_id FROM webhook_events
                   WHERE idempotency_key = $1 OR payload = convert_to($2, 'UTF8')";
        service.database().rows(sql, &[&self.id, &self.body.to_string()]).pop()
    }
}

fn said(answer: Answer) -> Value {
    answer.expect(200).json()["status"].clone()
}

#[test]
fn an_event_pokes_the_job_that_it_names_or_is_a_dead_letter() {
    let (_stack, service) = with_sources();
    let run = Run::start_at(&service, "test_video_gen").published();
    let before = run.view();
    let job = run.jobs("generate").remove(0);
    let query = format!("?job={}", job["job_id"].as_str().unwrap());
    let events = [
        Event { query: &query, ..Event::of(json!({"type": "a"})) },
        Event::of(json!({"type": "b", "data": {"job_id": job["job_id"]}})),
        Event::of(json!({"type": "c", "data": {"task_id": job["task_id"]}})),
        // Svix's names of the headers, and the secret that is on its way out.
        Event { prefix: "svix", secret: OLD, ..Event::of(json!({"type": "d", "data": {"task_id": job["task_id"]}})) },
    ];
    for event in events {
        assert_eq!(said(event.send(&service)), "accepted", "{}", event.body);
        let receipt = event.receipt(&service).unwrap();
        assert_eq!((&receipt["provider"], &receipt["run_id"]), (&json!("std:replicate"), &json!(run.id)));
        assert_eq!(receipt["signature_status"], "valid");
    }
    for (body, reason) in
        [(json!({"data": {"task_id": "nobody's"}}), "unknown_job"), (json!({"type": "e"}), "no_reference")]
    {
        assert_eq!(said(Event::of(body).send(&service)), "dlq");
        let page = service.get(&format!("/v1/dlq?provider=std:replicate&reason={reason}")).send().expect(200).json();
        assert_eq!(page["letters"].as_array().unwrap().len(), 1, "{page}");
    }
    let metrics = service.call("GET", "/metrics").send().expect(200).text();
    assert!(metrics.contains("webhook_dlq_depth{provider=\"std:replicate\"} 2\n"), "{metrics}");
    assert_eq!(run.view(), before);
}

#[test]
fn an_event_is_stored_once_by_its_signed_id() {
    let (_stack, service) = with_sources();
    let mut event = Event::of(json!({"n": 1}));
    assert_eq!(said(event.send(&service)), "dlq");
    assert_eq!(said(event.send(&service)), "duplicate");
    event.body = json!({"n": 2});
    assert_eq!(said(event.send(&service)), "duplicate", "the id is the key, not the body");
    event.id = unique("msg");
    assert_eq!(said(event.send(&service)), "dlq");
}

#[test]
fn an_id_may_have_dots_and_a_source_an_underscore() {
    let (_stack, service) = with_sources();
    let (id, body) = (format!("{}.evt.1", unique("msg")), json!({"n": 1}));
    let event = Event { source: "up_base", secret: ISSUED, id, ..Event::of(body) };
    assert_eq!(said(event.send(&service)), "dlq");
    assert_eq!(event.receipt(&service).unwrap()["provider"], "std:up_base");
    service.get("/v1/dlq?provider=std:up_base").send().expect(200);
}

#[test]
fn forged_late_and_foreign_events_are_refused_and_recorded() {
    let (_stack, service) = with_sources();
    let other = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX";
    let now = signing::unix_now();
    for event in [
        Event { secret: other, ..Event::of(json!({"n": 1})) },
        Event { source: "openai", ..Event::of(json!({"n": 2})) },
        Event { at: now - 400, ..Event::of(json!({"n": 3})) },
        Event { at: now + 400, ..Event::of(json!({"n": 4})) },
    ] {
        event.send(&service).expect_problem(403, "invalid signature");
        let receipt = event.receipt(&service).unwrap();
        assert_eq!((&receipt["outcome"], &receipt["signature_status"]), (&json!("refused"), &json!("invalid")));
        assert_eq!(receipt["provider"], format!("std:{}", event.source));
    }
    let event = Event { prefix: "x", ..Event::of(json!({"n": 6})) };
    event.send(&service).expect(403);
    assert_eq!(event.receipt(&service).unwrap()["signature_status"], "missing");
}

#[test]
fn an_unknown_source_is_404_and_stores_nothing() {
    let (_stack, service) = with_sources();
    for source in ["kieai", "REPLICATE", "std:replicate", "%00"] {
        let event = Event { source, ..Event::of(json!({"source": source})) };
        event.send(&service).expect_problem(404, "source not found");
        assert_eq!(event.receipt(&service), None);
    }
    let event = Event::of(json!(["no object"]));
    event.send(&service).expect_invalid("#");
    assert_eq!(event.receipt(&service), None);
}
