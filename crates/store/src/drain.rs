//! Drain: no new run starts while everything in flight goes on. The guard itself is in `runs_commit`
//! ([`crate::commit::Committed::Draining`]), so that no race starts a run.

use crate::{Database, DbError, call, text};
use mw_kernel::Timestamp;
use mw_kernel::status::StatusWord;
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
    /// Open runs, by status.
    pub runs: BTreeMap<StatusWord, u64>,
    /// Of these, runs with an open gate, by status.
    pub at_gates: BTreeMap<StatusWord, u64>,
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
    /// Runs that are at work, or work that is due or under way.
    pub fn is_at_work(&self) -> bool {
        self.working() + self.effects.due + self.effects.leased > 0
    }

    /// Open runs that wait for a person, at a gate or because somebody paused them: they survive any restart.
    pub fn waiting(&self) -> u64 {
        let at_gates = |status| self.at_gates.get(status).copied().unwrap_or_default();
        self.runs.iter().map(|(status, many)| if status.is_paused() { *many } else { at_gates(status) }).sum()
    }

    /// Open runs that wait for nobody.
    pub fn working(&self) -> u64 {
        self.runs.values().sum::<u64>().saturating_sub(self.waiting())
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
