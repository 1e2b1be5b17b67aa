//! Rate limits, on a stack whose limits are low.

use crate::support::{Answer, Service, stack};
use mw::mode::Mode;
use mw_stack::builder::Builder;
use serde_json::json;

/// The last of `limit` calls is let through, the next is told when to come again.
#[track_caller]
fn holds(name: &str, limit: usize, call: impl Fn() -> Answer) {
    for used in 1..=limit {
        let answer = call();
        assert_ne!(answer.status, 429, "{name}: call {used} of {limit}");
        assert_eq!(answer.header("ratelimit-policy"), Some(format!("\"{name}\";q={limit};w=60").as_str()));
        let left = answer.header("ratelimit").unwrap().to_owned();
        assert!(left.starts_with(&format!("\"{name}\";r={};t=", limit - used)), "{left}");
    }
    let refused = call();
    let problem = refused.clone().expect_problem(429, "rate limit exceeded");
    assert_eq!(problem["violated-policies"], json!([name]));
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    let reset: u64 = refused.header("ratelimit").unwrap().rsplit("t=").next().unwrap().parse().unwrap();
    assert!(refused.header("ratelimit").unwrap().starts_with(&format!("\"{name}\";r=0;")));
    assert!(wait >= reset, "Retry-After {wait} must not be earlier than t={reset}");
}

fn pass_window(service: &Service) {
    service.database().execute("UPDATE rate_limits SET window_start = window_start - interval '60 seconds'", &[]);
}

#[test]
fn limits_hold_over_all_hosts_and_end_with_their_window() {
    let builder = Builder::new().fast(true).mode(Mode::Mock).hosts(2).cron(false);
    let stack = builder
        .setting("RUNS_START_PER_MINUTE", "3")
        .setting("HITL_APPROVE_PER_MINUTE", "2")
        .setting("CHAT_PER_MINUTE", "2")
        .start()
        .unwrap();
    let service = stack::service_of(&stack);
    let other = service.through(&stack.base_urls()[1]);

    // Bodies that fail validation count too.
    let start = |service: &Service| service.post("/v1/runs/start").json(&json!({})).limited().send();
    holds("runs_start", 3, || start(&service));
    start(&other).expect(429);
    pass_window(&service);
    start(&other).expect(422);

    holds("chat_brendan", 2, || {
        service.post("/v1/chat/brendan").json(&json!({"user_id": "u", "message": "hi"})).limited().send()
    });

    let run_id = {
        let body = json!({"project": "aismr", "input": {"topic": "x"}});
        service.post("/v1/runs/start").json(&body).limited().send().expect(200).json()["runId"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    // Strangers with a link are counted by their address, apart from the key.
    let link = service.get(&format!("/v1/hitl/link/{run_id}/workflow")).send().expect(200).json();
    let link = crate::support::run::path_of(link["approvalUrl"].as_str().unwrap());
    holds("hitl_approve", 2, || service.call("GET", &link).limited().send());
    holds("hitl_approve", 2, || service.post(&format!("/v1/hitl/approve/{run_id}/ideate")).limited().send());

    service.sweep();
    let metrics = service.call("GET", "/metrics").send().expect(200).text();
    assert!(metrics.contains("api_rate_limited_requests_total{name=\"runs_start\"} 2"), "{metrics}");
}
