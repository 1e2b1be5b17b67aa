//! kie.ai: every answer shape of its contract.

use crate::common::*;
use http::Method;
use mw_providers::kieai::{self, Family};
use mw_providers::{Adoption, Callback, FaultClass, Hint, Progress, Submission, TransportError};
use proptest::prelude::*;
use serde_json::{Value, json};

const VEO: &str = "veo3_fast";
const MARKET: &str = "wan/3-0-video-prime";
const RUNWAY: &str = "runway-gen4";

fn submit(client: &Client, model: &str) -> Submission {
    now(kieai::submit(
        client,
        &settings(),
        &context(),
        &generate(model),
    ))
}

fn query(model: &str, status: u16, body: Value) -> Result<Progress, mw_providers::Fault> {
    now(kieai::query(
        &Client::json(status, body),
        &settings(),
        model,
        "t1",
    ))
}

fn adopt(client: &Client, model: &str) -> Adoption {
    now(kieai::adopt(client, &settings(), model, "t1", JOB))
}

fn parse(body: Value) -> Callback {
    kieai::parse_callback(body.to_string().as_bytes()).unwrap()
}

#[test]
fn models_choose_the_family() {
    for (model, family) in [
        ("veo3", Family::Veo),
        (" VEO3_fast ", Family::Veo),
        ("runway", Family::Runway),
        ("sora-2-pro-text-to-video", Family::Market),
        ("", Family::Market),
    ] {
        assert_eq!(Family::of_model(model), family, "{model:?}");
    }
}

#[test]
fn a_veo_clip_is_asked_for() {
    let client = Client::json(
        200,
        json!({"code": 200, "msg": "success", "data": {"taskId": "veo_1"}}),
    );
    assert_eq!(
        submit(&client, VEO),
        Submission::Accepted {
            task_id: "veo_1".into()
        }
    );
    let request = client.request();
    assert_eq!(request.method(), Method::POST);
    assert_eq!(
        request.uri(),
        "https://provider.example/base/api/v1/veo/generate"
    );
    assert_eq!(request.headers()["authorization"], format!("Bearer {KEY}"));
    assert!(request.headers()["authorization"].is_sensitive());
    assert_eq!(request.headers()["content-type"], "application/json");
    let expected = json!({
        "prompt": "A sun made of pickles", "model": "veo3_fast", "generationType": "TEXT_2_VIDEO",
        "aspect_ratio": "9:16", "aspectRatio": "9:16", "resolution": "1080p",
        "callBackUrl": context().callback_url,
    });
    assert_eq!(client.request_body(), expected);
}

#[test]
fn a_runway_clip_is_asked_for() {
    let client = Client::json(200, json!({"code": 200, "data": {"task_id": "r1"}}));
    assert_eq!(
        submit(&client, RUNWAY),
        Submission::Accepted {
            task_id: "r1".into()
        }
    );
    assert!(
        client
            .request()
            .uri()
            .path()
            .ends_with("/api/v1/runway/generate")
    );
    let body = client.request_body();
    assert_eq!(
        (&body["duration"], &body["quality"]),
        (&json!(10), &json!("720p"))
    );

    let client = Client::json(200, json!({"code": 200, "data": {"taskId": "r2"}}));
    let mut spec = generate(RUNWAY);
    spec.duration_seconds = 5.0;
    now(kieai::submit(&client, &settings(), &context(), &spec));
    let body = client.request_body();
    assert_eq!(
        (&body["duration"], &body["quality"]),
        (&json!(5), &json!("1080p"))
    );
}

#[test]
fn a_market_clip_is_asked_for() {
    let client = Client::json(200, json!({"code": "200", "data": {"taskId": "m1"}}));
    let mut context = context();
    context.callback_url = None;
    let submission = now(kieai::submit(
        &client,
        &settings(),
        &context,
        &generate(MARKET),
    ));
    assert_eq!(
        submission,
        Submission::Accepted {
            task_id: "m1".into()
        }
    );
    assert!(
        client
            .request()
            .uri()
            .path()
            .ends_with("/api/v1/jobs/createTask")
    );
    let input = json!({"prompt": "A sun made of pickles", "aspect_ratio": "9:16", "resolution": "1080p", "duration": 8});
    assert_eq!(
        client.request_body(),
        json!({"model": MARKET, "input": input})
    );
}

#[test]
fn sora_has_its_own_words() {
    for (aspect, seconds, quality, expected) in [
        ("9:16", 8.0, "1080p", ["portrait", "10", "high"]),
        ("16:9", 12.0, "720p", ["landscape", "15", "standard"]),
        ("wide", 10.0, "720p", ["landscape", "10", "standard"]),
    ] {
        let client = Client::json(200, json!({"code": 200, "data": {"taskId": "m1"}}));
        let mut spec = generate("sora-2-pro-text-to-video");
        spec.aspect_ratio = aspect.into();
        spec.duration_seconds = seconds;
        spec.quality = quality.into();
        now(kieai::submit(&client, &settings(), &context(), &spec));
        let input = &client.request_body()["input"];
        assert_eq!(
            [&input["aspect_ratio"], &input["n_frames"], &input["size"]],
            expected.map(|word| json!(word)).each_ref()
        );
    }
}

#[test]
fn codes_decide_whatever_http_says() {
    for status in [200, 400, 500] {
        for (code, class) in [
            (400, FaultClass::Final),
            (401, FaultClass::Final),
            (402, FaultClass::Final),
            (404, FaultClass::Final),
            (408, FaultClass::Retryable),
            (422, FaultClass::Final),
            (429, FaultClass::RateLimited),
            (433, FaultClass::Final),
            (455, FaultClass::Retryable),
            (500, FaultClass::Retryable),
            (501, FaultClass::Final),
            (505, FaultClass::Final),
            (999, FaultClass::Final),
        ] {
            let client = Client::json(status, json!({"code": code, "msg": "no", "data": null}));
            match submit(&client, VEO) {
                Submission::Refused(fault) => {
                    assert_eq!(
                        (fault.class, fault.code, fault.message),
                        (class, code.to_string(), "no".into())
                    );
                }
                other => panic!("{status} {code}: {other:?}"),
            }
        }
    }
}

#[test]
fn a_refusal_says_when_to_come_back() {
    let answer = with_header(
        answer(200, json!({"code": 429, "msg": "slow"})),
        "retry-after",
        "7",
    );
    let Submission::Refused(fault) = submit(&Client::answering([answer]), VEO) else {
        panic!("refused")
    };
    assert_eq!(fault.retry_after_seconds, Some(7));
}

#[test]
fn what_may_have_been_taken_is_unanswered() {
    let large = format!("\"{}\"", "x".repeat(1_000_001));
    for lost in [
        text(200, "<html>"),
        text(200, "{\"code\":200,\"data\":{\"taskId\":\"ve"),
        text(200, &large),
        answer(200, json!({"code": 200, "msg": "success", "data": null})),
        answer(200, json!({"code": 200, "data": {"taskId": ""}})),
        answer(200, json!([])),
        text(500, "Internal Server Error"),
        text(502, "<html>Bad Gateway</html>"),
        text(504, ""),
        Err(TransportError::Unanswered("timed out".into())),
    ] {
        let shown = format!("{lost:.100?}");
        assert!(
            matches!(
                submit(&Client::answering([lost]), VEO),
                Submission::Unanswered(_)
            ),
            "{shown}"
        );
    }
}

#[test]
fn what_was_surely_not_taken_is_refused() {
    for (answer, class) in [
        (text(401, "no"), FaultClass::Final),
        (text(302, ""), FaultClass::Final),
        (text(429, ""), FaultClass::RateLimited),
        (text(408, ""), FaultClass::Retryable),
        (
            Err(TransportError::NotSent("refused".into())),
            FaultClass::Retryable,
        ),
    ] {
        let shown = format!("{answer:?}");
        match submit(&Client::answering([answer]), VEO) {
            Submission::Refused(fault) => assert_eq!(fault.class, class, "{shown}"),
            other => panic!("{shown}: {other:?}"),
        }
    }
}

#[test]
fn keys_never_stand_in_faults() {
    for answer in [
        text(401, &json!({"msg": format!("bad key {KEY}")}).to_string()),
        answer(200, json!({"code": 401, "msg": format!("bad key {KEY}")})),
        Err(TransportError::NotSent(format!("cannot send Bearer {KEY}"))),
        Err(TransportError::Unanswered(format!("lost Bearer {KEY}"))),
    ] {
        let shown = format!("{:?}", submit(&Client::answering([answer]), VEO));
        assert!(shown.contains("***") && !shown.contains(KEY), "{shown}");
    }
}

#[test]
fn a_finished_task_names_its_clip() {
    const URL: &str = "https://r.example/1.mp4";
    let quoted = format!("[\"{URL}\",\"https://r.example/2.mp4\"]");
    let bare = format!("[{URL}, https://r.example/2.mp4]");
    let market = |result: Value| json!({"taskId": "t1", "state": "success", "resultJson": result});
    let veo =
        |urls: Value| json!({"successFlag": 1, "response": {"taskId": "t1", "resultUrls": urls}});
    for (model, data) in [
        (
            MARKET,
            market(json!(format!("{{\"resultUrls\":[\"{URL}\"]}}"))),
        ),
        (MARKET, market(json!({"resultUrls": [URL]}))),
        (MARKET, market(json!({"resultUrls": quoted}))),
        (MARKET, market(json!({"resultUrls": bare}))),
        (MARKET, market(json!({"resultUrls": URL}))),
        (VEO, veo(json!([URL]))),
        (VEO, veo(json!(quoted))),
        (VEO, veo(json!(bare))),
        (
            VEO,
            json!({"successFlag": "1", "info": {"result_urls": [URL]}}),
        ),
        (
            RUNWAY,
            json!({"state": "success", "videoInfo": {"videoUrl": URL}}),
        ),
        (RUNWAY, json!({"state": "SUCCESS", "video_url": URL})),
    ] {
        let body = json!({"code": 200, "msg": "success", "data": data});
        match query(model, 200, body.clone()) {
            Ok(Progress::Done(output)) => {
                assert_eq!((output.url.as_str(), output.raw), (URL, body))
            }
            other => panic!("{body}: {other:?}"),
        }
    }
}

#[test]
fn every_other_state_is_still_running() {
    for (model, data) in [
        (VEO, json!({"successFlag": 0})),
        (VEO, json!({"successFlag": 9})),
        (VEO, json!({"successFlag": null})),
        (VEO, json!({})),
        (MARKET, json!({"state": "waiting"})),
        (MARKET, json!({"state": "queuing"})),
        (MARKET, json!({"state": "generating"})),
        (MARKET, json!({"state": "dreaming", "resultJson": ""})),
        (RUNWAY, json!({"state": "wait"})),
        (RUNWAY, json!({"state": "queueing"})),
    ] {
        assert_eq!(
            query(model, 200, json!({"code": 200, "data": data})),
            Ok(Progress::Running)
        );
    }
}

#[test]
fn a_failed_task_says_why() {
    for (model, data, class, code, message) in [
        (
            VEO,
            json!({"successFlag": 2, "errorCode": null, "errorMessage": "flagged"}),
            FaultClass::Final,
            "failed",
            "flagged",
        ),
        (
            VEO,
            json!({"successFlag": 3, "errorCode": 500, "errorMessage": ""}),
            FaultClass::Retryable,
            "500",
            "generation failed",
        ),
        (
            MARKET,
            json!({"state": "fail", "failCode": "400", "failMsg": "bad"}),
            FaultClass::Final,
            "400",
            "bad",
        ),
        (
            RUNWAY,
            json!({"state": "fail", "failCode": 455, "error": {"message": "e"}}),
            FaultClass::Retryable,
            "455",
            "e",
        ),
    ] {
        match query(model, 200, json!({"code": 200, "data": data})) {
            Ok(Progress::Failed(fault)) => {
                assert_eq!(
                    (fault.class, fault.code.as_str(), fault.message.as_str()),
                    (class, code, message)
                );
            }
            other => panic!("{data}: {other:?}"),
        }
    }
    for code in [501, 451] {
        let verdict = query(
            VEO,
            200,
            json!({"code": code, "msg": "failed", "data": null}),
        );
        assert!(matches!(verdict, Ok(Progress::Failed(fault)) if fault.is_final()));
    }
}

#[test]
fn a_query_may_tell_nothing() {
    for (status, body, class) in [
        (
            200,
            json!({"code": 429, "msg": "slow"}),
            FaultClass::RateLimited,
        ),
        (
            200,
            json!({"code": 455, "msg": "maintenance"}),
            FaultClass::Retryable,
        ),
        (
            200,
            json!({"code": 422, "msg": "recordInfo is null"}),
            FaultClass::Final,
        ),
        (
            200,
            json!({"code": 200, "data": null}),
            FaultClass::Retryable,
        ),
        (
            200,
            json!({"code": 200, "data": {"successFlag": 1}}),
            FaultClass::Retryable,
        ),
        (
            200,
            json!({"code": 200, "data": {"successFlag": 1, "response": {"resultUrls": ["ftp://x"]}}}),
            FaultClass::Retryable,
        ),
        (502, json!("gateway"), FaultClass::Retryable),
        (403, json!("no"), FaultClass::Final),
    ] {
        let fault = query(VEO, status, body.clone()).unwrap_err();
        assert_eq!(fault.class, class, "{body}");
    }
    let client = Client::answering([Err(TransportError::Unanswered("late".into()))]);
    let fault = now(kieai::query(&client, &settings(), VEO, "a/b?c&d")).unwrap_err();
    assert_eq!(
        (fault.class, fault.code.as_str()),
        (FaultClass::Retryable, "no_answer")
    );
    assert_eq!(client.request().uri().query(), Some("taskId=a%2Fb%3Fc%26d"));
    assert!(client.request().headers().get("content-type").is_none());
}

#[test]
fn only_a_task_with_our_callback_url_is_ours() {
    let ours = json!({"prompt": "x", "callBackUrl": context().callback_url});
    let theirs = json!({"callBackUrl": "https://us.example/?job=another", "prompt": JOB});
    for (model, data, expected) in [
        (MARKET, json!({"param": ours.to_string()}), Adoption::Ours),
        (VEO, json!({"paramJson": ours.to_string()}), Adoption::Ours),
        (RUNWAY, json!({"generateParam": ours}), Adoption::Ours),
        (
            MARKET,
            json!({"param": theirs.to_string()}),
            Adoption::NotOurs,
        ),
        (MARKET, json!({"param": "not json"}), Adoption::NotOurs),
        (MARKET, json!({"state": "success"}), Adoption::NotOurs),
    ] {
        let client = Client::json(200, json!({"code": 200, "data": data}));
        assert_eq!(adopt(&client, model), expected, "{data}");
    }
    let client = Client::json(
        200,
        json!({"code": 200, "data": {"param": ours.to_string()}}),
    );
    assert_eq!(
        now(kieai::adopt(&client, &settings(), MARKET, "t1", "")),
        Adoption::NotOurs
    );
}

#[test]
fn an_unknown_task_is_not_ours_and_silence_is_not_an_answer() {
    for (answer, known) in [
        (
            answer(200, json!({"code": 422, "msg": "recordInfo is null"})),
            true,
        ),
        (answer(200, json!({"code": 404, "msg": "not found"})), true),
        (
            answer(200, json!({"code": 455, "msg": "maintenance"})),
            false,
        ),
        (answer(200, json!({"code": 401, "msg": "key"})), false),
        (text(502, ""), false),
        (Err(TransportError::Unanswered("late".into())), false),
    ] {
        let adoption = adopt(&Client::answering([answer]), VEO);
        assert_eq!(matches!(adoption, Adoption::NotOurs), known, "{adoption:?}");
        assert_eq!(matches!(adoption, Adoption::Unknown(_)), !known);
    }
}

#[test]
fn documented_callbacks_are_read() {
    let market = parse(
        json!({"code": 200, "msg": "Playground task completed successfully.", "data": {
        "taskId": "bd8f", "model": "wan/3-0-video-prime", "state": "success", "param": "{}",
        "resultJson": "{\"resultUrls\":[\"https://r.example/1.mp4\"]}", "costTime": 89}}),
    );
    assert_eq!(market.task_id.as_deref(), Some("bd8f"));
    assert_eq!(market.event, "success");
    assert!(matches!(market.hint, Hint::Done(output) if output.url == "https://r.example/1.mp4"));

    let failed = parse(
        json!({"code": 501, "msg": "Playground task failed.", "data": {
        "taskId": "bd8f", "state": "fail", "failCode": "500", "failMsg": "upstream"}}),
    );
    assert!(
        matches!(failed.hint, Hint::Failed(fault) if fault.code == "500" && fault.class == FaultClass::Retryable)
    );

    let veo = parse(
        json!({"code": 200, "msg": "Veo3.1 video generated successfully.", "data": {
        "taskId": "veo_1", "fallbackFlag": false, "info": {"resultUrls": "[http://r.example/1.mp4]"}}}),
    );
    assert!(matches!(veo.hint, Hint::Done(output) if output.url == "http://r.example/1.mp4"));

    let flagged = parse(
        json!({"code": 400, "msg": "Your prompt was flagged", "data": {"taskId": "veo_1", "fallbackFlag": false}}),
    );
    assert!(
        matches!(flagged.hint, Hint::Failed(fault) if fault.code == "400" && fault.message == "Your prompt was flagged")
    );

    let runway = parse(
        json!({"code": 200, "msg": "All generated successfully.", "data": {
        "task_id": "ee60", "video_id": "485d", "video_url": "https://r.example/1.mp4", "image_url": "https://r.example/1.png"}}),
    );
    assert_eq!(runway.task_id.as_deref(), Some("ee60"));
    assert!(matches!(runway.hint, Hint::Done(output) if output.url == "https://r.example/1.mp4"));
}

#[test]
fn callbacks_of_the_original_are_read() {
    let done = parse(json!({"code": 200, "data": {
        "runId": "r-data", "response": {"taskId": "t9"}, "state": "completed", "result": {"assetUrl": "https://r.example/1.mp4"},
        "metadata": {"videoIndex": "2"}}, "metadata": {"runId": "r-top", "videoIndex": 1}}));
    assert_eq!(
        (
            done.run_id.as_deref(),
            done.video_index,
            done.task_id.as_deref()
        ),
        (Some("r-top"), Some(1), Some("t9"))
    );
    assert!(matches!(done.hint, Hint::Done(output) if output.url == "https://r.example/1.mp4"));

    let failed = parse(
        json!({"data": {"taskId": "t", "error": "boom", "metadata": {"runId": "r", "videoIndex": "2"}}}),
    );
    assert_eq!(
        (failed.run_id.as_deref(), failed.video_index),
        (Some("r"), Some(2))
    );
    assert!(matches!(failed.hint, Hint::Failed(fault) if fault.message == "boom"));

    for (data, expected) in [
        (json!({"state": "canceled"}), "failed"),
        (json!({"state": "success"}), "done"),
        (json!({"state": "queueing", "videoIndex": -1}), "running"),
        (json!({}), "running"),
    ] {
        let callback = parse(json!({"data": data}));
        let hint = match callback.hint {
            Hint::Failed(_) => "failed",
            Hint::Done(_) => "done",
            Hint::Running => "running",
            Hint::Unrelated => "unrelated",
        };
        assert_eq!((hint, callback.video_index), (expected, None), "{data}");
    }
}

#[test]
fn other_bodies_are_refused() {
    for body in ["", "x", "[]", "{}", r#"{"data":[]}"#, r#"{"data":null}"#] {
        assert!(kieai::parse_callback(body.as_bytes()).is_err(), "{body}");
    }
}

proptest! {
    #[test]
    fn no_body_breaks_the_readers(body: Vec<u8>, text in "\\PC{0,60}") {
        let _ = kieai::parse_callback(&body);
        let data = json!({"code": 200, "data": {"taskId": text, "state": text, "resultJson": text, "successFlag": text}});
        let _ = kieai::parse_callback(data.to_string().as_bytes());
        let _ = query(VEO, 200, data.clone());
        let _ = query(MARKET, 200, data);
    }
}
