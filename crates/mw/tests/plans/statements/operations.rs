//! The sweep, and what operators ask for: by `mw`, by /metrics, by hand in psql.

use super::{BATCH, FEW, HISTORY, OPEN, PAGE, Statement, statement};
use crate::history::now;
use mw_kinds::KINDS;
use mw_store::doctor::{self, Rebuilt, Scope};
use mw_store::{drain, effects, metrics, readiness, retention, sweep, upkeep};
use serde_json::json;

/// Every receipt, and every dead letter, once or twice over.
const RECEIPTS: i64 = 500_000;

pub(crate) fn all() -> Vec<Statement> {
    [sweep(), operators(), doctor(), runbook()].into_iter().flatten().collect()
}

fn sweep() -> Vec<Statement> {
    vec![
        statement("sweep_begin", FEW, |db, _| {
            let begun = sweep::begin(db, now(), "plans", 60, sweep::Exports { trace: true, report: true }).unwrap();
            assert!(begun.granted && begun.due.deadlines && begun.due.effects && !begun.due.retention);
        }),
        statement("sweep_finish", FEW, |db, _| sweep::finish(db, now(), 0, &json!({}), 0.1).unwrap()),
        statement("leases_expire", BATCH, |db, _| assert!(sweep::expire_leases(db, now(), 200).unwrap().acted >= 100)),
        statement("runs_past_deadline", BATCH, |db, _| {
            assert!(!sweep::overdue_runs(db, now(), None, 200).unwrap().is_empty())
        }),
        statement("runs_past_warning", BATCH, |db, _| {
            sweep::runs_to_warn(db, now(), None, 200).unwrap();
        }),
        // Once a minute: a page of open jobs beside what is open.
        statement("effects_lost", OPEN, |db, _| {
            assert!(sweep::lost_effects(db, now(), 200).unwrap().more);
        }),
        statement("providers_register", FEW, |db, _| {
            assert_eq!(effects::register_providers(db, &mw_integrations::registry::rows()).unwrap().added, 0);
        }),
        statement("runs_past_request", BATCH, |db, run| {
            let by_hand = "UPDATE runs SET status = 'failed' WHERE run_id = $1";
            db.driver().execute(by_hand, &[&run.run_id]).unwrap();
            assert!(!sweep::runs_to_end(db, now(), None, 200).unwrap().is_empty());
        }),
        statement("metrics_fold", OPEN, |db, _| assert_eq!(sweep::fold_metrics(db, 200).unwrap().acted, 200)),
        statement("retention_prune", BATCH, |db, _| {
            assert_eq!(retention::prune(db, now(), retention::WEBHOOKS_DAYS, 200).unwrap().acted, 0);
        }),
        statement("artifacts_prune", 2 * BATCH, |db, _| {
            assert_eq!(retention::prune_artifacts(db, now(), 90, None, 200).unwrap().acted, 200);
        }),
    ]
}

fn operators() -> Vec<Statement> {
    vec![
        statement("drain_state", FEW, |db, _| assert!(!drain::state(db).unwrap().on)),
        statement("drain_status", OPEN, |db, _| assert!(drain::left(db).unwrap().is_at_work())),
        statement("readiness", FEW, |db, _| {
            readiness::readiness(db).unwrap();
        }),
        statement("metrics_read", OPEN, |db, _| {
            let gauges = metrics::read(db, now(), 200).unwrap().gauges;
            assert!(gauges.iter().any(|gauge| gauge.name == "runs_active" && gauge.value >= 10_000.0));
        }),
        statement("drain_switch", FEW, |db, _| {
            drain::switch(db, now(), true, "ann", None).unwrap();
        }),
        statement("request_observe", FEW, |db, _| {
            let observation = metrics::Observation { labels: "path=\"/x\"", seconds: 0.1, run_id: None, unless: None };
            metrics::observe(db, &observation).unwrap();
        }),
        // Counts what it names: the old artifacts.
        statement("retention_count", HISTORY, |db, _| {
            retention::count(db, now(), 14, 365).unwrap();
        }),
        // Asked for by an operator, rarely: an index of the outbox by ended runs would cost every effect, so it is scanned.
        statement("runs_purge", HISTORY, |db, _| {
            let ended = upkeep::purge_runs_before(db, now(), None, 1, true).unwrap().purged;
            assert_eq!(upkeep::purge_runs(db, &ended, false).unwrap().purged, ended);
        }),
        statement("runs_purge by age", HISTORY, |db, _| {
            assert_eq!(upkeep::purge_runs_before(db, now(), None, 10, false).unwrap().purged.len(), 10);
        }),
        statement("social_seed", FEW, |db, _| {
            upkeep::seed_social(db, now(), "upload-post", "AISMR", "test_video_gen").unwrap();
        }),
    ]
}

fn doctor() -> Vec<Statement> {
    vec![
        // A page of a hundred runs, with all that belongs to them.
        statement("doctor_page", 20 * BATCH, |db, _| {
            let scope = Scope { after: Some("old-5".into()), runs_max: Some(100), ..Scope::default() };
            assert_eq!(doctor::examine(db, KINDS, now(), &scope, &mut |_| {}).unwrap().runs, 100);
        }),
        // All receipts, a thousand at a time, each with its letter.
        statement("doctor_webhooks", RECEIPTS, |db, _| {
            let scope = Scope { after: Some("~".into()), ..Scope::default() };
            assert!(doctor::examine(db, KINDS, now(), &scope, &mut |_| {}).unwrap().webhooks > 100_000);
        }),
        statement("doctor_rebuild", PAGE, |db, run| {
            assert_eq!(doctor::rebuild(db, KINDS, now(), &run.run_id).unwrap(), Rebuilt::Done);
        }),
    ]
}

/// What the runbooks type into psql.
fn runbook() -> Vec<Statement> {
    [
        (
            "runbook: newest runs",
            "SELECT run_id, project, status, created_at, updated_at FROM runs ORDER BY created_at DESC LIMIT 20",
        ),
        (
            "runbook: newest webhooks",
            "SELECT provider, signature_status, received_at FROM webhook_events ORDER BY received_at DESC LIMIT 50",
        ),
        (
            "runbook: newest approvals",
            "SELECT run_id, gate, created_at FROM hitl_approvals ORDER BY created_at DESC LIMIT 20",
        ),
    ]
    .into_iter()
    .map(|(name, sql)| statement(name, PAGE, move |db, _| assert!(db.driver().query(sql, &[]).unwrap().len() >= 20)))
    .collect()
}
