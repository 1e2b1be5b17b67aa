//! Receipts of webhooks.

use crate::metrics::call_counting;
use crate::{Database, DbError, text};
use mw_core::Timestamp;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// By what a callback is matched to a job: first our own id, then the provider's, then the profile.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Match {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
}

/// A delivery whose signature is good, or whose provider does not sign.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery<'a> {
    pub provider: &'a str,
    /// The provider's own signed id, else the body's hash.
    pub key: &'a str,
    pub headers: Value,
    pub query: &'a str,
    /// `valid` or `unsigned`.
    pub signature_status: &'a str,
    /// An event of a kind that has no effect: stored, and that is all.
    pub ignore: bool,
    pub matching: Match,
    /// What the callback says of the job: `task_id`, `url`, …; believed only after the provider confirms it.
    pub hint: Value,
}

/// What the accepting statement committed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Accepted {
    pub status: Receipt,
    pub run_id: Option<String>,
    pub kick: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Receipt {
    Accepted,
    Duplicate,
    Dlq,
    /// Not stored: too many unsigned deliveries that name no job.
    Busy,
}

/// Stores a delivery and makes its job due for a look.
pub fn accept(
    db: &mut dyn Database,
    now: Timestamp,
    delivery: &Delivery<'_>,
    body: &[u8],
) -> Result<Accepted, DbError> {
    let request = json!({
        "now": text(now), "provider": delivery.provider, "key": delivery.key, "headers": delivery.headers,
        "query": delivery.query, "signature_status": delivery.signature_status, "ignore": delivery.ignore,
        "match": delivery.matching, "hint": delivery.hint,
    });
    call_counting(db, "webhook_accept", &request, Some(body))
}

/// Longest part of a refused body that is kept.
pub const REFUSED_BYTES_MAX: usize = 4096;

/// Counts a refused delivery and keeps what it looked like; it burns no key.
pub fn refuse(
    db: &mut dyn Database,
    now: Timestamp,
    provider: &str,
    signature_status: &str,
    body_hash: &str,
    headers: Value,
    body: &[u8],
) -> Result<(), DbError> {
    let request = json!({
        "now": text(now), "provider": provider, "signature_status": signature_status, "body_hash": body_hash,
        "headers": headers,
    });
    let kept = body.get(..REFUSED_BYTES_MAX).unwrap_or(body);
    call_counting::<IgnoredAny>(db, "webhook_refuse", &request, Some(kept)).map(|_| ())
}
