//! What strangers can make us keep: little, for a while, and at nobody's expense.

use mw_media::run::MediaCommand;

use crate::fixture::*;
use crate::webhooks::{by_job, delivery};
use mw_media::Timestamp;
use mw_media::run::Command;
use mw_media::status::ProvidersMode;
use mw_store::dead_letters::{Action, Ending, Order, settle, view};
use mw_store::native::Client;
use mw_store::sweep::{Exports, begin, fold_metrics};
use mw_store::webhooks::{Accepted, Delivery, Match, Receipt, Refusal, STRANGERS_BYTES_MAX, accept, refuse};
use mw_store::{drain, metrics, retention};
use serde_json::{Value, json};
use time::Duration;

/// Twelve budgets of 64 KB; docs/webhooks.md says so.
const BYTES_A_MINUTE: i64 = 12 * 64 * 1024;
const PROVIDERS: [&str; 3] = ["kieai", "shotstack", "upload-post"];

/// Text that does not compress.
fn noise(bytes: usize) -> String {
    let mut text = String::with_capacity(bytes + 36);
    while text.len() < bytes {
        text.push_str(&fresh_id());
    }
    text.truncate(bytes);
    text
}

/// A stranger's delivery; its key is as long as a hash.
fn stray<'a>(provider: &'a str, key: &'a str, matching: Match) -> Delivery<'a> {
    let signature_status = if provider == "kieai" { "valid" } else { "unsigned" };
    Delivery { provider, signature_status, trusted: false, ..delivery(key, matching) }
}

fn send(db: &mut Client, at: Timestamp, delivery: &Delivery<'_>, body: &[u8]) -> Accepted {
    accept(db, at, delivery, body).unwrap()
}

/// Sends what matches nothing until no more is taken; how many were.
fn use_up(db: &mut Client, at: Timestamp, provider: &str) -> usize {
    (0..1000)
        .position(|_| send(db, at, &stray(provider, &fresh_id(), Match::default()), b"{}").status == Receipt::Busy)
        .unwrap()
}

/// Bytes of the rows of every table there is, once observations are folded.
fn bytes(db: &mut Client) -> i64 {
    while fold_metrics(db, 10_000).unwrap().acted > 0 {}
    let tables = "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'";
    let tables: Vec<String> = db.driver().query(tables, &[]).unwrap().iter().map(|row| row.get(0)).collect();
    let sum = |table: &String| format!("(SELECT coalesce(sum(pg_column_size({table}.*)), 0)::bigint FROM {table})");
    let sums: Vec<String> = tables.iter().map(sum).collect();
    db.driver().query_one(&format!("SELECT {}", sums.join(" + ")), &[]).unwrap().get(0)
}

/// Bytes on the disk of what deliveries are written to, with indexes.
fn disk_bytes(db: &mut Client) -> i64 {
    let sql = "SELECT pg_total_relation_size('webhook_events') + pg_total_relation_size('webhook_dlq')";
    db.driver().query_one(sql, &[]).unwrap().get(0)
}

/// Whose it is, and its id.
type KnownJob = (String, String);

/// Open jobs of every provider in every part of the reserve, and ended ones: what a stranger may have got to know.
fn known_jobs(db: &mut Client) -> (Vec<KnownJob>, Vec<KnownJob>) {
    let (mut open, mut ended) = (Vec::new(), Vec::new());
    for number in 0..24 {
        let run = generating(db, ProvidersMode::Sim);
        for (place, provider) in [(0, PROVIDERS[number % 3]), (1, PROVIDERS[(number + 1) % 3])] {
            let job = job_id(&run, place);
            db.driver()
                .execute("UPDATE provider_jobs SET provider = $1 WHERE job_id = $2", &[&provider, &job])
                .unwrap();
            if number < 21 { &mut open } else { &mut ended }.push((provider.to_owned(), job));
        }
        if number >= 21 {
            tell(db, &run, &Command::Cancel { reason: "r".into(), actor: "a".into() });
        }
    }
    (open, ended)
}

/// Everything that strangers can vary: sender, signature, what is named, headers, size. 378 deliveries a round.
struct Attack {
    open: Vec<KnownJob>,
    ended: Vec<KnownJob>,
    headers: [Value; 2],
    bodies: [Vec<u8>; 3],
    round: usize,
}

impl Attack {
    fn new(db: &mut Client) -> Attack {
        let (open, ended) = known_jobs(db);
        let long: serde_json::Map<String, Value> =
            (0..64).map(|number| (format!("x-pad-{number}"), noise(1024).into())).collect();
        // As much as is kept of headers, and what a caller would hand over that keeps all of them.
        let headers = [json!({"user-agent": noise(1900)}), Value::Object(long)];
        Attack { open, ended, headers, bodies: [0, 4096, 1_000_000].map(|bytes| noise(bytes).into_bytes()), round: 0 }
    }

    fn job(&self, of: &[KnownJob], provider: &str) -> Match {
        let fitting: Vec<&String> = of.iter().filter(|(whose, _)| whose == provider).map(|(_, job)| job).collect();
        by_job(fitting[self.round % fitting.len()])
    }

    fn round(&mut self, db: &mut Client, at: Timestamp) {
        self.round += 1;
        let none = json!({});
        let query = noise(1024);
        for provider in PROVIDERS {
            for headers in [&none, &self.headers[0], &self.headers[1]] {
                for body in &self.bodies {
                    self.accepted(db, at, provider, headers, &query, body);
                    for signature_status in ["missing", "invalid"] {
                        // Each body again and again, and each another.
                        for body_hash in [noise(64), format!("{:064}", body.len())] {
                            let refusal =
                                Refusal { provider, signature_status, body_hash: &body_hash, headers: headers.clone() };
                            refuse(db, at, &refusal, body).unwrap();
                        }
                    }
                }
            }
        }
    }

    fn accepted(&self, db: &mut Client, at: Timestamp, provider: &str, headers: &Value, query: &str, body: &[u8]) {
        let unknown = Match { job_id: Some(noise(512)), task_id: Some(noise(512)), account: Some(noise(512)) };
        let named = [
            (Match::default(), false),
            (unknown.clone(), false),
            (self.job(&self.open, provider), false),
            (self.job(&self.ended, provider), false),
            (unknown, true),
        ];
        for (matching, ignore) in named {
            for signature_status in ["unsigned", "valid"] {
                let key = noise(64);
                let delivery = Delivery {
                    signature_status,
                    ignore,
                    query,
                    headers: headers.clone(),
                    hint: json!({"task_id": noise(512), "url": noise(512)}),
                    ..stray(provider, &key, matching.clone())
                };
                accept(db, at, &delivery, body).unwrap();
            }
        }
    }
}

#[test]
fn strangers_keep_less_than_a_fixed_size_a_minute() {
    let own = OwnDatabase::new();
    let mut db = own.connect();
    let mut attack = Attack::new(&mut db);
    let start = now();
    // What is written once, whatever comes: totals by label, and the hints that jobs keep.
    for _ in 0..attack.open.len() / PROVIDERS.len() {
        attack.round(&mut db, start - Duration::minutes(1));
    }
    let (mut kept, mut disk) = (bytes(&mut db), disk_bytes(&mut db));
    for minute in 0..2 {
        let at = start + Duration::minutes(minute);
        for _ in 0..10 {
            attack.round(&mut db, at);
        }
        let (rows, on_disk) = (bytes(&mut db) - kept, disk_bytes(&mut db) - disk);
        println!("minute {minute}: {} KB of rows, {} KB on disk", rows / 1024, on_disk / 1024);
        assert!((BYTES_A_MINUTE / 4..BYTES_A_MINUTE).contains(&rows), "minute {minute}: {rows} bytes");
        assert!(on_disk < BYTES_A_MINUTE, "minute {minute}: {on_disk} bytes on disk");
        (kept, disk) = (kept + rows, disk + on_disk);
    }
}

/// A budget that is used up writes nothing but observations, whatever comes.
#[test]
fn a_flood_writes_no_rows() {
    let own = OwnDatabase::new();
    let mut db = own.connect();
    let at = now();
    for provider in PROVIDERS {
        use_up(&mut db, at, provider);
    }
    let refused = |db: &mut Client| {
        for _ in 0..200 {
            let hash = noise(64);
            let refusal =
                Refusal { provider: "kieai", signature_status: "missing", body_hash: &hash, headers: json!({}) };
            refuse(db, at, &refusal, &[b'x'; 4096]).unwrap();
        }
    };
    refused(&mut db);
    let before = bytes(&mut db);
    refused(&mut db);
    for provider in PROVIDERS {
        for ignore in [false, true] {
            let key = noise(64);
            let stray = Delivery { ignore, ..stray(provider, &key, Match::default()) };
            let expected = if ignore { Receipt::Accepted } else { Receipt::Busy };
            assert_eq!(send(&mut db, at, &stray, &[b'x'; 100_000]).status, expected);
        }
    }
    // Of totals, three are new: `unrecorded` for each sender.
    let added = bytes(&mut db) - before;
    assert!((0..3 * 128).contains(&added), "{added} bytes");
}

#[test]
fn garbage_leaves_receipts_for_open_jobs() {
    let own = OwnDatabase::new();
    let mut db = own.connect();
    let at = now();
    let run = generating(&mut db, ProvidersMode::Sim);
    assert!(use_up(&mut db, at, "kieai") > 20);
    for _ in 0..1000 {
        let hash = noise(64);
        let refusal = Refusal { provider: "kieai", signature_status: "invalid", body_hash: &hash, headers: json!({}) };
        refuse(&mut db, at, &refusal, &[b'x'; 4096]).unwrap();
    }
    let key = fresh_id();
    assert_eq!(send(&mut db, at, &stray("kieai", &key, by_job(&job_id(&run, 0))), b"{}").status, Receipt::Accepted);
    assert_eq!(count(&mut db, "SELECT count(*) FROM webhook_events WHERE idempotency_key = $1", &key), 1);
}

#[test]
fn a_poke_needs_no_budget() {
    let own = OwnDatabase::new();
    let mut db = own.connect();
    let at = now();
    let run = generating(&mut db, ProvidersMode::Sim);
    let job = job_id(&run, 0);
    tell(
        &mut db,
        &run,
        &Command::Own(MediaCommand::SubmitJob { job_id: job.clone(), task_id: fresh_id(), adopted: false }),
    );
    let stored = |db: &mut Client| count(db, "SELECT count(*) FROM webhook_events WHERE job_id = $1", &job);
    for _ in 0..200 {
        assert_eq!(send(&mut db, at, &stray("kieai", &fresh_id(), by_job(&job)), b"{}").status, Receipt::Accepted);
    }
    let before = stored(&mut db);
    assert!((20..200).contains(&before), "{before} receipts");
    let later = "UPDATE outbox SET due_at = now() + interval '1 hour' WHERE job_id = $1";
    db.driver().execute(later, &[&job]).unwrap();
    let poke = send(&mut db, at, &stray("kieai", &fresh_id(), by_job(&job)), b"{}");
    assert_eq!((poke.status, poke.run_id.as_deref()), (Receipt::Accepted, Some(run.run_id.as_str())));
    let due = "SELECT count(*) FROM outbox WHERE job_id = $1 AND due_at <= now()";
    assert_eq!((count(&mut db, due, &job), stored(&mut db)), (1, before));
}

#[test]
fn an_event_without_effect_is_never_sent_back() {
    let own = OwnDatabase::new();
    let mut db = own.connect();
    let at = now();
    use_up(&mut db, at, "shotstack");
    let key = fresh_id();
    let copy = Delivery { ignore: true, ..stray("shotstack", &key, Match::default()) };
    assert_eq!(send(&mut db, at, &copy, b"{}").status, Receipt::Accepted);
    let stored = "SELECT count(*) FROM webhook_events WHERE idempotency_key = $1";
    assert_eq!(count(&mut db, stored, &key), 0);
}

#[test]
fn what_is_signed_needs_no_budget() {
    let own = OwnDatabase::new();
    let mut db = own.connect();
    let at = now();
    use_up(&mut db, at, "upload-post");
    for _ in 0..200 {
        let key = fresh_id();
        let signed = Delivery { provider: "upload-post", ..delivery(&key, Match::default()) };
        assert_eq!(send(&mut db, at, &signed, &[b'x'; 20_000]).status, Receipt::Dlq);
    }
    let whole = "SELECT count(*) FROM webhook_events WHERE provider = $1 AND length(payload) = 20000";
    assert_eq!(count(&mut db, whole, "upload-post"), 200);
}

#[test]
fn one_sender_uses_up_nobody_elses_budget() {
    let own = OwnDatabase::new();
    let mut db = own.connect();
    let at = now();
    let taken: Vec<usize> = PROVIDERS.map(|provider| use_up(&mut db, at, provider)).to_vec();
    assert!(taken.iter().all(|taken| *taken > 20), "{taken:?}");
    for provider in PROVIDERS {
        let again = stray(provider, "k", Match::default());
        assert_eq!(send(&mut db, at + Duration::minutes(1), &again, b"{}").status, Receipt::Dlq, "the next minute");
    }
}

#[test]
fn a_repetition_takes_nothing_of_the_budget() {
    let own = OwnDatabase::new();
    let mut db = own.connect();
    let at = now();
    let one = stray("shotstack", "the same", Match::default());
    assert_eq!(send(&mut db, at, &one, b"{}").status, Receipt::Dlq);
    let taken = "SELECT count::bigint FROM rate_limits WHERE name = 'strangers' AND caller = $1";
    let before = count(&mut db, taken, "shotstack");
    for _ in 0..100 {
        assert_eq!(send(&mut db, at, &one, b"{}").status, Receipt::Duplicate);
    }
    assert_eq!(count(&mut db, taken, "shotstack"), before);
}

#[test]
fn bodies_that_nobody_reads_are_not_kept() {
    let mut db = connect();
    let run = generating(&mut db, ProvidersMode::Sim);
    let known = by_job(&job_id(&run, 0));
    let (whole, cut) = (10_000, i64::try_from(STRANGERS_BYTES_MAX).unwrap());
    // Long ago, so that no other test's minute is used up.
    let mut at = now() - Duration::days(4000);
    for (trusted, ignore, matching, kept) in [
        (true, false, known.clone(), whole),
        (true, false, Match::default(), whole),
        (true, true, Match::default(), 0),
        (false, false, known, 0),
        (false, false, Match::default(), cut),
        (false, true, Match::default(), 0),
    ] {
        at += Duration::minutes(2);
        let key = fresh_id();
        let delivery = Delivery { trusted, ignore, ..delivery(&key, matching) };
        send(&mut db, at, &delivery, &[b'x'; 10_000]);
        let size = |column: &str| format!("SELECT {column}::bigint FROM webhook_events WHERE idempotency_key = $1");
        assert_eq!(count(&mut db, &size("length(payload)"), &key), kept, "{delivery:?}");
        assert_eq!(count(&mut db, &size("payload_bytes"), &key), whole, "{delivery:?}");
    }
}

#[test]
fn a_dead_letter_holds_no_second_copy() {
    let mut db = connect();
    let key = fresh_id();
    let lost = Delivery { headers: json!({"user-agent": "x"}), ..delivery(&key, Match::default()) };
    assert_eq!(send(&mut db, now(), &lost, b"{\"a\":1}").status, Receipt::Dlq);
    let sql = "SELECT id::text, headers::text, length(payload) FROM webhook_dlq WHERE idempotency_key = $1";
    let row = db.driver().query_one(sql, &[&key]).unwrap();
    assert_eq!((row.get::<_, String>(1).as_str(), row.get::<_, i32>(2)), ("{}", 0));
    let shown = view(&mut db, row.get(0), 100).unwrap().unwrap();
    assert_eq!((&shown["headers"]["user-agent"], &shown["payloadSize"]), (&json!("x"), &json!(7)));
}

/// The id of the dead letter under this key.
fn dead_letter(db: &mut Client, key: &str) -> String {
    let sql = "SELECT id::text FROM webhook_events WHERE idempotency_key = $1";
    db.driver().query_one(sql, &[&key]).unwrap().get(0)
}

#[test]
fn strangers_dead_letters_end_by_themselves() {
    let own = OwnDatabase::new();
    let mut db = own.connect();
    let start = now();
    for number in 0..5 {
        let key = format!("lost {number}");
        let lost = stray("shotstack", &key, Match::default());
        assert_eq!(send(&mut db, start, &lost, &[b'x'; 1000]).status, Receipt::Dlq);
    }
    assert_eq!(send(&mut db, start, &delivery("signed", Match::default()), b"{}").status, Receipt::Dlq);
    let due = |db: &mut Client, at| begin(db, at, "tester", 0, Exports::default()).unwrap().due.retention;
    let (young, old) = (start + Duration::hours(71), start + Duration::hours(73));
    retention::prune(&mut db, young, 14, 2).unwrap();
    let dead_letters = "SELECT count(*) FROM webhook_dlq WHERE provider <> $1";
    assert_eq!((due(&mut db, young), count(&mut db, dead_letters, "")), (false, 6));
    assert!(due(&mut db, old));
    let order = Order { action: Action::Discard, actor: "ann", reason: "known", dry_run: false };
    let mine = dead_letter(&mut db, "lost 0");
    assert_eq!(settle(&mut db, young, &mine, &order).unwrap().result, Ending::Discarded);
    let pages: Vec<u64> = (0..3).map(|_| retention::prune(&mut db, old, 14, 3).unwrap().acted).collect();
    assert_eq!((pages, due(&mut db, old), count(&mut db, dead_letters, "")), (vec![3, 1, 0], false, 1));
    let ended = dead_letter(&mut db, "lost 1");
    let shown = view(&mut db, &ended, 100).unwrap().unwrap();
    assert_eq!((&shown["outcome"], &shown["settledBy"]), (&json!("discarded"), &json!("sweep")));
    assert_eq!((&shown["payload"], &shown["payloadSize"]), (&json!(""), &json!(1000)));
    assert!(shown["settledReason"].as_str().unwrap().contains("not signed"), "{shown}");
    let signed = dead_letter(&mut db, "signed");
    assert_eq!(view(&mut db, &signed, 100).unwrap().unwrap()["expiresAt"], Value::Null);
}

#[test]
fn windows_of_limits_go_when_they_are_over() {
    let own = OwnDatabase::new();
    let mut db = own.connect();
    let start = now();
    for number in 0..5 {
        let caller = format!("ip:{number}");
        let limit = mw_store::Limit { name: "test", caller: &caller, limit: 2, window_seconds: 60 };
        mw_store::runs::load(&mut db, start + Duration::minutes(number), "unknown", Some(&limit)).unwrap();
    }
    let windows = "SELECT count(*) FROM rate_limits WHERE name = $1";
    let later = start + Duration::minutes(12);
    assert!(begin(&mut db, later, "tester", 0, Exports::default()).unwrap().due.retention);
    assert_eq!(retention::prune(&mut db, later, 14, 1).unwrap(), retention::Gone { acted: 1, receipts: 0 });
    assert_eq!(retention::prune(&mut db, later, 14, 100).unwrap().acted, 1);
    assert_eq!(count(&mut db, windows, "test"), 3, "those of the last ten minutes stay");
    assert!(begin(&mut db, later, "tester", 0, Exports::default()).unwrap().idle);
}

#[test]
fn dead_letters_are_counted_to_a_thousand() {
    let own = OwnDatabase::new();
    let mut db = own.connect();
    let many = "WITH lost AS (
            INSERT INTO webhook_events (idempotency_key, provider, headers, payload, signature_status, outcome, received_at)
            SELECT provider || n, provider, '{}', '', 'unsigned', 'dlq', now() - n * interval '1 second'
              FROM (VALUES ('shotstack', 1200), ('std:a', 3), ('kieai', 2)) AS row (provider, many), generate_series(1, many) AS n
            RETURNING *)
        INSERT INTO webhook_dlq (id, idempotency_key, provider, headers, payload, match, error, last_error_at, created_at, updated_at)
        SELECT id, idempotency_key, provider, '{}', '', '{}', 'unknown_job', now(), received_at, now() FROM lost";
    db.driver().batch_execute(many).unwrap();
    let gauges = metrics::read(&mut db, now(), 0).unwrap().gauges;
    let gauge = |name: &str, labels: &str| {
        let found = gauges.iter().find(|gauge| gauge.name == name && gauge.labels == labels);
        found.map(|gauge| gauge.value)
    };
    let of = |provider: &str| format!("provider=\"{provider}\"");
    for (provider, depth) in [("shotstack", 1000.0), ("std:a", 3.0), ("kieai", 2.0), ("upload-post", 0.0)] {
        assert_eq!(gauge("webhook_dlq_depth", &of(provider)), Some(depth), "{provider}");
    }
    assert_eq!(gauge("webhook_dlq_exhausted", ""), Some(1000.0));
    let oldest = gauge("webhook_dlq_oldest_age_seconds", &of("shotstack")).unwrap();
    assert!((1199.0..1260.0).contains(&oldest), "{oldest}");
    assert_eq!(gauge("webhook_dlq_oldest_age_seconds", &of("upload-post")), None);
    let left = drain::left(&mut db).unwrap();
    assert_eq!((left.dead_letters, left.dead_letters_more), (1000, true));
}
