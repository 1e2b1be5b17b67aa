//! upload-post: every answer shape of its contract.

use crate::common::*;
use mw_integrations::{FaultClass, Hint, Progress, Recovery, Submission, TransportError, upload_post};
use mw_media::disclosure::Disclosure;
use mw_media::job::PublishSpec;
use proptest::prelude::*;
use serde_json::{Value, json};

fn submit(client: &Client) -> Submission {
    now(jobs::submit(client, &upload_post::JOBS, &settings(), &context(), &JobSpec::Publish(publish())))
}

fn query(status: u16, body: Value) -> Result<Progress, mw_integrations::Fault> {
    now(jobs::query(&Client::json(status, body), &upload_post::JOBS, &settings(), &JobSpec::Publish(publish()), "r1"))
}

fn accepted(task_id: &str) -> Submission {
    Submission::Accepted { task_id: task_id.into() }
}

#[test]
fn a_post_is_asked_for() {
    let client = Client::json(200, json!({"success": true, "request_id": JOB, "total_platforms": 2}));
    assert_eq!(submit(&client), accepted(JOB));
    let request = client.request();
    assert_eq!(request.uri(), "https://provider.example/base/upload");
    assert_eq!(request.headers()["authorization"], format!("Apikey {KEY}"));
    assert_eq!(request.headers()["idempotency-key"], context().idempotency_key);
    assert!(request.headers()["content-type"].to_str().unwrap().starts_with("multipart/form-data; boundary="));
    let body = String::from_utf8(request.into_body()).unwrap();
    for (name, value) in [
        ("user", "AISMR"),
        ("platform[]", "tiktok"),
        ("platform[]", "youtube"),
        ("video", "https://videos.example/final.mp4"),
        ("title", "Moon and sun"),
        ("caption", "Moon & sun #food"),
        ("async_upload", "true"),
        ("request_id", JOB),
        ("external_id", JOB),
        ("disable_inbox_fallback", "true"),
        ("is_aigc", "true"),
        ("containsSyntheticMedia", "true"),
    ] {
        assert!(body.contains(&format!("name=\"{name}\"\r\n\r\n{value}\r\n")), "{name}={value}");
    }
    assert!(!body.contains("filename"));
}

#[test]
fn flags_go_only_where_they_belong() {
    for (platform, disclosure, expected) in [
        ("tiktok", Disclosure::AiGenerated, vec!["is_aigc"]),
        ("instagram", Disclosure::AiGenerated, vec![]),
        ("tiktok", Disclosure::Undisclosed { reason: "a rehearsal on a private account".into() }, vec![]),
    ] {
        let client = Client::json(200, json!({"success": true, "request_id": JOB}));
        let spec = PublishSpec { platforms: vec![platform.into()], disclosure, ..publish() };
        now(jobs::submit(&client, &upload_post::JOBS, &settings(), &context(), &JobSpec::Publish(spec)));
        let body = String::from_utf8(client.request().into_body()).unwrap();
        for flag in ["is_aigc", "containsSyntheticMedia"] {
            assert_eq!(body.contains(flag), expected.contains(&flag), "{platform} {flag}");
        }
    }
}

#[test]
fn every_way_to_accept() {
    for (status, body, task_id) in [
        (200, json!({"success": true, "request_id": "theirs"}), "theirs"),
        (200, json!({"success": true}), JOB),
        (202, json!({"success": true, "job_id": "scheduled"}), "scheduled"),
        (409, json!({"success": false, "message": "already exists", "request_id": "first"}), "first"),
        (409, json!({"error": "duplicate idempotency key"}), JOB),
        (200, json!({"success": true, "results": {"tiktok": {"success": true, "publish_id": "1"}}}), JOB),
    ] {
        assert_eq!(submit(&Client::json(status, body.clone())), accepted(task_id), "{body}");
    }
}

#[test]
fn refusals_are_told_from_silence() {
    for (answer, class, message) in [
        (answer(400, json!({"error": "user is required"})), FaultClass::Final, "user is required"),
        (
            answer(401, json!({"success": false, "message": "Invalid or expired token"})),
            FaultClass::Final,
            "Invalid or expired token",
        ),
        (answer(403, json!({"detail": "plan"})), FaultClass::Final, "plan"),
        (answer(429, json!({"message": "limit", "usage": {"count": 1}})), FaultClass::RateLimited, "limit"),
        (answer(500, json!({"error": "Failed", "details": "db"})), FaultClass::Unavailable, "Failed"),
        (text(404, ""), FaultClass::Final, "HTTP 404 Not Found"),
        (answer(200, json!({"success": false, "message": "no"})), FaultClass::Final, "no"),
        (
            answer(
                200,
                json!({"success": false, "results": {"x": {"success": false, "error": "expired"}, "y": {"success": false}}}),
            ),
            FaultClass::Final,
            "x: expired; y: failed without a reason",
        ),
        (Err(TransportError::NotSent("dns".into())), FaultClass::Unavailable, "dns"),
    ] {
        let shown = format!("{answer:?}");
        match submit(&Client::answering([answer])) {
            Submission::Refused(fault) => {
                assert_eq!((fault.class, fault.message.as_str()), (class, message), "{shown}")
            }
            other => panic!("{shown}: {other:?}"),
        }
    }
    for answer in [
        text(502, "<html>"),
        text(500, "\"text\""),
        text(200, "{\"succ"),
        Err(TransportError::Unanswered("59 s".into())),
    ] {
        let shown = format!("{answer:?}");
        assert!(matches!(submit(&Client::answering([answer])), Submission::Unanswered(_)), "{shown}");
    }
}

#[test]
fn rows_are_believed_once_the_whole_has_ended() {
    let queued = json!([{"platform": "x", "success": true, "message": "Queued"}]);
    for status in ["pending", "queued", "processing", "in_progress", "IN_PROGRESS", "dreaming"] {
        assert_eq!(query(200, json!({"status": status, "results": queued})), Ok(Progress::Running), "{status}");
    }
    // An hour without activity: queued rows are no posts.
    let given_up = query(200, json!({"status": "failed", "results": queued}));
    assert!(matches!(given_up, Ok(Progress::Failed(fault)) if fault.is_final()));
}

#[test]
fn one_platform_is_enough_to_be_published() {
    let good = json!({"platform": "tiktok", "success": true, "url": "https://t.example/1", "publish_id": "7"});
    let bad = json!({"platform": "linkedin", "success": false, "error": "session expired"});
    for (body, url) in [
        (json!({"status": "completed", "results": [good]}), "https://t.example/1"),
        (json!({"status": "completed", "results": [bad, good]}), "https://t.example/1"),
        (json!({"status": "failed", "results": [bad, good]}), "https://t.example/1"),
        (json!({"status": "completed", "results": {"linkedin": bad, "tiktok": good}}), "https://t.example/1"),
        (json!({"success": true, "results": {"tiktok": good}}), "https://t.example/1"),
        (json!({"status": "completed", "results": [{"success": true, "publish_id": 7}]}), "upload-post://r1/7"),
        (json!({"status": "completed", "results": [{"success": true}]}), "upload-post://r1"),
        (
            json!({"status": "completed", "results": [{"success": true, "canonicalUrl": "https://c", "url": "https://u"}]}),
            "https://c",
        ),
        (json!({"status": "completed", "url": "https://top.example/1"}), "https://top.example/1"),
    ] {
        match query(200, body.clone()) {
            Ok(Progress::Done(output)) => {
                assert_eq!((output.url.as_str(), &output.raw), (url, &body))
            }
            other => panic!("{body}: {other:?}"),
        }
    }
}

#[test]
fn no_platform_is_a_failure() {
    for (body, code, message) in [
        (json!({"status": "completed", "results": []}), "failed", "no platform reports a post"),
        (json!({"status": "failed", "error": "stalled"}), "failed", "stalled"),
        (json!({"status": "failed", "url": "https://stale.example"}), "failed", "no platform reports a post"),
        (json!({"status": "completed", "results": {"x": {"success": false, "message": "m"}}}), "failed", "x: m"),
        (
            json!({"status": "completed", "results": [{"platform": "tiktok", "success": true, "publish_id": "1", "fallback_to_inbox": true}]}),
            "inbox_fallback",
            "not published, sent to inbox",
        ),
    ] {
        match query(200, body.clone()) {
            Ok(Progress::Failed(fault)) => assert_eq!((fault.code.as_str(), fault.message.as_str()), (code, message)),
            other => panic!("{body}: {other:?}"),
        }
    }
}

#[test]
fn a_query_may_tell_nothing() {
    for (status, body, class) in [
        (404, json!({"status": "not_found"}), FaultClass::Retryable),
        (200, json!({"status": "not_found"}), FaultClass::Retryable),
        (401, json!({"message": "Invalid or expired token"}), FaultClass::Final),
        (500, json!({"error": "Failed to get status", "details": "x"}), FaultClass::Unavailable),
        (200, json!([]), FaultClass::Retryable),
        (200, json!({}), FaultClass::Retryable),
    ] {
        assert_eq!(query(status, body.clone()).unwrap_err().class, class, "{body}");
    }
}

#[test]
fn a_lost_answer_is_found_by_our_own_id() {
    let recover = |client: &Client| now(jobs::find(client, &upload_post::JOBS, &settings(), JOB)).unwrap();
    let client = Client::json(200, json!({"request_id": JOB, "status": "in_progress"}));
    assert_eq!(recover(&client), Recovery::Found(JOB.into()));
    let uri = client.request().uri().to_string();
    assert_eq!(uri, format!("https://provider.example/base/uploadposts/status?request_id={JOB}"));
    for client in [Client::json(404, json!({"status": "not_found"})), Client::json(200, json!({"status": "not_found"}))]
    {
        assert_eq!(recover(&client), Recovery::NotFound);
    }
    for answer in [text(500, ""), text(200, "<html>"), Err(TransportError::Unanswered("late".into()))] {
        assert!(matches!(recover(&Client::answering([answer])), Recovery::Unknown(_)));
    }
}

#[test]
fn events_are_read() {
    let parse = |body: Value| upload_post::parse_callback(body.to_string().as_bytes()).unwrap();
    let event = |result: Value| json!({"event": "upload_completed", "job_id": "j1", "profile_username": "brand", "platform": "instagram", "result": result});
    let done = parse(event(json!({"success": true, "url": "https://i.example/p", "publish_id": "17"})));
    assert_eq!(
        (done.task_id.as_deref(), done.platform.as_deref(), done.profile.as_deref()),
        (Some("j1"), Some("instagram"), Some("brand"))
    );
    assert!(matches!(done.hint, Hint::Done(output) if output.url == "https://i.example/p"));
    let by_id = parse(event(json!({"success": true, "post_id": "17"})));
    assert!(matches!(by_id.hint, Hint::Done(output) if output.url == "upload-post://j1/17"));
    let bare = parse(event(json!({"success": true})));
    assert!(matches!(bare.hint, Hint::Done(output) if output.url == "upload-post://j1"));
    let failed = parse(event(json!({"success": false, "error": "expired"})));
    assert!(matches!(failed.hint, Hint::Failed(fault) if fault.message == "expired"));
    let inbox = parse(event(json!({"success": true, "fallback_to_inbox": true})));
    assert!(matches!(inbox.hint, Hint::Failed(fault) if fault.code == "inbox_fallback"));
    let other = parse(json!({"event": "social_account_disconnected", "external_id": "e"}));
    assert_eq!((other.hint, other.task_id.as_deref()), (Hint::Unrelated, Some("e")));
    for body in ["", "[]", "{}", r#"{"event":"upload_completed"}"#, r#"{"event":"upload_completed","result":1}"#] {
        assert!(upload_post::parse_callback(body.as_bytes()).is_err(), "{body}");
    }
}

proptest! {
    #[test]
    fn no_body_breaks_the_readers(body: Vec<u8>, word in "\\PC{0,30}") {
        let _ = upload_post::parse_callback(&body);
        let _ = query(200, json!({"status": word, "results": {&word: word}}));
        let _ = query(200, json!({"status": "completed", "results": [{"success": word}, word]}));
    }
}
