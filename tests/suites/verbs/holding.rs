//! Pausing, and what a paused or waiting run says of itself.

use super::{refused, verb};
use crate::support::{Run, eventually, simulator};
use serde_json::{Value, json};

fn why(run: &Run) -> Value {
    run.service.get(&format!("/v1/runs/{}/why", run.id)).send().expect(200).json()
}

#[test]
fn a_paused_gate_takes_no_decision_and_a_resumed_one_does() {
    let run = Run::start();
    let link = run.link("workflow");
    verb(&run, "pause", json!({"actor": "ann", "reason": "not yet"}));
    let decided = run.service.post(&run.gate_path("workflow")).json(&json!({})).send();
    assert_eq!((decided.status, decided.json()["code"].clone()), (409, json!("run-paused")));
    assert_eq!(run.service.call("POST", &link).json(&json!({"decision": "approve"})).send().status, 409);
    assert!(why(&run)["waitingFor"].as_str().unwrap().contains("ann paused it (not yet)"));
    verb(&run, "resume", json!({}));
    assert_eq!(run.service.call("POST", &link).json(&json!({"decision": "approve"})).send().status, 200);
    run.wait_for("awaiting_ideate");
}

#[test]
#[ignore = "needs simulated providers"]
fn a_paused_run_collects_results_and_goes_on_when_resumed() {
    let storm = simulator::storm();
    storm.latency(json!({"kieai_ms": 3_000}));
    let run = Run::generating();
    eventually("both clips are at work", || {
        (run.jobs("generate").iter().filter(|job| job["state"] == "submitted").count() == 2).then_some(())
    });
    verb(&run, "pause", json!({}));
    eventually("both clips are there", || {
        run.pass_time();
        (run.jobs("generate").iter().filter(|job| job["state"] == "succeeded").count() == 2).then_some(())
    });
    assert_eq!(run.status(), "paused");
    assert!(run.jobs("render").is_empty(), "nothing new is asked for");
    verb(&run, "resume", json!({}));
    run.wait_for("awaiting_prepublish");
    run.assert_healthy();
}

#[test]
fn a_run_says_what_it_waits_for_until_when_and_what_can_be_done() {
    let run = Run::start();
    let at_gate = why(&run);
    assert!(at_gate["waitingFor"].as_str().unwrap().starts_with("a person at the workflow gate"), "{at_gate}");
    assert!(at_gate["since"].is_string() && at_gate["until"].is_string());
    assert!(
        at_gate["can"]
            .as_array()
            .unwrap()
            .iter()
            .any(|can| can == &json!(format!("mw gates link {} workflow", run.id)))
    );
    verb(&run, "cancel", json!({}));
    let ended = why(&run);
    assert_eq!((&ended["waitingFor"], &ended["until"]), (&json!("nothing: it is cancelled"), &Value::Null));
    assert_eq!(refused(&run, "pause", json!({})).0, 409);
}

#[test]
#[ignore = "needs simulated providers"]
fn a_run_whose_provider_fails_says_which_error_it_waits_on() {
    let storm = simulator::storm();
    storm.fault(json!({"provider": "kieai", "fault": "status_500", "on": "create", "times": 100}));
    let run = Run::generating();
    let told = eventually("a failed attempt", || {
        let why = why(&run);
        let told = why["details"].as_array().unwrap().iter().any(|detail| detail.as_str().unwrap().contains("last: "));
        told.then_some(why)
    });
    assert!(told["waitingFor"].as_str().unwrap().starts_with("kieai: 0 of 2 clips are there"), "{told}");
    verb(&run, "terminate", json!({}));
    let open = "SELECT effect_id FROM outbox WHERE run_id = $1 AND state IN ('due', 'leased', 'held')";
    assert_eq!(run.service.database().count(open, &[&run.id]), 0);
}
