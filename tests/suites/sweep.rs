//! The sweeper over HTTP: who may call it, and what it puts right.

use crate::readme::{commands, root};
use crate::support::shell::says;
use crate::support::{Run, eventually, service, simulator, stack, unique};
use mw::mode::Mode;
use mw_stack::stack::Stack;
use serde_json::{Value, json};
use std::process::Command;

#[test]
fn only_the_sweep_key_and_the_api_key_ring_it() {
    service().call("POST", "/v1/sweep").send().expect_problem(401, "Invalid API key");
    for (name, value) in
        [("x-sweep-key", "wrong"), ("x-sweep-key", ""), ("x-api-key", "wrong"), ("authorization", &service().sweep_key)]
    {
        service().call("POST", "/v1/sweep").header(name, value).send().expect_problem(401, "Invalid API key");
    }
    service().call("POST", "/v1/sweep").header("x-sweep-key", &service().sweep_key).send().expect(200);
    service().post("/v1/sweep").send().expect(200);
    // The sweep key opens nothing else.
    service().call("GET", "/v1/runs").header("x-api-key", &service().sweep_key).send().expect(401);
    service().call("GET", "/v1/runs").header("x-sweep-key", &service().sweep_key).send().expect(401);
}

/// A stack that nobody sweeps but the documented schedule.
fn unswept() -> Stack {
    stack::builder().mode(Mode::Mock).cron(false).start().unwrap()
}

#[test]
fn the_documented_call_of_a_cloud_sweeps() {
    let stack = unswept();
    let lines = commands(&root().join("docs/deployment.md"));
    let line = lines.iter().find(|line| line.contains("/v1/sweep")).unwrap();
    let sweep_key = stack.setting("SWEEP_KEY").unwrap().to_owned();
    says(&stack, line, &[("SWEEP_KEY", &sweep_key)], "\"granted\":true");
}

#[test]
fn the_cron_job_of_spinkube_sweeps() {
    let stack = unswept();
    let manifest = std::fs::read_to_string(root().join("ops/spinkube/sweep.yaml")).unwrap();
    let script = manifest.split("args:\n").nth(1).and_then(|rest| rest.split("env:\n").next()).unwrap();
    let script = script.trim_start().trim_start_matches("- |").replace("http://myloware", &stack.base_url());
    // One of the calls of a minute is enough.
    let script = script.replace("1 2 3 4 5 6 7 8 9 10 11", "1").replace("sleep 5", ":");
    let sweep_key = stack.setting("SWEEP_KEY").unwrap().to_owned();
    let output = Command::new("sh").args(["-c", &script]).env("SWEEP_KEY", sweep_key).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let swept = "SELECT FROM leases WHERE name = 'sweep' AND last_success_at IS NOT NULL";
    assert_eq!(stack::service_of(&stack).database().count(swept, &[]), 1);
}

/// Calls until a sweep got the lease: the schedule calls, too.
fn granted() -> Value {
    eventually("a sweep", || Some(service().sweep()).filter(|report| report["granted"] == true))
}

#[test]
fn it_reports_what_each_reconciler_did() {
    let report = granted();
    for reconciler in ["expired_leases", "deadlines", "dead_letters", "metrics", "retention"] {
        assert!(report[reconciler].is_u64(), "{reconciler}: {report}");
    }
    let lease = service().database().row("SELECT last_success_at, last_report FROM leases WHERE name = 'sweep'", &[]);
    assert!(lease["last_success_at"].is_string() && lease["last_report"].is_object(), "{lease}");
}

#[test]
fn an_overdue_gate_expires() {
    let run = Run::start();
    service().database().pass_deadline(&run.id);
    service().sweep();
    let view = run.wait_for("expired");
    assert_eq!(view["awaiting_gate"], Value::Null);
    assert_eq!(run.artifact_names().last().unwrap(), "notification(expired)");
    let gate = service().database().row("SELECT state FROM gates WHERE run_id = $1", &[&run.id]);
    assert_eq!(gate["state"], "expired");
    assert_eq!(run.count_events("gate.expired"), 1);
}

#[test]
#[ignore = "needs simulated providers"]
fn an_overdue_step_fails_and_says_so() {
    let storm = simulator::storm();
    storm.latency(json!({"kieai_ms": 600_000}));
    let run = Run::generating();
    eventually("both clips are submitted", || {
        (run.jobs("generate").iter().filter(|job| job["state"] == "submitted").count() == 2).then_some(())
    });
    service().database().pass_deadline(&run.id);
    service().sweep();
    let view = run.wait_for("failed");
    assert_eq!(view["result"]["error"]["error_type"], "step_timeout");
    assert!(run.artifact_names().contains(&"run.failed".to_owned()));
    assert_eq!(run.artifact_names().last().unwrap(), "notification(failed)");
    let open = "SELECT FROM outbox WHERE run_id = $1 AND state IN ('due', 'leased')";
    assert_eq!(service().database().count(open, &[&run.id]), 0);
}

#[test]
#[ignore = "needs simulated providers"]
fn work_whose_holder_went_silent_is_taken_up_again() {
    let storm = simulator::storm();
    storm.latency(json!({"kieai_ms": 1500}));
    storm.fault(json!({"provider": "kieai", "fault": "callback_dropped"}));
    let run = Run::generating();
    let silent = "UPDATE outbox SET state = 'leased', fence = fence + 1, lease_until = now() - interval '1 second'
                  WHERE run_id = $1 AND state = 'due' AND kind = 'poll'";
    let mut taken = 0;
    eventually("both clips are polled by somebody who fell silent", || {
        taken += service().database().execute(silent, &[&run.id]);
        (taken >= 2).then_some(())
    });
    run.wait_for("awaiting_prepublish");
    let said = "SELECT FROM outbox WHERE run_id = $1 AND kind = 'poll' AND last_error = 'lease expired'";
    assert!(service().database().count(said, &[&run.id]) > 0);
    assert_eq!(run.count_events("job.succeeded"), 3);
}

#[test]
fn sweeps_at_once_are_harmless() {
    let runs: Vec<Run> = (0..6).map(|_| Run::start()).collect();
    for run in &runs {
        service().database().pass_deadline(&run.id);
    }
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| service().sweep());
        }
    });
    for run in &runs {
        eventually("it expires", || {
            service().sweep();
            (run.status() == "expired").then_some(())
        });
        assert_eq!(run.count_events("run.expired"), 1);
        assert_eq!(
            run.artifacts("notification").iter().filter(|note| note["metadata"]["type"] == "expired").count(),
            1
        );
    }
}

#[test]
fn old_receipts_go_and_dead_letters_stay() {
    let mut database = service().database();
    let key = unique("old");
    let insert = "INSERT INTO webhook_events (idempotency_key, provider, headers, payload, signature_status, outcome, received_at)
                  VALUES ($1, 'kieai', '{}', '', $2, $3, now() - $4::text::interval)";
    database.execute(insert, &[&format!("{key}-accepted"), &"valid", &"accepted", &"15 days"]);
    database.execute(insert, &[&format!("{key}-refused"), &"invalid", &"refused", &"2 days"]);
    database.execute(insert, &[&format!("{key}-young"), &"valid", &"accepted", &"13 days"]);
    database.execute(insert, &[&format!("{key}-dlq"), &"valid", &"dlq", &"30 days"]);
    let left = || {
        let rows = service().database().rows(
            "SELECT idempotency_key FROM webhook_events WHERE idempotency_key LIKE $1 ORDER BY 1",
            &[&format!("{key}%")],
        );
        rows.iter()
            .map(|row| row["idempotency_key"].as_str().unwrap().trim_start_matches(&key).to_owned())
            .collect::<Vec<_>>()
    };
    eventually("what is old goes", || {
        service().sweep();
        (left() == ["-dlq", "-young"]).then_some(())
    });
}
