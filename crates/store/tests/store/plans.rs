//! The hot statements use their partial indexes.

use crate::fixture::connect;

fn plan(sql: &str) -> String {
    let mut db = connect();
    let mut transaction = db.driver().transaction().unwrap();
    // With few rows the planner would rather scan: forbid it, so that the plan shows whether an index can serve.
    transaction
        .batch_execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off")
        .unwrap();
    let rows = transaction.query(&format!("EXPLAIN {sql}"), &[]).unwrap();
    rows.iter().map(|row| row.get::<_, String>(0)).collect::<Vec<_>>().join("\n")
}

#[test]
fn claims_sweeps_lists_and_matches_are_served_by_an_index() {
    for (index, sql) in [
        (
            "outbox_due",
            "SELECT effect_id FROM outbox WHERE state = 'due' AND due_at <= now() ORDER BY due_at, effect_id LIMIT 16",
        ),
        (
            "outbox_due_by_lane",
            "SELECT effect_id FROM outbox WHERE state = 'due' AND provider = 'kieai' AND lane = 'look' AND due_at <= now() ORDER BY due_at, effect_id LIMIT 16",
        ),
        ("outbox_leased_by_provider", "SELECT count(*) FROM outbox WHERE state = 'leased' AND provider = 'kieai'"),
        (
            "outbox_open_looks",
            "SELECT count(*) FROM outbox WHERE state IN ('due', 'leased') AND lane = 'look' AND provider = 'kieai'",
        ),
        ("outbox_leased", "SELECT FROM outbox WHERE state = 'leased' AND lease_until <= now()"),
        ("outbox_by_job", "SELECT FROM outbox WHERE job_id = 'x' AND state IN ('due', 'leased')"),
        (
            "runs_open_by_deadline",
            "SELECT FROM runs WHERE finished_at IS NULL AND deadline <= now() ORDER BY deadline, run_id LIMIT 200",
        ),
        (
            "runs_newest",
            "SELECT run_id, project, status, created_at, updated_at FROM runs ORDER BY created_at DESC LIMIT 20",
        ),
        ("runs_by_status", "SELECT FROM runs WHERE status = 'running' ORDER BY created_at DESC, run_id DESC LIMIT 50"),
        ("runs_by_user", "SELECT FROM runs WHERE user_id = 'x' ORDER BY created_at DESC, run_id DESC LIMIT 50"),
        ("jobs_by_provider_task", "SELECT FROM jobs WHERE provider = 'kieai' AND task_id = 'x'"),
        (
            "webhook_events_newest",
            "SELECT provider, signature_status, received_at FROM webhook_events ORDER BY received_at DESC LIMIT 50",
        ),
        (
            "webhook_dlq_due",
            "SELECT FROM webhook_dlq WHERE next_retry_at <= now() ORDER BY next_retry_at, id LIMIT 200",
        ),
        ("webhook_dlq_newest", "SELECT FROM webhook_dlq ORDER BY created_at DESC, id DESC LIMIT 50"),
        ("runs_ended", "SELECT FROM runs WHERE finished_at < now() ORDER BY finished_at, run_id LIMIT 200"),
        (
            "hitl_approvals_newest",
            "SELECT run_id, gate, created_at FROM hitl_approvals ORDER BY created_at DESC LIMIT 20",
        ),
        ("artifacts_by_run", "SELECT FROM artifacts WHERE run_id = 'x' ORDER BY position DESC LIMIT 1000"),
    ] {
        let plan = plan(sql);
        assert!(plan.contains(index), "{sql}\n{plan}");
    }
}
