use crate::fixture::*;
use mw_media::run::Command;
use mw_media::status::ProvidersMode;
use mw_store::native::Client;
use mw_store::retention::{ARTIFACTS_DAYS, WEBHOOKS_DAYS, count as count_old, prune, prune_artifacts};
use time::Duration;

/// A receipt of every outcome, received and settled so many days ago.
fn receipts(db: &mut Client, key: &str, received_days: i32, settled_days: i32) {
    db.driver()
        .execute(
            "INSERT INTO webhook_events (idempotency_key, provider, headers, payload, signature_status, outcome,
                                         received_at, settled_at, settled_by, settled_reason)
             SELECT $1 || outcome, 'kieai', '{}', '', status, outcome, now() - make_interval(days => $2),
                    CASE WHEN ended THEN now() - make_interval(days => $3) END, CASE WHEN ended THEN 'ann' END,
                    CASE WHEN ended THEN 'why' END
               FROM (VALUES ('accepted', 'valid', false), ('ignored', 'valid', false), ('dlq', 'valid', false),
                            ('discarded', 'valid', true), ('refused', 'invalid', false)) AS row (outcome, status, ended)",
            &[&key, &received_days, &settled_days],
        )
        .unwrap();
}

fn left(db: &mut Client, key: &str) -> Vec<String> {
    let sql = "SELECT outcome FROM webhook_events WHERE idempotency_key LIKE $1 || '%' ORDER BY outcome";
    db.driver().query(sql, &[&key]).unwrap().iter().map(|row| row.get(0)).collect()
}

#[test]
fn receipts_go_by_age_and_an_open_dead_letter_never_does() {
    let mut db = connect();
    let (old, ended_lately, young) = (fresh_id(), fresh_id(), fresh_id());
    receipts(&mut db, &old, 30, 20);
    receipts(&mut db, &ended_lately, 30, 2);
    receipts(&mut db, &young, 0, 0);
    let before = count_old(&mut db, now(), WEBHOOKS_DAYS, ARTIFACTS_DAYS).unwrap();
    assert!(before.webhook_events >= 5 && before.refusals >= 2, "{before:?}");
    loop {
        let gone = prune(&mut db, now(), WEBHOOKS_DAYS, 2).unwrap();
        assert!(gone.receipts <= 4, "two of each kind at most");
        if gone.acted == 0 {
            break;
        }
    }
    assert_eq!(left(&mut db, &old), ["dlq"]);
    assert_eq!(left(&mut db, &ended_lately), ["discarded", "dlq"], "how a letter ended is kept from its end on");
    assert_eq!(left(&mut db, &young).len(), 5);
}

#[test]
fn artifacts_go_long_after_their_runs_end_and_the_timeline_stays() {
    let mut db = connect();
    let ended: Vec<_> = (0..3)
        .map(|_| {
            let run = started(&mut db, "test_video_gen", ProvidersMode::Mock);
            tell(&mut db, &run, &Command::Cancel { reason: "r".into(), actor: "a".into() })
        })
        .collect();
    let open = started(&mut db, "test_video_gen", ProvidersMode::Mock);
    let artifacts =
        |db: &mut Client, run_id: &str| count(db, "SELECT count(*) FROM artifacts WHERE run_id = $1", run_id);
    for run in &ended {
        let sql = "UPDATE runs SET finished_at = finished_at - interval '91 days' WHERE run_id = $1";
        db.driver().execute(sql, &[&run.run_id]).unwrap();
    }
    let young = tell(&mut db, &open, &approve(mw_media::gate!("workflow"), "operator"));
    assert!(count_old(&mut db, now(), WEBHOOKS_DAYS, ARTIFACTS_DAYS).unwrap().artifacts > 0);
    let (mut after, mut batches) = (None, 0);
    loop {
        let pruned = prune_artifacts(&mut db, now(), ARTIFACTS_DAYS, after.as_ref(), 1).unwrap();
        batches += 1;
        let Some(next) = pruned.after else { break };
        after = Some(next);
    }
    assert!(batches >= 4);
    for run in &ended {
        assert_eq!(artifacts(&mut db, &run.run_id), 0);
        assert!(count(&mut db, "SELECT count(*) FROM run_events WHERE run_id = $1", &run.run_id) > 0);
    }
    assert!(artifacts(&mut db, &young.run_id) > 0);
    let later = now() + Duration::days(1);
    assert_eq!(prune_artifacts(&mut db, later, ARTIFACTS_DAYS, after.as_ref(), 10).unwrap().after, None);
}

#[test]
fn idempotency_keys_are_good_for_a_week() {
    let own = OwnDatabase::new();
    let mut db = own.connect();
    let run = started(&mut db, "test_video_gen", ProvidersMode::Mock);
    for (key, days) in [("old", 8), ("good", 6)] {
        let sql = "INSERT INTO idempotency_keys VALUES ('c', $1, 'f', $2, now() - make_interval(days => $3))";
        db.driver().execute(sql, &[&key, &run.run_id, &days]).unwrap();
    }
    prune(&mut db, now(), WEBHOOKS_DAYS, 10).unwrap();
    let rows = db.driver().query("SELECT key FROM idempotency_keys", &[]).unwrap();
    assert_eq!(rows.iter().map(|row| row.get::<_, String>(0)).collect::<Vec<_>>(), ["good"]);
}

/// What is pruned by its age, each at this moment; one row of each.
const AGED: [(&str, &str); 5] = [
    (
        "1 day",
        "INSERT INTO webhook_events (idempotency_key, provider, headers, payload, signature_status, outcome, received_at)
         VALUES ($1, 'kieai', '{}', '', 'invalid', 'refused', $2)",
    ),
    (
        "14 days",
        "INSERT INTO webhook_events (idempotency_key, provider, headers, payload, signature_status, outcome, received_at)
         VALUES ($1, 'kieai', '{}', '', 'valid', 'accepted', $2)",
    ),
    ("10 minutes", "INSERT INTO rate_limits (name, caller, window_start, count) VALUES ('test', $1, $2, 1)"),
    ("7 days", "INSERT INTO channel_updates VALUES ('telegram', $1, 'handled', $2)"),
    (
        "7 days",
        "INSERT INTO idempotency_keys (caller, key, fingerprint, run_id, created_at)
         SELECT 'c', $1, 'f', run_id, $2 FROM runs LIMIT 1",
    ),
];

#[test]
fn what_is_just_old_enough_stays() {
    let own = OwnDatabase::new();
    let mut db = own.connect();
    started(&mut db, "test_video_gen", ProvidersMode::Mock);
    let at = now();
    for (age, insert) in AGED {
        for older in ["0", "1 microsecond", "1 day"] {
            let insert =
                insert.replace("$2", &format!("$2::text::timestamptz - interval '{age}' - interval '{older}'"));
            db.driver().execute(&insert, &[&fresh_id(), &mw_media::run::rfc3339(at)]).unwrap();
        }
    }
    let page = prune(&mut db, at, WEBHOOKS_DAYS, 1).unwrap();
    assert_eq!((page.acted, page.receipts), (5, 2), "one of each kind");
    assert_eq!(prune(&mut db, at, WEBHOOKS_DAYS, 1).unwrap().acted, 5);
    assert_eq!(prune(&mut db, at, WEBHOOKS_DAYS, 1).unwrap().acted, 0);
}
