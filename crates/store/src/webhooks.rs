//! Receipts of webhooks. How much of a delivery is kept is decided here; for how many, by budgets in the database
//! (migrations/functions/webhooks).

use crate::metrics::Beside;
use crate::{Database, DbError, call_beside, text};
use mw_kernel::Timestamp;
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
    /// A signature covers the body. All others are strangers: what they can make us keep has a budget, and they poke the
    /// job that they name all the same.
    pub trusted: bool,
    /// An event of a kind that has no effect: it gets a receipt, and that is all.
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
    /// Not stored: it matches no job, and strangers have used up their budget.
    Busy,
}

/// Longest part that is kept of a body which no signature covers.
pub const STRANGERS_BYTES_MAX: usize = 4096;

impl Delivery<'_> {
    /// As much of the body as somebody may read later.
    fn kept<'b>(&self, body: &'b [u8]) -> &'b [u8] {
        match (self.ignore, self.trusted) {
            (true, _) => &[],
            (false, true) => body,
            (false, false) => beginning(body),
        }
    }
}

fn beginning(body: &[u8]) -> &[u8] {
    body.get(..STRANGERS_BYTES_MAX).unwrap_or(body)
}

/// Stores a delivery, as far as it is kept, and makes its job due for a look.
pub fn accept(
    db: &mut dyn Database,
    now: Timestamp,
    delivery: &Delivery<'_>,
    body: &[u8],
) -> Result<Accepted, DbError> {
    let request = json!({
        "now": text(now), "provider": delivery.provider, "key": delivery.key, "headers": delivery.headers,
        "query": delivery.query, "signature_status": delivery.signature_status, "trusted": delivery.trusted,
        "ignore": delivery.ignore, "match": delivery.matching, "hint": delivery.hint, "payload_bytes": body.len(),
    });
    let beside = Beside { run_id: None, unless: Some("$.status == \"busy\"") };
    call_beside(db, "webhook_accept", &request, Some(delivery.kept(body)), beside)
}

/// A delivery whose signature is missing or wrong.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal<'a> {
    pub provider: &'a str,
    /// `missing` or `invalid`.
    pub signature_status: &'a str,
    pub body_hash: &'a str,
    pub headers: Value,
}

/// Counts a refused delivery and keeps what it looked like, as long as the budget of strangers lasts; it burns no key.
pub fn refuse(db: &mut dyn Database, now: Timestamp, refusal: &Refusal<'_>, body: &[u8]) -> Result<(), DbError> {
    let request = json!({
        "now": text(now), "provider": refusal.provider, "signature_status": refusal.signature_status,
        "body_hash": refusal.body_hash, "headers": refusal.headers, "payload_bytes": body.len(),
    });
    call_beside::<IgnoredAny>(db, "webhook_refuse", &request, Some(beginning(body)), Beside::default()).map(|_| ())
}
