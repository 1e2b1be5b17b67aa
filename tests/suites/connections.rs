//! Connections to PostgreSQL are a budget: bursts over one component after the other, or many runs at once, leave every route
//! answering. On Spin each component has a pool that never shrinks by itself, so this is asked of a real `spin up` too.

use crate::support::{Call, Run, eventually, service, signing, unique};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// As many clients at once as one burst has.
const CLIENTS: usize = 40;
/// What one process has at most: the components that open the database × `outbound_pg.max_connections`.
const CONNECTIONS_MAX: usize = 64;

/// A request that each component that needs the database answers, by the component's name.
fn requests(run: &Run) -> Vec<(&'static str, Call)> {
    let run_path = |rest: &str| format!("/v1/runs/{}{rest}", run.id);
    let chat = json!({"user_id": unique("user"), "message": "list my runs"});
    let mcp = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
                     "params": {"name": "run_get", "arguments": {"run_id": run.id}}});
    let body =
        |name: &str| json!({"event": "social_account_connected", "job_id": unique(name)}).to_string().into_bytes();
    let (upload_post, kieai) = (body("up"), json!({"code": 200, "data": {"taskId": unique("task")}}).to_string());
    let task_id = serde_json::from_str::<Value>(&kieai).unwrap()["data"]["taskId"].as_str().unwrap().to_owned();
    let now = signing::unix_now();
    let signed = |call: Call, headers: &[(&'static str, String)]| {
        headers.iter().fold(call, |call, (name, value)| call.header(name, value))
    };
    let post_json = |path: &str, body: Vec<u8>| service().call("POST", path).body("application/json", body);
    vec![
        ("chat", service().post("/v1/chat/brendan").json(&chat)),
        ("console", service().call("GET", "/console/login")),
        ("gate-link", service().get(&format!("/v1/hitl/link/{}/workflow", run.id))),
        ("gate-workflow", service().call("GET", &run.link("workflow"))),
        ("gate-ideate", service().get(&run.gate_path("ideate"))),
        ("gate-prepublish", service().get(&run.gate_path("prepublish"))),
        ("gates", service().get("/v1/gates")),
        ("health", service().call("GET", "/ready")),
        ("mcp", service().post("/mcp").json(&mcp)),
        ("metrics", service().call("GET", "/metrics")),
        ("operations", service().get("/v1/dlq")),
        ("projects", service().get("/v1/projects")),
        ("run-verbs", service().post(&run_path("/resume")).json(&json!({}))),
        ("runs", service().get("/v1/runs")),
        ("sweep", service().call("POST", "/v1/sweep").header("x-sweep-key", &service().sweep_key)),
        (
            "webhook-kieai",
            signed(
                post_json("/v1/webhooks/kieai", kieai.into_bytes()),
                &signing::kieai(&service().kieai_secret, &task_id, now),
            ),
        ),
        (
            "webhook-upload-post",
            signed(
                post_json("/v1/webhooks/upload-post", upload_post.clone()),
                &signing::upload_post(&service().upload_post_secret, &upload_post, now),
            ),
        ),
    ]
}

/// Everything but the tests' own connections.
fn connections() -> usize {
    let sql = "SELECT count(*) AS many FROM pg_stat_activity
                WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name = ''";
    let row = service().database().row(sql, &[]);
    usize::try_from(row["many"].as_u64().unwrap()).unwrap()
}

#[test]
fn bursts_leave_every_route_answering() {
    let run = Run::start();
    for (component, call) in requests(&run) {
        let statuses: Vec<u16> = std::thread::scope(|scope| {
            let calls: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(|| call.send().status)).collect();
            calls.into_iter().map(|call| call.join().unwrap()).collect()
        });
        assert!(statuses.iter().all(|status| *status < 500), "{component}: {statuses:?}");
    }
    assert!(connections() <= CONNECTIONS_MAX, "{} connections", connections());
    let started = Instant::now();
    for (component, call) in requests(&run) {
        let answer = call.send();
        assert!(answer.status < 500, "{component}: {}", answer.status);
    }
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
}

/// Skipped where providers are simulated.
mod mock_only {
    use super::*;

    #[test]
    fn sixty_whole_runs_at_once_are_published() {
        assert!(service().is_mock(), "simulated providers take two submissions a second: run with --skip mock_only::");
        let runs: Vec<Run> = std::thread::scope(|scope| {
            let whole = || Run::rendered().approved("prepublish");
            let runs: Vec<_> = (0..60).map(|_| scope.spawn(whole)).collect();
            runs.into_iter().map(|run| run.join().unwrap()).collect()
        });
        for run in &runs {
            run.wait_for("published");
        }
        assert!(connections() <= CONNECTIONS_MAX, "{} connections", connections());
        eventually("the service is ready", || (service().call("GET", "/ready").send().status == 200).then_some(()));
    }
}
