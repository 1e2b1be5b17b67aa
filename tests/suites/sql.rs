//! The runbooks' SQL works as written, and the schema refuses what must not be.

use crate::support::{Run, service};
use serde_json::Value;

#[test]
fn the_runbooks_tables_are_there() {
    let tables = [
        "runs",
        "artifacts",
        "webhook_events",
        "webhook_dlq",
        "hitl_approvals",
        "run_events",
        "provider_jobs",
        "gates",
        "outbox",
        "projects",
    ];
    for table in tables {
        let sql = "SELECT FROM pg_tables WHERE schemaname = 'public' AND tablename = $1";
        assert_eq!(service().database().count(sql, &[&table]), 1, "{table}");
    }
}

#[test]
fn the_runbooks_queries_work_as_written() {
    let run = Run::start();
    service().post(&run.gate_path("workflow")).send().expect(200);
    service()
        .call("POST", "/v1/webhooks/shotstack")
        .bytes(r#"{"type":"serve","action":"copy","id":"x"}"#)
        .send()
        .expect(200);
    let mut database = service().database();
    for sql in [
        "SELECT run_id, project, status, created_at, updated_at FROM runs ORDER BY created_at DESC LIMIT 20",
        "SELECT provider, signature_status, received_at FROM webhook_events ORDER BY received_at DESC LIMIT 20",
        "SELECT run_id, gate, created_at FROM hitl_approvals ORDER BY created_at DESC LIMIT 20",
    ] {
        assert!(!database.rows(sql, &[]).is_empty(), "{sql}");
    }
    let checkpoint =
        database.row("SELECT state, updated_at FROM orchestration_checkpoints WHERE run_id = $1", &[&run.id]);
    assert_eq!(checkpoint["state"]["run_id"], run.id.as_str());
    database.rows(
        "SELECT id, run_id, type, url, provider, checksum, metadata, persona, created_at FROM artifacts LIMIT 1",
        &[],
    );
    database
        .rows("SELECT id, idempotency_key, provider, error, retry_count, next_retry_at FROM webhook_dlq LIMIT 1", &[]);
}

#[test]
fn a_run_marked_failed_by_hand_fails_for_real() {
    let run = Run::start();
    let link = run.link("workflow");
    let changed = service().database().execute("UPDATE runs SET status='failed' WHERE run_id = $1", &[&run.id]);
    assert_eq!(changed, 1);
    service().sweep();
    let view = run.wait_for("failed");
    assert_eq!(view["awaiting_gate"], Value::Null);
    assert!(view["finishedAt"].is_string() && view["deadline"].is_null());
    assert_eq!(view["result"]["error"]["error_type"], "marked_failed");
    assert_eq!(view["result"]["totalVideos"], 2, "the error stands beside what is there");
    let last = run.events().pop().unwrap();
    assert_eq!(last["type"], "run.failed");
    assert!(last["actor"].as_str().unwrap().starts_with("sql:"), "{last}");
    let artifacts = run.artifact_names();
    assert!(
        ["run.failed", "notification(failed)"].iter().all(|name| artifacts.contains(&(*name).to_owned())),
        "{artifacts:?}"
    );
    let gate = service().database().row("SELECT state FROM gates WHERE run_id = $1", &[&run.id]);
    assert_eq!(gate["state"], "closed");
    run.assert_healthy();
    service().call("POST", &link).send().expect_problem(409, &format!("Run {} is already failed", run.id));
}

#[test]
fn the_runbooks_update_with_more_columns_works_too() {
    let run = Run::start();
    let sql = "UPDATE runs SET status = 'failed', updated_at = now() WHERE run_id = $1 AND status NOT IN ('published', 'failed')";
    assert_eq!(service().database().execute(sql, &[&run.id]), 1);
    service().sweep();
    run.wait_for("failed");
    assert_eq!(service().database().execute(sql, &[&run.id]), 0);
    assert_eq!(run.count_events("run.failed"), 1);
    run.assert_healthy();
}

#[test]
fn a_status_set_by_hand_is_refused() {
    let run = Run::start();
    let mut database = service().database();
    for status in
        ["published", "running", "cancelled", "awaiting_ideate", "rejected", "expired", "paused", "publishing"]
    {
        let (_, hint) = database.refusal("UPDATE runs SET status = $2 WHERE run_id = $1", &[&run.id, &status]);
        assert!(hint.contains("mw "), "{status}: {hint:?}");
    }
    assert_eq!(run.status(), "pending_workflow");
}

#[test]
fn an_ended_run_is_ended_in_sql_too() {
    let run = Run::start();
    service().post(&format!("/v1/runs/{}/cancel", run.id)).send().expect(200);
    for status in ["failed", "running", "published"] {
        let (message, _) =
            service().database().refusal("UPDATE runs SET status = $2 WHERE run_id = $1", &[&run.id, &status]);
        assert!(message.contains("already cancelled"), "{message}");
    }
}

#[test]
fn the_schema_refuses_illegal_rows() {
    let run = Run::start();
    let other = Run::start();
    let mut database = service().database();
    for sql in [
        // A run that has not ended has a deadline; a gate's status has its gate.
        "UPDATE runs SET deadline = NULL WHERE run_id = $1",
        "UPDATE runs SET finished_at = now() WHERE run_id = $1",
        "UPDATE runs SET finished_at = now(), deadline = NULL WHERE run_id = $1",
        "UPDATE runs SET awaiting_gate = 'No gate' WHERE run_id = $1",
        "UPDATE runs SET awaiting_gate = NULL WHERE run_id = $1",
        "UPDATE runs SET version = 0 WHERE run_id = $1",
        // One open gate; decided exactly with a decision.
        "INSERT INTO gates (run_id, gate_id, gate, opening, subject_sha256, state, opened_at, deadline) SELECT run_id, gate_id, gate, 2, subject_sha256, 'open', now(), now() FROM gates WHERE run_id = $1",
        "UPDATE gates SET state = 'approved' WHERE run_id = $1",
        "UPDATE gates SET decided_at = now() WHERE run_id = $1",
        "UPDATE gates SET gate = 'The final one' WHERE run_id = $1",
        "INSERT INTO provider_jobs (job_id, run_id, kind, provider, state, created_at, updated_at) VALUES (gen_random_uuid(), $1, 'generate', 'kieai', 'submitted', now(), now())",
        "INSERT INTO provider_jobs (job_id, run_id, kind, provider, state, created_at, updated_at) VALUES (gen_random_uuid(), $1, 'generate', 'Acme!', 'requested', now(), now())",
        "INSERT INTO outbox (key, run_id, kind, provider, payload, state, due_at, created_at, updated_at) VALUES (gen_random_uuid(), $1, 'submit', 'kieai', '{}', 'leased', now(), now(), now())",
        "INSERT INTO outbox (key, run_id, kind, provider, payload, state, due_at, sent_at, created_at, updated_at) VALUES (gen_random_uuid(), $1, 'poll', 'kieai', '{}', 'due', now(), now(), now(), now())",
        "INSERT INTO webhook_events (run_id, idempotency_key, provider, headers, payload, signature_status, outcome, received_at) VALUES ($1, 'k', 'kieai', '{}', '', 'invalid', 'accepted', now())",
        "INSERT INTO webhook_events (run_id, idempotency_key, provider, headers, payload, signature_status, outcome, received_at) VALUES ($1, 'k', 'kieai', '{}', decode(repeat('00', 5000), 'hex'), 'invalid', 'refused', now())",
        "INSERT INTO hitl_approvals (run_id, gate, opening, decision, approver, channel, created_at) SELECT $1, 'workflow', 1, 'approved', 'x', 'api', now() FROM generate_series(1, 2)",
        "INSERT INTO run_events (run_id, seq, type, at, actor, body, hash) VALUES ($1, 1, 'run.started', now(), 'x', '{}', '')",
    ] {
        database.refusal(sql, &[&run.id]);
    }
    assert_eq!(run.status(), "pending_workflow");
    assert_eq!(other.status(), "pending_workflow");
}

/// The plan of a query, with everything but reading an index in its order made dear: small tables tempt the planner.
fn plan(sql: &str) -> String {
    let mut database = service().database();
    let client = database.client();
    client.batch_execute("SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off").unwrap();
    let rows = client.query(&format!("EXPLAIN {sql}"), &[]).unwrap();
    rows.iter().map(|row| row.get::<_, String>(0)).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_claim_and_the_reconcilers_go_by_partial_indexes() {
    for (index, sql) in [
        (
            "outbox_due",
            "SELECT effect_id FROM outbox WHERE state = 'due' AND due_at <= now() ORDER BY due_at, effect_id LIMIT 16 FOR UPDATE SKIP LOCKED",
        ),
        (
            "outbox_leased",
            "SELECT effect_id FROM outbox WHERE state = 'leased' AND lease_until <= now() ORDER BY lease_until LIMIT 200 FOR UPDATE SKIP LOCKED",
        ),
        (
            "runs_open_by_deadline",
            "SELECT state FROM runs WHERE finished_at IS NULL AND deadline <= now() AND (deadline, run_id) > ('-infinity', '') ORDER BY deadline, run_id LIMIT 200",
        ),
        (
            "webhook_dlq_due",
            "SELECT * FROM webhook_dlq WHERE next_retry_at <= now() ORDER BY next_retry_at, id LIMIT 200 FOR UPDATE SKIP LOCKED",
        ),
        ("artifacts_by_run", "SELECT * FROM artifacts WHERE run_id = 'x' ORDER BY position DESC LIMIT 1000"),
        ("runs_by_user", "SELECT * FROM runs WHERE user_id = 'x' ORDER BY created_at DESC, run_id DESC LIMIT 50"),
        (
            "chat_messages_untold",
            "SELECT * FROM chat_messages WHERE user_id = 'x' AND role = 'notice' AND told_at IS NULL ORDER BY message_id LIMIT 20",
        ),
    ] {
        let plan = plan(sql);
        assert!(plan.contains(&format!("using {index} ")), "{index} is not used:\n{plan}");
        assert!(!plan.contains("Sort"), "{index} does not give the order:\n{plan}");
    }
}
