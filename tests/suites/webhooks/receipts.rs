//! What is stored of a delivery, and what is answered.

use super::{kieai, kieai_body, receipts, receipts_of, shotstack, upload_post};
use crate::support::{Run, eventually, service, simulator, unique};
use serde_json::{Value, json};

fn serve_copy(id: &str) -> Value {
    json!({"type": "serve", "action": "copy", "id": id, "render": id, "status": "ready", "url": "https://cdn.example/1.mp4"})
}

#[test]
fn a_repetition_is_a_duplicate_and_one_row() {
    let id = unique("copy");
    assert_eq!(shotstack("", &serve_copy(&id)).send().expect(200).json()["status"], "accepted");
    for _ in 0..3 {
        assert_eq!(shotstack("", &serve_copy(&id)).send().expect(200).json()["status"], "duplicate");
    }
    assert_eq!(receipts_of(&serve_copy(&id)).len(), 1);
}

#[test]
fn unsigned_headers_decide_nothing_about_repetitions() {
    let (one, other) = (unique("copy"), unique("copy"));
    let request_id = unique("request");
    for (id, expected) in [(&one, "accepted"), (&other, "accepted"), (&one, "duplicate")] {
        let call = shotstack("", &serve_copy(id)).header("x-request-id", &request_id).header("idempotency-key", "k");
        assert_eq!(call.send().expect(200).json()["status"], expected);
    }
}

#[test]
fn the_same_body_from_two_providers_is_two_events() {
    let id = unique("event");
    let body = json!({"type": "serve", "action": "copy", "id": id, "event": "account_connected", "job_id": id});
    assert_eq!(shotstack("", &body).send().expect(200).json()["status"], "accepted");
    assert_ne!(upload_post(&body).send().expect(200).json()["status"], "duplicate");
    assert_eq!(receipts_of(&body).len(), 2);
}

#[test]
fn twenty_repetitions_at_once_are_accepted_once() {
    let id = unique("copy");
    let words: Vec<String> = std::thread::scope(|scope| {
        let calls: Vec<_> = (0..20)
            .map(|_| {
                scope.spawn(|| {
                    shotstack("", &serve_copy(&id)).send().expect(200).json()["status"].as_str().unwrap().to_owned()
                })
            })
            .collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    });
    assert_eq!(words.iter().filter(|word| *word == "accepted").count(), 1, "{words:?}");
    assert_eq!(receipts_of(&serve_copy(&id)).len(), 1);
}

#[test]
fn kinds_without_effect_are_accepted_and_not_dead_letters() {
    let copy = serve_copy(&unique("copy"));
    shotstack("", &copy).send().expect(200);
    let connected = json!({"event": "account_connected", "job_id": unique("post")});
    upload_post(&connected).send().expect(200);
    for body in [copy, connected] {
        let receipt = receipts_of(&body).remove(0);
        let whole = body.to_string().len();
        assert_eq!(
            (&receipt["outcome"], &receipt["size"], &receipt["payload_bytes"]),
            (&json!("ignored"), &json!(0), &json!(whole))
        );
    }
}

#[test]
fn only_headers_of_the_list_are_kept() {
    let task = unique("task");
    let call = kieai("", &task, &kieai_body(&task, "https://x.example/1.mp4"));
    let call = (0..64).fold(call, |call, number| call.header(&format!("x-pad-{number}"), "y".repeat(900)));
    call.header("x-forge-token", "hush").header("user-agent", "z".repeat(5000)).send().expect(200);
    let headers = receipts(&task)[0]["headers"].clone();
    let names: Vec<&str> = headers.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["content-type", "user-agent", "x-webhook-signature", "x-webhook-timestamp"]);
    assert_eq!(headers["user-agent"].as_str().unwrap().len(), 256);
}

#[test]
fn an_unmatched_delivery_is_a_dead_letter_with_a_reason() {
    let task = unique("task");
    let answer =
        kieai("?run_id=no-such-run", &task, &kieai_body(&task, "https://x.example/1.mp4")).send().expect(200).json();
    assert_eq!((&answer["status"], &answer["code"]), (&json!("dlq"), &json!(200)));
    let receipt = receipts(&task).remove(0);
    assert_eq!(receipt["outcome"], "dlq");
    let id = receipt["id"].as_str().unwrap();
    let letter = service()
        .database()
        .row("SELECT error, retry_count, next_retry_at FROM webhook_dlq WHERE id = $1::text::uuid", &[&id]);
    assert_eq!(letter["error"], "unknown_job");
    assert!(letter["next_retry_at"].is_string());
}

#[test]
fn a_dead_letter_is_retried_with_longer_pauses() {
    let task = unique("task");
    kieai("", &task, &kieai_body(&task, "https://x.example/1.mp4")).send().expect(200);
    let id = receipts(&task)[0]["id"].as_str().unwrap().to_owned();
    let due = "UPDATE webhook_dlq SET next_retry_at = now() - interval '1 second' WHERE id = $1::text::uuid AND next_retry_at IS NOT NULL";
    let look = || {
        service().database().row("SELECT retry_count, next_retry_at, next_retry_at - updated_at AS wait FROM webhook_dlq WHERE id = $1::text::uuid", &[&id])
    };
    let mut waits = Vec::new();
    for tried in 1..=3 {
        service().database().execute(due, &[&id]);
        eventually("it is tried again", || {
            service().sweep();
            (look()["retry_count"] == tried).then_some(())
        });
        waits.push(look()["wait"].as_str().unwrap().to_owned());
    }
    assert_eq!(waits, ["00:01:00", "00:02:00", "00:04:00"]);
    service()
        .database()
        .execute("UPDATE webhook_dlq SET retry_count = 12, next_retry_at = now() WHERE id = $1::text::uuid", &[&id]);
    eventually("the tries are bounded", || {
        service().sweep();
        (look()["next_retry_at"] == Value::Null).then_some(())
    });
}

#[test]
fn the_sweep_matches_a_webhook_that_came_early() {
    let _calm = simulator::calm();
    let run = Run::rendered();
    // A task that our database does not know yet: the job learns it afterwards.
    let (task, job) = (unique("task"), run.jobs("generate").remove(0));
    kieai("", &task, &kieai_body(&task, "https://x.example/early.mp4")).send().expect(200);
    let receipt = receipts(&task).remove(0);
    let id = receipt["id"].as_str().unwrap();
    service()
        .database()
        .execute("UPDATE provider_jobs SET task_id = $1 WHERE job_id = $2", &[&task, &job["job_id"].as_str()]);
    service().database().execute(
        "UPDATE webhook_dlq SET next_retry_at = now() - interval '1 second' WHERE id = $1::text::uuid",
        &[&id],
    );
    eventually("it is matched", || {
        service().sweep();
        (service().database().count("SELECT FROM webhook_dlq WHERE id = $1::text::uuid", &[&id]) == 0).then_some(())
    });
    let matched = receipts(&task).remove(0);
    assert_eq!((&matched["id"], &matched["outcome"]), (&receipt["id"], &json!("accepted")));
    assert_eq!(matched["run_id"], run.id.as_str());
    assert_eq!(run.status(), "awaiting_prepublish");
}

#[test]
fn content_types_are_json_bytes_or_none() {
    for kind in ["application/json", "application/json; charset=utf-8", "application/octet-stream"] {
        let body = serve_copy(&unique("copy")).to_string();
        service().call("POST", "/v1/webhooks/shotstack").body(kind, body).send().expect(200);
    }
    service().call("POST", "/v1/webhooks/shotstack").bytes(serve_copy(&unique("copy")).to_string()).send().expect(200);
    for provider in ["kieai", "shotstack", "upload-post"] {
        for kind in ["text/plain", "application/x-www-form-urlencoded"] {
            let id = unique("copy");
            let call =
                service().call("POST", &format!("/v1/webhooks/{provider}")).body(kind, serve_copy(&id).to_string());
            call.send().expect_problem(415, &format!("unsupported content-type: {kind}"));
            assert!(receipts(&id).is_empty());
        }
    }
}

#[test]
fn a_body_over_a_megabyte_is_413_and_one_below_is_read() {
    let padded = |size: usize| {
        let mut body = serve_copy(&unique("copy"));
        body["padding"] = json!("");
        let rest = size - body.to_string().len();
        body["padding"] = json!("x".repeat(rest));
        body.to_string()
    };
    let post = |body: String| service().call("POST", "/v1/webhooks/shotstack").body("application/json", body).send();
    assert_eq!(padded(1_000_000).len(), 1_000_000);
    post(padded(1_000_000)).expect(200);
    post(padded(1_000_001)).expect_problem(413, "webhook payload too large");
}

#[test]
fn what_is_no_object_is_422_and_not_stored() {
    let mark = unique("mark");
    for body in [format!("\"{mark}\""), format!("[\"{mark}\"]"), format!("{{\"{mark}\""), mark.clone()] {
        service().call("POST", "/v1/webhooks/shotstack").body("application/json", body).send().expect_invalid("#");
    }
    assert!(receipts(&mark).is_empty());
}

#[test]
fn odd_but_valid_events_are_stored_without_harm() {
    let odd = |id: &str| {
        [
            json!({"type": "edit", "action": "render", "id": id}),
            json!({"type": "edit", "action": "render", "id": id, "status": "dreaming"}),
            json!({"type": 5, "action": [], "id": {"a": id}}),
            json!({"id": [id], "status": "done", "url": {"x": 1}}),
            json!({"type": "edit", "action": "render", "id": id, "status": "done", "url": "x".repeat(5000)}),
            json!({"type": "edit", "action": "render", "id": format!("{id}\u{7}"), "status": "done"}),
        ]
    };
    for body in odd(&unique("odd")) {
        shotstack("?job=%00&job=x", &body).send().expect(200);
    }
}
