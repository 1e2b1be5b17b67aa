//! Callbacks: twice, out of order, not at all, late, and twelve at once.

use std::time::{Duration, Instant};

use mw_integrations::{Submission, kieai};
use serde_json::json;

use crate::common::*;

fn submit(sim: &Sim, job: &str) -> String {
    match sim.run(jobs::submit(
        &sim.client,
        &kieai::JOBS,
        &sim.settings("/kieai"),
        &sim.context(job),
        &JobSpec::Generate(generate("veo3")),
    )) {
        Submission::Accepted { task_id } => task_id,
        other => panic!("{other:?}"),
    }
}

fn fault_once(sim: &Sim, fault: &str) {
    sim.control("faults", json!({"provider": "kieai", "fault": fault, "times": 1, "ms": 300}));
}

#[test]
fn twice() {
    let sim = Sim::start();
    fault_once(&sim, "callback_twice");
    submit(&sim, "1");
    let received = sim.callbacks(2);
    assert_eq!(received[0].body, received[1].body);
}

#[test]
fn out_of_order() {
    let sim = Sim::start();
    fault_once(&sim, "callback_reordered");
    submit(&sim, "first");
    std::thread::sleep(Duration::from_millis(30));
    submit(&sim, "second");
    let received = sim.callbacks(2);
    let jobs = received.iter().map(|received| received.uri.rsplit('=').next().unwrap());
    assert_eq!(jobs.collect::<Vec<_>>(), ["second", "first"]);
}

#[test]
fn out_of_order_with_nobody_to_overtake() {
    let sim = Sim::start();
    fault_once(&sim, "callback_reordered");
    submit(&sim, "only");
    assert_eq!(sim.callbacks(1).len(), 1);
}

#[test]
fn not_at_all() {
    let sim = Sim::start();
    fault_once(&sim, "callback_dropped");
    submit(&sim, "1");
    submit(&sim, "2");
    assert!(sim.callbacks(1)[0].uri.ends_with("job=2"));
    let state = eventually(|| Some(sim.state()).filter(|state| state["tasks"][0]["callbacks"]["dropped"] == 1));
    assert_eq!(state["tasks"][0]["callbacks"]["attempts"], 0);
}

#[test]
fn late() {
    let sim = Sim::start();
    fault_once(&sim, "callback_late");
    let start = Instant::now();
    submit(&sim, "1");
    sim.callbacks(1);
    assert!(start.elapsed() >= Duration::from_millis(300));
}

#[test]
fn kie_tries_four_times() {
    let sim = Sim::start();
    sim.answer_callbacks_with(&[303]);
    submit(&sim, "1");
    sim.callbacks(4);
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(sim.received().len(), 4);
}

#[test]
fn twelve_at_once() {
    let sim = Sim::start();
    sim.control("callbacks/hold", json!({}));
    for job in 0..12 {
        submit(&sim, &job.to_string());
    }
    eventually(|| (sim.state()["held_callbacks"] == 12).then_some(()));
    assert!(sim.received().is_empty());
    assert_eq!(sim.control("callbacks/release", json!({})), json!({"released": 12}));
    let received = sim.callbacks(12);
    let spread = received.last().unwrap().at - received[0].at;
    assert!(spread < Duration::from_secs(2), "{spread:?}");
    submit(&sim, "13");
    sim.callbacks(13);
}

#[test]
fn after_a_reset_nothing_of_before_comes() {
    let sim = Sim::start();
    fault_once(&sim, "callback_dropped");
    sim.control("latency", json!({"kieai_ms": 200}));
    submit(&sim, "1");
    submit(&sim, "2");
    sim.control("reset", json!({}));
    std::thread::sleep(Duration::from_millis(400));
    assert!(sim.received().is_empty());
    let state = sim.state();
    assert_eq!((&state["tasks"], &state["rules"], &state["counts"]), (&json!([]), &json!([]), &json!({})));
}
