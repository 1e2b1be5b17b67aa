//! The dispatcher's claim, and what effects teach about providers.

use crate::channels::Recipient;
use crate::{Database, DbError, Readable, call, text};
use mw_kernel::Timestamp;
use mw_kernel::run::{AnyRun, EffectKind};
use mw_media::retry::BREAKER_SECONDS_MAX;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// An effect under our lease.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Claimed {
    pub effect_id: i64,
    pub fence: i64,
    pub kind: EffectKind,
    pub provider: String,
    pub lane: Lane,
    pub run_id: String,
    pub job_id: Option<String>,
    /// What there is to do, as the commit wrote it: JSON, for whoever knows its kind.
    #[serde(deserialize_with = "as_text")]
    pub payload: String,
    /// From 1; this claim included.
    pub attempt: u32,
    /// When an earlier attempt may have reached the provider without our learning its outcome.
    #[serde(with = "time::serde::rfc3339::option", default)]
    pub sent_before: Option<Timestamp>,
    /// It alone tries a provider whose circuit breaker is open.
    pub probe: bool,
    /// The breaker is open, or opens with one more failure: a failure is the provider's, not this effect's.
    pub in_outage: bool,
    /// What a callback said of the job.
    #[serde(default)]
    pub hint: Option<Hint>,
    /// Who reads a notice, as of the claim; of no other kind.
    #[serde(default)]
    pub recipient: Option<Recipient>,
}

fn as_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Box::<RawValue>::deserialize(deserializer).map(|text| Box::<str>::from(text).into())
}

/// What limits hold apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lane {
    /// Hands something new to a provider.
    Start,
    /// Asks about what a provider has, or may have.
    Look,
}

/// What a callback said; the provider's own word decides.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub struct Hint {
    #[serde(default)]
    pub task_id: Option<String>,
    #[serde(default)]
    pub url: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Claim {
    pub effects: Vec<Claimed>,
    /// The runs of the effects, as they stand.
    pub runs: BTreeMap<String, AnyRun>,
    /// Runs of the effects of which this version cannot read even what every run has, and why.
    pub unreadable: BTreeMap<String, String>,
    /// When to look again: something is due, and a limit that time lifts holds it back.
    pub wait_seconds: Option<f64>,
}

#[derive(Deserialize)]
struct ClaimRow {
    effects: Vec<Claimed>,
    runs: BTreeMap<String, Readable<AnyRun>>,
    #[serde(default)]
    wait_seconds: Option<f64>,
}

/// Claims effects that are due and within their providers' limits, under a lease; a claimed submission counts as sent
/// from here on.
pub fn claim(db: &mut dyn Database, now: Timestamp, limit: u32, lease_seconds: u32) -> Result<Claim, DbError> {
    let request = json!({"now": text(now), "limit": limit, "lease_seconds": lease_seconds});
    let row: ClaimRow = call(db, "effects_lease", &request)?;
    let mut claim = Claim { effects: row.effects, wait_seconds: row.wait_seconds, ..Claim::default() };
    // Each by itself: one run of a future version, or a damaged one, must not stop the others.
    for (run_id, Readable(run)) in row.runs {
        match run {
            Ok(run) => drop(claim.runs.insert(run_id, run)),
            Err(error) => drop(claim.unreadable.insert(run_id, error)),
        }
    }
    Ok(claim)
}

/// What an effect taught about its provider; rides in the commit of the effect's outcome.
#[derive(Debug, Clone, PartialEq)]
pub struct Observed {
    pub effect_id: i64,
    pub provider: String,
    pub kind: EffectKind,
    pub lane: Lane,
    pub contact: Contact,
    /// How long it took.
    pub seconds: f64,
    /// What it took of a language model.
    pub used: Option<Used>,
    /// The provider's Retry-After: its lane is left alone for so long.
    pub hold_seconds: Option<u64>,
    /// Where the address of a notice is now.
    pub moved_to: Option<String>,
}

/// The same with what it means to the provider's circuit breaker.
#[derive(Serialize)]
pub(crate) struct ObservedRow<'a> {
    effect_id: i64,
    provider: &'a str,
    kind: EffectKind,
    lane: Lane,
    contact: Contact,
    /// Whether the provider was asked at all.
    asked: bool,
    /// Whether it counts against the provider.
    is_failure: bool,
    retry_seconds_max: u32,
    seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    used: Option<&'a Used>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hold_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    moved_to: Option<&'a str>,
}

impl Observed {
    pub(crate) fn row(&self) -> ObservedRow<'_> {
        let Observed { effect_id, provider, kind, lane, contact, seconds, used, hold_seconds, moved_to } = self;
        let (asked, is_failure) = match contact {
            Contact::None => (false, false),
            Contact::Answered | Contact::Refused | Contact::RateLimited => (true, false),
            Contact::Failed => (true, true),
        };
        ObservedRow {
            effect_id: *effect_id,
            provider,
            kind: *kind,
            lane: *lane,
            contact: *contact,
            asked,
            is_failure,
            retry_seconds_max: BREAKER_SECONDS_MAX,
            seconds: *seconds,
            used: used.as_ref(),
            hold_seconds: *hold_seconds,
            moved_to: moved_to.as_deref(),
        }
    }
}

/// What an answer of a persona took, for the metrics.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Used {
    pub model: String,
    pub project: String,
    pub persona: String,
    /// The run's mode.
    pub mode: String,
    pub input_tokens: u64,
    pub output_tokens: u64,
    /// Calls of tools that the definition does not allow.
    pub refused_calls: u32,
}

mw_kernel::words! {
    /// How a provider met us.
    Contact {
        /// Nothing had to be asked.
        None = "none",
        Answered = "answered",
        /// It is well and said no.
        Refused = "refused",
        RateLimited = "rate_limited",
        /// It is not there: in a row, these open its breaker.
        Failed = "failed",
    }
}

mw_kernel::words! {
    /// A circuit breaker.
    Breaker {
        /// All is well.
        Closed = "closed",
        /// Nobody asks the provider.
        Open = "open",
        /// One effect tries it.
        HalfOpen = "half_open",
    }
}

/// A circuit breaker that a commit opened or closed.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct BreakerChange {
    pub provider: String,
    /// Open or closed.
    pub breaker: Breaker,
    /// Until the next probe, when it opened.
    pub retry_seconds: Option<f64>,
}

/// How many of the providers that the code knows had no row yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Registered {
    pub added: u32,
}

/// Gives every provider that the code knows its row; what an operator has set of one that is there stays.
pub fn register_providers(db: &mut dyn Database, rows: &Value) -> Result<Registered, DbError> {
    call(db, "providers_register", rows)
}
