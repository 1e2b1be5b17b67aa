//! kie.ai: what a query tells of a task, and whose task it is.

use crate::common::*;
use mw_integrations::kieai;
use mw_integrations::{Adoption, FaultClass, Progress, TransportError};
use proptest::prelude::*;
use serde_json::{Value, json};

const VEO: &str = "veo3_fast";
const MARKET: &str = "wan/3-0-video-prime";
const RUNWAY: &str = "runway-gen4";

fn query(model: &str, status: u16, body: Value) -> Result<Progress, mw_integrations::Fault> {
    now(jobs::query(&Client::json(status, body), &kieai::JOBS, &settings(), &JobSpec::Generate(generate(model)), "t1"))
}

fn adopt(client: &Client, model: &str) -> Adoption {
    now(jobs::confirm(client, &kieai::JOBS, &settings(), &JobSpec::Generate(generate(model)), "t1", JOB)).unwrap()
}

#[test]
fn a_finished_task_names_its_clip() {
    const URL: &str = "https://r.example/1.mp4";
    let quoted = format!("[\"{URL}\",\"https://r.example/2.mp4\"]");
    let bare = format!("[{URL}, https://r.example/2.mp4]");
    let market = |result: Value| json!({"taskId": "t1", "state": "success", "resultJson": result});
    let veo = |urls: Value| json!({"successFlag": 1, "response": {"taskId": "t1", "resultUrls": urls}});
    for (model, data) in [
        (MARKET, market(json!(format!("{{\"resultUrls\":[\"{URL}\"]}}")))),
        (MARKET, market(json!({"resultUrls": [URL]}))),
        (MARKET, market(json!({"resultUrls": quoted}))),
        (MARKET, market(json!({"resultUrls": bare}))),
        (MARKET, market(json!({"resultUrls": URL}))),
        (VEO, veo(json!([URL]))),
        (VEO, veo(json!(quoted))),
        (VEO, veo(json!(bare))),
        (VEO, json!({"successFlag": "1", "info": {"result_urls": [URL]}})),
        (RUNWAY, json!({"state": "success", "videoInfo": {"videoUrl": URL}})),
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
        assert_eq!(query(model, 200, json!({"code": 200, "data": data})), Ok(Progress::Running));
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
            FaultClass::Unavailable,
            "500",
            "generation failed",
        ),
        (MARKET, json!({"state": "fail", "failCode": "400", "failMsg": "bad"}), FaultClass::Final, "400", "bad"),
        (
            RUNWAY,
            json!({"state": "fail", "failCode": 455, "error": {"message": "e"}}),
            FaultClass::Unavailable,
            "455",
            "e",
        ),
    ] {
        match query(model, 200, json!({"code": 200, "data": data})) {
            Ok(Progress::Failed(fault)) => {
                assert_eq!((fault.class, fault.code.as_str(), fault.message.as_str()), (class, code, message));
            }
            other => panic!("{data}: {other:?}"),
        }
    }
    for code in [501, 451] {
        let verdict = query(VEO, 200, json!({"code": code, "msg": "failed", "data": null}));
        assert!(matches!(verdict, Ok(Progress::Failed(fault)) if fault.is_final()));
    }
}

#[test]
fn a_query_may_tell_nothing() {
    for (status, body, class) in [
        (200, json!({"code": 429, "msg": "slow"}), FaultClass::RateLimited),
        (200, json!({"code": 455, "msg": "maintenance"}), FaultClass::Unavailable),
        (200, json!({"code": 401, "msg": "key"}), FaultClass::Final),
        (200, json!({"code": 422, "msg": "recordInfo is null"}), FaultClass::Retryable),
        (200, json!({"code": 200, "data": null}), FaultClass::Retryable),
        (200, json!({"code": 200, "data": {"successFlag": 1}}), FaultClass::Retryable),
        (
            200,
            json!({"code": 200, "data": {"successFlag": 1, "response": {"resultUrls": ["ftp://x"]}}}),
            FaultClass::Retryable,
        ),
        (502, json!("gateway"), FaultClass::Unavailable),
        (403, json!("no"), FaultClass::Final),
    ] {
        let fault = query(VEO, status, body.clone()).unwrap_err();
        assert_eq!(fault.class, class, "{body}");
    }
    let client = Client::answering([Err(TransportError::Unanswered("late".into()))]);
    let fault =
        now(jobs::query(&client, &kieai::JOBS, &settings(), &JobSpec::Generate(generate(VEO)), "a/b?c&d")).unwrap_err();
    assert_eq!((fault.class, fault.code.as_str()), (FaultClass::Unavailable, "no_answer"));
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
        (MARKET, json!({"param": theirs.to_string()}), Adoption::NotOurs),
        (MARKET, json!({"param": "not json"}), Adoption::NotOurs),
        (MARKET, json!({"state": "success"}), Adoption::NotOurs),
    ] {
        let client = Client::json(200, json!({"code": 200, "data": data}));
        assert_eq!(adopt(&client, model), expected, "{data}");
    }
    let client = Client::json(200, json!({"code": 200, "data": {"param": ours.to_string()}}));
    assert_eq!(
        now(jobs::confirm(&client, &kieai::JOBS, &settings(), &JobSpec::Generate(generate(MARKET)), "t1", "")),
        Some(Adoption::NotOurs)
    );
}

#[test]
fn an_unknown_task_is_not_ours_and_silence_is_not_an_answer() {
    for (answer, known) in [
        (answer(200, json!({"code": 422, "msg": "recordInfo is null"})), true),
        (answer(200, json!({"code": 404, "msg": "not found"})), true),
        (answer(200, json!({"code": 455, "msg": "maintenance"})), false),
        (answer(200, json!({"code": 401, "msg": "key"})), false),
        (text(502, ""), false),
        (Err(TransportError::Unanswered("late".into())), false),
    ] {
        let adoption = adopt(&Client::answering([answer]), VEO);
        assert_eq!(matches!(adoption, Adoption::NotOurs), known, "{adoption:?}");
        assert_eq!(matches!(adoption, Adoption::Unknown(_)), !known);
    }
}

proptest! {
    #[test]
    fn no_answer_breaks_the_readers(text in "\\PC{0,60}") {
        let data = json!({"code": 200, "data": {"taskId": text, "state": text, "resultJson": text, "successFlag": text}});
        let _ = query(VEO, 200, data.clone());
        let _ = query(MARKET, 200, data);
    }
}
