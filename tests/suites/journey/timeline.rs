//! The timeline is true: chained, complete, append-only.

use crate::support::{Run, service, signing, simulator};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Recomputes the chain from the stored bodies.
fn assert_chained(run: &Run) -> usize {
    let sql =
        "SELECT seq, body, type, actor, encode(hash, 'hex') AS hash FROM run_events WHERE run_id = $1 ORDER BY seq";
    let rows = service().database().rows(sql, &[&run.id]);
    let mut previous = run.id.as_bytes().to_vec();
    for (position, row) in rows.iter().enumerate() {
        let body = row["body"].as_str().unwrap();
        let hash = Sha256::digest([previous.as_slice(), body.as_bytes()].concat()).to_vec();
        assert_eq!(row["hash"], signing::hex(&hash), "event {}", position + 1);
        assert_eq!(row["seq"], position + 1);
        let parsed: Value = serde_json::from_str(body).unwrap();
        assert_eq!((&parsed["seq"], &parsed["type"], &parsed["actor"]), (&row["seq"], &row["type"], &row["actor"]));
        previous = hash;
    }
    rows.len()
}

#[test]
fn the_hash_chain_of_a_whole_run_is_recomputed() {
    let _calm = simulator::calm();
    let run = Run::start().published();
    let count = assert_chained(&run);
    let shown = run.events();
    assert_eq!(shown.len(), count);
    let version = service().database().row("SELECT version FROM runs WHERE run_id = $1", &[&run.id]);
    assert_eq!(version["version"], count);
    run.assert_healthy();
}

#[test]
fn the_timeline_shows_what_the_database_holds() {
    let run = Run::start();
    let stored = service()
        .database()
        .rows("SELECT data, encode(hash, 'hex') AS hash FROM run_events WHERE run_id = $1 ORDER BY seq", &[&run.id]);
    for (shown, stored) in run.events().iter().zip(&stored) {
        assert_eq!(shown["hash"], stored["hash"]);
        for member in ["seq", "at", "actor", "type", "data"] {
            assert_eq!(shown[member], stored["data"][member], "{member}");
        }
    }
}

#[test]
fn nobody_rewrites_history() {
    let run = Run::start();
    let mut database = service().database();
    for sql in [
        "UPDATE run_events SET actor = 'nobody' WHERE run_id = $1",
        "UPDATE run_events SET body = '{}' WHERE run_id = $1",
        "DELETE FROM run_events WHERE run_id = $1",
    ] {
        let (message, _) = database.refusal(sql, &[&run.id]);
        assert!(message.contains("append-only"), "{message}");
    }
    assert!(assert_chained(&run) > 0);
}

#[test]
fn decisions_and_work_are_attributed() {
    let _calm = simulator::calm();
    let run = Run::start();
    service().call("POST", &run.link_for("workflow", Some("ann"))).send().expect(200);
    let run = run.approved("ideate").waiting_for("awaiting_prepublish");
    let events = run.events();
    let actors = |kind: &str| -> Vec<&str> {
        events.iter().filter(|event| event["type"] == kind).map(|event| event["actor"].as_str().unwrap()).collect()
    };
    assert_eq!(actors("run.started"), [run.user.as_str()]);
    assert_eq!(actors("gate.decided"), ["ann", "operator"]);
    // The mock answers for itself, not in a provider's name.
    let providers = if service().is_mock() { ["mock"; 3] } else { ["kieai", "kieai", "shotstack"] };
    assert_eq!(actors("job.succeeded"), providers);
}

#[test]
fn no_notification_speaks_of_success_too_early() {
    let _calm = simulator::calm();
    let run = Run::rendered();
    let notes = |run: &Run| -> Vec<String> {
        run.artifact_names().into_iter().filter(|name| name.starts_with("notification")).collect()
    };
    assert_eq!(
        notes(&run),
        ["notification(awaiting_workflow)", "notification(awaiting_ideate)", "notification(awaiting_prepublish)"]
    );
    let run = run.approved("prepublish").waiting_for("published");
    assert_eq!(notes(&run).last().unwrap(), "notification(completed)");
    for note in run.artifacts("notification") {
        assert_eq!(note["metadata"]["user_id"], run.user.as_str());
        assert_eq!(note["metadata"]["run_id"], run.id.as_str());
    }
}
