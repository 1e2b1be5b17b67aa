//! Whose name stands in the timeline.

use super::Person;
use crate::support::run::path_of;
use crate::support::{Run, service, unique};
use serde_json::{Value, json};

fn decision(run: &Run) -> Value {
    let sql = "SELECT approver, channel FROM hitl_approvals WHERE run_id = $1 ORDER BY id DESC LIMIT 1";
    service().database().row(sql, &[&run.id])
}

fn event(run: &Run, kind: &str) -> Value {
    run.events().into_iter().rev().find(|event| event["type"] == kind).unwrap()
}

#[test]
fn a_decision_bears_the_name_of_the_keys_owner() {
    let (run, ann) = (Run::start(), Person::with_role("approver"));
    let body = json!({"decision": "approve", "approver": "somebody else"});
    ann.service.post(&run.gate_path("workflow")).json(&body).send().expect(200);
    assert_eq!(decision(&run), json!({"approver": ann.name, "channel": "api"}));
    let decided = event(&run, "gate.decided");
    assert_eq!((&decided["data"]["approver"], &decided["actor"]), (&json!(ann.name), &json!(ann.name)));
    // Said again by the same person it is the same decision, by another it is late.
    ann.service.post(&run.gate_path("workflow")).json(&body).send().expect(200);
    let late = service().post(&run.gate_path("workflow")).json(&body).send().expect(409).json();
    assert_eq!(late["decided_by"], json!(ann.name));
}

#[test]
fn a_link_decides_by_the_name_it_was_made_for() {
    let (run, ann) = (Run::start(), Person::with_role("approver"));
    let link = ann.service.get(&format!("/v1/hitl/link/{}/workflow", run.id)).send().expect(200).json();
    service().call("POST", &path_of(link["approvalUrl"].as_str().unwrap())).send().expect(200);
    assert_eq!(decision(&run), json!({"approver": ann.name, "channel": "link"}));
}

#[test]
fn chat_makes_links_only_for_who_started_the_run() {
    let ann = Person::with_role("approver");
    let bob = unique("bob");
    let body = json!({"project": "test_video_gen", "input": {"object": "candle"}, "options": {"user_id": bob}});
    let started = ann.service.post("/v1/runs/start").json(&body).send().expect(200).json();
    let chat = json!({"user_id": bob, "message": "Make a Test Video Gen run about candles"});
    let chatted = ann.service.post("/v1/chat/brendan").json(&chat).send().expect(200).json();
    for answer in [&started, &chatted] {
        let run = Run { service: service().clone(), id: answer["runId"].as_str().unwrap().into(), user: bob.clone() };
        assert_eq!(event(&run, "run.started")["data"]["started_by"], json!(ann.name));
    }
    // The words of a conversation are no proof of who speaks: the link is for whoever holds the key.
    let text = chatted["response"].as_str().unwrap();
    let link = text.split_whitespace().rfind(|word| word.contains("?token=")).unwrap();
    assert_eq!(service().call("POST", &path_of(link)).send().expect(200).json()["runId"], chatted["runId"], "{text}");
    let run = Run { service: service().clone(), id: chatted["runId"].as_str().unwrap().into(), user: bob };
    assert_eq!(decision(&run)["approver"], json!(ann.name));
    let own = event(&Run::start(), "run.started");
    assert_eq!(own["data"]["started_by"], "operator");
}

#[test]
fn a_verb_bears_the_name_of_its_principal() {
    let operator = Person::with_role("operator");
    let (first, second) = (Run::start(), Run::start());
    let body = json!({"actor": "somebody else", "reason": "a test"});
    operator.service.post(&format!("/v1/runs/{}/cancel", first.id)).json(&body).send().expect(200);
    service().post(&format!("/v1/runs/{}/cancel", second.id)).json(&body).send().expect(200);
    assert_eq!(event(&first, "run.cancelled")["actor"], json!(operator.name));
    assert_eq!(event(&second, "run.cancelled")["actor"], "somebody else");
}
