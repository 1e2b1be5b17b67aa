//! The faults that any provider can have around a call.

use std::time::{Duration, Instant};

use mw_integrations::jobs::JobProvider;
use mw_integrations::{Fault, FaultClass, Progress, Settings, Submission, TransportError, registry};
use serde_json::json;

use crate::common::*;

/// Whoever makes jobs.
fn providers() -> impl Iterator<Item = &'static str> {
    registry::job_providers().map(|(system, _)| system.name)
}

/// A provider by its name: where it is simulated, and a job that it makes.
fn at(sim: &Sim, provider: &str) -> (&'static dyn JobProvider, Settings, JobSpec) {
    let (system, jobs) = registry::job_providers().find(|(system, _)| system.name == provider).unwrap();
    let orders = [JobSpec::Generate(generate("veo3")), JobSpec::Render(render()), JobSpec::Publish(publish())];
    let order = orders.into_iter().find(|spec| jobs.makes().contains(&spec.kind())).unwrap();
    (jobs, sim.settings(&format!("/{}", system.addresses[0].simulated)), order)
}

fn submit_with(sim: &Sim, client: &Client, provider: &str) -> Submission {
    let (provider, settings, order) = at(sim, provider);
    sim.run(jobs::submit(client, provider, &settings, &sim.context(JOB), &order))
}

fn submit(sim: &Sim, provider: &str) -> Submission {
    submit_with(sim, &sim.client, provider)
}

fn query(sim: &Sim, provider: &str, task_id: &str) -> Result<Progress, Fault> {
    let (provider, settings, order) = at(sim, provider);
    sim.run(jobs::query(&sim.client, provider, &settings, &order, task_id))
}

fn created(sim: &Sim) -> usize {
    sim.state()["tasks"].as_array().unwrap().len()
}

#[test]
fn a_lost_answer_leaves_the_work_done() {
    for provider in providers() {
        for fault in ["drop_connection", "gateway_error_after_work", "malformed_json", "oversized_answer"] {
            let sim = Sim::start();
            sim.fault(provider, fault);
            let submission = submit(&sim, provider);
            assert!(matches!(submission, Submission::Unanswered(_)), "{provider} {fault}: {submission:?}");
            assert_eq!(created(&sim), 1);
        }
    }
}

#[test]
fn an_answer_that_comes_too_late_is_lost() {
    for provider in providers() {
        let sim = Sim::start();
        sim.control("faults", json!({"provider": provider, "fault": "delay", "ms": 6000, "times": 1}));
        let start = Instant::now();
        let submission = submit_with(&sim, &Client::waiting(Duration::from_millis(300)), provider);
        assert!(matches!(submission, Submission::Unanswered(_)), "{provider}: {submission:?}");
        assert!(start.elapsed() < Duration::from_secs(5));
        assert_eq!(created(&sim), 1);
    }
}

#[test]
fn a_clear_no_leaves_nothing_done() {
    for provider in providers() {
        for (fault, class) in [("status_500", FaultClass::Unavailable), ("status_429", FaultClass::RateLimited)] {
            let sim = Sim::start();
            sim.control("faults", json!({"provider": provider, "fault": fault, "retry_after_seconds": 9}));
            match submit(&sim, provider) {
                Submission::Refused(refusal) => {
                    assert_eq!(refusal.class, class);
                    assert_eq!(refusal.retry_after_seconds, (class == FaultClass::RateLimited).then_some(9));
                }
                other => panic!("{provider} {fault}: {other:?}"),
            }
            assert_eq!(created(&sim), 0);
        }
    }
}

#[test]
fn queries_suffer_apart_from_submissions() {
    for provider in providers() {
        let sim = Sim::start();
        let faults = [
            "drop_connection",
            "gateway_error_after_work",
            "malformed_json",
            "oversized_answer",
            "status_500",
            "status_429",
        ];
        let rules: Vec<_> =
            faults.map(|fault| json!({"provider": provider, "fault": fault, "on": "query", "times": 1})).into();
        sim.control("faults", json!(rules));
        let Submission::Accepted { task_id } = submit(&sim, provider) else { panic!("accepted") };
        let mut faults = 0;
        let progress = ended(|| match query(&sim, provider, &task_id) {
            Ok(progress) => progress,
            Err(fault) => {
                assert!(!fault.is_final(), "{fault}");
                faults += 1;
                Progress::Running
            }
        });
        assert!(matches!(progress, Progress::Done(_)));
        assert_eq!(faults, 6, "{provider}");
    }
}

#[test]
fn nobody_listening_is_a_refusal() {
    let sim = Sim::start();
    let settings = Settings { base_url: "http://127.0.0.1:1".into(), api_key: "k".into() };
    for name in providers() {
        let (provider, _, order) = at(&sim, name);
        let submission = sim.run(jobs::submit(&sim.client, provider, &settings, &sim.context(JOB), &order));
        assert!(matches!(submission, Submission::Refused(fault) if fault.code == "not_sent"), "{name}");
    }
    let error = TransportError::NotSent("x".into());
    assert_eq!(error.to_string(), "not sent: x");
}
