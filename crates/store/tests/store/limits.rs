//! What a claim lets through: exact windows, shared by all claimers, and no lane in another's way.

use crate::fixture::*;
use mw_media::Timestamp;
use mw_media::run::EffectKind;
use mw_media::status::ProvidersMode;
use mw_store::commit::{Decision, Outcome, Settle, commit};
use mw_store::effects::{Claim, Claimed, claim};
use mw_store::native::Client;
use time::Duration;

/// Due effects of one run, older ones first.
fn due(db: &mut Client, count: i32, kind: &str, provider: &str) {
    let run_id = match db.driver().query_opt("SELECT run_id FROM runs LIMIT 1", &[]).unwrap() {
        Some(row) => row.get(0),
        None => started(db, "test_video_gen", ProvidersMode::Sim).run_id,
    };
    let sql = "INSERT INTO outbox (key, run_id, kind, provider, payload, state, due_at, created_at, updated_at)
        SELECT gen_random_uuid(), $1, $2, $3, '{}', 'due', now() - make_interval(hours => 1, secs => n / 1000.0), now(), now()
          FROM generate_series(1, $4) AS n";
    db.driver().execute(sql, &[&run_id, &kind, &provider, &count]).unwrap();
}

fn take(db: &mut Client, at: Timestamp, limit: u32) -> Claim {
    claim(db, at, limit, 45).unwrap()
}

fn settle(db: &mut Client, effects: &[Claimed], outcome: &Outcome) {
    let decisions: Vec<Decision> = effects
        .iter()
        .map(|effect| {
            let settle =
                Settle { effect_id: effect.effect_id, fence: effect.fence, outcome: outcome.clone(), error: None };
            Decision { settle: Some(settle), ..Decision::default() }
        })
        .collect();
    commit(db, now(), &decisions).unwrap();
}

fn set(db: &mut Client, provider: &str, limits: &str) {
    db.driver().execute(&format!("UPDATE provider_states SET {limits} WHERE provider = $1"), &[&provider]).unwrap();
}

#[test]
fn twenty_starts_in_ten_seconds_and_the_next_when_the_first_leaves_the_window() {
    let own = OwnDatabase::new();
    let mut db = own.connect();
    due(&mut db, 100, "submit", "kieai");
    let start = now();
    assert_eq!(take(&mut db, start, 5).effects.len(), 5);
    assert_eq!(take(&mut db, start + Duration::seconds(4), 50).effects.len(), 15);
    let almost = take(&mut db, start + Duration::milliseconds(9_990), 50);
    assert_eq!((almost.effects.len(), almost.wait_seconds), (0, Some(0.01)));
    assert_eq!(take(&mut db, start + Duration::seconds(10), 50).effects.len(), 5);
    let full = take(&mut db, start + Duration::seconds(12), 50);
    assert_eq!((full.effects.len(), full.wait_seconds), (0, Some(2.0)));
    assert_eq!(take(&mut db, start + Duration::seconds(14), 50).effects.len(), 15);
}

#[test]
fn no_window_whatever_the_rhythm_of_the_claims_has_more_than_twenty() {
    let own = OwnDatabase::new();
    let mut db = own.connect();
    due(&mut db, 400, "submit", "kieai");
    set(&mut db, "kieai", "in_flight_max = NULL, open_jobs_max = NULL");
    let mut at = now();
    let mut starts: Vec<Timestamp> = Vec::new();
    // An irregular rhythm without a random generator: multiples of a prime.
    for step in 1..=120_u32 {
        at += Duration::milliseconds(i64::from(step * 7919 % 1700));
        let claimed = take(&mut db, at, step * 31 % 23 + 1).effects.len();
        starts.extend(std::iter::repeat_n(at, claimed));
    }
    assert!(starts.len() > 150, "{}", starts.len());
    for (place, start) in starts.iter().enumerate() {
        let within = starts[place..].iter().take_while(|other| **other - *start < Duration::seconds(10)).count();
        assert!(within <= 20, "{within} starts from {start}");
    }
}

#[test]
fn claimers_at_the_same_time_never_exceed_a_limit_together() {
    let own = OwnDatabase::new();
    let mut db = own.connect();
    due(&mut db, 200, "submit", "kieai");
    due(&mut db, 200, "poll", "shotstack");
    let at = now();
    let claimed: Vec<Claimed> = std::thread::scope(|scope| {
        let claimers: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| (0..4).flat_map(|_| take(&mut own.connect(), at, 16).effects).collect::<Vec<_>>()))
            .collect();
        claimers.into_iter().flat_map(|claimer| claimer.join().unwrap()).collect()
    });
    let of = |kind| claimed.iter().filter(|effect| effect.kind == kind).count();
    // Whatever the limits allow is claimed, and no more.
    assert_eq!((of(EffectKind::Submit), of(EffectKind::Poll)), (20, 32));
    let mut ids: Vec<i64> = claimed.iter().map(|effect| effect.effect_id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), claimed.len(), "each effect once");
}

#[test]
fn ten_thousand_submissions_in_front_do_not_hold_back_a_poll() {
    let own = OwnDatabase::new();
    let mut db = own.connect();
    due(&mut db, 10_000, "submit", "kieai");
    due(&mut db, 1, "poll", "shotstack");
    db.driver().execute("UPDATE outbox SET due_at = now() WHERE kind = 'poll'", &[]).unwrap();
    let first = take(&mut db, now(), 16).effects;
    assert_eq!(first.len(), 16);
    assert!(first.iter().any(|effect| effect.kind == EffectKind::Poll), "lanes take turns");
    take(&mut db, now(), 16);
    due(&mut db, 1, "poll", "shotstack");
    let second = take(&mut db, now(), 16);
    assert_eq!(second.effects.len(), 1, "kie.ai's window is full");
    assert_eq!(second.effects[0].kind, EffectKind::Poll);
    assert!(second.wait_seconds.is_some_and(|seconds| seconds > 5.0));
}

#[test]
fn what_is_in_flight_and_what_the_provider_has_are_bounded_too() {
    let own = OwnDatabase::new();
    let mut db = own.connect();
    due(&mut db, 10, "submit", "kieai");
    set(&mut db, "kieai", "in_flight_max = 3");
    let claimed = take(&mut db, now(), 16);
    assert_eq!(claimed.effects.len(), 3);
    let full = take(&mut db, now(), 16);
    // Only a finished effect makes room, so there is no time to wait for.
    assert_eq!((full.effects.len(), full.wait_seconds), (0, None));
    settle(&mut db, &claimed.effects[..2], &Outcome::Done);
    assert_eq!(take(&mut db, now(), 16).effects.len(), 2);

    // A job that the provider has is an effect that looks after it.
    set(&mut db, "shotstack", "open_jobs_max = 2");
    due(&mut db, 5, "submit", "shotstack");
    due(&mut db, 1, "poll", "shotstack");
    let claimed = take(&mut db, now(), 16).effects;
    let of = |kind| claimed.iter().filter(|effect| effect.kind == kind).count();
    assert_eq!((of(EffectKind::Submit), of(EffectKind::Poll)), (1, 1));
    assert!(take(&mut db, now(), 16).effects.is_empty());
}

#[test]
fn a_submission_that_may_be_out_is_looked_for_although_nothing_may_start() {
    let own = OwnDatabase::new();
    let mut db = own.connect();
    due(&mut db, 1, "submit", "kieai");
    let sent = take(&mut db, now(), 1).effects;
    settle(&mut db, &sent, &Outcome::Again { due_at: now(), not_sent: false, uncounted: false });
    due(&mut db, 1, "submit", "kieai");
    set(&mut db, "kieai", "starts_max = 0");
    let claimed = take(&mut db, now(), 16);
    let ids: Vec<i64> = claimed.effects.iter().map(|effect| effect.effect_id).collect();
    assert_eq!(ids, [sent[0].effect_id]);
    assert_eq!(claimed.wait_seconds, None, "nobody knows when an operator lets it start again");
}

#[test]
fn nothing_due_writes_nothing() {
    let own = OwnDatabase::new();
    let mut db = own.connect();
    due(&mut db, 1, "submit", "kieai");
    take(&mut db, now(), 16);
    let mut transaction = db.driver().transaction().unwrap();
    let request =
        serde_json::json!({"now": mw_media::run::rfc3339(now()), "limit": 16, "lease_seconds": 45}).to_string();
    transaction.query("SELECT effects_lease($1::text::jsonb)", &[&request]).unwrap();
    let wrote: bool = transaction.query_one("SELECT pg_current_xact_id_if_assigned() IS NOT NULL", &[]).unwrap().get(0);
    assert!(!wrote);
}

#[test]
fn a_wrong_clock_far_ahead_blocks_nobody_and_one_that_lags_overfills_nothing() {
    let own = OwnDatabase::new();
    let mut db = own.connect();
    due(&mut db, 100, "submit", "kieai");
    set(&mut db, "kieai", "in_flight_max = NULL");
    let start = now();
    assert_eq!(take(&mut db, start + Duration::hours(1), 50).effects.len(), 20);
    assert_eq!(take(&mut db, start, 10).effects.len(), 10);
    // Two seconds behind: its starts count from the newest one on.
    assert_eq!(take(&mut db, start - Duration::seconds(2), 50).effects.len(), 10);
    assert_eq!(take(&mut db, start + Duration::seconds(9), 50).effects.len(), 0);
    assert_eq!(take(&mut db, start + Duration::seconds(10), 50).effects.len(), 20);
}

/// Under load a claimer waits for another that read the clock later: what it starts, it starts now.
#[test]
fn a_claimer_that_waited_dates_nothing_back_into_a_full_window() {
    let own = OwnDatabase::new();
    let mut db = own.connect();
    due(&mut db, 100, "submit", "kieai");
    set(&mut db, "kieai", "in_flight_max = NULL");
    let start = now();
    assert_eq!(take(&mut db, start, 50).effects.len(), 20);
    assert_eq!(take(&mut db, start + Duration::milliseconds(10_050), 12).effects.len(), 12);
    assert_eq!(take(&mut db, start + Duration::milliseconds(9_900), 50).effects.len(), 8);
    let fullest = "SELECT max((SELECT count(*) FROM outbox AS other WHERE other.sent_at >= outbox.sent_at
        AND other.sent_at < outbox.sent_at + interval '10 seconds')) FROM outbox";
    assert_eq!(db.driver().query_one(fullest, &[]).unwrap().get::<_, i64>(0), 20);
}

#[test]
fn a_run_of_another_version_does_not_hide_the_others() {
    let own = OwnDatabase::new();
    let mut db = own.connect();
    let odd = generating(&mut db, ProvidersMode::Sim);
    let fine = generating(&mut db, ProvidersMode::Sim);
    let damage = "UPDATE runs SET state = state || '{\"version\": \"levitating\"}' WHERE run_id = $1";
    db.driver().execute(damage, &[&odd.run_id]).unwrap();
    let claimed = take(&mut db, now(), 16);
    assert_eq!(claimed.effects.len(), 4);
    assert_eq!(claimed.runs.keys().collect::<Vec<_>>(), [&fine.run_id]);
    assert!(claimed.unreadable[&odd.run_id].contains("levitating"));
}
