//! What the configuration changes, on stacks of these tests' own: secrets that rotate, personas with a language model,
//! readiness.

use crate::support::simulator::Simulator;
use crate::support::{Run, Service, eventually, host, service, signing, stack, unique};
use mw::mode::Mode;
use mw_media::token::{Claims, issue};
use mw_stack::stack::Stack;
use serde_json::{Value, json};

#[test]
fn two_secrets_are_valid_at_once_during_a_rotation() {
    let builder = stack::builder().mode(Mode::Mock).cron(false);
    let stack = builder
        .setting("HITL_SECRET_PREVIOUS", "the-previous-hitl-secret")
        .setting("KIEAI_SIGNING_SECRET_PREVIOUS", "the-previous-kieai-secret")
        .setting("UPLOAD_POST_SIGNING_SECRET_PREVIOUS", "the-previous-upload-post-secret")
        .start()
        .unwrap();
    let service = stack::service_of(&stack);
    let run = Run::start_at(&service, "test_video_gen");
    let claims = Claims {
        opening: 1,
        subject_sha256: run.subject("workflow"),
        approver: "ann".to_owned(),
        expires_at: signing::unix_now() + 60,
        nonce: "n".to_owned(),
    };
    let token = issue("the-previous-hitl-secret", &run.id, mw_media::gate!("workflow"), &claims);
    let path = format!("{}?token={token}", run.gate_path("workflow"));
    service.call("POST", &path).send().expect(200);

    for secret in ["the-previous-kieai-secret", service.kieai_secret.as_str()] {
        let body = json!({"code": 200, "data": {"taskId": "task", "info": {"resultUrls": [secret.len().to_string()]}}});
        let call = service.call("POST", "/v1/webhooks/kieai").json(&body);
        let headers = signing::kieai(secret, "task", signing::unix_now());
        headers.iter().fold(call, |call, (name, value)| call.header(name, value)).send().expect(200);
    }
    for secret in ["the-previous-upload-post-secret", service.upload_post_secret.as_str()] {
        let body = json!({"event": "account_connected", "job_id": secret}).to_string();
        let headers = signing::upload_post(secret, body.as_bytes(), signing::unix_now());
        let call = service.call("POST", "/v1/webhooks/upload-post").body("application/json", body);
        headers.iter().fold(call, |call, (name, value)| call.header(name, value)).send().expect(200);
    }
}

#[test]
fn it_is_not_ready_while_migrations_are_behind() {
    let stack = stack::builder().mode(Mode::Mock).cron(false).start().unwrap();
    let service = stack::service_of(&stack);
    service.call("GET", "/ready").send().expect(200);
    let newest = "DELETE FROM schema_migrations WHERE ctid = (SELECT max(ctid) FROM schema_migrations)";
    service.database().execute(newest, &[]);
    let answer = service.get("/ready").try_send().unwrap().expect(503);
    assert_eq!(answer.header("retry-after"), Some("5"));
    let reasons = answer.json()["reasons"].to_string();
    assert!(reasons.contains("migrations are behind"), "{reasons}");
    // Alive all the same: a restart would cure nothing.
    service.call("GET", "/health").send().expect(200);
}

#[test]
fn a_contradictory_mode_is_not_ready() {
    let host = host::with(&[("PROVIDERS_MODE", "live"), ("USE_MOCK_PROVIDERS", "true")]);
    let reasons = host.reasons(&service().api_key);
    assert!(reasons.contains("contradicts"), "{reasons}");
    let user = unique("user");
    let body = json!({"project": "aismr", "input": {"topic": "x"}, "options": {"user_id": user}});
    let answer = host.service.post("/v1/runs/start").json(&body).try_send().unwrap().expect(503);
    assert_eq!(answer.json()["detail"], "service is misconfigured");
    assert_eq!(service().database().count("SELECT FROM runs WHERE user_id = $1", &[&user]), 0);
}

#[test]
fn production_refuses_development_secrets_by_name() {
    let key = "a-key-that-is-long-enough";
    let settings =
        [("ENVIRONMENT", "prod"), ("USE_MOCK_PROVIDERS", "true"), ("KIEAI_API_KEY", "short"), ("API_KEY", key)];
    let host = host::with(&[&settings[..], &[("API_KEY_PREVIOUS", service().api_key.as_str())]].concat());
    let reasons = host.reasons(key);
    for piece in [
        "API_KEY_PREVIOUS is a development secret",
        "HITL_SECRET is a development secret",
        "KIEAI_API_KEY is shorter",
        "SHOTSTACK_API_KEY is not set",
    ] {
        assert!(reasons.contains(piece), "{piece}: {reasons}");
    }
    assert!(!reasons.contains(&service().api_key) && !reasons.contains(&service().hitl_secret));
}

#[test]
fn unreadable_webhook_sources_are_not_ready() {
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let host = host::with(&[("STD_WEBHOOK_SOURCES", &format!("replicate={secret},{secret}"))]);
    let reasons = host.reasons(&service().api_key);
    assert!(reasons.contains("STD_WEBHOOK_SOURCES: entry 2 is not name=whsec_"), "{reasons}");
    assert!(!reasons.contains("MfKQ"), "{reasons}");
    let answer = host.service.call("POST", "/v1/webhooks/std/replicate").bytes("{}").try_send().unwrap().expect(503);
    assert_eq!(answer.json()["code"], "misconfigured");
}

#[test]
fn unreadable_export_targets_are_not_ready() {
    let headers = ("OTLP_HEADERS", "a-secret-without-a-name");
    let host = host::with(&[("SENTRY_DSN", "https://a-secret"), ("OTLP_ENDPOINT", "http://127.0.0.1:1"), headers]);
    let reasons = host.reasons(&service().api_key);
    for piece in ["SENTRY_DSN is not a DSN", "OTLP_HEADERS: entry 1 is not name=value"] {
        assert!(reasons.contains(piece), "{piece}: {reasons}");
    }
    assert!(!reasons.contains("a-secret"), "{reasons}");
}

/// A stack whose personas have a model.
fn with_model() -> (Stack, Service, Simulator) {
    let stack = stack::builder().setting("OPENAI_API_KEY", "dev-openai-key").start().unwrap();
    let service = stack::service_of(&stack);
    let simulator = Simulator::of(&service);
    (stack, service, simulator)
}

fn sources(run: &Run) -> Vec<Value> {
    let finished = run.events().into_iter().filter(|event| event["type"] == "persona.finished");
    finished.map(|event| event["data"]["source"].clone()).collect()
}

#[test]
#[ignore = "needs simulated providers"]
fn a_model_that_stumbles_is_asked_again_for_the_persona() {
    let (_stack, service, simulator) = with_model();
    simulator.model_says(json!({
        "ideate": {"summary": "Two cats.", "headers": ["Cat A", "Cat B"]},
        "write": {"summary": "Prompts.", "prompts": ["first prompt", "second prompt"]},
        "edit": {"summary": "Cut."},
        "caption": {"summary": "Caption.", "caption": "Two cats!", "title": "Cats"},
    }));
    simulator.fault(json!([
        {"provider": "openai", "fault": "overloaded_529", "times": 1},
        {"provider": "openai", "fault": "status_500", "times": 1},
    ]));
    let run = Run::start_at(&service, "test_video_gen").published();
    let sources = sources(&run);
    assert_eq!(sources.len(), 4, "iggy, riley, alex, quinn");
    assert!(sources.iter().all(|source| *source == sources[0] && *source != "rules"), "{sources:?}");
    assert_eq!(run.view()["result"]["videos"][1]["header"], "Cat B");
    assert_eq!(run.artifacts("publish.url")[0]["metadata"]["caption"], "Two cats!");
    assert!(simulator.state()["counts"]["openai"]["creates"].as_u64().unwrap() >= 4);
    run.assert_healthy();
}

#[test]
#[ignore = "needs simulated providers"]
fn a_failing_persona_is_never_replaced_by_rules() {
    let (_stack, service, simulator) = with_model();
    simulator.fault(json!({"provider": "openai", "fault": "refusal"}));
    let run = Run::start_at(&service, "test_video_gen").approved("workflow");
    let view = eventually("the run gives up", || {
        run.pass_time();
        Some(run.view()).filter(|view| view["status"] == "failed")
    });
    assert!(view["result"]["error"]["error_message"].is_string(), "{view}");
    assert_eq!(sources(&run), Vec::<Value>::new());
    assert_eq!(run.artifact_names().last().unwrap(), "notification(failed)");
    run.assert_healthy();
}
