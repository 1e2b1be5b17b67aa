//! Deleting what is old, in bounded batches; never an open dead letter whose sender signed it.

use crate::{Database, DbError, call, text};
use mw_kernel::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Days after which a webhook event goes by itself.
pub const WEBHOOKS_DAYS: u32 = 14;
/// Days after the end of a run for which its artifacts are worth keeping; they go only when an operator says so.
pub const ARTIFACTS_DAYS: u32 = 90;

/// What is older than its retention.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Old {
    pub webhook_events: u64,
    /// Refused deliveries, which are kept for a day.
    pub refusals: u64,
    pub artifacts: u64,
}

/// Counts what is older than its retention.
pub fn count(db: &mut dyn Database, now: Timestamp, webhooks_days: u32, artifacts_days: u32) -> Result<Old, DbError> {
    let request = json!({"now": text(now), "webhooks_days": webhooks_days, "artifacts_days": artifacts_days});
    call(db, "retention_count", &request)
}

/// A batch of what went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Gone {
    /// Everything: receipts, dead letters that ended, windows of limits, and notes of what was done once.
    pub acted: u64,
    /// Webhook events and refusals.
    pub receipts: u64,
}

/// Deletes a batch of webhook events and refusals that are older than their retention, discards strangers' dead letters
/// whose time is over, and forgets the windows of limits that are.
pub fn prune(db: &mut dyn Database, now: Timestamp, webhooks_days: u32, limit: u32) -> Result<Gone, DbError> {
    let request = json!({"now": text(now), "webhooks_days": webhooks_days, "limit": limit});
    call(db, "retention_prune", &request)
}

/// A batch of artifacts that went, and where the next one begins.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Pruned {
    pub acted: u64,
    /// For the next batch; `None` behind the last one.
    pub after: Option<Value>,
}

/// Deletes the artifacts of a batch of runs that ended long ago; their timelines stay.
pub fn prune_artifacts(
    db: &mut dyn Database,
    now: Timestamp,
    artifacts_days: u32,
    after: Option<&Value>,
    limit: u32,
) -> Result<Pruned, DbError> {
    let request = json!({"now": text(now), "artifacts_days": artifacts_days, "after": after, "limit": limit});
    call(db, "artifacts_prune", &request)
}
