//! What operators put in and take out by hand: accounts to publish through, and whole runs.

use crate::{Database, DbError, call, text};
use mw_kernel::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What came of a seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Seeded {
    Added,
    Unchanged,
    UnknownProject,
}

#[derive(Deserialize)]
struct SeedAnswer {
    result: Seeded,
}

/// Makes an account at a provider the primary one of a project; may be repeated.
pub fn seed_social(
    db: &mut dyn Database,
    now: Timestamp,
    provider: &str,
    account_id: &str,
    project: &str,
) -> Result<Seeded, DbError> {
    let request = json!({"now": text(now), "provider": provider, "account_id": account_id, "project": project});
    call(db, "social_seed", &request).map(|answer: SeedAnswer| answer.result)
}

/// Why a run stayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    Open,
    /// A run that has not ended goes on from it.
    OpenSuccessor,
    Missing,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    pub run_id: String,
    pub why: Why,
}

/// What one statement deleted, or would have, and where the next page begins.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Purged {
    pub purged: Vec<String>,
    pub kept: Vec<Kept>,
    /// `None` behind the last page.
    pub after: Option<Value>,
}

/// Deletes these runs with all that belongs to them, if they have ended.
pub fn purge_runs(db: &mut dyn Database, run_ids: &[String], dry_run: bool) -> Result<Purged, DbError> {
    call(db, "runs_purge", &json!({"run_ids": run_ids, "dry_run": dry_run}))
}

/// Deletes a page of the runs that ended before this moment, oldest first.
pub fn purge_runs_before(
    db: &mut dyn Database,
    before: Timestamp,
    after: Option<&Value>,
    limit: u32,
    dry_run: bool,
) -> Result<Purged, DbError> {
    let request = json!({"before": text(before), "after": after, "limit": limit, "dry_run": dry_run});
    call(db, "runs_purge", &request)
}
