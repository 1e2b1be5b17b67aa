//! Budgets and circuit breakers, as callers and operators meet them.

use crate::support::prometheus::Exposition;
use crate::support::simulator::Simulator;
use crate::support::{Run, eventually, service, stack, unique};
use mw_media::definition::Definition;
use serde_json::{Value, json};

/// Loads a project like the shipped one for tests, with a budget.
fn with_budget(clips_per_day: u32) -> String {
    let key = unique("budget").replace('-', "_");
    let shipped = mw::folder::root().unwrap().join("projects/test_video_gen.json");
    let mut definition: Value = serde_json::from_str(&std::fs::read_to_string(shipped).unwrap()).unwrap();
    definition["key"] = json!(key);
    definition["title"] = json!(key);
    definition["keywords"] = json!([key]);
    definition["settings"]["clips_per_day"] = json!(clips_per_day);
    let definition = Definition::from_json(&definition.to_string()).unwrap();
    let mut client = mw_store::native::Client::connect(&service().database_url).unwrap();
    mw_store::projects::apply(&mut client, &definition).unwrap();
    key
}

#[test]
fn a_used_up_budget_refuses_new_runs() {
    let key = with_budget(3);
    Run::start_at(service(), &key);
    let user = unique("user");
    let start = json!({"project": key, "input": {"topic": "x"}, "options": {"user_id": user}});
    let chat = json!({"user_id": user, "message": format!("Make a {key} run about candles")});
    for (path, body) in [("/v1/runs/start", start), ("/v1/chat/brendan", chat)] {
        let refused = service().post(path).json(&body).send();
        let text = "the project's budget of 3 clips a day does not cover this run: 2 are used";
        let problem = refused.clone().expect_problem(429, text);
        assert_eq!(
            (&problem["code"], &problem["used"], &problem["limit"]),
            (&json!("budget-exhausted"), &json!(2), &json!(3))
        );
        let wait_seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=86_400).contains(&wait_seconds), "{wait_seconds}");
    }
    let mut database = service().database();
    assert_eq!(database.count("SELECT FROM runs WHERE user_id = $1", &[&user]), 0);
    assert_eq!(database.count("SELECT FROM chat_messages WHERE user_id = $1", &[&user]), 0);
}

#[test]
#[ignore = "needs simulated providers"]
fn a_run_outlives_a_providers_outage() {
    let stack = stack::builder().provider_limits(true).start().unwrap();
    let service = stack::service_of(&stack);
    let simulator = Simulator::of(&service);
    simulator.fault(json!({"provider": "kieai", "fault": "status_500"}));
    let run = Run::start_at(&service, "test_video_gen").approved("workflow").approved("ideate");
    let breaker = || {
        let metrics = Exposition::parse(&service.get("/metrics").send().expect(200).text());
        metrics.sum("provider_breaker_state", &["provider=\"kieai\""])
    };
    eventually("the breaker is open", || {
        run.pass_time();
        (breaker() == 2.0).then_some(())
    });
    let requests = || simulator.state()["counts"]["kieai"]["requests"].as_u64().unwrap();
    let before = requests();
    run.pass_time();
    run.pass_time();
    assert_eq!(requests(), before, "nobody asks while it is open");
    simulator.clear();
    service.database().execute("UPDATE provider_states SET retry_at = now() WHERE breaker = 'open'", &[]);
    run.pass_time();
    let run = run.waiting_for("awaiting_prepublish");
    assert_eq!(breaker(), 0.0);
    run.assert_healthy();
}
