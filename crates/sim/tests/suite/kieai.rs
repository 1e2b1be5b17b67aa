//! kie.ai: all families, and its own faults.

use mw_integrations::{Adoption, Fault, FaultClass, Hint, Progress, SignatureStatus, Submission, kieai};
use serde_json::json;

use crate::common::*;

const FAMILIES: [&str; 3] = ["veo3_fast", "wan/3-0-video-prime", "runway"];

fn submit(sim: &Sim, model: &str, job: &str) -> Submission {
    sim.run(jobs::submit(
        &sim.client,
        &kieai::JOBS,
        &sim.settings("/kieai"),
        &sim.context(job),
        &JobSpec::Generate(generate(model)),
    ))
}

fn accepted(sim: &Sim, model: &str) -> String {
    match submit(sim, model, JOB) {
        Submission::Accepted { task_id } => task_id,
        other => panic!("{other:?}"),
    }
}

fn query(sim: &Sim, model: &str, task_id: &str) -> Result<Progress, Fault> {
    sim.run(jobs::query(
        &sim.client,
        &kieai::JOBS,
        &sim.settings("/kieai"),
        &JobSpec::Generate(generate(model)),
        task_id,
    ))
}

fn end(sim: &Sim, model: &str, task_id: &str) -> Progress {
    ended(|| query(sim, model, task_id).unwrap())
}

fn verified(received: &Received) -> SignatureStatus {
    kieai::verify(&received.headers, &received.body, &[KIEAI_SECRET], unix_now())
}

#[test]
fn every_family_makes_a_clip_and_calls_back_signed() {
    for model in FAMILIES {
        let sim = Sim::start();
        let task_id = accepted(&sim, model);
        assert_eq!(query(&sim, model, &task_id), Ok(Progress::Running));
        let url = url_of(end(&sim, model, &task_id));
        assert_eq!(url, format!("{}/_sim/media/{task_id}.mp4", sim.url));
        let received = &sim.callbacks(1)[0];
        assert_eq!(received.uri, format!("/hook?run_id=run-1&job={JOB}"));
        assert_eq!(verified(received), SignatureStatus::Valid);
        let callback = kieai::parse_callback(&received.body).unwrap();
        assert_eq!(callback.task_id.as_deref(), Some(task_id.as_str()));
        assert!(matches!(callback.hint, Hint::Done(output) if output.url == url));
    }
}

#[test]
fn sora_is_accepted() {
    accepted(&Sim::start(), "sora-2-text-to-video");
}

#[test]
fn tasks_are_adopted_by_their_callback_url() {
    for model in FAMILIES {
        let sim = Sim::start();
        let task_id = accepted(&sim, model);
        let adopt = |task: &str, job: &str| {
            sim.run(jobs::confirm(
                &sim.client,
                &kieai::JOBS,
                &sim.settings("/kieai"),
                &JobSpec::Generate(generate(model)),
                task,
                job,
            ))
            .unwrap()
        };
        assert_eq!(adopt(&task_id, JOB), Adoption::Ours);
        assert_eq!(adopt(&task_id, "another-job"), Adoption::NotOurs);
        assert_eq!(adopt("unheard-of", JOB), Adoption::NotOurs);
        sim.fault("kieai", "status_500");
        assert!(matches!(adopt(&task_id, JOB), Adoption::Unknown(_)));
    }
}

#[test]
fn refusals_come_as_http_200() {
    for (fault, code, class) in [
        ("code_402", "402", FaultClass::Final),
        ("code_429", "429", FaultClass::RateLimited),
        ("code_455", "455", FaultClass::Unavailable),
        ("code_501", "501", FaultClass::Final),
    ] {
        let sim = Sim::start();
        sim.control("faults", json!({"provider": "kieai", "fault": fault, "times": 1}));
        match submit(&sim, "veo3", JOB) {
            Submission::Refused(refusal) => assert_eq!((refusal.code.as_str(), refusal.class), (code, class)),
            other => panic!("{other:?}"),
        }
        accepted(&sim, "veo3");
        assert_eq!(sim.state()["counts"]["kieai"]["refusals"], 1);
    }
}

#[test]
fn the_account_has_a_limit() {
    let sim = Sim::start();
    sim.fault("kieai", "account_limit");
    let submissions: Vec<bool> = (0..22)
        .map(|number| matches!(submit(&sim, "veo3", &number.to_string()), Submission::Accepted { .. }))
        .collect();
    assert_eq!(submissions.iter().filter(|accepted| **accepted).count(), 20);
}

#[test]
fn spellings_make_no_difference() {
    for model in FAMILIES {
        let sim = Sim::start();
        sim.fault("kieai", "ids_as_task_id");
        sim.fault("kieai", "result_urls_as_string");
        sim.fault("kieai", "unknown_state");
        let task_id = accepted(&sim, model);
        assert_eq!(query(&sim, model, &task_id), Ok(Progress::Running));
        let url = url_of(end(&sim, model, &task_id));
        let received = &sim.callbacks(1)[0];
        assert_eq!(received.json()["data"]["task_id"], task_id);
        assert_eq!(verified(received), SignatureStatus::Valid);
        let callback = kieai::parse_callback(&received.body).unwrap();
        assert!(matches!(callback.hint, Hint::Done(output) if output.url == url));
    }
}

#[test]
fn a_failed_task_fails_in_every_family() {
    for model in FAMILIES {
        let sim = Sim::start();
        sim.fault("kieai", "task_fails");
        let task_id = accepted(&sim, model);
        assert!(matches!(end(&sim, model, &task_id), Progress::Failed(fault) if fault.code == "501"));
        let callback = kieai::parse_callback(&sim.callbacks(1)[0].body).unwrap();
        assert!(matches!(callback.hint, Hint::Failed(_)));
    }
}

#[test]
fn a_forged_body_is_recognised_by_its_query_alone() {
    for model in FAMILIES {
        let sim = Sim::start();
        sim.control("latency", json!({"kieai_ms": 1500}));
        sim.fault("kieai", "forged_body_valid_signature");
        let task_id = accepted(&sim, model);
        let received = &sim.callbacks(1)[0];
        assert_eq!(verified(received), SignatureStatus::Valid);
        let callback = kieai::parse_callback(&received.body).unwrap();
        assert!(matches!(callback.hint, Hint::Done(output) if output.url.contains("evil")));
        assert_eq!(query(&sim, model, &task_id), Ok(Progress::Running));
        assert!(!url_of(end(&sim, model, &task_id)).contains("evil"));
    }
}

#[test]
fn a_stranger_has_no_valid_signature() {
    let sim = Sim::start();
    sim.fault("kieai", "callback_forged");
    accepted(&sim, "veo3");
    let received = sim.callbacks(2);
    assert_eq!(verified(&received[0]), SignatureStatus::Invalid);
    assert_eq!(verified(&received[1]), SignatureStatus::Valid);
}

#[test]
fn without_a_secret_nothing_is_signed() {
    let sim = Sim::with(|config| drop(config.settings.remove("kieai_signing_secret")));
    accepted(&sim, "veo3");
    assert_eq!(verified(&sim.callbacks(1)[0]), SignatureStatus::Missing);
}

#[test]
fn keys_are_checked() {
    let sim = Sim::with(|config| drop(config.settings.insert("kieai_api_key", "the-key".into())));
    let mut settings = sim.settings("/kieai");
    let ask = |settings: &mw_integrations::Settings| {
        sim.run(jobs::submit(
            &sim.client,
            &kieai::JOBS,
            settings,
            &sim.context(JOB),
            &JobSpec::Generate(generate("veo3")),
        ))
    };
    assert!(matches!(ask(&settings), Submission::Refused(fault) if fault.code == "401"));
    settings.api_key = "the-key".into();
    assert!(matches!(ask(&settings), Submission::Accepted { .. }));
    let (status, body) = sim.get("/kieai/api/v1/veo/record-info?taskId=x");
    assert_eq!((status, &body["code"]), (200, &json!(401)));
    assert_eq!(sim.get("/kieai/api/v1/chat/credit").1["code"], 401);
}

#[test]
fn requests_are_checked() {
    let sim = Sim::start();
    let ask = |path: &str, body: &str| {
        let request =
            http::Request::post(format!("{}/kieai/api/v1/{path}", sim.url)).header("authorization", "Bearer k");
        let (status, answer) = sim.call(request.body(body.as_bytes().to_vec()).unwrap());
        assert_eq!(status, 200);
        answer["code"].as_i64().unwrap()
    };
    for (path, body, code) in [
        ("veo/generate", "{", 400),
        ("veo/generate", "{}", 422),
        ("veo/generate", r#"{"prompt":"x"}"#, 200),
        ("veo/generate", r#"{"prompt":"x","model":"veo9"}"#, 422),
        ("veo/generate", r#"{"prompt":"x","generationType":"X"}"#, 422),
        ("veo/generate", r#"{"prompt":"x","aspect_ratio":"1:1"}"#, 422),
        ("veo/generate", r#"{"prompt":"x","resolution":"8k"}"#, 422),
        ("veo/generate", r#"{"prompt":"x","seeds":1}"#, 422),
        ("veo/generate", r#"{"prompt":"x","callBackUrl":"ftp://x"}"#, 422),
        ("jobs/createTask", r#"{"input":{"prompt":"x"}}"#, 422),
        ("jobs/createTask", r#"{"model":"m"}"#, 422),
        ("jobs/createTask", r#"{"model":"m","input":{}}"#, 422),
        ("jobs/createTask", r#"{"model":"sora-2","input":{"prompt":"x","n_frames":10}}"#, 422),
        ("runway/generate", r#"{"prompt":"x"}"#, 422),
        ("runway/generate", r#"{"prompt":"x","duration":10,"quality":"1080p"}"#, 422),
        ("runway/generate", r#"{"prompt":"x","duration":5,"quality":"1080p"}"#, 200),
        ("suno/generate", "{}", 404),
    ] {
        assert_eq!(ask(path, body), code, "{path} {body}");
    }
    let get = |path: &str| {
        let request =
            http::Request::get(format!("{}/kieai/api/v1/{path}", sim.url)).header("authorization", "Bearer k");
        sim.call(request.body(Vec::new()).unwrap()).1
    };
    assert_eq!(get("veo/record-info")["code"], 422);
    assert_eq!(get("veo/record-info?taskId=unheard-of")["code"], 422);
    assert_eq!(get("chat/credit")["data"], 1000);
}
