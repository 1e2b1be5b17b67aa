//! Conversations, and the messengers that people hold them in.

use super::{FEW, PAGE, Statement, limit, statement};
use crate::history::{new_id, now};
use mw_store::channels::{self, Begun, Kind, MessageVersion, UpdateKey};
use mw_store::chat::{self, Said, Turn};

pub(crate) fn all() -> Vec<Statement> {
    [conversations(), messengers()].into_iter().flatten().collect()
}

fn conversations() -> Vec<Statement> {
    vec![
        statement("chat_load", PAGE, |db, _| {
            let loaded = chat::load(
                db,
                now(),
                chat::Asking { key_hash: None, user_id: "user-1", reader: None, history: 5 },
                &limit(),
            )
            .unwrap();
            assert!(loaded.runs.len() == 50 && loaded.history.len() == 5 && !loaded.notices.is_empty());
        }),
        statement("chat_save", PAGE, |db, _| {
            let messages = vec![Said { role: "user".into(), content: "hello".into() }];
            chat::save(
                db,
                now(),
                &Turn {
                    user_id: "user-1".into(),
                    messages,
                    told_until: i64::MAX,
                    planner: Some("model"),
                    used: Some(used()),
                    ..Turn::default()
                },
            )
            .unwrap();
        }),
        statement("chat_run", FEW, |db, run| {
            assert!(chat::run(db, &run.user_id, &run.run_id).unwrap().is_some());
        }),
        statement("chat_export", PAGE, |db, _| {
            assert!(!chat::export(db, now(), None, "user-1", Some(1), 50).unwrap().messages.is_empty());
        }),
        statement("chat_summarise", FEW, |db, _| {
            let newest = chat::export(db, now(), None, "user-1", None, 1).unwrap().messages.remove(0);
            let until_id = newest["message_id"].as_i64().unwrap();
            let made = chat::Summary { user_id: "user-1", after_id: 0, until_id, summary: Some("x"), used: &used() };
            assert!(chat::summarise(db, now(), &made).unwrap());
        }),
        statement("chat_delete", PAGE, |db, _| assert_eq!(chat::delete(db, "user-2", 3).unwrap().deleted, 3)),
    ]
}

fn used() -> chat::Used {
    chat::Used { model: "gpt".into(), input_tokens: 10, output_tokens: 2, cost: 0.5 }
}

fn messengers() -> Vec<Statement> {
    let key = || UpdateKey { kind: Kind::Telegram, update_id: new_id() };
    vec![
        statement("channel_add", FEW, |db, _| {
            assert!(channels::add(db, now(), Kind::Slack, "C01", Some("aismr")).is_ok());
        }),
        statement("channel_list", FEW, |db, _| drop(channels::list(db).unwrap())),
        statement("channel_remove", FEW, |db, _| assert!(!channels::remove(db, &new_id()).unwrap())),
        statement("notices_replay", FEW, |db, _| assert_eq!(channels::replay(db, now(), None, 200).unwrap().acted, 0)),
        statement("update_begin", FEW, move |db, _| {
            let begun = channels::begin_update(db, now(), &key(), Some("5"), Some("5"), None).unwrap();
            assert!(matches!(begun, Begun::Mine { allowed: true, .. }));
        }),
        statement("update_begin of a message", FEW, move |db, _| {
            let version = MessageVersion { message: "5:17".into(), said_at: 1, text_sha256: "a".repeat(64) };
            let begun = channels::begin_update(db, now(), &key(), Some("5"), Some("5"), Some(&version)).unwrap();
            assert!(!matches!(begun, Begun::Mine { allowed: false, .. }));
        }),
        statement("channel_move", FEW, |db, _| {
            channels::add(db, now(), Kind::Slack, "C07", None).unwrap();
            assert!(channels::moved(db, now(), Kind::Slack, "C07", "C08").unwrap());
            assert!(channels::moved(db, now(), Kind::Slack, "C08", "C07").unwrap());
        }),
        statement("update_end", FEW, move |db, _| channels::end_update(db, &key()).unwrap()),
        statement("press_load", FEW, |db, _| {
            assert!(channels::pressed(db, Kind::Telegram, 77, "5").unwrap().principal.is_some());
        }),
    ]
}
