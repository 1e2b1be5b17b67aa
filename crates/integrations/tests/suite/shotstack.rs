//! Shotstack: every answer shape of its contract, and the timeline.

use crate::common::*;
use http::Method;
use mw_integrations::{Adoption, FaultClass, Hint, Progress, Submission, TransportError, shotstack};
use proptest::prelude::*;
use serde_json::{Value, json};

const ID: &str = "2abd5c11-0f3d-4c6d-ba20-235fc9b8e8b7";

fn submit(client: &Client) -> Submission {
    now(jobs::submit(client, &shotstack::JOBS, &settings(), &context(), &JobSpec::Render(render())))
}

fn query(status: u16, body: Value) -> Result<Progress, mw_integrations::Fault> {
    now(jobs::query(&Client::json(status, body), &shotstack::JOBS, &settings(), &JobSpec::Render(render()), ID))
}

fn render_answer(response: Value) -> Value {
    json!({"success": true, "message": "OK", "response": response})
}

#[test]
fn a_render_is_asked_for() {
    let client = Client::json(
        201,
        json!({"success": true, "message": "Created", "response": {"message": "Render Successfully Queued", "id": ID}}),
    );
    assert_eq!(submit(&client), Submission::Accepted { task_id: ID.into() });
    let request = client.request();
    assert_eq!(request.method(), Method::POST);
    assert_eq!(request.uri(), "https://provider.example/base/render");
    assert_eq!(request.headers()["x-api-key"], KEY);
    assert_eq!(request.headers()["idempotency-key"], context().idempotency_key);
    let mut body = client.request_body();
    let callback = body.as_object_mut().unwrap().remove("callback");
    assert_eq!(callback, Some(json!(context().callback_url)));
    assert_eq!(body, shotstack::timeline(&render()));
}

#[test]
fn refusals_are_told_from_silence() {
    for (answer, class) in [
        (
            answer(400, json!({"success": false, "message": "Bad Request", "response": "\"output\" is required"})),
            FaultClass::Final,
        ),
        (answer(403, json!({"message": "Forbidden"})), FaultClass::Final),
        (answer(429, json!({"message": "Too Many Requests"})), FaultClass::RateLimited),
        (
            answer(500, json!({"success": false, "message": "Internal", "response": {"error": "db"}})),
            FaultClass::Unavailable,
        ),
        (answer(200, json!({"success": false, "message": "no"})), FaultClass::Final),
        (Err(TransportError::NotSent("dns".into())), FaultClass::Unavailable),
    ] {
        let shown = format!("{answer:?}");
        match submit(&Client::answering([answer])) {
            Submission::Refused(fault) => assert_eq!(fault.class, class, "{shown}"),
            other => panic!("{shown}: {other:?}"),
        }
    }
    for answer in [
        text(502, "<html>"),
        answer(504, json!({"message": "Endpoint request timed out"})),
        text(201, "{\"success\":true,\"resp"),
        answer(201, json!({"success": true, "response": {"message": "Queued"}})),
        answer(200, json!({"success": true, "response": "?"})),
        Err(TransportError::Unanswered("reset".into())),
    ] {
        let shown = format!("{answer:?}");
        assert!(matches!(submit(&Client::answering([answer])), Submission::Unanswered(_)), "{shown}");
    }
}

#[test]
fn a_refusal_keeps_the_detail_and_loses_the_key() {
    let body = json!({"success": false, "message": "Bad Request", "response": format!("bad {KEY}")});
    let Submission::Refused(fault) = submit(&Client::json(400, body)) else { panic!("refused") };
    assert_eq!(fault.message, "Bad Request: bad ***");
    assert_eq!(fault.code, "400");
}

#[test]
fn only_a_done_render_has_a_url() {
    let body = render_answer(json!({"id": ID, "status": "done", "url": "https://r.example/f.mp4"}));
    assert!(
        matches!(query(200, body.clone()), Ok(Progress::Done(output)) if output.url == "https://r.example/f.mp4" && output.raw == body)
    );
    for status in ["queued", "fetching", "rendering", "saving", "preprocessing", "dreaming"] {
        let body = render_answer(json!({"status": status, "url": "https://early.example"}));
        assert_eq!(query(200, body), Ok(Progress::Running), "{status}");
    }
}

#[test]
fn failed_renders_are_repeated_after_the_words_of_the_official_command() {
    for (error, class) in [
        ("Temporary failure", FaultClass::Retryable),
        ("Please TRY AGAIN later", FaultClass::Retryable),
        ("timed out", FaultClass::Retryable),
        ("Time out", FaultClass::Retryable),
        ("timeout", FaultClass::Retryable),
        ("Too many requests", FaultClass::Retryable),
        ("Service Unavailable", FaultClass::Retryable),
        ("Throttled", FaultClass::Retryable),
        ("Asset not found", FaultClass::Final),
        ("", FaultClass::Final),
    ] {
        match query(200, render_answer(json!({"status": "failed", "error": error}))) {
            Ok(Progress::Failed(fault)) => assert_eq!(fault.class, class, "{error}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_query_may_tell_nothing() {
    for (status, body, class) in [
        (404, json!({"success": false, "message": "Not Found", "response": "no"}), FaultClass::Retryable),
        (429, json!({"message": "slow"}), FaultClass::RateLimited),
        (503, json!("down"), FaultClass::Unavailable),
        (200, json!({"success": true}), FaultClass::Retryable),
        (200, render_answer(json!({})), FaultClass::Retryable),
        (200, render_answer(json!({"status": "done", "url": null})), FaultClass::Retryable),
    ] {
        assert_eq!(query(status, body.clone()).unwrap_err().class, class, "{body}");
    }
}

#[test]
fn ids_that_are_none_never_reach_a_path() {
    let client = Client::answering([]);
    for id in ["", "../render", "a/b", "a?b", "é", &"a".repeat(65)] {
        assert_eq!(
            now(jobs::query(&client, &shotstack::JOBS, &settings(), &JobSpec::Render(render()), id)).unwrap_err().code,
            "invalid_task_id"
        );
        assert_eq!(
            now(jobs::confirm(&client, &shotstack::JOBS, &settings(), &JobSpec::Render(render()), id, JOB)),
            None,
            "nobody is asked"
        );
    }
}

#[test]
fn only_a_render_with_our_callback_is_ours() {
    let ours = json!({"status": "rendering", "data": {"callback": context().callback_url}});
    let theirs = json!({"status": "done", "data": {"callback": "https://other.example/"}});
    let adopt = |client: &Client| {
        now(jobs::confirm(client, &shotstack::JOBS, &settings(), &JobSpec::Render(render()), ID, JOB)).unwrap()
    };
    let client = Client::json(200, render_answer(ours));
    assert_eq!(adopt(&client), Adoption::Ours);
    assert_eq!(client.request().uri().to_string(), format!("https://provider.example/base/render/{ID}?data=true"));
    for answer in [
        answer(200, render_answer(theirs)),
        answer(200, render_answer(json!({"status": "done"}))),
        answer(404, json!({"success": false, "message": "Not Found"})),
        answer(400, json!({"success": false, "message": "Bad Request"})),
    ] {
        assert_eq!(adopt(&Client::answering([answer])), Adoption::NotOurs);
    }
    for answer in [text(401, ""), text(500, ""), Err(TransportError::Unanswered("late".into()))] {
        assert!(matches!(adopt(&Client::answering([answer])), Adoption::Unknown(_)));
    }
}

#[test]
fn only_edit_and_render_tell_about_a_render() {
    let parse = |body: Value| shotstack::parse_callback(body.to_string().as_bytes()).unwrap();
    let done = parse(
        json!({"type": "edit", "action": "render", "id": ID, "status": "done", "url": "https://r.example/f.mp4", "error": null}),
    );
    assert_eq!((done.event.as_str(), done.task_id.as_deref()), ("edit.render", Some(ID)));
    assert!(matches!(done.hint, Hint::Done(output) if output.url == "https://r.example/f.mp4"));
    let failed = parse(json!({"type": "edit", "action": "render", "id": ID, "status": "failed", "error": "timeout"}));
    assert!(matches!(failed.hint, Hint::Failed(fault) if fault.class == FaultClass::Retryable));
    let unknown = parse(json!({"type": "edit", "action": "render", "id": ID, "status": "paused"}));
    assert_eq!(unknown.hint, Hint::Running);
    let copy = parse(json!({"type": "serve", "action": "copy", "id": "asset", "render": ID, "status": "ready"}));
    assert_eq!((copy.task_id.as_deref(), copy.hint), (Some(ID), Hint::Unrelated));
    for body in ["", "[]", "{}"] {
        assert!(shotstack::parse_callback(body.as_bytes()).is_err());
    }
}

proptest! {
    #[test]
    fn no_callback_breaks_the_reader(body: Vec<u8>) {
        let _ = shotstack::parse_callback(&body);
    }
}
