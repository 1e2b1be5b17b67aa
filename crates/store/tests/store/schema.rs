//! Rows that the schema refuses, and what hand-written SQL does.

use crate::fixture::*;
use mw_media::run::Command;
use mw_media::status::{ProvidersMode, Status};
use mw_store::sweep;

#[test]
fn marking_a_run_failed_by_hand_asks_for_its_end() {
    let mut db = connect();
    let run = generating(&mut db, ProvidersMode::Sim);
    let sql =
        "UPDATE runs SET status = 'failed', updated_at = now(), finished_at = now(), project = 'x' WHERE run_id = $1";
    for _ in 0..2 {
        assert_eq!(db.driver().execute(sql, &[&run.run_id]).unwrap(), 1);
        let asked =
            "SELECT count(*) FROM runs WHERE run_id = $1 AND end_requested_by = session_user AND status = 'running'
                        AND project = 'test_video_gen' AND finished_at IS NULL";
        assert_eq!(count(&mut db, asked, &run.run_id), 1);
        assert_eq!(loaded(&mut db, &run.run_id), run, "only the engine moves a run");
    }
    let listed = sweep::runs_to_end(&mut db, now(), None, 10_000).unwrap();
    let listed = listed.into_iter().find(|listed| listed.run_id == run.run_id).unwrap();
    assert_eq!((listed.run.map(|run| typed(&run)), listed.end_requested_by.is_some()), (Ok(run), true));
}

#[test]
fn no_other_status_is_set_by_hand_and_no_terminal_run_moves() {
    let mut db = connect();
    let run = started(&mut db, "test_video_gen", ProvidersMode::Mock);
    for status in Status::ALL.iter().filter(|status| !matches!(status, Status::Failed | Status::PendingWorkflow)) {
        let error =
            db.driver().execute("UPDATE runs SET status = $2 WHERE run_id = $1", &[&run.run_id, &status.as_str()]);
        let error = error.unwrap_err();
        assert!(error.as_db_error().unwrap().hint().unwrap().contains("mw "), "{status}");
    }
    tell(&mut db, &run, &Command::Cancel { reason: "r".into(), actor: "a".into() });
    let error = db.driver().execute("UPDATE runs SET status = 'failed' WHERE run_id = $1", &[&run.run_id]).unwrap_err();
    assert!(error.as_db_error().unwrap().message().contains("already cancelled"));
}

#[test]
fn impossible_rows_are_refused() {
    let mut db = connect();
    let run = generating(&mut db, ProvidersMode::Sim);
    let waiting = started(&mut db, "test_video_gen", ProvidersMode::Mock);
    tell(&mut db, &waiting, &approve(mw_media::gate!("workflow"), "operator"));
    for (rule, id, sql) in [
        ("runs_end", &run.run_id, "UPDATE runs SET deadline = NULL WHERE run_id = $1"),
        ("runs_end", &run.run_id, "UPDATE runs SET finished_at = now() WHERE run_id = $1"),
        ("runs_media_status", &run.run_id, "UPDATE runs SET awaiting_gate = 'ideate' WHERE run_id = $1"),
        ("runs_media_status", &waiting.run_id, "UPDATE runs SET awaiting_gate = NULL WHERE run_id = $1"),
        ("gate_name_check", &waiting.run_id, "UPDATE runs SET awaiting_gate = 'No gate' WHERE run_id = $1"),
        ("runs_version_check", &run.run_id, "UPDATE runs SET version = 0 WHERE run_id = $1"),
        (
            "gates_open_once",
            &waiting.run_id,
            "INSERT INTO gates (run_id, gate_id, gate, opening, subject_sha256, state, opened_at, deadline)
             SELECT run_id, gate_id, gate, 9, subject_sha256, 'open', now(), now() FROM gates WHERE run_id = $1 AND state = 'open'",
        ),
        (
            "gates_decided",
            &waiting.run_id,
            "UPDATE gates SET decided_at = NULL WHERE run_id = $1 AND state = 'approved'",
        ),
        (
            "hitl_approvals_one_each",
            &waiting.run_id,
            "INSERT INTO hitl_approvals (run_id, gate, opening, decision, approver, channel, created_at) VALUES ($1, 'workflow', 1, 'rejected', 'operator', 'api', now())",
        ),
        ("outbox_lease", &run.run_id, "UPDATE outbox SET state = 'leased' WHERE run_id = $1"),
        ("jobs_submitted", &run.run_id, "UPDATE provider_jobs SET state = 'submitted' WHERE run_id = $1"),
        ("provider_jobs_state_check", &run.run_id, "UPDATE provider_jobs SET state = 'lost' WHERE run_id = $1"),
    ] {
        let error = db.driver().execute(sql, &[id]).expect_err(sql);
        assert_eq!(error.as_db_error().unwrap().constraint(), Some(rule), "{sql}");
    }
}
