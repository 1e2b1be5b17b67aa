//! kie.ai: asking for a clip.

use crate::common::*;
use http::Method;
use mw_integrations::kieai::{self, Family};
use mw_integrations::{FaultClass, Submission, TransportError};
use serde_json::json;

const VEO: &str = "veo3_fast";
const MARKET: &str = "wan/3-0-video-prime";
const RUNWAY: &str = "runway-gen4";

fn submit(client: &Client, model: &str) -> Submission {
    now(jobs::submit(client, &kieai::JOBS, &settings(), &context(), &JobSpec::Generate(generate(model))))
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
    let client = Client::json(200, json!({"code": 200, "msg": "success", "data": {"taskId": "veo_1"}}));
    assert_eq!(submit(&client, VEO), Submission::Accepted { task_id: "veo_1".into() });
    let request = client.request();
    assert_eq!(request.method(), Method::POST);
    assert_eq!(request.uri(), "https://provider.example/base/api/v1/veo/generate");
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
    assert_eq!(submit(&client, RUNWAY), Submission::Accepted { task_id: "r1".into() });
    assert!(client.request().uri().path().ends_with("/api/v1/runway/generate"));
    let body = client.request_body();
    assert_eq!((&body["duration"], &body["quality"]), (&json!(10), &json!("720p")));

    let client = Client::json(200, json!({"code": 200, "data": {"taskId": "r2"}}));
    let mut spec = generate(RUNWAY);
    spec.duration_seconds = 5.0;
    now(jobs::submit(&client, &kieai::JOBS, &settings(), &context(), &JobSpec::Generate(spec)));
    let body = client.request_body();
    assert_eq!((&body["duration"], &body["quality"]), (&json!(5), &json!("1080p")));
}

#[test]
fn a_market_clip_is_asked_for() {
    let client = Client::json(200, json!({"code": "200", "data": {"taskId": "m1"}}));
    let mut context = context();
    context.callback_url = None;
    let submission =
        now(jobs::submit(&client, &kieai::JOBS, &settings(), &context, &JobSpec::Generate(generate(MARKET))));
    assert_eq!(submission, Submission::Accepted { task_id: "m1".into() });
    assert!(client.request().uri().path().ends_with("/api/v1/jobs/createTask"));
    let input =
        json!({"prompt": "A sun made of pickles", "aspect_ratio": "9:16", "resolution": "1080p", "duration": 8});
    assert_eq!(client.request_body(), json!({"model": MARKET, "input": input}));
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
        now(jobs::submit(&client, &kieai::JOBS, &settings(), &context(), &JobSpec::Generate(spec)));
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
            (408, FaultClass::Unavailable),
            (422, FaultClass::Final),
            (429, FaultClass::RateLimited),
            (433, FaultClass::Final),
            (455, FaultClass::Unavailable),
            (500, FaultClass::Unavailable),
            (501, FaultClass::Final),
            (505, FaultClass::Final),
            (999, FaultClass::Final),
        ] {
            let client = Client::json(status, json!({"code": code, "msg": "no", "data": null}));
            match submit(&client, VEO) {
                Submission::Refused(fault) => {
                    assert_eq!((fault.class, fault.code, fault.message), (class, code.to_string(), "no".into()));
                }
                other => panic!("{status} {code}: {other:?}"),
            }
        }
    }
}

#[test]
fn a_refusal_says_when_to_come_back() {
    let answer = with_header(answer(200, json!({"code": 429, "msg": "slow"})), "retry-after", "7");
    let Submission::Refused(fault) = submit(&Client::answering([answer]), VEO) else { panic!("refused") };
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
        assert!(matches!(submit(&Client::answering([lost]), VEO), Submission::Unanswered(_)), "{shown}");
    }
}

#[test]
fn what_was_surely_not_taken_is_refused() {
    for (answer, class) in [
        (text(401, "no"), FaultClass::Final),
        (text(302, ""), FaultClass::Final),
        (text(429, ""), FaultClass::RateLimited),
        (text(408, ""), FaultClass::Unavailable),
        (Err(TransportError::NotSent("refused".into())), FaultClass::Unavailable),
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
