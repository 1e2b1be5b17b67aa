//! The dispatcher's claim.

use crate::{Database, DbError, call, text};
use mw_core::Timestamp;
use mw_core::run::{EffectKind, Run};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// An effect under our lease.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Claimed {
    pub effect_id: i64,
    pub fence: i64,
    pub kind: EffectKind,
    pub provider: String,
    pub run_id: String,
    pub job_id: Option<String>,
    pub payload: Value,
    /// From 1; this claim included.
    pub attempt: u32,
    /// When an earlier attempt may have reached the provider without our learning its outcome.
    #[serde(with = "time::serde::rfc3339::option", default)]
    pub sent_before: Option<Timestamp>,
    /// What a callback said of the job.
    #[serde(default)]
    pub hint: Option<Hint>,
}

/// What a callback said; the provider's own word decides.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub struct Hint {
    #[serde(default)]
    pub task_id: Option<String>,
    #[serde(default)]
    pub url: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Claim {
    pub effects: Vec<Claimed>,
    /// The runs of the effects, as they stand.
    pub runs: BTreeMap<String, Run>,
}

/// Claims effects that are due, under a lease; a claimed submission counts as sent from here on.
pub fn claim(db: &mut dyn Database, now: Timestamp, limit: u32, lease_seconds: u32) -> Result<Claim, DbError> {
    call(db, "SELECT effects_claim($1)", &json!({"now": text(now), "limit": limit, "lease_seconds": lease_seconds}))
}
