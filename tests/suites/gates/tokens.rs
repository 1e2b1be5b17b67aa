//! What stands for the right to decide: the key, or a token for this run, this gate, this opening, in time.

use super::{approve, decisions};
use crate::support::{Run, service, signing};
use mw_media::token::{Claims, issue};

const REFUSAL: &str = "invalid or expired token";

fn claims(run: &Run, approver: &str, expires_in_seconds: i64) -> Claims {
    Claims {
        opening: 1,
        subject_sha256: run.subject("workflow"),
        approver: approver.to_owned(),
        expires_at: signing::unix_now() + expires_in_seconds,
        nonce: "n".to_owned(),
    }
}

fn with_token(run: &Run, token: &str) -> String {
    format!("{}?token={token}", run.gate_path("workflow"))
}

/// GET and POST, without a key and with it: a token that is sent must be good either way.
#[track_caller]
fn refused_everywhere(run: &Run, path: &str) {
    for method in ["GET", "POST"] {
        service().call(method, path).send().expect_problem(403, REFUSAL);
        service().call(method, path).key().send().expect_problem(403, REFUSAL);
    }
    assert_eq!(decisions(run), (0, 0));
}

#[test]
fn a_token_of_another_run_is_refused() {
    let (run, other) = (Run::start(), Run::start());
    let link = other.link("workflow").replace(&other.id, &run.id);
    refused_everywhere(&run, &link);
}

#[test]
fn a_token_of_another_gate_is_refused() {
    let run = Run::start();
    let token = issue(&service().hitl_secret, &run.id, mw_media::gate!("ideate"), &claims(&run, "operator", 60));
    refused_everywhere(&run, &with_token(&run, &token));
}

#[test]
fn a_token_of_another_opening_is_refused() {
    let run = Run::start();
    let stale = Claims { opening: 7, ..claims(&run, "operator", 60) };
    let token = issue(&service().hitl_secret, &run.id, mw_media::gate!("workflow"), &stale);
    refused_everywhere(&run, &with_token(&run, &token));
}

#[test]
fn an_expired_token_is_refused() {
    let run = Run::start();
    let token = issue(&service().hitl_secret, &run.id, mw_media::gate!("workflow"), &claims(&run, "operator", -1));
    refused_everywhere(&run, &with_token(&run, &token));
}

#[test]
fn a_token_signed_with_another_secret_is_refused() {
    let run = Run::start();
    for secret in ["", "not the secret", &service().api_key, &service().sweep_key] {
        let token = issue(secret, &run.id, mw_media::gate!("workflow"), &claims(&run, "operator", 60));
        refused_everywhere(&run, &with_token(&run, &token));
    }
}

#[test]
fn a_tampered_token_is_refused() {
    let run = Run::start();
    let link = run.link("workflow");
    let token = link.split("token=").nth(1).unwrap();
    for at in [0, token.len() / 2, token.len() - 2] {
        let mut bytes = token.as_bytes().to_vec();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        refused_everywhere(&run, &with_token(&run, &String::from_utf8(bytes).unwrap()));
    }
}

#[test]
fn nonsense_for_a_token_is_refused() {
    let run = Run::start();
    let long = "a".repeat(4000);
    for token in ["x", ".", "..", "a.b", "1700000000:abcdef", "%00", "%FF%FE", "null", "%2E%2E%2F", &long] {
        refused_everywhere(&run, &with_token(&run, token));
    }
}

#[test]
fn neither_key_nor_token_is_401() {
    let run = Run::start();
    for method in ["GET", "POST"] {
        for path in [run.gate_path("workflow"), with_token(&run, "")] {
            service().call(method, &path).send().expect_problem(401, "Invalid API key");
        }
    }
    assert_eq!(decisions(&run), (0, 0));
}

#[test]
fn a_wrong_key_is_401_even_beside_a_good_token() {
    let run = Run::start();
    let link = run.link("workflow");
    for method in ["GET", "POST"] {
        let call = service().call(method, &link).header("x-api-key", "wrong").json(&approve());
        call.send().expect_problem(401, "Invalid API key");
    }
    assert_eq!(decisions(&run), (0, 0));
}

#[test]
fn a_token_works_percent_encoded_too() {
    let run = Run::start();
    let link = run.link("workflow");
    let (path, token) = link.split_once("token=").unwrap();
    let encoded: String = token.bytes().map(|byte| format!("%{byte:02X}")).collect();
    service().call("GET", &format!("{path}token={encoded}")).send().expect(200);
    service().call("GET", &link).send().expect(200);
}

#[test]
fn a_link_is_for_the_open_gate_of_a_known_run() {
    let run = Run::start();
    let path = |gate: &str| format!("/v1/hitl/link/{}/{gate}", run.id);
    let answer = service().get(&path("workflow")).send().expect(200).json();
    assert_eq!(answer["runId"], run.id.as_str());
    assert_eq!(answer["gate"], "workflow");
    assert_eq!(answer["expiresIn"], "24h");
    let url = answer["approvalUrl"].as_str().unwrap();
    assert!(url.starts_with("http") && url.contains(&run.gate_path("workflow")) && !url.contains("//v1"), "{url}");
    assert!(url.contains("token="), "{url}");

    service().call("GET", &path("workflow")).send().expect_problem(401, "Invalid API key");
    service().get(&path("Final")).send().expect_invalid("path:gate");
    service().get("/v1/hitl/link/no-such-run/workflow").send().expect_problem(404, "run not found");
    let closed = format!("Run {} is not waiting at gate ideate", run.id);
    service().get(&path("ideate")).send().expect_problem(409, &closed);
    service().get(&format!("{}?approver=", path("workflow"))).send().expect_invalid("query:approver");
}

#[test]
fn two_links_for_one_approver_differ() {
    let run = Run::start();
    assert_ne!(run.link("workflow"), run.link("workflow"));
}
