//! Looking at a link shows and decides nothing.

use super::decisions;
use crate::support::{Run, service};
use serde_json::json;

#[test]
fn head_and_options_decide_nothing_even_with_the_key() {
    let run = Run::start();
    for method in ["HEAD", "OPTIONS"] {
        let answer = service().call(method, &run.gate_path("workflow")).key().send();
        assert!([200, 204].contains(&answer.status), "{method}: {}", answer.status);
        assert!(answer.body.is_empty());
    }
    assert_eq!(decisions(&run), (0, 0));
}

#[test]
fn other_methods_are_refused_and_decide_nothing() {
    let run = Run::start();
    let link = run.link("workflow");
    for method in ["PUT", "DELETE", "PATCH"] {
        let answer = service().call(method, &link).json(&json!({"decision": "approve"})).send().expect(405);
        assert_eq!(answer.header("allow"), Some("GET, HEAD, POST, OPTIONS"));
    }
    assert_eq!(decisions(&run), (0, 0));
}

#[test]
fn the_page_says_what_is_decided_and_both_choices() {
    let run = Run::start();
    let page = service().call("GET", &run.link("workflow")).header("accept", "text/html").send().expect(200);
    assert!(page.is_html());
    let text = page.text();
    for piece in [
        &run.id,
        "test_video_gen",
        "workflow",
        "cheeseburger",
        "moon",
        "2 clips, 16 s",
        "Approve",
        "Reject",
        "method=\"post\"",
    ] {
        assert!(text.contains(piece), "{piece} is not on the page");
    }
}

#[test]
fn the_page_is_not_kept_framed_or_leaked() {
    let run = Run::start();
    let page = service().call("GET", &run.link("workflow")).send().expect(200);
    assert_eq!(page.header("cache-control"), Some("no-store"));
    assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(page.header("x-frame-options"), Some("DENY"));
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    assert!(!page.text().to_lowercase().contains("<script"));
}

#[test]
fn the_page_escapes_what_came_from_users() {
    let markup = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&";
    let body =
        json!({"project": "aismr", "input": {"object": markup, "modifiers": [markup]}, "options": {"user_id": markup}});
    let answer = service().post("/v1/runs/start").json(&body).send().expect(200).json();
    let path = format!("/v1/hitl/link/{}/workflow", answer["runId"].as_str().unwrap());
    let url = service().get(&path).send().expect(200).json()["approvalUrl"].as_str().unwrap().to_owned();
    let text = service().call("GET", &crate::support::run::path_of(&url)).send().expect(200).text();
    assert!(!text.contains("<script>alert") && !text.contains("<img src=x"), "markup came through");
    assert!(text.contains("alert(1)"), "the text itself is shown");
}

#[test]
fn a_browser_gets_pages_for_refusals_too() {
    let run = Run::start();
    let link = run.link("workflow");
    let refused =
        service().call("GET", &link.replace("token=", "token=x")).header("accept", "text/html").send().expect(403);
    assert!(refused.is_html() && refused.text().contains("invalid or expired token"));
    service().call("POST", &link).send().expect(200);
    let late = service().call("GET", &link).header("accept", "text/html").send().expect(409);
    assert!(late.is_html());
}
