//! Cancelling runs and attaching artifacts.

use crate::support::{Run, service};
use serde_json::{Value, json};

fn cancel(run: &Run, body: &Value) -> crate::support::Answer {
    service().post(&format!("/v1/runs/{}/cancel", run.id)).json(body).send()
}

#[test]
fn a_cancelled_run_stays_cancelled() {
    let run = Run::start();
    let answer = cancel(&run, &json!({"reason": "changed my mind", "actor": "ann"})).expect(200).json();
    assert_eq!(answer, json!({"runId": run.id, "status": "cancelled"}));
    let artifact = run.artifacts("run.cancelled").remove(0);
    assert_eq!(artifact["metadata"]["reason"], "changed my mind");
    assert_eq!(artifact["metadata"]["actor"], "ann");
    assert_eq!(artifact["provider"], "api");
    cancel(&run, &json!({})).expect_problem(409, &format!("Run {} is already cancelled", run.id));
    let gate = service().database().row("SELECT state FROM gates WHERE run_id = $1", &[&run.id]);
    assert_eq!(gate["state"], "closed");
    run.assert_healthy();
}

#[test]
fn cancelling_without_a_word_uses_the_documented_defaults() {
    let run = Run::start();
    service().post(&format!("/v1/runs/{}/cancel", run.id)).send().expect(200);
    let metadata = run.artifacts("run.cancelled").remove(0)["metadata"].clone();
    assert_eq!(metadata["reason"], "cancelled via API");
    assert_eq!(metadata["actor"], "api");
}

#[test]
fn cancelling_twenty_times_at_once_cancels_once() {
    let run = Run::start();
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let calls: Vec<_> = (0..20).map(|_| scope.spawn(|| cancel(&run, &json!({})).status)).collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| [200, 409].contains(status)), "{statuses:?}");
    assert_eq!(run.count_events("run.cancelled"), 1);
}

#[test]
fn a_bad_cancel_is_refused_and_cancels_nothing() {
    let run = Run::start();
    for (body, pointer) in [
        (json!({"reason": "x".repeat(501)}), "#/reason"),
        (json!({"actor": "x".repeat(201)}), "#/actor"),
        (json!({"reason": 5}), "#/reason"),
        (json!("stop"), "#"),
    ] {
        cancel(&run, &body).expect_invalid(pointer);
    }
    assert_eq!(run.status(), "pending_workflow");
}

#[test]
fn an_artifact_is_attached_with_its_defaults() {
    let run = Run::start();
    let path = format!("/v1/runs/{}/artifacts", run.id);
    let answer = service().post(&path).json(&json!({"type": "note", "surprise": 1})).send().expect(200).json();
    assert_eq!(answer, json!({"status": "ok", "runId": run.id, "artifactType": "note"}));
    let whole = json!({"type": "storyboard", "provider": "figma", "url": "https://example.com/a?b=c&d", "checksum": "sha256:1",
                       "metadata": {"pages": [1, 2], "emoji": "🕯"}, "persona": "iggy"});
    service().post(&path).json(&whole).send().expect(200);
    let note = run.artifacts("note").remove(0);
    assert_eq!((&note["provider"], &note["url"]), (&json!("orchestrator"), &Value::Null));
    let storyboard = run.artifacts("storyboard").remove(0);
    for member in ["provider", "url", "checksum", "persona"] {
        assert_eq!(storyboard[member], whole[member], "{member}");
    }
    assert_eq!(storyboard["metadata"]["pages"], whole["metadata"]["pages"]);
    assert_eq!(storyboard["metadata"]["emoji"], "🕯");
    assert_eq!(run.status(), "pending_workflow");
    run.assert_healthy();
}

#[test]
fn an_artifact_is_attached_to_an_ended_run_and_moves_it_not() {
    let run = Run::start();
    cancel(&run, &json!({})).expect(200);
    let path = format!("/v1/runs/{}/artifacts", run.id);
    service().post(&path).json(&json!({"type": "post.mortem"})).send().expect(200);
    assert_eq!(run.status(), "cancelled");
    assert_eq!(run.artifacts("post.mortem").len(), 1);
    run.assert_healthy();
}

#[test]
fn a_bad_artifact_is_refused_and_stored_nowhere() {
    let run = Run::start();
    let before = run.artifact_names();
    for (body, pointer) in [
        (json!({}), "#/type"),
        (json!({"type": ""}), "#/type"),
        (json!({"type": null}), "#/type"),
        (json!({"type": "x".repeat(101)}), "#/type"),
        (json!({"type": "x", "provider": 1}), "#/provider"),
        (json!({"type": "x", "url": "u".repeat(2001)}), "#/url"),
        (json!({"type": "x", "metadata": "m"}), "#/metadata"),
        (json!({"type": "x", "metadata": {"a": "nul\u{0}"}}), "#/metadata/a"),
        (json!({"type": "notification"}), "#/metadata/user_id"),
    ] {
        service().post(&format!("/v1/runs/{}/artifacts", run.id)).json(&body).send().expect_invalid(pointer);
    }
    assert_eq!(run.artifact_names(), before);
}

#[test]
fn many_artifacts_at_once_are_all_recorded() {
    let run = Run::start();
    let path = format!("/v1/runs/{}/artifacts", run.id);
    std::thread::scope(|scope| {
        for number in 0..8 {
            let path = &path;
            scope.spawn(move || {
                let body = json!({"type": "parallel", "metadata": {"number": number}});
                // A busy run is 503 with Retry-After: the caller comes again.
                service().post(path).json(&body).send().expect(200)
            });
        }
    });
    assert_eq!(run.artifacts("parallel").len(), 8);
    run.assert_healthy();
}
