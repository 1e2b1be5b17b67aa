//! The switch is for the whole database, which most of these tests share with all others: everything happens in a
//! transaction that is rolled back.

use crate::fixture::*;
use mw_media::run::Command;
use mw_media::status::{ProvidersMode, Status};
use mw_store::commit::{Committed, Decision, Idempotency};
use mw_store::drain::{left, state, switch};
use mw_store::native::Client;
use mw_store::{Limit, chat};

fn begun() -> Client {
    let mut db = connect();
    db.driver().batch_execute("BEGIN").unwrap();
    db
}

fn starting(key: Option<&Idempotency>) -> Decision {
    Decision { idempotency: key.cloned(), ..of(start_transition("test_video_gen", ProvidersMode::Mock)) }
}

fn key() -> Idempotency {
    Idempotency { caller: fresh_id(), key: "k".into(), fingerprint: "f".into() }
}

#[test]
fn no_run_starts_while_it_drains_and_no_key_is_burnt() {
    let mut db = begun();
    let (known, fresh) = (key(), key());
    assert_eq!(commit_one(&mut db, starting(Some(&known))), Committed::Committed);
    switch(&mut db, now(), true, "ann", Some("upgrade")).unwrap();
    let refused = Committed::Draining { reason: Some("upgrade".into()) };
    assert_eq!(commit_one(&mut db, starting(None)), refused);
    assert_eq!(commit_one(&mut db, starting(Some(&fresh))), refused);
    let repeated = commit_one(&mut db, starting(Some(&known)));
    assert!(matches!(repeated, Committed::Replay { .. }), "a known start may be asked for again: {repeated:?}");
    switch(&mut db, now(), false, "ann", None).unwrap();
    assert_eq!(commit_one(&mut db, starting(Some(&fresh))), Committed::Committed);
}

#[test]
fn what_is_in_flight_goes_on_and_is_counted() {
    // Others would be counted too.
    let own = OwnDatabase::new();
    let mut db = own.connect();
    let before = left(&mut db).unwrap();
    let run = started(&mut db, "test_video_gen", ProvidersMode::Sim);
    switch(&mut db, now(), true, "ann", None).unwrap();
    let waits = left(&mut db).unwrap();
    assert_eq!(waits.waiting(), before.waiting() + 1);
    let run = tell(&mut db, &run, &approve(mw_media::gate!("workflow"), "operator"));
    let run = tell(&mut db, &run, &approve(mw_media::gate!("ideate"), "operator"));
    let works = left(&mut db).unwrap();
    let of = |left: &mw_store::drain::Left, status: Status| left.runs.get(&status.into()).copied().unwrap_or_default();
    assert_eq!(of(&works, Status::Running), of(&before, Status::Running) + 1);
    assert_eq!(works.effects.due, before.effects.due + 2);
    let requested = |left: &mw_store::drain::Left| left.jobs.get("requested").copied().unwrap_or_default();
    assert_eq!(requested(&works), requested(&before) + 2);
    assert!(works.is_at_work());
    tell(&mut db, &run, &Command::Cancel { reason: "r".into(), actor: "a".into() });
    let ended = left(&mut db).unwrap();
    assert_eq!((ended.runs, ended.effects, ended.jobs), (before.runs, before.effects, before.jobs));
}

#[test]
fn switching_to_what_is_already_so_keeps_since_when() {
    let mut db = begun();
    let limit = Limit { name: "test", caller: "c", limit: 1_000_000, window_seconds: 60 };
    switch(&mut db, now(), true, "ann", Some("first")).unwrap();
    let first = state(&mut db).unwrap();
    assert_eq!((first.on, first.actor.as_str(), first.reason.as_deref()), (true, "ann", Some("first")));
    switch(&mut db, now() + time::Duration::hours(1), true, "bob", Some("second")).unwrap();
    let second = state(&mut db).unwrap();
    assert_eq!((&second.since, second.actor.as_str(), second.reason.as_deref()), (&first.since, "bob", Some("second")));
    let told = chat::load(
        &mut db,
        now(),
        chat::Asking { key_hash: None, user_id: "nobody", reader: None, history: 5 },
        &limit,
    )
    .unwrap();
    assert_eq!(told.draining.unwrap().reason.as_deref(), Some("second"));
    switch(&mut db, now() + time::Duration::hours(2), false, "ann", None).unwrap();
    assert_ne!(state(&mut db).unwrap().since, first.since);
    assert_eq!(
        chat::load(
            &mut db,
            now(),
            chat::Asking { key_hash: None, user_id: "nobody", reader: None, history: 5 },
            &limit
        )
        .unwrap()
        .draining,
        None
    );
}

#[test]
fn the_switch_waits_for_starts_that_are_on_their_way() {
    let (mut starter, mut operator) = (begun(), begun());
    assert_eq!(commit_one(&mut starter, starting(None)), Committed::Committed);
    operator.driver().batch_execute("SET LOCAL lock_timeout = '100ms'").unwrap();
    let waited = switch(&mut operator, now(), true, "ann", None).unwrap_err().to_string();
    assert!(waited.contains("55P03"), "{waited}");
}
