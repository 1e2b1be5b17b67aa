//! Hosts that die and hosts that race, on stacks of these tests' own; their mode is sim whatever the environment's is, so
//! they run where that is sim too.

use crate::support::simulator::Simulator;
use crate::support::{Run, Service, eventually, signing, stack};
use mw_stack::stack::Stack;
use serde_json::{Value, json};

/// Every job of the run was submitted exactly once.
#[track_caller]
fn assert_submitted_once(simulator: &Simulator, run: &Run) {
    let state = simulator.state();
    assert_eq!(state["submitted_twice"], json!([]));
    assert_eq!(simulator.tasks(&run.job_ids()).len(), run.job_ids().len());
}

/// Kills the first host with -9, starts it again, and lets what it held be taken up.
fn kill_and_start_again(stack: &mut Stack, service: &Service, run: &Run) {
    stack.host(0).unwrap().kill();
    assert!(service.call("GET", "/health").try_send().is_err(), "it is dead");
    stack.start_host_again(0).unwrap();
    service.database().pass_leases(&run.id);
    service.sweep();
}

/// A stack with one host and simulated providers.
fn one_host() -> (Stack, Service, Simulator) {
    let stack = stack::builder().start().unwrap();
    let service = stack::service_of(&stack);
    let simulator = Simulator::of(&service);
    (stack, service, simulator)
}

#[test]
#[ignore = "needs simulated providers"]
fn a_host_killed_at_any_step_submits_nothing_twice() {
    let (mut stack, service, simulator) = one_host();
    let run = Run::start_at(&service, "test_video_gen");
    kill_and_start_again(&mut stack, &service, &run);
    let run = run.approved("workflow").waiting_for("awaiting_ideate");
    kill_and_start_again(&mut stack, &service, &run);
    // While the clips are at the provider.
    simulator.hold();
    let run = run.approved("ideate");
    eventually("the clips are submitted", || (simulator.tasks(&run.job_ids()).len() == 2).then_some(()));
    kill_and_start_again(&mut stack, &service, &run);
    simulator.release();
    let run = run.waiting_for("awaiting_prepublish").approved("prepublish");
    kill_and_start_again(&mut stack, &service, &run);
    run.wait_for("published");
    assert_submitted_once(&simulator, &run);
    // The host may have died between claiming the post and sending it: upload-post, asked by our own id, knows of none.
    let repeated = run.events().into_iter().filter(|event| event["type"] == "job.submission_repeated");
    let posts: Vec<Value> = run.jobs("publish").into_iter().map(|job| job["job_id"].clone()).collect();
    assert!(repeated.into_iter().all(|event| posts.contains(&event["data"]["job_id"])));
    assert_eq!(run.count_events("job.submitted"), 4);
    run.assert_healthy();
}

#[test]
#[ignore = "needs simulated providers"]
fn a_host_killed_after_a_submission_adopts_the_job() {
    let (mut stack, service, simulator) = one_host();
    simulator.hold();
    // kie.ai does the work and is slow to say so: the host dies in between.
    simulator.fault(json!({"provider": "kieai", "fault": "delay", "on": "create", "ms": 20_000}));
    let run = Run::start_at(&service, "test_video_gen").approved("workflow").approved("ideate");
    eventually("both tasks exist, unheard of", || (simulator.tasks(&run.job_ids()).len() == 2).then_some(()));
    assert!(run.jobs("generate").iter().all(|job| job["task_id"] == Value::Null));
    simulator.clear();
    kill_and_start_again(&mut stack, &service, &run);
    simulator.release();
    let run = run.waiting_for("awaiting_prepublish");
    let adopted = run.events().iter().filter(|event| event["data"]["adopted"] == true).count();
    assert_eq!(adopted, 2);
    let run = run.approved("prepublish").waiting_for("published");
    assert_submitted_once(&simulator, &run);
}

#[test]
#[ignore = "needs simulated providers"]
fn twelve_callbacks_at_once_at_three_hosts_are_all_recorded() {
    let stack = stack::builder().hosts(3).start().unwrap();
    let service = stack::service_of(&stack);
    let hosts: Vec<Service> = stack.base_urls().iter().map(|url| service.through(url)).collect();
    let simulator = Simulator::of(&service);
    simulator.hold();
    simulator.latency(json!({"kieai_ms": 100}));
    let run = Run::start_at(&service, "aismr").approved("workflow").approved("ideate");
    eventually("all clips are made, nothing is told", || {
        let jobs = run.jobs("generate");
        let submitted = jobs.iter().filter(|job| job["task_id"].is_string()).count();
        (submitted == 12 && simulator.held() == 12).then_some(())
    });
    // Nobody asks by himself: what follows is the callbacks' doing.
    let later =
        "UPDATE outbox SET due_at = now() + interval '1 hour' WHERE run_id = $1 AND state = 'due' AND kind = 'poll'";
    let jobs = run.jobs("generate");
    service.database().execute(later, &[&run.id]);
    std::thread::scope(|scope| {
        for (number, job) in jobs.iter().enumerate() {
            let (host, run) = (&hosts[number % 3], &run);
            scope.spawn(move || deliver(host, run, job));
        }
    });
    let released = simulator.release();
    assert_eq!(released, 12, "the provider's own callbacks come too, and change nothing more");
    let view = run.wait_for("awaiting_prepublish");
    assert_eq!(view["result"]["totalVideos"], 12);
    let generated =
        view["result"]["videos"].as_array().unwrap().iter().filter(|video| video["status"] == "generated").count();
    assert_eq!(generated, 12);
    assert_eq!(run.artifacts("kieai.clip").len(), 12, "none twice");
    assert_eq!(run.count_events("job.succeeded"), 13);
    assert_eq!(run.artifacts("kieai.wait").len(), 1);
    let receipts =
        "SELECT DISTINCT job_id FROM webhook_events WHERE run_id = $1 AND provider = 'kieai' AND outcome = 'accepted'";
    assert_eq!(service.database().count(receipts, &[&run.id]), 12);
    assert_submitted_once(&simulator, &run);
    run.assert_healthy();
}

/// One clip's callback, signed, at one host.
fn deliver(host: &Service, run: &Run, job: &Value) {
    let task = job["task_id"].as_str().unwrap();
    let body = json!({"code": 200, "msg": "ok", "data": {"taskId": task, "info": {"resultUrls": ["https://x.example/1.mp4"]}}});
    let path = format!("/v1/webhooks/kieai?run_id={}&job={}", run.id, job["job_id"].as_str().unwrap());
    let headers = signing::kieai(&host.kieai_secret, task, signing::unix_now());
    let call =
        headers.iter().fold(host.call("POST", &path).json(&body), |call, (name, value)| call.header(name, value));
    assert_eq!(call.send().expect(200).json()["status"], "accepted");
}

#[test]
#[ignore = "needs simulated providers"]
fn three_hosts_race_for_many_runs_and_no_run_is_harmed() {
    let stack = stack::builder().hosts(3).start().unwrap();
    let service = stack::service_of(&stack);
    let urls = stack.base_urls();
    std::thread::scope(|scope| {
        for number in 0..9 {
            let service = service.through(&urls[number % 3]);
            scope.spawn(move || {
                let project = if number % 3 == 0 { "aismr" } else { "test_video_gen" };
                let run = Run::start_at(&service, project).published();
                assert_eq!(run.count_events("run.published"), 1);
                run.assert_healthy();
            });
        }
    });
    assert_eq!(Simulator::of(&service).state()["submitted_twice"], json!([]));
}

#[test]
fn without_the_database_every_route_says_come_back_later() {
    let stack = stack::builder().cron(false).start().unwrap();
    let service = stack::service_of(&stack);
    let run = Run::start_at(&service, "test_video_gen");
    // Nobody new gets in, not even a superuser, and who is in is thrown out.
    let name = service.database_url.rsplit('/').next().unwrap().split('?').next().unwrap().to_owned();
    let admin = crate::support::service().database_url.clone();
    let mut admin = crate::support::database::Database::connect(&admin);
    admin.client().batch_execute(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false")).unwrap();
    // Workers of PostgreSQL's own are there too, which only a superuser may end.
    let ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                  WHERE datname = $1 AND backend_type = 'client backend'";
    admin.execute(ended, &[&name]);
    let refused = service.get(&format!("/v1/runs/{}", run.id)).try_send().unwrap();
    let start =
        service.post("/v1/runs/start").json(&json!({"project": "aismr", "input": {"topic": "x"}})).try_send().unwrap();
    let gate = service.post(&run.gate_path("workflow")).try_send().unwrap();
    let webhook = service.call("POST", "/v1/webhooks/shotstack").bytes("{\"type\":\"serve\"}").try_send().unwrap();
    let ready = service.call("GET", "/ready").try_send().unwrap();
    let health = service.call("GET", "/health").try_send().unwrap();
    admin.client().batch_execute(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true")).unwrap();
    for (what, answer) in [("run", refused), ("start", start), ("webhook", webhook), ("ready", ready), ("gate", gate)] {
        assert!([502, 503].contains(&answer.status), "{what}: {} {}", answer.status, answer.text());
        assert!(answer.header("retry-after").is_some(), "{what}");
        assert!(answer.header("x-request-id").is_some(), "{what}");
        assert!(!answer.text().to_lowercase().contains("postgres"), "{what}: {}", answer.text());
    }
    assert_eq!(health.status, 200);
    eventually("it is back", || (service.call("GET", "/ready").try_send().unwrap().status == 200).then_some(()));
    run.approved("workflow").wait_for("awaiting_ideate");
}
