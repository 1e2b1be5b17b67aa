//! Who is who: keys overlap while they are rotated, end when they must, and a name is one person's.

use crate::fixture::*;
use mw_media::principal::{Principal, Role};
use mw_media::status::{Channel, ProvidersMode};
use mw_store::native::Client;
use mw_store::principals::{
    Identities, KEYS_MAX, Outcome, add, add_key, change, list, named, of_identity, of_key, revoke_key, switch,
};
use mw_store::runs::{Asking, load_for, start_load};
use mw_store::{Limit, chat};
use time::Duration;

/// The hash of a key that nobody else has.
fn hash() -> String {
    fresh_id().replace('-', "").repeat(2)
}

fn person(role: Role) -> Principal {
    Principal::known(format!("p{}", fresh_id()), role, vec!["editors".into(), "night".into()])
}

/// Somebody new and the hash of their key.
pub(crate) fn added(db: &mut Client) -> (Principal, String) {
    let (person, key) = (person(Role::Approver), hash());
    assert_eq!(add(db, now(), &person, &Identities::default(), &key).unwrap(), Outcome::Done);
    (person, key)
}

fn key_id(key_hash: &str) -> &str {
    &key_hash[..12]
}

#[test]
fn a_key_says_who_asks_until_it_is_revoked() {
    let mut db = connect();
    let (person, key) = added(&mut db);
    assert_eq!(of_key(&mut db, now(), &key).unwrap(), Some(person.clone()));
    assert_eq!(of_key(&mut db, now(), &hash()).unwrap(), None);
    assert_eq!(revoke_key(&mut db, now(), "somebody-else", key_id(&key)).unwrap(), Outcome::Unknown);
    assert_eq!(of_key(&mut db, now(), &key).unwrap(), Some(person.clone()));
    for _ in 0..2 {
        assert_eq!(revoke_key(&mut db, now(), &person.name, key_id(&key)).unwrap(), Outcome::Done);
        assert_eq!(of_key(&mut db, now(), &key).unwrap(), None);
    }
}

#[test]
fn of_ten_who_add_one_name_at_once_one_does_and_only_that_key_is_good() {
    let person = person(Role::Viewer);
    let tries: Vec<(Outcome, String)> = std::thread::scope(|scope| {
        let tries = (0..10).map(|_| {
            let person = &person;
            scope.spawn(move || {
                let key = hash();
                (add(&mut connect(), now(), person, &Identities::default(), &key).unwrap(), key)
            })
        });
        let tries: Vec<_> = tries.collect();
        tries.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let mut db = connect();
    for (outcome, key) in &tries {
        assert_eq!(of_key(&mut db, now(), key).unwrap().is_some(), *outcome == Outcome::Done);
    }
    assert_eq!(tries.iter().filter(|(outcome, _)| *outcome == Outcome::Done).count(), 1);
    assert_eq!(tries.iter().filter(|(outcome, _)| *outcome == Outcome::Exists).count(), 9);
}

#[test]
fn a_rotation_leaves_the_old_key_good_for_the_hours_asked_for_and_no_longer() {
    let mut db = connect();
    let (person, old) = added(&mut db);
    let (second, third) = (hash(), hash());
    let start = now();
    let good = |at, key: &str| of_key(&mut connect(), at, key).unwrap().is_some();
    assert_eq!(add_key(&mut db, start, &person.name, &second, None).unwrap(), Outcome::Done);
    let decades = start + Duration::days(10_000);
    assert!(good(decades, &old) && good(decades, &second));

    assert_eq!(add_key(&mut db, start, &person.name, &third, Some(2)).unwrap(), Outcome::Done);
    let end = start + Duration::hours(2);
    for key in [&old, &second] {
        assert!(good(end - Duration::milliseconds(1), key) && !good(end, key));
    }
    assert!(good(decades, &third));

    // A later rotation with a longer time gives nobody more of it.
    add_key(&mut db, start, &person.name, &hash(), Some(48)).unwrap();
    assert!(!good(end, &old) && good(end, &third) && !good(start + Duration::hours(48), &third));
    assert_eq!(add_key(&mut db, start, "nobody-at-all", &hash(), None).unwrap(), Outcome::Unknown);
}

#[test]
fn keys_that_are_good_at_once_are_bounded_also_when_they_come_at_once() {
    let mut db = connect();
    let (person, _) = added(&mut db);
    let outcomes: Vec<Outcome> = std::thread::scope(|scope| {
        let more = (0..2 * KEYS_MAX).map(|_| {
            let name = &person.name;
            scope.spawn(move || add_key(&mut connect(), now(), name, &hash(), None).unwrap())
        });
        let more: Vec<_> = more.collect();
        more.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let done = outcomes.iter().filter(|outcome| **outcome == Outcome::Done).count();
    assert_eq!(done, usize::try_from(KEYS_MAX).unwrap() - 1);
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Done | Outcome::TooMany)));
}

#[test]
fn whoever_is_disabled_is_nobody_at_once_on_every_way_in() {
    let mut db = connect();
    let (person, key) = (person(Role::Operator), hash());
    let telegram = telegram_id();
    let identities = Identities { telegram: Some(telegram.clone()), slack: None };
    add(&mut db, now(), &person, &identities, &key).unwrap();
    let run = started(&mut db, "test_video_gen", ProvidersMode::Mock);
    let by = Asking { key_hash: Some(&key), approver: Some(&person.name), limit: None };
    let ways = |db: &mut Client| {
        let loaded = load_for(db, now(), &run.run_id, by).unwrap();
        let button = of_identity(db, Channel::Telegram, &telegram).unwrap();
        (of_key(db, now(), &key).unwrap(), button, loaded.principal, loaded.run.is_some(), loaded.approver)
    };
    let (by_key, by_button, by_load, run_told, named) = ways(&mut db);
    for found in [by_key, by_button, by_load, named.map(|named| named.principal)] {
        assert_eq!(found.as_ref(), Some(&person));
    }
    assert!(run_told);

    for _ in 0..2 {
        assert_eq!(switch(&mut db, now(), &person.name, true).unwrap(), Outcome::Done);
        let (by_key, by_button, by_load, run_told, named) = ways(&mut db);
        assert_eq!((by_key, by_button, by_load, run_told), (None, None, None, false));
        assert!(named.unwrap().disabled);
    }
    switch(&mut db, now(), &person.name, false).unwrap();
    assert_eq!(ways(&mut db).0, Some(person));
    assert_eq!(switch(&mut db, now(), "nobody-at-all", true).unwrap(), Outcome::Unknown);
}

#[test]
fn a_key_that_nobody_has_takes_nothing_from_a_limit_and_is_told_nothing() {
    let mut db = connect();
    let run = started(&mut db, "test_video_gen", ProvidersMode::Mock);
    let (_, key) = added(&mut db);
    let caller = fresh_id();
    let limit = Limit { name: "test", caller: &caller, limit: 2, window_seconds: 60 };
    let unknown = hash();
    let asking = |key| Asking { key_hash: Some(key), approver: None, limit: Some(&limit) };
    for _ in 0..3 {
        let loaded = load_for(&mut db, now(), &run.run_id, asking(&unknown)).unwrap();
        assert_eq!((loaded.principal, loaded.limit, loaded.run), (None, None, None));
        assert_eq!(start_load(&mut db, now(), Some(&unknown), "aismr", None, &limit).unwrap().limit, None);
        assert_eq!(
            chat::load(
                &mut db,
                now(),
                chat::Asking { key_hash: Some(&unknown), user_id: "u", reader: None, history: 5 },
                &limit
            )
            .unwrap()
            .limit,
            None
        );
    }
    let loaded = load_for(&mut db, now(), &run.run_id, asking(&key)).unwrap();
    assert_eq!((loaded.limit.unwrap().remaining, loaded.run.is_some()), (1, true));
    let loaded = start_load(&mut db, now(), Some(&key), "aismr", None, &limit).unwrap();
    assert_eq!((loaded.limit.unwrap().remaining, loaded.principal.is_some()), (0, true));
    let spent = load_for(&mut db, now(), &run.run_id, asking(&key)).unwrap();
    assert_eq!((spent.principal.is_some(), spent.run), (true, None));
}

#[test]
fn an_id_in_a_channel_is_one_persons_and_a_refused_change_leaves_nothing_behind() {
    let mut db = connect();
    let (ann, _) = added(&mut db);
    let id = telegram_id();
    let telegram = |id: Option<&str>| Identities { telegram: id.map(str::to_owned), slack: None };
    let found = |db: &mut Client, channel| of_identity(db, channel, &id).unwrap().map(|found| found.name);
    assert_eq!(change(&mut db, &ann.name, None, None, Some(&telegram(Some(&id)))).unwrap(), Outcome::Done);
    assert_eq!(found(&mut db, Channel::Telegram), Some(ann.name.clone()));
    assert_eq!(found(&mut db, Channel::Slack), None);

    let bob = person(Role::Viewer);
    let key = hash();
    assert_eq!(add(&mut db, now(), &bob, &telegram(Some(&id)), &key).unwrap(), Outcome::IdentityTaken);
    assert_eq!(of_key(&mut db, now(), &key).unwrap(), None);
    assert_eq!(add(&mut db, now(), &bob, &Identities::default(), &key).unwrap(), Outcome::Done);
    let promoted = change(&mut db, &bob.name, Some(Role::Operator), None, Some(&telegram(Some(&id)))).unwrap();
    assert_eq!(promoted, Outcome::IdentityTaken);
    assert_eq!(of_key(&mut db, now(), &key).unwrap().unwrap().role, Role::Viewer);

    change(&mut db, &ann.name, None, None, Some(&telegram(None))).unwrap();
    let groups = vec!["day".to_owned()];
    change(&mut db, &bob.name, None, Some(&groups), Some(&telegram(Some(&id)))).unwrap();
    assert_eq!(found(&mut db, Channel::Telegram), Some(bob.name.clone()));
    assert_eq!(of_key(&mut db, now(), &key).unwrap(), Some(Principal::known(bob.name, bob.role, groups)));
    assert_eq!(change(&mut db, "nobody-at-all", None, None, Some(&telegram(None))).unwrap(), Outcome::Unknown);
}

#[test]
fn pages_of_principals_follow_each_other_and_show_no_key() {
    let own = OwnDatabase::new();
    let mut db = own.connect();
    let mut keys = Vec::new();
    for name in ["ann", "bob", "eve"] {
        let person = Principal::known(name, Role::Viewer, Vec::new());
        keys.push(hash());
        add(&mut db, now(), &person, &Identities::default(), keys.last().unwrap()).unwrap();
    }
    let names = |page: &mw_store::principals::Page| -> Vec<String> {
        page.principals.iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
    };
    let first = list(&mut db, None, 2).unwrap();
    assert_eq!((names(&first), first.more), (vec!["ann".to_owned(), "bob".to_owned()], true));
    assert_eq!(first.principals[0]["keys"][0]["keyId"], key_id(&keys[0]));
    let second = list(&mut db, Some("bob"), 2).unwrap();
    assert_eq!((names(&second), second.more), (vec!["eve".to_owned()], false));
    let shown = serde_json::to_string(&(first.principals, second.principals)).unwrap();
    assert!(keys.iter().all(|key| !shown.contains(&key[..13])), "{shown}");
}

#[test]
fn names_that_could_be_mistaken_are_refused_by_the_schema() {
    let mut db = connect();
    let long = "x".repeat(65);
    for name in
        ["operator", "", "Ann", "a b", "a/b", "-a", "\u{430}nn", "a\n", "a ", "telegram_5", "slack_u1", long.as_str()]
    {
        let odd = Principal::known(name, Role::Viewer, Vec::new());
        let refused = add(&mut db, now(), &odd, &Identities::default(), &hash()).unwrap_err().to_string();
        assert!(refused.contains("principals_name"), "{name}: {refused}");
    }
    for groups in [vec!["A".to_owned()], vec![String::new()], vec!["g".to_owned(); 21]] {
        let odd = Principal::known(format!("p{}", fresh_id()), Role::Viewer, groups);
        let refused = add(&mut db, now(), &odd, &Identities::default(), &hash()).unwrap_err().to_string();
        assert!(refused.contains("principals_groups"), "{refused}");
    }
}

#[test]
fn a_name_like_a_messengers_user_is_only_ever_a_disabled_one() {
    let own = OwnDatabase::new();
    let mut db = own.connect();
    let sql =
        "INSERT INTO principals (name, role, created_at, disabled_at) VALUES ('telegram_5', 'approver', now(), now())";
    db.driver().execute(sql, &[]).unwrap();
    let enabled = db.driver().execute("UPDATE principals SET disabled_at = NULL", &[]).unwrap_err();
    assert!(enabled.as_db_error().unwrap().message().contains("principals_name"));
}

/// A person of Telegram whom no other test knows.
fn telegram_id() -> String {
    (uuid::Uuid::new_v4().as_u128() as u64 >> 12 | 1 << 40).to_string()
}

#[test]
fn an_id_that_many_share_is_nobodys() {
    let mut db = connect();
    let (ann, _) = added(&mut db);
    let sql = "INSERT INTO principal_identities (channel, identity, name) VALUES ($1, $2, $3)";
    for (channel, id) in [
        ("telegram", "-1001234567890"),
        ("telegram", "05"),
        ("telegram", "1087968824"),
        ("telegram", "777000"),
        ("slack", "C0123456789"),
        ("slack", "D0123456789"),
        ("slack", "u0123456789"),
    ] {
        let refused = db.driver().execute(sql, &[&channel, &id, &ann.name]).unwrap_err();
        let constraint = refused.as_db_error().and_then(|error| error.constraint().map(str::to_owned));
        assert_eq!(constraint.as_deref(), Some("principal_identities_one_person"), "{channel} {id}");
    }
}

#[test]
fn what_is_known_of_many_names_is_told_at_once() {
    let mut db = connect();
    let ((ann, _), (bob, _)) = (added(&mut db), added(&mut db));
    switch(&mut db, now(), &bob.name, true).unwrap();
    let found = named(&mut db, &[&ann.name, &bob.name, "nobody-at-all"]).unwrap();
    assert_eq!((found.len(), found[&ann.name].disabled, found[&bob.name].disabled), (2, false, true));
    assert!(named(&mut db, &[]).unwrap().is_empty());
}
