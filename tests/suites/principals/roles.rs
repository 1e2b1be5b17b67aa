//! Each role against routes of each kind.

use super::{Person, stranger};
use crate::support::{Run, Service, service, unique};
use serde_json::{Value, json};

/// Method, path, body, the least role, and what somebody with it is answered.
type Row = (&'static str, String, Value, &'static str, u16);

const ROLES: [&str; 3] = ["viewer", "approver", "operator"];

fn rows(run: &Run) -> Vec<Row> {
    let of_run = |what: &str| format!("/v1/runs/{}{what}", run.id);
    let start = json!({"project": "test_video_gen", "input": {"object": "candle"}});
    let letter = json!({"filter": {"provider": "nobody"}, "reason": "known"});
    vec![
        ("GET", "/v1/runs?limit=1".into(), Value::Null, "viewer", 200),
        ("GET", of_run(""), Value::Null, "viewer", 200),
        ("GET", of_run("/events"), Value::Null, "viewer", 200),
        ("GET", of_run("/why"), Value::Null, "viewer", 200),
        ("GET", "/v1/projects/aismr".into(), Value::Null, "viewer", 200),
        ("GET", "/v1/dlq".into(), Value::Null, "viewer", 200),
        ("GET", "/admin/drain".into(), Value::Null, "viewer", 200),
        ("GET", "/version".into(), Value::Null, "viewer", 200),
        ("GET", "/v1/nowhere".into(), Value::Null, "viewer", 404),
        ("OPTIONS", "/v1/runs/bulk".into(), Value::Null, "viewer", 204),
        ("POST", "/v1/runs/start".into(), start, "approver", 200),
        ("POST", "/v1/chat/brendan".into(), json!({"user_id": unique("u"), "message": "hello"}), "approver", 200),
        ("GET", format!("/v1/hitl/link/{}/workflow", run.id), Value::Null, "approver", 200),
        ("HEAD", run.gate_path("workflow"), Value::Null, "approver", 200),
        ("POST", of_run("/artifacts"), json!({"type": "note"}), "operator", 200),
        ("POST", of_run("/pause"), json!({}), "operator", 200),
        ("POST", of_run("/resume"), json!({}), "operator", 200),
        ("POST", "/v1/runs/bulk".into(), json!({"verb": "cancel", "filter": {"user_id": run.user}}), "operator", 200),
        ("POST", "/v1/dlq/discard".into(), letter, "operator", 200),
        ("POST", "/admin/drain".into(), json!({"on": false}), "operator", 200),
        ("POST", "/v1/sweep".into(), json!({}), "operator", 200),
        ("GET", "/v1/principals?limit=1".into(), Value::Null, "operator", 200),
        ("POST", "/v1/principals".into(), json!({"name": unique("new"), "role": "viewer"}), "operator", 201),
    ]
}

fn send(service: &Service, (method, path, body, _, _): &Row) -> crate::support::Answer {
    let call = service.call(method, path).key();
    if body.is_null() { call.send() } else { call.json(body).send() }
}

#[test]
fn each_role_may_do_what_its_routes_ask_and_no_more() {
    let run = Run::start();
    for (rank, role) in ROLES.iter().enumerate() {
        let person = Person::with_role(role);
        for row in rows(&run) {
            let (method, path, _, needed, status) = &row;
            let answer = send(&person.service, &row);
            if ROLES.iter().position(|known| known == needed).unwrap() <= rank {
                assert_eq!(answer.status, *status, "{role} {method} {path}: {}", answer.text());
            } else {
                assert_eq!(answer.status, 403, "{role} {method} {path}: {}", answer.text());
                let detail = format!("{} has the role {role}; this needs the role {needed}", person.name);
                if *method != "HEAD" {
                    assert_eq!(answer.expect_problem(403, &detail)["code"], "forbidden");
                }
            }
        }
    }
    assert_eq!(run.status(), "pending_workflow");
}

#[test]
fn a_viewer_decides_no_gate_and_an_approver_does() {
    let run = Run::start();
    let (viewer, approver) = (Person::with_role("viewer"), Person::with_role("approver"));
    let path = run.gate_path("workflow");
    for call in [viewer.service.get(&path), viewer.service.post(&path)] {
        assert_eq!(call.send().expect(403).json()["code"], "forbidden");
    }
    // Nor with a good link beside the key.
    viewer.service.post(&run.link("workflow")).send().expect(403);
    assert_eq!(run.status(), "pending_workflow");
    approver.service.get(&path).send().expect(200);
    run.wait_for("awaiting_ideate");
}

#[test]
fn a_key_that_nobody_has_is_401_before_anything_else_is_told() {
    let (run, stranger) = (Run::start(), stranger());
    let mut calls: Vec<_> = rows(&run).iter().map(|(method, path, ..)| stranger.call(method, path).key()).collect();
    calls.push(stranger.post("/v1/runs/start").body("text/plain", "no JSON"));
    calls.push(stranger.post("/v1/principals").json(&json!({"name": 1})));
    calls.push(stranger.post(&format!("/v1/runs/{}/pause", run.id)).json(&json!({"seconds": 1})));
    calls.push(stranger.call("DELETE", "/v1/runs").key());
    calls.push(stranger.call("OPTIONS", "/v1/runs/start").key());
    calls.push(stranger.get(&format!("/v1/hitl/approve/{}/final", run.id)));
    calls.push(stranger.get(&run.gate_path("workflow")));
    calls.push(stranger.post(&run.link("workflow")));
    for call in calls {
        let answer = call.send().expect(401);
        assert!(answer.header("ratelimit").is_none() && answer.header("allow").is_none());
    }
    assert_eq!(run.status(), "pending_workflow");
    // No limit has counted it.
    let sql =
        "SELECT FROM rate_limits WHERE caller LIKE 'key:' || left(encode(sha256(convert_to($1, 'UTF8')), 'hex'), 16)";
    assert_eq!(service().database().count(sql, &[&stranger.api_key]), 0);
}

#[test]
fn only_operators_make_links_for_others() {
    let run = Run::start();
    let (approver, operator) = (Person::with_role("approver"), Person::with_role("operator"));
    let path = |name: &str| format!("/v1/hitl/link/{}/workflow?approver={name}", run.id);
    approver.service.get(&path(&approver.name)).send().expect(200);
    let refused = approver.service.get(&path(&operator.name)).send().expect(403).json();
    assert!(refused["detail"].as_str().unwrap().contains("links for"), "{refused}");
    approver.service.get(&path("operator")).send().expect(403);
    operator.service.get(&path(&approver.name)).send().expect(200);
    operator.service.get(&path("somebody")).send().expect(200);
}
