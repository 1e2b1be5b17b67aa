//! Drain: no new run starts while everything in flight goes on. The guard itself is in `runs_commit`
//! ([`crate::commit::Committed::Draining`]), so that no race starts a run.

use crate::{Database, DbError, call, text};
use mw_media::Timestamp;
use mw_media::status::Status;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The switch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drain {
    pub on: bool,
    pub reason: Option<String>,
    pub actor: String,
    /// When it was last changed from on to off or back.
    pub since: String,
}

/// What has not ended.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Left {
    pub drain: Drain,
    /// Open runs.
    pub runs: BTreeMap<Status, u64>,
    pub effects: Effects,
    /// Provider jobs of open runs, by state.
    pub jobs: BTreeMap<String, u64>,
    /// Counted to a thousand.
    pub dead_letters: u64,
    /// There may be more than were counted.
    pub dead_letters_more: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effects {
    pub due: u64,
    pub leased: u64,
}

impl Left {
    /// Runs that wait for a person: they survive any restart.
    pub fn waiting(&self) -> u64 {
        self.count(waits)
    }

    /// Runs that are at work, or work that is due or under way.
    pub fn is_at_work(&self) -> bool {
        self.count(|status| !waits(status)) + self.effects.due + self.effects.leased > 0
    }

    fn count(&self, fits: fn(Status) -> bool) -> u64 {
        self.runs.iter().filter(|(status, _)| fits(**status)).map(|(_, count)| count).sum()
    }
}

/// Whether a run in this status goes on only when somebody says so.
fn waits(status: Status) -> bool {
    match status {
        Status::PendingWorkflow
        | Status::AwaitingIdeate
        | Status::AwaitingPrepublish
        | Status::AwaitingApproval
        | Status::Paused => true,
        Status::Running
        | Status::Publishing
        | Status::Published
        | Status::Failed
        | Status::Cancelled
        | Status::Rejected
        | Status::Expired => false,
    }
}

/// Switches draining on or off. Once this has answered "on", no run starts any more.
pub fn switch(
    db: &mut dyn Database,
    now: Timestamp,
    on: bool,
    actor: &str,
    reason: Option<&str>,
) -> Result<(), DbError> {
    let request = json!({"now": text(now), "on": on, "actor": actor, "reason": reason});
    call::<Value>(db, "drain_switch", &request).map(|_| ())
}

/// Reads the switch.
pub fn state(db: &mut dyn Database) -> Result<Drain, DbError> {
    call(db, "drain_state", &json!({}))
}

/// Counts what is left.
pub fn left(db: &mut dyn Database) -> Result<Left, DbError> {
    call(db, "drain_status", &json!({}))
}
