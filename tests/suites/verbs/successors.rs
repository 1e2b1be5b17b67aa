//! Retry and rerun of ended runs: a successor opens, its parent never moves, and no clip is made twice.

use super::{refused, verb};
use crate::support::{Run, eventually, service, simulator};
use serde_json::json;

fn opened(run: &Run, name: &str, body: serde_json::Value) -> Run {
    let answer = verb(run, name, body);
    assert_eq!(answer["outcome"], "successor", "{answer}");
    Run { id: answer["successor"].as_str().unwrap().to_owned(), ..run.clone() }
}

#[test]
fn a_successor_starts_where_its_parent_stopped() {
    let _calm = simulator::calm();
    let run = Run::rendered();
    verb(&run, "cancel", json!({}));
    let before = run.view();
    let successor = opened(&run, "retry", json!({"actor": "ann"}));
    let view = successor.view();
    assert_eq!((&view["status"], &view["parentRunId"]), (&json!("awaiting_prepublish"), &json!(run.id)));
    assert_eq!(view["result"]["finalRenderUrl"], before["result"]["finalRenderUrl"]);
    let after = run.view();
    assert_eq!((&after["version"], &after["status"]), (&before["version"], &json!("cancelled")));
    assert_eq!(after["successors"], json!([successor.id]));
    let successor = successor.approved("prepublish").waiting_for("published");
    assert!(successor.jobs("generate").is_empty() && successor.jobs("render").is_empty());
    successor.assert_healthy();
}

#[test]
fn asking_twice_opens_one_successor_per_key() {
    let run = Run::start();
    verb(&run, "cancel", json!({}));
    let first = opened(&run, "retry", json!({}));
    assert_eq!(opened(&run, "retry", json!({})).id, first.id);
    let path = format!("/v1/runs/{}/retry", run.id);
    let keyed = || {
        let answer = service().post(&path).header("idempotency-key", "second").json(&json!({})).send().expect(200);
        answer.json()["successor"].as_str().unwrap().to_owned()
    };
    let second = keyed();
    assert_ne!(second, first.id);
    assert_eq!(keyed(), second);
}

#[test]
#[ignore = "needs simulated providers"]
fn a_run_that_failed_half_way_makes_no_clip_twice() {
    let storm = simulator::storm();
    // The first clip is made, the second fails at the provider.
    storm.fault(json!({"provider": "kieai", "fault": "task_fails", "times": 1}));
    let run = Run::generating();
    run.wait_for("failed");
    storm.clear();
    let made = |run: &Run| storm.tasks(&run.job_ids()).len();
    assert_eq!(made(&run), 2);
    let successor = opened(&run, "retry", json!({}));
    successor.wait_for("awaiting_prepublish");
    assert_eq!(made(&successor), 2, "the clip that failed, and the render");
    assert_eq!(successor.count_events("clip.adopted"), 1);
    assert_eq!(successor.view()["result"]["videos"].as_array().unwrap().len(), 2);
}

#[test]
#[ignore = "needs simulated providers"]
fn a_clip_that_was_at_work_when_its_run_ended_is_followed_on() {
    let storm = simulator::storm();
    storm.latency(json!({"kieai_ms": 3_000}));
    let run = Run::generating();
    eventually("both clips are at work", || {
        (run.jobs("generate").iter().filter(|job| job["state"] == "submitted").count() == 2).then_some(())
    });
    verb(&run, "cancel", json!({}));
    let successor = opened(&run, "retry", json!({}));
    successor.wait_for("awaiting_prepublish");
    assert_eq!(successor.count_events("job.adopted"), 2);
    assert_eq!(storm.tasks(&successor.job_ids()).len(), 1, "only the render was asked for");
    assert_eq!(run.status(), "cancelled");
}

#[test]
fn a_rejected_gate_opens_again_in_a_successor() {
    let run = Run::start();
    run.service.post(&run.gate_path("workflow")).json(&json!({"decision": "reject"})).send().expect(200);
    run.wait_for("rejected");
    let successor = opened(&run, "retry", json!({}));
    assert_eq!(successor.status(), "pending_workflow");
}

#[test]
fn a_published_run_is_rerun_from_steps_that_it_reached() {
    let _calm = simulator::calm();
    let run = Run::start().published();
    assert_eq!(refused(&run, "retry", json!({})), (409, "nothing-to-retry".to_owned()));
    assert_eq!(refused(&run, "rerun", json!({"from": "nowhere"})), (422, "invalid-request".to_owned()));
    let again = opened(&run, "rerun", json!({"from": "prepublish"}));
    again.approved("prepublish").waiting_for("published");
    let early = Run::start();
    verb(&early, "cancel", json!({}));
    assert_eq!(refused(&early, "rerun", json!({"from": "publish"})), (409, "step-not-reached".to_owned()));
}
