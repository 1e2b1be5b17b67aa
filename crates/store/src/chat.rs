//! Conversations with Brendan.

use crate::channels::UpdateKey;
use crate::metrics::Beside;
use crate::runs::ProjectVersion;
use crate::{Database, DbError, Limit, Taken, call, call_beside, text};
use mw_kernel::Timestamp;
use mw_kernel::link::Waiting;
use mw_kernel::principal::{Named, Principal};
use mw_kernel::run::OpenGate;
use mw_kernel::status::GateName;
use mw_media::brendan::{KnownProject, KnownRun};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What a chat turn needs.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct ChatLoaded {
    /// Whose key was asked with.
    pub principal: Option<Principal>,
    pub limit: Option<Taken>,
    /// While the service drains, nothing new begins, conversations included.
    pub draining: Option<Draining>,
    /// Whose conversation it is: behind a principal's key their own or a part of it.
    pub user_id: String,
    /// What is known of whoever reads the answer, where a name was asked for.
    pub reader: Option<Named>,
    /// The body named another than the caller, so that there is no turn.
    pub is_somebody_else: bool,
    /// Brendan has not answered in this conversation yet.
    pub is_new: bool,
    pub projects: Vec<ChatProject>,
    /// The user's own runs, newest first.
    pub runs: Vec<ChatRun>,
    /// The last messages that no summary has, oldest first; as many as were asked for.
    pub history: Vec<Kept>,
    /// What was said before them.
    pub summary: Option<String>,
    /// The last message of the summary; 0 without one.
    pub summary_until: i64,
    /// What a language model has read and written for this person on this UTC day, in all their conversations.
    pub tokens_today: Option<u64>,
    /// What happened since the last answer, oldest first.
    pub notices: Vec<Notice>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Draining {
    pub reason: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct ChatProject {
    #[serde(flatten)]
    pub known: KnownProject,
    pub version: String,
    pub digest: String,
}

impl ChatProject {
    pub fn project_version(&self) -> ProjectVersion {
        ProjectVersion { key: self.known.key.clone(), version: self.version.clone(), digest: self.digest.clone() }
    }
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct ChatRun {
    #[serde(flatten)]
    pub known: KnownRun,
    /// The gates that wait, unread: another release may have written them.
    #[serde(default)]
    pub gates: Vec<Value>,
}

impl ChatRun {
    /// The gate that has waited longest; `None` too when this version cannot read it: then nobody gets a link.
    pub fn waiting(&self) -> Option<Waiting> {
        let open = OpenGate::deserialize(self.gates.first()?).ok()?;
        Some(Waiting {
            run_id: self.known.run_id.clone(),
            gate: open.gate,
            opening: open.opening,
            subject_sha256: open.subject_sha256,
            policy: open.policy,
            escalated: open.escalated,
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// `user` or `brendan`.
    pub role: String,
    pub content: String,
}

/// A message as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Kept {
    pub message_id: i64,
    #[serde(flatten)]
    pub said: Said,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Notice {
    pub message_id: i64,
    pub content: String,
    pub run_id: Option<String>,
    pub gate: Option<GateName>,
}

/// A turn to be kept: what was said, and how far notices were told.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Turn {
    pub user_id: String,
    pub messages: Vec<Said>,
    /// Id of the newest notice in the answer; 0 for none.
    pub told_until: i64,
    /// The run that the turn starts: the answer tells of its first gate, so that its notice need not, and a changed message amends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started: Option<String>,
    /// The bot's update that this turn answers: done with the turn's commit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub update: Option<UpdateKey>,
    /// What he decided, where it was about a new run; counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
    /// `model` or `rules`; counted where there is a model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub planner: Option<&'static str>,
    /// Why the rules answered although there is a model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub used: Option<Used>,
}

/// What a language model has read and written for somebody.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Used {
    /// A label of metrics.
    pub model: String,
    pub input_tokens: u64,
    pub output_tokens: u64,
    /// In whatever currency the prices are; 0 without prices.
    pub cost: f64,
}

/// What Brendan does about a message that asks for no run that there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    Run,
    Clarify,
    Decline,
}

/// Who has a turn.
#[derive(Debug, Clone, Copy)]
pub struct Asking<'a> {
    /// SHA-256 of a key in hex, when whose it is has yet to be found out.
    pub key_hash: Option<&'a str>,
    pub user_id: &'a str,
    /// The name of whoever reads the answer, where no key says who that is.
    pub reader: Option<&'a str>,
    /// Messages of the conversation so far, at most.
    pub history: u32,
}

/// Loads a user's conversation, takes one from a limit, and finds out whose key it is, where that is not known.
pub fn load(db: &mut dyn Database, now: Timestamp, by: Asking<'_>, limit: &Limit<'_>) -> Result<ChatLoaded, DbError> {
    let Asking { key_hash, user_id, reader, history } = by;
    let request = json!({
        "now": text(now), "key_hash": key_hash, "user_id": user_id, "reader": reader, "limit": limit,
        "history": history,
    });
    call(db, "chat_load", &request)
}

/// What there is to say about one of a user's own runs; `None` for another's.
pub fn run(db: &mut dyn Database, user_id: &str, run_id: &str) -> Result<Option<Value>, DbError> {
    call(db, "chat_run", &json!({"user_id": user_id, "run_id": run_id}))
}

/// Keeps a turn that starts nothing.
pub fn save(db: &mut dyn Database, now: Timestamp, turn: &Turn) -> Result<(), DbError> {
    let request = json!({"now": text(now), "chat": turn});
    call_beside::<IgnoredAny>(db, "chat_save", &request, None, Beside::default()).map(|_| ())
}

/// What a model made of the messages after one and until another.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary<'a> {
    pub user_id: &'a str,
    pub after_id: i64,
    pub until_id: i64,
    /// `None` when it made nothing of them; its tokens count all the same.
    pub summary: Option<&'a str>,
    pub used: &'a Used,
}

/// Keeps a summary, unless another has come between or the conversation is gone; says whether it was kept.
pub fn summarise(db: &mut dyn Database, now: Timestamp, summary: &Summary<'_>) -> Result<bool, DbError> {
    let Summary { user_id, after_id, until_id, summary, used } = summary;
    let request = json!({
        "now": text(now), "user_id": user_id, "after_id": after_id, "until_id": until_id, "summary": summary,
        "used": used,
    });
    let answer: Value = call(db, "chat_summarise", &request)?;
    Ok(answer.get("kept").and_then(Value::as_bool).unwrap_or_default())
}

/// A page of a conversation.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Exported {
    /// Whose key was asked with.
    pub principal: Option<Principal>,
    /// Oldest first.
    pub messages: Vec<Value>,
    pub more: bool,
    pub summary: Option<String>,
    pub usage: Value,
}

/// Reads a page of a conversation after a message, and finds out whose key it is.
pub fn export(
    db: &mut dyn Database,
    now: Timestamp,
    key_hash: Option<&str>,
    user_id: &str,
    after: Option<i64>,
    limit: u32,
) -> Result<Exported, DbError> {
    let request = json!({"now": text(now), "key_hash": key_hash, "user_id": user_id, "after": after, "limit": limit});
    call(db, "chat_export", &request)
}

/// What of a conversation went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Deleted {
    pub deleted: u64,
    pub more: bool,
}

/// Deletes the oldest messages of a conversation, and its summary.
pub fn delete(db: &mut dyn Database, user_id: &str, limit: u32) -> Result<Deleted, DbError> {
    call(db, "chat_delete", &json!({"user_id": user_id, "limit": limit}))
}
