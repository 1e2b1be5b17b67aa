//! POST /v1/runs/start.

use crate::support::{Call, service, unique};
use serde_json::{Value, json};

fn start(body: &Value) -> Call {
    service().post("/v1/runs/start").json(body)
}

fn valid() -> Value {
    json!({"project": "test_video_gen", "input": {"title": "A title"}, "options": {"user_id": unique("user")}})
}

#[test]
fn a_run_starts_and_waits_for_its_workflow_gate() {
    let answer = start(&valid()).send().expect(200);
    assert!(answer.header("ratelimit-policy").is_some_and(|policy| policy.starts_with("\"runs_start\";q=")));
    assert!(answer.header("ratelimit").is_some());
    let body = answer.json();
    assert_eq!(body["status"], "pending_workflow");
    let run_id = body["runId"].as_str().unwrap();
    assert_eq!(uuid::Uuid::parse_str(run_id).unwrap().get_version_num(), 4);
    assert_eq!(body.as_object().unwrap().len(), 2, "{body}");
}

#[test]
fn every_call_makes_a_new_run() {
    let body = valid();
    let ids: Vec<String> = (0..2).map(|_| start(&body).send().expect(200).json()["runId"].to_string()).collect();
    assert_ne!(ids[0], ids[1]);
}

#[test]
fn the_payload_keeps_what_was_asked_the_graph_and_the_proposal() {
    let user = unique("user");
    let body = json!({"project": "aismr", "input": {"object": "candle", "modifiers": ["Void Candle"]},
                      "options": {"user_id": user, "colour": {"shade": "blue"}}});
    let run_id = start(&body).send().expect(200).json()["runId"].as_str().unwrap().to_owned();
    let row = service().database().row("SELECT payload, user_id, project FROM runs WHERE run_id = $1", &[&run_id]);
    let payload = &row["payload"];
    assert_eq!(row["user_id"], user.as_str());
    assert_eq!(payload["project"], "aismr");
    assert_eq!(payload["user_id"], user.as_str());
    assert_eq!(payload["input"], body["input"]);
    assert_eq!(payload["options"], body["options"]);
    assert_eq!(payload["graph_spec"]["hitl_gates"], json!(["workflow", "ideate", "prepublish"]));
    let pipeline = payload["graph_spec"]["pipeline"].to_string();
    for persona in ["iggy", "riley", "alex", "quinn"] {
        assert!(pipeline.contains(persona), "{pipeline}");
    }
    assert_eq!(payload["metadata"]["providers_mode"], service().mode.as_str());
    assert!(payload["metadata"]["workflow_proposal"].is_object() && payload["metadata"]["project_spec"].is_object());
}

#[test]
fn each_fault_of_the_body_is_named_with_its_place() {
    let text = |length: usize| "x".repeat(length);
    let with_input = |input: Value| json!({"project": "test_video_gen", "input": input});
    let cases = [
        (json!({}), "#/project"),
        (json!({}), "#/input"),
        (json!({"project": 7, "input": {"title": "abc"}}), "#/project"),
        (json!({"project": null, "input": {"title": "abc"}}), "#/project"),
        (json!({"project": "", "input": {"title": "abc"}}), "#/project"),
        (json!({"project": "test_video_gen"}), "#/input"),
        (json!({"project": "test_video_gen", "input": "moon"}), "#/input"),
        (json!({"project": "test_video_gen", "input": ["moon"]}), "#/input"),
        (with_input(json!({})), "#/input"),
        (with_input(json!({"modifiers": ["x"]})), "#/input"),
        (with_input(json!({"title": "ab"})), "#/input/title"),
        (with_input(json!({"title": text(201)})), "#/input/title"),
        (with_input(json!({"title": 1})), "#/input/title"),
        (with_input(json!({"prompt": "ab"})), "#/input/prompt"),
        (with_input(json!({"prompt": text(401)})), "#/input/prompt"),
        (with_input(json!({"object": ""})), "#/input/object"),
        (with_input(json!({"object": text(201)})), "#/input/object"),
        (with_input(json!({"subject": text(201)})), "#/input/subject"),
        (with_input(json!({"topic": {"a": 1}})), "#/input/topic"),
        (with_input(json!({"topic": "x", "modifiers": "x"})), "#/input/modifiers"),
        (with_input(json!({"topic": "x", "modifiers": [1]})), "#/input/modifiers"),
        (with_input(json!({"topic": "nul\u{0}"})), "#/input/topic"),
        (json!({"project": "test_video_gen", "input": {"title": "abc"}, "options": "x"}), "#/options"),
        (
            json!({"project": "test_video_gen", "input": {"title": "abc"}, "options": {"user_id": 5}}),
            "#/options/user_id",
        ),
        (
            json!({"project": "test_video_gen", "input": {"title": "abc"}, "options": {"user_id": ""}}),
            "#/options/user_id",
        ),
    ];
    for (body, pointer) in cases {
        let problem = start(&body).send().expect_invalid(pointer);
        assert_eq!(problem["code"], "invalid-request");
    }
}

#[test]
fn an_input_without_a_subject_is_refused() {
    let problem = start(&json!({"project": "test_video_gen", "input": {}})).send().expect_invalid("#/input");
    assert_eq!(
        problem["errors"][0]["detail"],
        "Value error, Provide at least one of title, prompt, object, subject, or topic"
    );
}

#[test]
fn an_unknown_project_is_refused_and_the_loaded_ones_are_named() {
    for project in ["no_such_project", "general", "TEST_VIDEO_GEN", "test-video-gen", "../etc/passwd"] {
        let problem = start(&json!({"project": project, "input": {"title": "abc"}})).send().expect_invalid("#/project");
        let detail = problem["detail"].as_str().unwrap();
        assert!(
            detail.contains("'aismr'") && detail.contains("'test_video_gen'") && !detail.contains("'general'"),
            "{detail}"
        );
    }
}

#[test]
fn unknown_members_are_dropped() {
    let mut body = valid();
    body["input"]["colour"] = json!("blue");
    body["surprise"] = json!({"run_id": "mine", "status": "published"});
    let run_id = start(&body).send().expect(200).json()["runId"].as_str().unwrap().to_owned();
    assert_ne!(run_id, "mine");
    let payload =
        service().database().row("SELECT payload FROM runs WHERE run_id = $1", &[&run_id])["payload"].to_string();
    assert!(!payload.contains("colour") && !payload.contains("surprise"), "{payload}");
}

#[test]
fn the_same_idempotency_key_gives_the_same_run() {
    let body = valid();
    let key = unique("key");
    let first = start(&body).header("idempotency-key", &key).send().expect(200).json();
    for spelling in [key.clone(), format!("\"{key}\""), format!("  \"{key}\" ")] {
        let again = start(&body).header("idempotency-key", spelling).send().expect(200).json();
        assert_eq!(again["runId"], first["runId"]);
    }
    let user = body["options"]["user_id"].as_str().unwrap();
    assert_eq!(service().database().count("SELECT FROM runs WHERE user_id = $1", &[&user]), 1);
}

#[test]
fn the_same_idempotency_key_with_another_payload_is_refused() {
    let key = unique("key");
    start(&valid()).header("idempotency-key", &key).send().expect(200);
    let problem = start(&valid()).header("idempotency-key", &key).send().expect(422).json();
    assert_eq!(problem["code"], "idempotency-key-reused");
}

#[test]
fn one_idempotency_key_used_ten_times_at_once_makes_one_run() {
    let (body, key) = (valid(), unique("key"));
    let ids: Vec<String> = std::thread::scope(|scope| {
        let calls: Vec<_> = (0..10)
            .map(|_| {
                scope.spawn(|| {
                    start(&body).header("idempotency-key", &key).send().expect(200).json()["runId"].to_string()
                })
            })
            .collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    });
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    let user = body["options"]["user_id"].as_str().unwrap();
    assert_eq!(service().database().count("SELECT FROM runs WHERE user_id = $1", &[&user]), 1);
}

#[test]
fn an_unfit_idempotency_key_is_refused() {
    for key in ["", "\"\"", "two words", &"k".repeat(256)] {
        start(&valid()).header("idempotency-key", key).send().expect_invalid("header:idempotency-key");
    }
}

#[test]
fn a_refused_request_burns_no_idempotency_key() {
    let key = unique("key");
    start(&json!({"project": "test_video_gen", "input": {}})).header("idempotency-key", &key).send().expect(422);
    start(&valid()).header("idempotency-key", &key).send().expect(200);
}
