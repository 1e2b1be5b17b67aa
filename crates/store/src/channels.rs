//! Where people are told what happens, and what a bot of ours has answered: chats and channels, updates, presses of
//! buttons. The fan-out of notices is part of the commit (`notices_write`).

use crate::{Database, DbError, call, text};
use mw_kernel::Timestamp;
use mw_kernel::notification::Notice;
use mw_kernel::principal::{Named, Principal};
use mw_kernel::run::AnyRun;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

mw_kernel::words! {
    /// A messenger; a CHECK on `channels.kind` knows the same words.
    Kind {
        Telegram = "telegram",
        Slack = "slack",
    }
}

/// What an effect of kind `notify` carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Addressed {
    /// A chat's or channel's id. Who reads there is asked when the message leaves ([`Recipient`]).
    pub address: String,
    pub notice: Notice,
}

/// Who reads at a notice's address, as things stand.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub struct Recipient {
    /// Among the channels, for the run's project or for all.
    pub listed: bool,
    /// Whose own chat it is.
    pub person: Option<Named>,
}

/// What became of adding a channel.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum Adding {
    Added {
        channel: Value,
    },
    Known {
        channel: Value,
    },
    UnknownProject,
    /// No more of them, since every commit tells all in one statement.
    Full,
}

/// Adds a chat or channel that hears of one project's runs, or of all; twice is once.
pub fn add(
    db: &mut dyn Database,
    now: Timestamp,
    kind: Kind,
    address: &str,
    project: Option<&str>,
) -> Result<Adding, DbError> {
    let request = json!({"now": text(now), "kind": kind, "address": address, "project": project});
    call(db, "channel_add", &request)
}

/// Lists all channels.
pub fn list(db: &mut dyn Database) -> Result<Vec<Value>, DbError> {
    #[derive(Deserialize)]
    struct Answer {
        channels: Vec<Value>,
    }
    call::<Answer>(db, "channel_list", &json!({})).map(|answer| answer.channels)
}

/// Removes a channel; false when there is none of this id.
pub fn remove(db: &mut dyn Database, channel_id: &str) -> Result<bool, DbError> {
    #[derive(Deserialize)]
    struct Answer {
        removed: bool,
    }
    call::<Answer>(db, "channel_remove", &json!({"channel_id": channel_id})).map(|answer| answer.removed)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Replayed {
    pub acted: u64,
    pub kick: bool,
}

/// Makes notices that were given up due again, newest first: of one run, or of all.
pub fn replay(db: &mut dyn Database, now: Timestamp, run_id: Option<&str>, limit: u32) -> Result<Replayed, DbError> {
    call(db, "notices_replay", &json!({"now": text(now), "run_id": run_id, "limit": limit}))
}

/// An update of a bot, by which it is handled once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UpdateKey {
    pub kind: Kind,
    pub update_id: String,
}

/// Whose an update is.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum Begun {
    /// Ours to handle.
    Mine {
        /// The chat is listed, or somebody who may act writes in their own; and no viewer and nobody disabled wrote.
        allowed: bool,
        /// Nobody but whoever wrote reads the chat.
        private: bool,
        /// The first address of the chat, under which its conversation goes on when it has moved.
        #[serde(default)]
        conversation: Option<String>,
        /// The run that an earlier version of the message started.
        #[serde(default)]
        amends: Option<String>,
        /// Why not, where that is to be said, this once.
        #[serde(default)]
        refusal: Option<Unwelcome>,
        /// Who wrote, where an identity says so and they may act.
        #[serde(default)]
        principal: Option<Principal>,
    },
    /// It was handled before.
    Duplicate,
    /// Somebody handles it just now.
    AtWork,
}

/// Why the bot does not talk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unwelcome {
    /// Nobody has listed the chat, and it is not the own one of somebody known.
    Stranger,
    /// A viewer wrote, or somebody disabled.
    Barred,
}

/// A message as of some time: one that is changed comes again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MessageVersion {
    /// Its chat and its number there.
    pub message: String,
    /// In Unix seconds.
    pub said_at: i64,
    pub text_sha256: String,
}

/// Takes an update, for its chat and the id of whoever sent it, and for the message that it brings.
pub fn begin_update(
    db: &mut dyn Database,
    now: Timestamp,
    key: &UpdateKey,
    chat: Option<&str>,
    identity: Option<&str>,
    message: Option<&MessageVersion>,
) -> Result<Begun, DbError> {
    let mut request = json!({
        "now": text(now), "kind": key.kind, "update_id": key.update_id, "chat": chat, "identity": identity,
    });
    if let (Some(message), Some(members)) = (message, request.as_object_mut()) {
        members.insert("message".to_owned(), json!(message));
    }
    call(db, "update_begin", &request)
}

/// Remembers that a chat or channel has another id; says whether there was anything to carry over.
pub fn moved(db: &mut dyn Database, now: Timestamp, kind: Kind, from: &str, to: &str) -> Result<bool, DbError> {
    #[derive(Deserialize)]
    struct Answer {
        moved: bool,
    }
    let request = json!({"now": text(now), "kind": kind, "from": from, "to": to});
    call::<Answer>(db, "channel_move", &request).map(|answer| answer.moved)
}

/// Says that an update is handled; a chat turn's commit says it by itself.
pub fn end_update(db: &mut dyn Database, key: &UpdateKey) -> Result<(), DbError> {
    call::<Value>(db, "update_end", &json!(key)).map(|_| ())
}

/// What a press of a button is about, and who presses.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Pressed {
    /// `None` for a stranger.
    pub principal: Option<Principal>,
    /// `None`, as the run, when it is no message of this messenger.
    pub notice: Option<Notice>,
    pub run: Option<AnyRun>,
}

/// Loads what a press of a button is about.
pub fn pressed(db: &mut dyn Database, kind: Kind, effect_id: i64, identity: &str) -> Result<Pressed, DbError> {
    call(db, "press_load", &json!({"effect_id": effect_id, "kind": kind, "identity": identity}))
}
