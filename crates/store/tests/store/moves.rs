//! Messages that people change, and chats that get another id.

use crate::channels::{added, key, recipients};
use crate::fixture::*;
use mw_media::status::ProvidersMode;
use mw_store::channels::{Begun, Kind, MessageVersion, Recipient, UpdateKey, begin_update, end_update, moved};
use mw_store::chat::{Turn, save};
use mw_store::commit::{Decision, Outcome, Settle};
use mw_store::effects::{self, Contact, Observed};
use mw_store::native::Client;

/// A message of a chat of its own, as of some second, with a text.
fn version(message: &str, said_at: i64, text: &str) -> MessageVersion {
    let text_sha256 = text.repeat(64).chars().take(64).collect();
    MessageVersion { message: message.to_owned(), said_at, text_sha256 }
}

fn begun(db: &mut Client, key: &UpdateKey, version: &MessageVersion) -> Begun {
    begin_update(db, now(), key, Some("5"), None, Some(version)).unwrap()
}

#[test]
fn a_changed_message_is_the_same_message() {
    let mut db = connect();
    let (message, first) = (fresh_id(), key());
    let run = started(&mut db, "aismr", ProvidersMode::Mock);
    assert!(matches!(begun(&mut db, &first, &version(&message, 1, "a")), Begun::Mine { amends: None, .. }));
    let edit = key();
    assert_eq!(begun(&mut db, &edit, &version(&message, 2, "b")), Begun::AtWork, "its message is being handled");
    let turn = Turn { user_id: fresh_id(), update: Some(first), started: Some(run.run_id.clone()), ..Turn::default() };
    save(&mut db, now(), &turn).unwrap();
    assert_eq!(
        begun(&mut db, &key(), &version(&message, 2, "a")),
        Begun::Duplicate,
        "nothing but its looks has changed"
    );
    match begun(&mut db, &edit, &version(&message, 3, "b")) {
        Begun::Mine { amends, .. } => assert_eq!(amends, Some(run.run_id)),
        other => panic!("{other:?}"),
    }
    end_update(&mut db, &edit).unwrap();
    let late = key();
    assert_eq!(begun(&mut db, &late, &version(&message, 2, "c")), Begun::Duplicate, "older than what has come");
    assert_eq!(begun(&mut db, &late, &version(&message, 2, "c")), Begun::Duplicate);
}

#[test]
fn versions_of_a_message_that_come_at_once_are_handled_one_by_one() {
    let message = fresh_id();
    let mine = std::thread::scope(|scope| {
        let calls: Vec<_> = (0..20)
            .map(|at| {
                let version = version(&message, at, &(at % 10).to_string());
                scope.spawn(move || begun(&mut connect(), &key(), &version))
            })
            .collect();
        calls.into_iter().map(|call| call.join().unwrap()).filter(|begun| matches!(begun, Begun::Mine { .. })).count()
    });
    assert_eq!(mine, 1);
}

/// The addresses at which a messenger is listed, with their projects.
fn listed(db: &mut Client, kind: &str) -> Vec<(String, Option<String>)> {
    let sql = "SELECT address, project FROM channels WHERE kind = $1 ORDER BY address, project";
    db.driver().query(sql, &[&kind]).unwrap().iter().map(|row| (row.get(0), row.get(1))).collect()
}

fn conversation(db: &mut Client, chat: &str) -> Option<String> {
    match begin_update(db, now(), &key(), Some(chat), None, None).unwrap() {
        Begun::Mine { conversation, .. } => conversation,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_group_that_moved_keeps_its_place_in_the_list_and_its_conversation() {
    let own = OwnDatabase::new();
    let mut db = own.connect();
    started(&mut db, "aismr", ProvidersMode::Mock);
    added(&mut db, Kind::Telegram, "-5", None);
    added(&mut db, Kind::Telegram, "-5", Some("aismr"));
    added(&mut db, Kind::Telegram, "-1005", Some("aismr"));
    let move_to = |db: &mut Client, from, to| moved(db, now(), Kind::Telegram, from, to).unwrap();
    assert!(!move_to(&mut db, "-77", "-1077"), "nobody knows it");
    assert!(move_to(&mut db, "-5", "-1005"));
    assert!(!move_to(&mut db, "-5", "-1005"), "the other chat says it, too");
    let both = [("-1005".to_owned(), Some("aismr".to_owned())), ("-1005".to_owned(), None)];
    assert_eq!(listed(&mut db, "telegram"), both);
    assert!(move_to(&mut db, "-1005", "-2005"));
    assert_eq!(conversation(&mut db, "-2005").as_deref(), Some("-5"), "under its first address");
    assert!(move_to(&mut db, "-2005", "-5"), "back again");
    assert_eq!(conversation(&mut db, "-5").as_deref(), Some("-5"));
}

#[test]
fn a_notice_on_its_way_follows_whoever_moved() {
    let own = OwnDatabase::new();
    let mut db = own.connect();
    started(&mut db, "aismr", ProvidersMode::Mock);
    added(&mut db, Kind::Telegram, "-5", None);
    let mut transition = start_transition("aismr", ProvidersMode::Mock);
    transition.run.user_id = "telegram_-5".into();
    commit_one(&mut db, of(transition));
    assert!(moved(&mut db, now(), Kind::Telegram, "-5", "-1005").unwrap());
    let expected = ("-1005".to_owned(), Recipient { listed: true, person: None });
    assert_eq!(recipients(&mut db), [expected]);
}

#[test]
fn a_refusal_that_says_where_a_group_is_moves_it() {
    let own = OwnDatabase::new();
    let mut db = own.connect();
    started(&mut db, "aismr", ProvidersMode::Mock);
    added(&mut db, Kind::Telegram, "-5", None);
    started(&mut db, "aismr", ProvidersMode::Mock);
    let effect = effects::claim(&mut db, now(), 16, 45).unwrap().effects.remove(0);
    let outcome = Outcome::Again { due_at: now(), not_sent: true, uncounted: false };
    let observed = Observed {
        effect_id: effect.effect_id,
        provider: effect.provider.clone(),
        kind: effect.kind,
        lane: effect.lane,
        contact: Contact::Refused,
        seconds: 0.1,
        used: None,
        hold_seconds: None,
        moved_to: Some("-1005".into()),
    };
    let settle = Settle { effect_id: effect.effect_id, fence: effect.fence, outcome, error: None };
    commit_one(&mut db, Decision { settle: Some(settle), observed: Some(observed), ..Decision::default() });
    assert_eq!(listed(&mut db, "telegram"), [("-1005".to_owned(), None)]);
    assert_eq!(recipients(&mut db)[0].0, "-1005");
}
