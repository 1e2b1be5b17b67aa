//! Which deliveries are let in.

use super::{deliver_to, kieai, kieai_body, receipts, shotstack, signed, upload_post};
use crate::support::{Call, service, signing, unique};
use serde_json::{Value, json};

fn event(job_id: &str) -> Value {
    json!({"event": "upload_completed", "job_id": job_id, "platform": "tiktok", "profile_username": unique("nobody"),
           "result": {"success": true, "url": "https://tiktok.example/1"}})
}

fn raw(provider: &str, body: &Value) -> Call {
    deliver_to(provider).json(body)
}

#[track_caller]
fn is_refused(call: &Call, text: &str, status: &str) {
    call.send().expect_problem(403, "invalid signature");
    let found = receipts(text);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((&found[0]["signature_status"], &found[0]["outcome"]), (&json!(status), &json!("refused")));
}

#[test]
fn a_valid_signature_of_each_provider_is_accepted() {
    let task = unique("task");
    let answer = kieai("", &task, &kieai_body(&task, "https://x.example/1.mp4")).send().expect(200).json();
    assert_eq!((&answer["code"], &answer["msg"]), (&json!(200), &json!("success")));
    let post = unique("post");
    upload_post(&event(&post)).send().expect(200);
    let render = unique("render");
    shotstack(
        "",
        &json!({"type": "edit", "action": "render", "id": render, "status": "done", "url": "https://x.example/1"}),
    )
    .send()
    .expect(200);
    for (text, status) in [(&task, "valid"), (&post, "valid"), (&render, "unsigned")] {
        assert_eq!(receipts(text)[0]["signature_status"], status, "{text}");
    }
}

#[test]
fn the_generic_scheme_is_accepted_beside_the_providers_own() {
    for header in ["x-signature", "x-kie-signature", "x-webhook-signature"] {
        let task = unique("task");
        let body = kieai_body(&task, "https://x.example/1.mp4");
        let signature = signing::generic(&service().kieai_secret, body.to_string().as_bytes());
        raw("kieai", &body).header(header, signature).send().expect(200);
    }
    let post = unique("post");
    let signature = signing::generic(&service().upload_post_secret, event(&post).to_string().as_bytes());
    let body = event(&post);
    let good = signing::generic(&service().upload_post_secret, body.to_string().as_bytes());
    assert_ne!(signature, good, "another body has another signature");
    raw("upload-post", &body).header("x-signature", good).send().expect(200);
}

#[test]
fn both_spellings_of_kieais_task_id_are_verified() {
    let task = unique("task");
    let body = json!({"code": 200, "msg": "All generated successfully.", "data": {"task_id": task, "video_url": "https://x.example/1.mp4"}});
    kieai("", &task, &body).send().expect(200);
}

#[test]
fn a_missing_signature_is_refused_and_recorded() {
    let task = unique("task");
    is_refused(&raw("kieai", &kieai_body(&task, "https://x.example/1.mp4")), &task, "missing");
    let post = unique("post");
    is_refused(&raw("upload-post", &event(&post)), &post, "missing");
}

#[test]
fn a_wrong_signature_is_refused_and_recorded() {
    let now = signing::unix_now();
    let secret = &service().kieai_secret;
    let forgeries: [(&str, i64); 3] = [("not the secret", now), (secret, now - 400), (secret, now + 400)];
    for (secret, at) in forgeries {
        let task = unique("task");
        let call =
            signed(raw("kieai", &kieai_body(&task, "https://x.example/1.mp4")), signing::kieai(secret, &task, at));
        is_refused(&call, &task, "invalid");
    }
    // Valid for another task.
    let task = unique("task");
    let other = signing::kieai(secret, "another-task", now);
    is_refused(&signed(raw("kieai", &kieai_body(&task, "https://x.example/1.mp4")), other), &task, "invalid");
}

#[test]
fn one_changed_byte_breaks_a_signature_over_the_body() {
    let post = unique("post");
    let body = event(&post).to_string();
    let headers = signing::upload_post(&service().upload_post_secret, body.as_bytes(), signing::unix_now());
    let changed = body.replace("tiktok.example/1", "tiktok.example/2");
    let call = deliver_to("upload-post").body("application/json", changed);
    is_refused(&signed(call, headers), &post, "invalid");
}

#[test]
fn mutations_of_a_signature_are_refused() {
    let now = signing::unix_now();
    let text = |post: &str| event(post).to_string();
    let mutate = |change: &dyn Fn(&str) -> String| {
        let post = unique("post");
        let body = text(&post);
        let [(time_name, time), (name, signature)] =
            signing::upload_post(&service().upload_post_secret, body.as_bytes(), now);
        let call = deliver_to("upload-post").body("application/json", body);
        is_refused(&call.header(time_name, time).header(name, change(&signature)), &post, "invalid");
    };
    mutate(&|signature| signature.to_uppercase());
    mutate(&|signature| signature.replace("sha256=", ""));
    mutate(&|signature| signature.replace("sha256=", "sha1="));
    mutate(&|signature| signature[..signature.len() - 1].to_owned());
    mutate(&|signature| format!("{signature}0"));
    mutate(&|_| String::new());
    mutate(&|_| "sha256=".to_owned());
}

#[test]
fn header_names_in_upper_case_are_the_same_headers() {
    let task = unique("task");
    let body = kieai_body(&task, "https://x.example/1.mp4");
    let headers = signing::kieai(&service().kieai_secret, &task, signing::unix_now());
    let call = headers.iter().fold(raw("kieai", &body), |call, (name, value)| call.header(&name.to_uppercase(), value));
    call.send().expect(200);
}

#[test]
fn a_secret_of_one_provider_opens_no_other() {
    let post = unique("post");
    let body = event(&post).to_string();
    let headers = signing::upload_post(&service().kieai_secret, body.as_bytes(), signing::unix_now());
    let call = deliver_to("upload-post").body("application/json", body);
    is_refused(&signed(call, headers), &post, "invalid");
}

#[test]
fn the_api_key_stands_for_no_signature() {
    let task = unique("task");
    is_refused(&raw("kieai", &kieai_body(&task, "https://x.example/1.mp4")).key(), &task, "missing");
    assert!(receipts(&task)[0]["headers"].get("x-api-key").is_none(), "keys are not stored");
}

#[test]
fn a_refused_delivery_is_one_row_with_a_count_and_burns_no_key() {
    let task = unique("task");
    let body = kieai_body(&task, "https://x.example/1.mp4");
    for _ in 0..5 {
        raw("kieai", &body).header("x-webhook-signature", "forged").send().expect(403);
    }
    let refused = receipts(&task);
    assert_eq!((refused.len(), &refused[0]["count"]), (1, &json!(5)));
    let answer = kieai("", &task, &body).send().expect(200).json();
    assert_ne!(answer["status"], "duplicate", "the real one is not taken for a repetition");
    assert_eq!(receipts(&task).len(), 2);
}

#[test]
fn refusals_of_one_body_are_counted_by_their_status() {
    let task = unique("task");
    let body = kieai_body(&task, "https://x.example/1.mp4");
    for _ in 0..2 {
        raw("kieai", &body).header("x-webhook-signature", "forged").send().expect(403);
    }
    raw("kieai", &body).send().expect(403);
    let mut counted: Vec<(String, u64)> = receipts(&task)
        .iter()
        .map(|row| (row["signature_status"].as_str().unwrap().to_owned(), row["count"].as_u64().unwrap()))
        .collect();
    counted.sort();
    assert_eq!(counted, [("invalid".to_owned(), 2), ("missing".to_owned(), 1)]);
}

#[test]
fn a_refused_delivery_is_kept_cut() {
    let task = unique("task");
    let mut body = kieai_body(&task, "https://x.example/1.mp4");
    body["padding"] = json!("x".repeat(20_000));
    raw("kieai", &body).send().expect(403);
    let sql =
        "SELECT length(payload) AS size FROM webhook_events WHERE position(convert_to($1, 'UTF8') IN payload) > 0";
    let rows = service().database().rows(sql, &[&task]);
    assert!(rows.iter().all(|row| row["size"].as_u64().unwrap() <= 4096), "{rows:?}");
}
