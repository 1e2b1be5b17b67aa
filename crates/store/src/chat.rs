//! Conversations with Brendan.

use crate::channels::UpdateKey;
use crate::runs::ProjectVersion;
use crate::{Database, DbError, Limit, Taken, call, metrics, text};
use mw_core::Timestamp;
use mw_core::brendan::{KnownProject, KnownRun};
use mw_core::principal::Principal;
use mw_core::status::GateName;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// What a chat turn needs.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct ChatLoaded {
    /// Whose key was asked with.
    pub principal: Option<Principal>,
    pub limit: Option<Taken>,
    /// While the service drains, nothing new begins, conversations included.
    pub draining: Option<Draining>,
    pub projects: Vec<ChatProject>,
    /// The user's own runs, newest first.
    pub runs: Vec<ChatRun>,
    /// The last messages, oldest first.
    pub history: Vec<Said>,
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
    /// Opening of the gate that waits, for its link.
    pub opening: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// `user` or `brendan`.
    pub role: String,
    pub content: String,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Notice {
    pub message_id: i64,
    pub content: String,
    pub run_id: Option<String>,
    pub gate: Option<GateName>,
}

/// A turn to be kept: what was said, and how far notices were told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Turn {
    pub user_id: String,
    pub messages: Vec<Said>,
    /// Id of the newest notice in the answer; 0 for none.
    pub told_until: i64,
    /// The bot's update that this turn answers: done with the turn's commit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub update: Option<UpdateKey>,
    /// What he decided, where it was about a new run; counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
}

/// What Brendan does about a message that asks for no run that there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    Run,
    Clarify,
    Decline,
}

/// Loads a user's conversation, takes one from a limit, and finds out whose key it is, where that is not known.
pub fn load(
    db: &mut dyn Database,
    now: Timestamp,
    key_hash: Option<&str>,
    user_id: &str,
    limit: &Limit<'_>,
) -> Result<ChatLoaded, DbError> {
    let request = json!({"now": text(now), "key_hash": key_hash, "user_id": user_id, "limit": limit});
    call(db, "SELECT chat_load($1)", &request)
}

/// Keeps a turn that starts nothing.
pub fn save(db: &mut dyn Database, now: Timestamp, turn: &Turn) -> Result<(), DbError> {
    let mut request = json!({"now": text(now), "chat": turn});
    metrics::ride(db, &mut request);
    let answer = call(db, "SELECT chat_save($1)", &request)?;
    metrics::ridden(db, &answer);
    Ok(())
}
