//! Traces to a collector and errors to Sentry, both played by the simulator, on stacks of these tests' own.

use crate::support::simulator::Simulator;
use crate::support::{Run, Service, eventually, stack, unique};
use mw_stack::stack::Stack;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A stack that exports nothing.
fn stack_of_ours() -> (Stack, Service, Simulator) {
    let stack = stack::builder().cron(false).start().unwrap();
    let service = stack::service_of(&stack);
    let simulator = Simulator::of(&service);
    (stack, service, simulator)
}

/// A published run that was asked for in chat.
fn chatted(service: &Service) -> Run {
    let user = unique("user");
    let body = json!({"user_id": user, "message": "Make a Test Video Gen run about candles"});
    let answer = service.post("/v1/chat/brendan").json(&body).send().expect(200).json();
    let id = answer["runId"].as_str().unwrap().to_owned();
    Run { service: service.clone(), id, user }.published()
}

/// Exports that are due, or dead.
fn exports_left(run: &Run) -> usize {
    let sql = "SELECT FROM outbox WHERE run_id = $1 AND kind IN ('trace', 'report') AND state <> 'done'";
    run.service.database().count(sql, &[&run.id])
}

#[track_caller]
fn assert_one_tree(spans: &[Value]) {
    let ids: BTreeSet<&str> = spans.iter().map(|span| span["spanId"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), spans.len(), "each span came once");
    let roots: Vec<&Value> = spans.iter().filter(|span| span["parentSpanId"] == "").collect();
    assert_eq!((roots.len(), &roots[0]["name"]), (1, &json!("test_video_gen-graph")));
    for span in spans {
        assert!(span == roots[0] || ids.contains(span["parentSpanId"].as_str().unwrap()), "{span}");
        assert_eq!(
            (&span["traceId"], &span["attributes"]["project"]),
            (&roots[0]["traceId"], &json!("test_video_gen"))
        );
    }
    let named = |name: &str| spans.iter().filter(|span| span["name"] == name).count();
    let names = ["brendan-chat", "gate ideate", "decision", "kieai generate", "upload-post publish", "submit"];
    assert_eq!(names.map(named), [1, 1, 3, 2, 1, 4]);
}

#[test]
#[ignore = "needs simulated providers"]
fn a_published_run_is_one_trace_and_a_failed_one_an_error() {
    let (mut stack, service, simulator) = stack_of_ours();
    let before = chatted(&service);
    service.sweep();
    assert_eq!(service.database().count("SELECT FROM outbox WHERE kind IN ('trace', 'report')", &[]), 0);

    let collector = format!("{}/otlp", stack.simulator_url().unwrap());
    stack::exporting(&mut stack, &collector);
    service.sweep();
    let run = chatted(&service);
    let spans = eventually("the trace arrives", || Some(simulator.spans(&run.id)).filter(|spans| !spans.is_empty()));
    assert_one_tree(&spans);
    let root = spans.iter().find(|span| span["parentSpanId"] == "").unwrap();
    assert_eq!((&root["attributes"]["status"], &root["attributes"]["mode"]), (&json!("published"), &json!("sim")));
    assert_eq!(simulator.spans(&before.id), Vec::<Value>::new());
    run.assert_healthy();

    let failed = Run::start_at(&service, "test_video_gen");
    let body = json!({"reason": "it must end", "actor": "ann"});
    failed.service.post(&format!("/v1/runs/{}/terminate", failed.id)).json(&body).send().expect(200);
    let errors = eventually("the error arrives", || Some(simulator.errors(&failed.id)).filter(|list| !list.is_empty()));
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0]["exception"]["values"][0]["type"], "terminated");
    assert_eq!(simulator.errors(&run.id), Vec::<Value>::new());
    failed.assert_healthy();
}

#[test]
#[ignore = "needs simulated providers"]
fn a_collectors_outage_delays_traces_only() {
    let (mut stack, service, simulator) = stack_of_ours();
    // Nobody listens there.
    let nowhere = format!("http://127.0.0.1:{}", mw_stack::ports::free().unwrap());
    stack::exporting(&mut stack, &nowhere);
    service.sweep();
    let run = chatted(&service);
    let tried = "SELECT FROM outbox WHERE run_id = $1 AND kind = 'trace' AND state = 'due' AND last_error IS NOT NULL";
    eventually("it is tried", || Some(()).filter(|()| service.database().count(tried, &[&run.id]) == 1));
    run.assert_healthy();

    let collector = format!("{}/otlp", stack.simulator_url().unwrap());
    stack::exporting(&mut stack, &collector);
    eventually("it arrives", || {
        run.pass_time();
        Some(()).filter(|()| exports_left(&run) == 0)
    });
    assert_one_tree(&simulator.spans(&run.id));
}
