//! What operators do to runs by name: over HTTP, to one run or to many.

mod bulk;
mod holding;
mod page;
mod successors;

use crate::support::Run;
use serde_json::{Value, json};

/// Carries a verb out and says what happened.
#[track_caller]
fn verb(run: &Run, verb: &str, body: Value) -> Value {
    run.service.post(&format!("/v1/runs/{}/{verb}", run.id)).json(&body).send().expect(200).json()
}

/// A verb that is refused: the status and the code.
fn refused(run: &Run, verb: &str, body: Value) -> (u16, String) {
    let answer = run.service.post(&format!("/v1/runs/{}/{verb}", run.id)).json(&body).send();
    (answer.status, answer.json()["code"].as_str().unwrap().to_owned())
}

#[test]
fn every_verb_records_who_and_why_and_asking_twice_is_harmless() {
    let run = Run::start();
    let said = json!({"reason": "lunch", "actor": "ann", "seconds": 7200});
    assert_eq!(verb(&run, "pause", said.clone())["outcome"], "changed");
    assert_eq!(verb(&run, "pause", said)["outcome"], "unchanged");
    let resumed = verb(&run, "resume", json!({"actor": "bob"}));
    assert_eq!((&resumed["outcome"], &resumed["status"]), (&json!("changed"), &json!("pending_workflow")));
    assert_eq!(verb(&run, "resume", json!({}))["outcome"], "unchanged");
    let until = "2026-12-31T00:00:00.000000Z";
    let extended = verb(&run, "extend", json!({"until": until}));
    assert_eq!((&extended["outcome"], &extended["deadline"]), (&json!("changed"), &json!(until)));
    assert_eq!(verb(&run, "extend", json!({"until": until}))["outcome"], "unchanged");
    assert_eq!(verb(&run, "retry", json!({}))["outcome"], "unchanged");
    assert_eq!(refused(&run, "rerun", json!({"from": "workflow"})), (409, "run-not-ended".to_owned()));
    let ended = verb(&run, "terminate", json!({"reason": "enough", "actor": "ann"}));
    assert_eq!((&ended["outcome"], &ended["status"]), (&json!("changed"), &json!("failed")));
    assert_eq!(verb(&run, "terminate", json!({}))["outcome"], "unchanged");
    let told: Vec<_> = run
        .events()
        .iter()
        .map(|event| format!("{} {}", event["type"].as_str().unwrap(), event["actor"].as_str().unwrap()))
        .collect();
    for expected in ["run.paused ann", "run.resumed bob", "deadline.extended api", "run.failed ann"] {
        assert!(told.iter().any(|event| event == expected), "{expected} is missing in {told:?}");
    }
    assert_eq!(run.view()["result"]["error"]["error_message"], "terminated by ann: enough");
    run.assert_healthy();
}

#[test]
fn an_ended_run_is_moved_by_no_verb() {
    let run = Run::start();
    verb(&run, "cancel", json!({}));
    let version = run.view()["version"].clone();
    for (name, body) in
        [("cancel", json!({})), ("pause", json!({})), ("resume", json!({})), ("extend", json!({"seconds": 60}))]
    {
        assert_eq!(refused(&run, name, body), (409, "run-already-ended".to_owned()), "{name}");
    }
    assert_eq!(refused(&run, "terminate", json!({})), (409, "run-already-ended".to_owned()));
    assert_eq!(run.view()["version"], version);
}

#[test]
fn an_unknown_run_is_404_for_every_verb() {
    for name in ["cancel", "pause", "resume", "terminate", "retry"] {
        let path = format!("/v1/runs/{}/{name}", crate::support::unique("nobody"));
        crate::support::service().post(&path).send().expect_problem(404, "run not found");
    }
}

#[test]
fn a_run_that_this_version_cannot_read_can_be_terminated() {
    let run = Run::start();
    run.service
        .database()
        .execute("UPDATE runs SET state = '{\"from\": \"the future\"}' WHERE run_id = $1", &[&run.id]);
    let ended = verb(&run, "terminate", json!({"actor": "ann"}));
    assert_eq!((&ended["outcome"], &ended["status"]), (&json!("changed"), &json!("failed")));
    assert_eq!(run.status(), "failed");
}
