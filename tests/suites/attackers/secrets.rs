//! Coming in with secrets that everybody knows: production is started with each of them weak, and nothing opens.

use crate::support::{Call, Run, eventually, host, service, signing, unique};
use mw_media::token::{Claims, issue};
use serde_json::{Value, json};

/// Known from a repository, made up for development, and too short.
const WEAK: [&str; 3] = ["dev-local-api-key", "dev-0123456789abcdef", "pa55w0rd"];

const STRONG: &str = "b4c1f0e29d7a4d5f8a6e";

fn ready(call: Call) -> Value {
    call.try_send().unwrap().expect(503).json()
}

#[test]
fn weak_api_keys_open_nothing_outside_local() {
    for (environment, weak) in [("prod", WEAK[0]), ("staging", WEAK[1]), ("prod", WEAK[2])] {
        let host = host::with(&[("ENVIRONMENT", environment), ("API_KEY", weak)]);
        for (method, path) in [
            ("GET", "/v1/runs"),
            ("GET", "/v1/ping"),
            ("GET", "/version"),
            ("GET", "/v1/projects"),
            ("GET", "/v1/gates"),
            ("GET", "/v1/dlq"),
            ("GET", "/admin/drain"),
            ("POST", "/v1/runs/start"),
            ("POST", "/v1/runs/bulk"),
            ("POST", "/v1/chat/brendan"),
            ("POST", "/v1/principals"),
            ("POST", "/v1/sweep"),
            ("POST", "/mcp"),
            ("POST", "/v1/hitl/approve/a-run/workflow"),
            ("GET", "/v1/hitl/link/a-run/workflow"),
            ("GET", "/nowhere"),
        ] {
            let call = host.service.call(method, path).header("x-api-key", weak).json(&json!({}));
            let refused = call.try_send().unwrap().expect(503).json();
            assert_eq!(refused["code"], "misconfigured", "{method} {path} with {weak}: {refused}");
        }
        let told = ready(host.service.call("GET", "/ready").header("x-api-key", weak));
        assert_eq!(told.get("reasons"), None, "a weak key is no key: {told}");
        // Nobody can hold a key there, so whoever runs it finds the reason in the log.
        eventually("the log says why", || host.log().contains("API_KEY is ").then_some(()));
        assert!(!host.log().contains(weak), "a secret is in the log");
    }
}

#[test]
fn weak_link_secrets_sign_nothing_outside_local() {
    let host = host::with(&[("ENVIRONMENT", "prod"), ("API_KEY", STRONG), ("HITL_SECRET", "dev-hitl-secret")]);
    let run = Run::start();
    let claims = Claims {
        opening: 1,
        subject_sha256: run.subject("workflow"),
        approver: "operator".to_owned(),
        expires_at: signing::unix_now() + 60,
        nonce: "n".to_owned(),
    };
    // Neither the known secret nor the API key stands in.
    for secret in ["dev-hitl-secret", STRONG, ""] {
        let token = issue(secret, &run.id, mw_media::gate!("workflow"), &claims);
        let path = format!("{}?token={token}", run.gate_path("workflow"));
        let status = host.service.call("POST", &path).try_send().unwrap().status;
        assert!([403, 503].contains(&status), "{status} with {secret:?}");
    }
    let link = format!("/v1/hitl/link/{}/workflow", run.id);
    host.service.call("GET", &link).header("x-api-key", STRONG).try_send().unwrap().expect(503);
    host.service.call("GET", "/console").header("cookie", "mw_session=a.b").try_send().unwrap().expect(503);
    assert_eq!(run.status(), "pending_workflow");
}

#[test]
fn weak_keys_close_metrics_and_sweep_outside_local() {
    let host = host::with(&[("ENVIRONMENT", "prod"), ("METRICS_KEY", "metrics"), ("SWEEP_KEY", WEAK[1])]);
    for sent in ["", "metrics", STRONG] {
        let call = host.service.call("GET", "/metrics").header("x-api-key", sent);
        assert_eq!(call.try_send().unwrap().expect(503).json()["code"], "misconfigured");
    }
    let sweep = host.service.call("POST", "/v1/sweep").header("x-sweep-key", WEAK[1]);
    assert_eq!(sweep.try_send().unwrap().expect(503).json()["code"], "misconfigured");
}

#[test]
fn weak_signatures_are_worth_nothing_outside_local() {
    let weak = "upload-post-secret";
    let host =
        host::with(&[("ENVIRONMENT", "prod"), ("UPLOAD_POST_SIGNING_SECRET", weak), ("TELEGRAM_WEBHOOK_SECRET", weak)]);
    let mark = unique("event");
    let body = json!({"event": "account_connected", "job_id": mark}).to_string();
    let call = host.service.call("POST", "/v1/webhooks/upload-post").body("application/json", body.clone());
    let signed = signing::upload_post(weak, body.as_bytes(), signing::unix_now());
    let answer = signed.iter().fold(call, |call, (name, value)| call.header(name, value)).try_send().unwrap();
    assert!([200, 429].contains(&answer.status), "{}", answer.text());
    let believed =
        "SELECT FROM webhook_events WHERE signature_status = 'valid' AND convert_from(payload, 'UTF8') LIKE $1";
    assert_eq!(service().database().count(believed, &[&format!("%{mark}%")]), 0);
    let telegram = host.service.call("POST", "/v1/telegram/webhook").header("x-telegram-bot-api-secret-token", weak);
    telegram.json(&json!({"update_id": 1})).try_send().unwrap().expect(403);
}

#[test]
fn strangers_learn_no_reason() {
    let host = host::with(&[("ENVIRONMENT", "prod"), ("API_KEY", STRONG), ("KIEAI_API_KEY", "short")]);
    let asked = || host.service.call("GET", "/ready");
    for stranger in
        [asked(), asked().header("x-api-key", "wrong"), asked().header("x-api-key", format!("mw_{}", "0".repeat(64)))]
    {
        let told = ready(stranger);
        assert_eq!((told["status"].as_str(), told.get("reasons")), (Some("not ready"), None), "{told}");
        assert!(!told.to_string().to_lowercase().contains("kieai"), "{told}");
    }
    let viewer = crate::principals::Person::with_role("viewer");
    for key in [STRONG, viewer.service.api_key.as_str()] {
        let told = ready(asked().header("x-api-key", key))["reasons"].to_string();
        assert!(told.contains("KIEAI_API_KEY is shorter than 12 characters"), "{told}");
        assert!(!told.contains("\"short\"") && !told.contains(STRONG), "{told}");
    }
}
