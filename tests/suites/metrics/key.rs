//! /metrics behind a key of its own, on a stack of this test's own.

use crate::readme::{commands, root};
use crate::support::shell::{says, shell};
use crate::support::stack;
use mw::mode::Mode;

const KEY: &str = "dev-key-of-prometheus";

#[test]
fn a_key_closes_metrics() {
    let stack = stack::builder().mode(Mode::Mock).setting("METRICS_KEY", KEY).start().unwrap();
    let service = stack::service_of(&stack);
    let scrape = || service.call("GET", "/metrics");
    scrape().send().expect_problem(401, "Invalid API key");
    scrape().key().send().expect_problem(401, "Invalid API key");
    scrape().header("authorization", format!("Bearer {KEY}x")).send().expect_problem(401, "Invalid API key");
    for (name, value) in [("authorization", format!("Bearer {KEY}")), ("x-api-key", KEY.to_owned())] {
        assert!(scrape().header(name, value).send().expect(200).text().contains("sweep_lag_seconds"));
    }
    // The key opens nothing else.
    service.call("GET", "/v1/runs").header("x-api-key", KEY).send().expect(401);
}

#[test]
fn commands_show_their_key_to_metrics() {
    let stack = stack::builder().mode(Mode::Mock).setting("METRICS_KEY", KEY).start().unwrap();
    stack::service_of(&stack).sweep();
    says(&stack, "mw --json status", &[("METRICS_KEY", KEY)], "\"runs_overdue\"");
    for line in commands(&root().join("docs/metrics.md")) {
        says(&stack, &line, &[("METRICS_KEY", KEY)], "sweep_lag_seconds");
    }
    let refused = shell(&stack, "mw slo --chats 1", &[]);
    assert!(String::from_utf8(refused.stderr).unwrap().contains("set METRICS_KEY"));
}
