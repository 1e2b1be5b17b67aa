//! Verbs in bulk: what the preview says is what happens.

use crate::support::{Run, service, unique};
use serde_json::{Value, json};

fn bulk(body: &Value) -> Value {
    service().post("/v1/runs/bulk").json(body).send().expect(200).json()
}

/// Runs of one user of this test's own.
fn runs(count: usize) -> (String, Vec<Run>) {
    let user = unique("bulk");
    let start = |_| {
        let body = json!({"project": "test_video_gen", "input": {"object": "candle"}, "options": {"user_id": user}});
        let id = service().post("/v1/runs/start").json(&body).send().expect(200).json()["runId"].clone();
        Run { service: service().clone(), id: id.as_str().unwrap().to_owned(), user: user.clone() }
    };
    let runs = (0..count).map(start).collect();
    (user, runs)
}

fn outcomes(answer: &Value) -> Vec<(String, String)> {
    let results = answer["results"].as_array().unwrap().iter();
    results
        .map(|result| (result["runId"].as_str().unwrap().to_owned(), result["outcome"].as_str().unwrap().to_owned()))
        .collect()
}

#[test]
fn a_dry_run_shows_what_would_happen() {
    let (user, runs) = runs(3);
    runs[1].service.post(&format!("/v1/runs/{}/cancel", runs[1].id)).send().expect(200);
    let order = json!({"verb": "pause", "filter": {"user_id": user}, "reason": "night", "actor": "ann"});
    let preview = bulk(&order);
    assert_eq!(preview["dry_run"], true);
    assert!(runs.iter().all(|run| run.status() != "paused"));
    let mut real = order.clone();
    real["dry_run"] = json!(false);
    let done = bulk(&real);
    assert_eq!(outcomes(&preview), outcomes(&done));
    let words: Vec<_> = outcomes(&done).into_iter().map(|(_, outcome)| outcome).collect();
    assert_eq!(words, ["changed", "refused", "changed"]);
    assert_eq!(runs[0].status(), "paused");
    assert_eq!(runs[1].status(), "cancelled");
    let again: Vec<_> = outcomes(&bulk(&real)).into_iter().map(|(_, outcome)| outcome).collect();
    assert_eq!(again, ["unchanged", "refused", "unchanged"]);
}

#[test]
fn pages_follow_each_other_and_can_be_resumed() {
    let (user, runs) = runs(5);
    let mut cursor = Value::Null;
    let mut seen = Vec::new();
    for _ in 0..3 {
        let filter = json!({"user_id": user, "status": "pending_workflow"});
        let order = json!({"verb": "cancel", "filter": filter, "limit": 2, "cursor": cursor, "dry_run": false});
        let page = bulk(&order);
        seen.extend(outcomes(&page).into_iter().map(|(id, _)| id));
        cursor = page["next_cursor"].clone();
    }
    assert_eq!(cursor, Value::Null);
    let expected: Vec<_> = runs.iter().rev().map(|run| run.id.clone()).collect();
    assert_eq!(seen, expected);
    assert!(runs.iter().all(|run| run.status() == "cancelled"));
}

#[test]
fn ended_runs_get_their_successors_once() {
    let (user, runs) = runs(2);
    bulk(&json!({"verb": "terminate", "filter": {"user_id": user}, "dry_run": false}));
    let retry = json!({"verb": "retry", "filter": {"user_id": user, "status": "failed"}, "dry_run": false});
    let successors = |answer: &Value| -> Vec<String> {
        let results = answer["results"].as_array().unwrap().iter();
        results.map(|result| result["successor"].as_str().unwrap().to_owned()).collect()
    };
    let first = successors(&bulk(&retry));
    assert_eq!(first.len(), runs.len());
    assert_eq!(successors(&bulk(&retry)), first);
}

#[test]
fn a_filter_is_needed() {
    for body in
        [json!({"verb": "cancel"}), json!({"verb": "cancel", "filter": {}}), json!({"filter": {"project": "x"}})]
    {
        assert_eq!(service().post("/v1/runs/bulk").json(&body).send().status, 422);
    }
    assert_eq!(service().call("POST", "/v1/runs/bulk").json(&json!({})).send().status, 401);
}
