//! Circuit breakers: what commits observe opens and closes them, and what a claim lets through meanwhile.

use crate::fixture::*;
use mw_media::Timestamp;
use mw_media::run::EffectKind;
use mw_media::status::ProvidersMode;
use mw_store::commit::{Decision, Outcome, Settle, commit};
use mw_store::effects::{BreakerChange, Claimed, Contact, Lane, Observed, claim};
use mw_store::native::Client;
use time::Duration;

/// A database with due polls of kie.ai and one of Shotstack.
fn polls(count: i32) -> (OwnDatabase, Client) {
    let own = OwnDatabase::new();
    let mut db = own.connect();
    let run = started(&mut db, "test_video_gen", ProvidersMode::Sim);
    let sql = "INSERT INTO outbox (key, run_id, kind, provider, payload, state, due_at, created_at, updated_at)
        SELECT gen_random_uuid(), $1, 'poll', provider, '{}', 'due', now() - interval '1 hour', now(), now()
          FROM (SELECT 'kieai' AS provider FROM generate_series(1, $2) UNION ALL SELECT 'shotstack') AS each";
    db.driver().execute(sql, &[&run.run_id, &count]).unwrap();
    (own, db)
}

fn take(db: &mut Client, at: Timestamp) -> Vec<Claimed> {
    claim(db, at, 16, 45).unwrap().effects.into_iter().filter(|effect| effect.provider == "kieai").collect()
}

/// Gives an effect back with what its provider did.
fn met(
    db: &mut Client,
    at: Timestamp,
    effect: &Claimed,
    contact: Contact,
    hold_seconds: Option<u64>,
) -> Vec<BreakerChange> {
    let outcome = Outcome::Again { due_at: at, not_sent: true, uncounted: true };
    let decision = Decision {
        settle: Some(Settle { effect_id: effect.effect_id, fence: effect.fence, outcome, error: None }),
        observed: Some(Observed {
            effect_id: effect.effect_id,
            provider: effect.provider.clone(),
            kind: effect.kind,
            lane: effect.lane,
            contact,
            seconds: 0.1,
            used: None,
            hold_seconds,
            moved_to: None,
        }),
        ..Decision::default()
    };
    commit(db, at, &[decision]).unwrap().breakers
}

fn state(db: &mut Client) -> (String, i32) {
    let row =
        db.driver().query_one("SELECT breaker, failures FROM provider_states WHERE provider = 'kieai'", &[]).unwrap();
    (row.get(0), row.get(1))
}

/// Fails five times in a row and gives back what is left of the claim.
fn open(db: &mut Client, at: Timestamp) {
    let claimed = take(db, at);
    let changes: Vec<_> = claimed.iter().flat_map(|effect| met(db, at, effect, Contact::Failed, None)).collect();
    assert_eq!(changes.len(), 1, "opening is told once");
    assert_eq!((changes[0].breaker.as_str(), changes[0].retry_seconds), ("open", Some(30.0)));
}

#[test]
fn five_failures_in_a_row_open_it_and_any_answer_begins_a_new_row() {
    let (_own, mut db) = polls(1);
    let at = now();
    for contact in [Contact::Answered, Contact::Refused, Contact::RateLimited] {
        for failures in 1..=4 {
            let effect = take(&mut db, at).remove(0);
            assert_eq!(effect.in_outage, failures == 5);
            assert!(met(&mut db, at, &effect, Contact::Failed, None).is_empty());
            assert_eq!(state(&mut db), ("closed".into(), failures));
        }
        let effect = take(&mut db, at).remove(0);
        assert!(effect.in_outage, "one more would open it");
        met(&mut db, at, &effect, contact, None);
        assert_eq!(state(&mut db), ("closed".into(), 0), "{contact:?}");
    }
}

#[test]
fn open_lets_nothing_through_and_then_exactly_one_probe_among_all_claimers() {
    let (own, mut db) = polls(6);
    let at = now();
    open(&mut db, at);
    let held = claim(&mut db, at + Duration::seconds(29), 16, 45).unwrap();
    assert_eq!((held.effects.len(), held.wait_seconds), (0, Some(1.0)));
    let late = at + Duration::seconds(30);
    let probes: Vec<Claimed> = std::thread::scope(|scope| {
        let claimers: Vec<_> = (0..8).map(|_| scope.spawn(|| take(&mut own.connect(), late))).collect();
        claimers.into_iter().flat_map(|claimer| claimer.join().unwrap()).collect()
    });
    assert_eq!(probes.len(), 1);
    assert!(probes[0].probe && probes[0].in_outage);
    assert_eq!(state(&mut db).0, "half_open");
    let changes = met(&mut db, late, &probes[0], Contact::Answered, None);
    assert_eq!((changes.len(), changes[0].breaker.as_str()), (1, "closed"));
    assert_eq!(take(&mut db, late).len(), 6);
}

#[test]
fn the_other_providers_go_on() {
    let (_own, mut db) = polls(6);
    let shotstack = |db: &mut Client, at| {
        let effects = claim(db, at, 16, 45).unwrap().effects;
        effects.into_iter().filter(|effect| effect.provider == "shotstack").collect::<Vec<_>>()
    };
    let at = now();
    let first = shotstack(&mut db, at).remove(0);
    met(&mut db, at, &first, Contact::Answered, None);
    db.driver()
        .execute(
            "UPDATE provider_states SET retry_at = $1::text::timestamptz WHERE provider = 'kieai'",
            &[&mw_media::run::rfc3339(at + Duration::seconds(30))],
        )
        .unwrap();
    assert_eq!(shotstack(&mut db, at).len(), 1);
}

#[test]
fn failed_probes_wait_twice_as_long_each_time_up_to_ten_minutes() {
    let (_own, mut db) = polls(6);
    let mut at = now();
    open(&mut db, at);
    at += Duration::seconds(30);
    for expected in [60, 120, 240, 480, 600, 600] {
        let probe = take(&mut db, at).remove(0);
        let changes = met(&mut db, at, &probe, Contact::Failed, None);
        assert_eq!(changes[0].retry_seconds, Some(f64::from(expected)));
        assert!(take(&mut db, at + Duration::seconds(i64::from(expected) - 1)).is_empty());
        at += Duration::seconds(i64::from(expected));
    }
    let probe = take(&mut db, at).remove(0);
    met(&mut db, at, &probe, Contact::Answered, None);
    open(&mut db, at);
}

#[test]
fn whoever_started_before_it_opened_says_nothing_about_now() {
    let (_own, mut db) = polls(7);
    let at = now();
    let claimed = take(&mut db, at);
    for effect in &claimed[..5] {
        met(&mut db, at, effect, Contact::Failed, None);
    }
    assert_eq!(state(&mut db).0, "open");
    met(&mut db, at, &claimed[5], Contact::Answered, None);
    assert_eq!(state(&mut db).0, "open");
    let late = at + Duration::seconds(30);
    let probe = take(&mut db, late).remove(0);
    met(&mut db, late, &claimed[6], Contact::Failed, None);
    assert_eq!(state(&mut db).0, "half_open", "only the probe's word counts");
    met(&mut db, late, &probe, Contact::Answered, None);
    assert_eq!(state(&mut db).0, "closed");
}

#[test]
fn a_probe_that_never_comes_back_or_has_nothing_to_ask_is_followed_by_another() {
    let (_own, mut db) = polls(6);
    let at = now();
    open(&mut db, at);
    let late = at + Duration::seconds(30);
    assert_eq!(take(&mut db, late).len(), 1);
    assert!(take(&mut db, late + Duration::seconds(44)).is_empty());
    let later = late + Duration::seconds(45);
    let probe = take(&mut db, later).remove(0);
    assert!(met(&mut db, later, &probe, Contact::None, None).is_empty());
    assert_eq!(take(&mut db, later).len(), 1);
}

#[test]
fn a_provider_that_is_well_is_not_written() {
    let (_own, mut db) = polls(1);
    let at = now();
    let written = |db: &mut Client| -> String {
        db.driver().query_one("SELECT xmin::text FROM provider_states WHERE provider = 'kieai'", &[]).unwrap().get(0)
    };
    let before = written(&mut db);
    let effect = take(&mut db, at).remove(0);
    met(&mut db, at, &effect, Contact::Answered, None);
    assert_eq!(written(&mut db), before);
    let sql = "SELECT sum(value)::bigint FROM metric_observations WHERE name = 'effect_attempts_total' AND labels = $1";
    assert_eq!(count(&mut db, sql, "provider=\"kieai\",kind=\"poll\",outcome=\"answered\""), 1);
}

#[test]
fn a_retry_after_holds_its_lane_and_no_other() {
    let (_own, mut db) = polls(1);
    let sql = "INSERT INTO outbox (key, run_id, kind, provider, payload, state, due_at, created_at, updated_at)
        SELECT gen_random_uuid(), run_id, 'submit', 'kieai', '{}', 'due', now() - interval '1 hour', now(), now()
          FROM runs, generate_series(1, 2)";
    db.driver().execute(sql, &[]).unwrap();
    let at = now();
    let claimed = take(&mut db, at);
    assert_eq!(claimed.len(), 3);
    for effect in &claimed {
        let is_start = effect.kind == EffectKind::Submit;
        assert_eq!(effect.lane, if is_start { Lane::Start } else { Lane::Look });
        let (contact, hold) = if is_start { (Contact::RateLimited, Some(20)) } else { (Contact::Answered, None) };
        met(&mut db, at, effect, contact, hold);
    }
    let early = claim(&mut db, at + Duration::seconds(19), 16, 45).unwrap();
    let kinds: Vec<EffectKind> =
        early.effects.iter().filter(|e| e.provider == "kieai").map(|effect| effect.kind).collect();
    assert_eq!((kinds, early.wait_seconds), (vec![EffectKind::Poll], Some(1.0)));
    assert_eq!(take(&mut db, at + Duration::seconds(20)).len(), 2);
    assert_eq!(state(&mut db), ("closed".into(), 0), "it is well");
}

#[test]
fn the_gauge_shows_it() {
    let (_own, mut db) = polls(6);
    let gauge = |db: &mut Client| {
        let gauges = mw_store::metrics::read(db, now(), 200).unwrap().gauges;
        let is_ours = |sample: &&mw_store::metrics::Sample| {
            sample.name == "provider_breaker_state" && sample.labels == "provider=\"kieai\""
        };
        gauges.iter().find(is_ours).unwrap().value
    };
    let at = now();
    assert_eq!(gauge(&mut db), 0.0);
    open(&mut db, at);
    assert_eq!(gauge(&mut db), 2.0);
    take(&mut db, at + Duration::seconds(30));
    assert_eq!(gauge(&mut db), 1.0);
}
