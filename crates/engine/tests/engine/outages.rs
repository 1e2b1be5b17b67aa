//! Providers that are down for a while, and runs that this version cannot read.

use crate::fixture::*;
use mw_media::run::PersonaSource;
use mw_media::status::{ProvidersMode, Status};
use serde_json::json;
use time::Duration;

/// Dispatches for so long, whenever something may be due.
fn dispatch_for(engine: &mut Engine, duration: Duration) -> Vec<String> {
    let mut changes = Vec::new();
    let end = mw_engine::World::now(engine) + duration;
    while mw_engine::World::now(engine) < end {
        let report = engine.dispatch();
        changes.extend(report.breakers.into_iter().map(|change| change.breaker.to_string()));
        engine.pass_until_due();
    }
    changes
}

fn clear_faults(engine: &Engine) {
    ureq::delete(format!("{}/_sim/faults", engine.sim)).call().unwrap();
}

/// How often the simulator was asked in vain.
fn struck(engine: &Engine) -> u64 {
    engine.sim_state()["rules"].as_array().unwrap().iter().map(|rule| rule["struck"].as_u64().unwrap()).sum()
}

#[test]
fn an_hour_without_kieai_ends_no_run_and_asks_it_rarely() {
    for project in ["test_video_gen", "aismr"] {
        let mut engine = Engine::new();
        engine.fault(&json!({"provider": "kieai", "fault": "status_500"}));
        let run = engine.generating(project);
        let changes = dispatch_for(&mut engine, Duration::hours(1));
        assert!(changes.iter().all(|change| change == "open"), "{changes:?}");
        assert!((5..=12).contains(&changes.len()), "{changes:?}");
        // Those that opened it, and the probes.
        assert!(struck(&engine) <= 12 + 12, "{}", struck(&engine));
        assert_eq!(engine.count("SELECT count(*) FROM outbox WHERE state = 'dead' OR attempt >= 5"), 0);
        clear_faults(&engine);
        assert_eq!(engine.carry(&run.run_id).status, Status::AwaitingPrepublish);
        let closed =
            "SELECT count(*) FROM provider_states WHERE provider = 'kieai' AND breaker = 'closed' AND failures = 0";
        assert_eq!(engine.count(closed), 1);
        assert_eq!(engine.sim_state()["submitted_twice"].as_array().unwrap().len(), 0);
    }
}

#[test]
fn a_provider_that_refuses_connections_is_tried_until_it_is_back() {
    let mut engine = Engine::new();
    let there = std::mem::replace(engine.address_of("shotstack"), "http://127.0.0.1:1".into());
    let run = engine.generating("test_video_gen");
    // The clips are made meanwhile: every provider has its own breaker.
    dispatch_for(&mut engine, Duration::minutes(20));
    assert_eq!(engine.run(&run.run_id).body.current_step().unwrap().name(), "render");
    assert_eq!(engine.count("SELECT count(*) FROM provider_states WHERE breaker <> 'closed'"), 1);
    *engine.address_of("shotstack") = there;
    assert_eq!(engine.carry(&run.run_id).status, Status::AwaitingPrepublish);
}

#[test]
fn a_lone_persona_outlives_the_outage_of_its_model() {
    let mut engine = Engine::new();
    engine.fault(&json!({"provider": "openai", "fault": "status_500"}));
    let run = engine.start("test_video_gen", ProvidersMode::Mock, PersonaSource::Model);
    engine.approve(&run.run_id, mw_media::gate!("workflow"));
    dispatch_for(&mut engine, Duration::minutes(20));
    assert_eq!(engine.run(&run.run_id).status, Status::Running);
    clear_faults(&engine);
    let answers = json!({"ideate": {"summary": "Two cats.", "headers": ["Cat A", "Cat B"]}});
    ureq::post(format!("{}/_sim/llm", engine.sim)).send_json(&answers).unwrap();
    assert_eq!(engine.carry(&run.run_id).status, Status::AwaitingIdeate);
}

#[test]
fn a_provider_that_keeps_saying_no_is_well_and_its_jobs_are_given_up() {
    let mut engine = Engine::new();
    engine.fault(&json!({"provider": "kieai", "fault": "code_429", "on": "create"}));
    let run = engine.generating("test_video_gen");
    assert_eq!(engine.carry(&run.run_id).status, Status::Failed);
    assert_eq!(engine.count("SELECT count(*) FROM provider_states WHERE breaker <> 'closed'"), 0);
}

#[test]
fn a_callback_that_comes_while_a_repetition_waits_is_adopted_instead() {
    let mut engine = Engine::new();
    engine.fault(&json!({"provider": "kieai", "fault": "drop_connection", "on": "create", "times": 2}));
    let run = engine.generating("test_video_gen");
    engine.dispatch();
    // The wait is over, and nothing may start: the repetitions are decided and held back.
    engine.db().driver().batch_execute("UPDATE provider_states SET starts_max = 0 WHERE provider = 'kieai'").unwrap();
    engine.ahead += Duration::seconds(100);
    engine.dispatch();
    assert_eq!(engine.count_events(&run.run_id, "job.submission_repeated"), 2);
    let ids: Vec<String> = run.body.step_jobs().map(|(id, _)| id.clone()).collect();
    for job_id in &ids {
        let task = engine.tasks_of(job_id).remove(0);
        engine.callback("kieai", job_id, &task);
    }
    engine.db().driver().batch_execute("UPDATE provider_states SET starts_max = 20 WHERE provider = 'kieai'").unwrap();
    assert_eq!(engine.carry(&run.run_id).status, Status::AwaitingPrepublish);
    assert_eq!(engine.sim_state()["submitted_twice"].as_array().unwrap().len(), 0);
}

#[test]
fn a_run_that_cannot_be_read_stops_nobody_else() {
    let mut engine = Engine::new();
    let odd = engine.generating("test_video_gen");
    let fine = engine.generating("test_video_gen");
    let damage = "UPDATE runs SET state = jsonb_set(state, '{body,clips}', '\"a future version counts them otherwise\"') WHERE run_id = $1";
    engine.db().driver().execute(damage, &[&odd.run_id]).unwrap();
    assert_eq!(engine.carry(&fine.run_id).status, Status::AwaitingPrepublish);
    let dead =
        "SELECT count(*) FROM outbox WHERE state = 'dead' AND last_error LIKE 'this version cannot read the run%'";
    assert_eq!(engine.count(dead), 2);
    assert_eq!(engine.tasks_of(odd.body.step_jobs().next().unwrap().0).len(), 0, "nothing was sent for it");
}

#[test]
fn a_run_that_becomes_unreadable_during_the_call_stops_nobody_else() {
    let mut engine = Engine::new();
    let odd = engine.generating("test_video_gen");
    let fine = engine.generating("test_video_gen");
    // Somebody of a newer version moves the run between claim and commit: a conflict with what cannot be read.
    let trap = "CREATE FUNCTION move_odd() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        UPDATE runs SET version = version + 1, state = '{\"from\": \"the future\"}' WHERE run_id = TG_ARGV[0]; RETURN NEW; END $$";
    engine.db().driver().batch_execute(trap).unwrap();
    let fire = format!(
        "CREATE TRIGGER move_odd AFTER UPDATE OF state ON outbox FOR EACH ROW WHEN (NEW.state = 'leased'
         AND NEW.run_id = '{0}') EXECUTE FUNCTION move_odd('{0}')",
        odd.run_id
    );
    engine.db().driver().batch_execute(&fire).unwrap();
    engine.dispatch();
    assert!(engine.count_events(&fine.run_id, "job.submitted") == 2);
    // The leases of the odd one end; then the claim itself finds it unreadable.
    engine.ahead += Duration::seconds(46);
    engine.sweep();
    assert_eq!(engine.carry(&fine.run_id).status, Status::AwaitingPrepublish);
    assert_eq!(engine.count("SELECT count(*) FROM outbox WHERE state = 'dead'"), 2);
}
