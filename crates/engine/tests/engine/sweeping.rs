use crate::fixture::*;
use mw_media::gate_policy::{Escalation, GatePolicy, OnExpiry};
use mw_media::run::MediaCommand;
use mw_media::run::{Command, PersonaSource};
use mw_media::status::{ProvidersMode, Status};
use time::Duration;

#[test]
fn an_idle_sweep_does_nothing_and_says_so() {
    let mut engine = Engine::new();
    let report = engine.sweep();
    assert!(report.granted && !report.kick);
    assert_eq!((report.expired_leases, report.deadlines, report.dead_letters), (0, 0, 0));
    let recorded = engine.count("SELECT count(*) FROM leases WHERE name = 'sweep' AND last_success_at IS NOT NULL");
    assert_eq!(recorded, 1);
}

#[test]
fn an_overdue_gate_expires_and_overdue_work_fails() {
    let mut engine = Engine::new();
    let waiting = engine.start("test_video_gen", ProvidersMode::Mock, PersonaSource::Rules);
    let working = engine.generating("test_video_gen");
    assert_eq!(engine.sweep().deadlines, 0);
    engine.ahead += Duration::days(8);
    let report = engine.sweep();
    assert_eq!(report.deadlines, 2);
    assert_eq!(engine.run(&waiting.run_id).status, Status::Expired);
    assert_eq!(engine.run(&working.run_id).status, Status::Failed);
    engine.events(&waiting.run_id);
    engine.events(&working.run_id);
    assert_eq!(engine.sweep().deadlines, 0, "once");
}

#[test]
fn a_gate_warns_calls_others_in_gets_its_time_once_more_and_then_expires() {
    let mut engine = Engine::new();
    let policy = GatePolicy {
        approvers: vec!["ann".into()],
        warn_after_seconds: Some(3600),
        escalate: Some(Escalation { after_seconds: 7200, approvers: vec!["boss".into()], groups: Vec::new() }),
        on_expiry: OnExpiry::ExtendOnce,
        ..GatePolicy::default()
    };
    let run = engine.start_with_policy(&policy);
    let gate = |engine: &mut Engine| {
        engine.run(&run.run_id).gates.first().map(|open| (open.warned, open.escalated, open.extended))
    };
    for (hours, warnings, expected) in [
        (0, 0, Some((false, false, false))),
        (1, 1, Some((true, false, false))),
        (1, 1, Some((true, true, false))),
        (7 * 24, 0, Some((false, true, true))),
        (7 * 24, 0, None),
    ] {
        engine.ahead += Duration::hours(hours);
        assert_eq!(engine.sweep().gate_warnings, warnings, "{hours} hours later");
        assert_eq!(gate(&mut engine), expected, "{hours} hours later");
        assert_eq!(engine.sweep().gate_warnings, 0, "once");
    }
    assert_eq!(engine.run(&run.run_id).status, Status::Expired);
    engine.events(&run.run_id);
}

#[test]
fn more_overdue_runs_than_a_page_all_end() {
    let mut engine = Engine::new();
    for _ in 0..250 {
        engine.start("test_video_gen", ProvidersMode::Mock, PersonaSource::Rules);
    }
    engine.ahead += Duration::days(8);
    let report = engine.sweep();
    assert_eq!((report.deadlines, report.more), (250, false));
}

#[test]
fn a_sweep_whose_time_is_over_begins_no_second_page_and_says_that_there_is_more() {
    let mut engine = Engine::new();
    for _ in 0..250 {
        engine.start("test_video_gen", ProvidersMode::Mock, PersonaSource::Rules);
    }
    engine.ahead += Duration::days(8);
    engine.sweep_takes = std::time::Duration::from_secs(1);
    let report = engine.sweep();
    assert_eq!((report.deadlines, report.more), (200, true));
    assert!(report.metrics > 0, "those that come after it have their turn");
    let report = engine.sweep();
    assert_eq!((report.deadlines, report.more), (50, false));
}

#[test]
fn one_sweep_works_while_another_holds_the_lease_and_takes_over_when_it_died() {
    let mut engine = Engine::new();
    engine.start("test_video_gen", ProvidersMode::Mock, PersonaSource::Rules);
    engine.ahead += Duration::days(8);
    let now = mw_engine::World::now(&engine);
    let held = mw_store::sweep::begin(&mut engine.db(), now, "dead", 60, engine.exports).unwrap();
    assert!(held.granted);
    assert!(!engine.sweep().granted);
    engine.ahead += Duration::seconds(61);
    assert!(engine.sweep().granted);
    // The dead one wakes up: its fence is an old one.
    mw_store::sweep::finish(&mut engine.db(), now, held.fence.unwrap(), &serde_json::json!({"late": true}), 0.1)
        .unwrap();
    assert_eq!(engine.count("SELECT count(*) FROM leases WHERE last_report ? 'late'"), 0);
}

#[test]
fn a_sweep_asks_for_a_dispatcher_when_effects_are_due() {
    let mut engine = Engine::new();
    engine.generating("test_video_gen");
    assert!(engine.sweep().kick);
}

#[test]
fn a_callback_that_overtook_its_job_is_matched_and_old_receipts_go() {
    let mut engine = Engine::new();
    let run = engine.generating("test_video_gen");
    let job_id = run.body.step_jobs().next().unwrap().0.clone();
    let old = "INSERT INTO webhook_events (idempotency_key, provider, headers, payload, signature_status, outcome,
        received_at) VALUES ('old', 'kieai', '{}', '', 'invalid', 'refused', now() - interval '2 days')";
    engine.db().driver().batch_execute(old).unwrap();
    // The provider calls back by its own id before we know it.
    let early = mw_store::webhooks::Delivery {
        provider: "kieai",
        key: "early",
        headers: serde_json::json!({}),
        query: "",
        signature_status: "valid",
        trusted: false,
        ignore: false,
        matching: mw_store::webhooks::Match { task_id: Some("task-1".into()), ..Default::default() },
        hint: serde_json::json!({}),
    };
    let now = mw_engine::World::now(&engine);
    let receipt = mw_store::webhooks::accept(&mut engine.db(), now, &early, b"{}").unwrap();
    assert_eq!(receipt.status, mw_store::webhooks::Receipt::Dlq);
    engine
        .tell(&run.run_id, &Command::Own(MediaCommand::SubmitJob { job_id, task_id: "task-1".into(), adopted: false }));
    engine.ahead += Duration::seconds(6);
    let report = engine.sweep();
    assert_eq!((report.dead_letters, report.retention), (1, 1));
    assert!(report.kick);
    assert_eq!(engine.count("SELECT count(*) FROM webhook_dlq"), 0);
    assert_eq!(engine.count("SELECT count(*) FROM webhook_events WHERE outcome = 'accepted'"), 1);
}
