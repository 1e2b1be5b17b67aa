//! Shotstack, and its own faults.

use mw_integrations::{Adoption, Fault, FaultClass, Hint, Progress, SignatureStatus, Submission, shotstack};
use serde_json::{Value, json};

use crate::common::*;

const BASE: &str = "/shotstack/edit/v1";

fn submit(sim: &Sim) -> Submission {
    sim.run(jobs::submit(
        &sim.client,
        &shotstack::JOBS,
        &sim.settings(BASE),
        &sim.context(JOB),
        &JobSpec::Render(render()),
    ))
}

fn accepted(sim: &Sim) -> String {
    match submit(sim) {
        Submission::Accepted { task_id } => task_id,
        other => panic!("{other:?}"),
    }
}

fn query(sim: &Sim, task_id: &str) -> Result<Progress, Fault> {
    sim.run(jobs::query(&sim.client, &shotstack::JOBS, &sim.settings(BASE), &JobSpec::Render(render()), task_id))
}

fn events(received: &[Received]) -> Vec<String> {
    let event = |received: &Received| shotstack::parse_callback(&received.body).unwrap().event;
    received.iter().map(event).collect()
}

#[test]
fn a_render_is_made_and_called_back_unsigned() {
    let sim = Sim::start();
    let task_id = accepted(&sim);
    assert_eq!(query(&sim, &task_id), Ok(Progress::Running));
    let url = url_of(ended(|| query(&sim, &task_id).unwrap()));
    let received = sim.callbacks(2);
    assert_eq!(events(&received), ["edit.render", "serve.copy"]);
    for received in &received {
        let status = shotstack::verify(&received.headers, &received.body, &["secret"], unix_now());
        assert_eq!(status, SignatureStatus::Unsigned);
        let callback = shotstack::parse_callback(&received.body).unwrap();
        assert_eq!(callback.task_id.as_deref(), Some(task_id.as_str()));
        if let Hint::Done(output) = callback.hint {
            assert_eq!(output.url, url);
        }
    }
}

#[test]
fn a_second_post_is_a_second_render() {
    let sim = Sim::start();
    assert_ne!(accepted(&sim), accepted(&sim));
    let state = sim.state();
    assert_eq!(state["submitted_twice"][0]["job_id"], JOB);
    assert_eq!(state["counts"]["shotstack"]["creates"], 2);
    assert_eq!(state["tasks"][0]["idempotency_key"], state["tasks"][1]["idempotency_key"]);
}

#[test]
fn renders_are_adopted_by_their_callback() {
    let sim = Sim::start();
    let task_id = accepted(&sim);
    let adopt = |task: &str, job: &str| {
        sim.run(jobs::confirm(
            &sim.client,
            &shotstack::JOBS,
            &sim.settings(BASE),
            &JobSpec::Render(render()),
            task,
            job,
        ))
        .unwrap()
    };
    assert_eq!(adopt(&task_id, JOB), Adoption::Ours);
    assert_eq!(adopt(&task_id, "another"), Adoption::NotOurs);
    assert_eq!(adopt("00000000-0000-4000-8000-000000000000", JOB), Adoption::NotOurs);
    assert_eq!(adopt("not-a-guid", JOB), Adoption::NotOurs);
}

#[test]
fn a_copy_may_come_before_its_render() {
    let sim = Sim::start();
    sim.control("faults", json!({"provider": "shotstack", "fault": "copy_before_render"}));
    accepted(&sim);
    assert_eq!(events(&sim.callbacks(2)), ["serve.copy", "edit.render"]);
}

#[test]
fn a_forged_done_is_told_by_the_query_alone() {
    let sim = Sim::start();
    sim.control("latency", json!({"shotstack_ms": 1500}));
    sim.fault("shotstack", "forged_done");
    sim.fault("shotstack", "unknown_status");
    let task_id = accepted(&sim);
    let callback = shotstack::parse_callback(&sim.callbacks(1)[0].body).unwrap();
    assert!(matches!(callback.hint, Hint::Done(output) if output.url.contains("evil")));
    assert_eq!(query(&sim, &task_id), Ok(Progress::Running));
    assert!(!url_of(ended(|| query(&sim, &task_id).unwrap())).contains("evil"));
}

#[test]
fn a_failed_render_says_whether_to_try_again() {
    for (text, class) in
        [("Service unavailable, try again", FaultClass::Retryable), ("Asset not found", FaultClass::Final)]
    {
        let sim = Sim::start();
        sim.control("faults", json!({"provider": "shotstack", "fault": "render_fails", "text": text}));
        let task_id = accepted(&sim);
        match ended(|| query(&sim, &task_id).unwrap()) {
            Progress::Failed(fault) => assert_eq!((fault.class, fault.message.as_str()), (class, text)),
            other => panic!("{other:?}"),
        }
        let callback = shotstack::parse_callback(&sim.callbacks(1)[0].body).unwrap();
        assert!(matches!(callback.hint, Hint::Failed(fault) if fault.class == class));
    }
}

#[test]
fn callbacks_are_repeated_until_delivered() {
    let sim = Sim::start();
    sim.fault("shotstack", "render_fails");
    sim.answer_callbacks_with(&[404, 500, 303]);
    accepted(&sim);
    let received = sim.callbacks(3);
    assert!(received[1].at < received[2].at);
    let callbacks = eventually(|| {
        let callbacks = sim.state()["tasks"][0]["callbacks"].clone();
        (callbacks["delivered"] == 1).then_some(callbacks)
    });
    assert_eq!(
        (&callbacks["attempts"], &callbacks["failed"], &callbacks["last_status"]),
        (&json!(3), &json!(2), &json!(303))
    );
}

#[test]
fn callbacks_are_given_up_after_ten_attempts() {
    let sim = Sim::start();
    sim.fault("shotstack", "render_fails");
    sim.answer_callbacks_with(&[404]);
    accepted(&sim);
    assert_eq!(sim.callbacks(10).len(), 10);
    std::thread::sleep(std::time::Duration::from_millis(1100));
    assert_eq!(sim.received().len(), 10);
}

#[test]
fn requests_are_checked() {
    let sim = Sim::start();
    let ask = |stage: &str, key: &str, body: &str| {
        let request =
            http::Request::post(format!("{}/shotstack/edit/{stage}/render", sim.url)).header("x-api-key", key);
        sim.call(request.body(body.as_bytes().to_vec()).unwrap())
    };
    let clip =
        |clip: &str, output: &str| format!(r#"{{"timeline":{{"tracks":[{{"clips":[{clip}]}}]}},"output":{output}}}"#);
    let good = r#"{"asset":{"type":"video","src":"https://x"},"start":"auto","length":"end"}"#;
    let mp4 = r#"{"format":"mp4"}"#;
    for (body, status) in [
        ("{".to_owned(), 400),
        ("{}".to_owned(), 400),
        (r#"{"timeline":{"tracks":[{}]},"output":{}}"#.to_owned(), 400),
        (clip(good, mp4), 201),
        (clip("{}", mp4), 400),
        (clip(r#"{"asset":{}}"#, mp4), 400),
        (clip(r#"{"asset":{"type":"text"}}"#, mp4), 400),
        (clip(r#"{"asset":{"type":"text","text":"x"},"length":1}"#, mp4), 400),
        (clip(r#"{"asset":{"type":"text","text":"x"},"start":"soon","length":1}"#, mp4), 400),
        (clip(good, "{}"), 400),
        (clip(good, r#"{"format":"mp4","resolution":"8k"}"#), 400),
        (r#"{"timeline":{"tracks":[]}}"#.to_owned(), 400),
    ] {
        assert_eq!(ask("v1", "k", &body).0, status, "{body}");
    }
    assert_eq!(ask("v1", "", "{}"), (403, json!({"message": "Forbidden"})));
    assert_eq!(ask("v9", "k", "{}").0, 404);
    let get = |path: &str| sim.get(&format!("/shotstack/edit/v1/{path}"));
    assert_eq!(get("render/2abd5c11-0f3d-4c6d-ba20-235fc9b8e8b7").0, 403);
    assert_eq!(get("templates").0, 404);
}

#[test]
fn the_edit_is_shown_unless_not_wanted() {
    let sim = Sim::start();
    let task_id = accepted(&sim);
    let get = |query: &str| {
        let request = http::Request::get(format!("{}{BASE}/render/{task_id}{query}", sim.url)).header("x-api-key", "k");
        sim.call(request.body(Vec::new()).unwrap()).1["response"]["data"].clone()
    };
    assert!(get("").is_object());
    assert_eq!(get("?data=false"), Value::Null);
}
