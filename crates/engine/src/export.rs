//! What is told to the outside of a run that has ended: its trace to a collector, its failure (and every effect that was
//! given up) to Sentry. Nothing that goes wrong here reaches the run. What may work another time is tried again for a day,
//! however often, since a collector that is down says nothing about the export.

use crate::perform::{Again, Met, Performed};
use mw_integrations::otlp::{self, Collector, Service};
use mw_integrations::sentry::{self, Dsn, Event, Sent};
use mw_integrations::{Fault, FaultClass, HttpClient};
use mw_kernel::Timestamp;
use mw_kernel::run::{AnyRun, EffectKind, Kinds};
use mw_kernel::trace::{self, Line};
use mw_media::retry::RETRY_AFTER_SECONDS_MAX;
use mw_store::effects::{Claimed, Contact};
use mw_store::{Database, DbError, runs};
use serde::Deserialize;
use time::Duration;

/// How long an export is tried.
const EXPORT_HOURS: i64 = 24;
/// Longest wait between two tries, unless a Retry-After asks for more.
const WAIT_SECONDS_MAX: f64 = 600.0;
/// Events of one page of a timeline.
const PAGE: u32 = 500;
/// A longer timeline is cut: its trace ends there.
const EVENTS_MAX: usize = 5_000;

/// Where exports go, and from whom.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Exports {
    /// `None` without an endpoint.
    pub collector: Option<Collector>,
    /// `None` without a DSN.
    pub sentry: Option<Dsn>,
    pub service: Service,
}

#[derive(Deserialize)]
struct Traced {
    /// The event that ended the run: what is attached later is no part of its trace.
    through: u64,
    #[serde(with = "time::serde::rfc3339")]
    at: Timestamp,
}

#[derive(Deserialize)]
struct Reported {
    #[serde(with = "time::serde::rfc3339")]
    at: Timestamp,
    /// What was given up; absent where the run itself failed.
    #[serde(default)]
    effect: Option<GivenUp>,
}

#[derive(Deserialize)]
struct GivenUp {
    effect_id: i64,
    kind: EffectKind,
    provider: String,
    attempt: u32,
    error: String,
}

/// The timeline of a trace's run, a page at a time.
pub(crate) fn timeline(db: &mut dyn Database, effect: &Claimed) -> Result<Result<Vec<Line>, String>, DbError> {
    let Ok(Traced { through, .. }) = serde_json::from_str(&effect.payload) else { return Ok(Ok(Vec::new())) };
    let mut events: Vec<Line> = Vec::new();
    loop {
        let after = events.last().map_or(0, |event| event.seq);
        let Some(page) = runs::timeline(db, &effect.run_id, after, PAGE)? else { break };
        for event in page.events {
            match serde_json::from_str::<Line>(&event.to_string()) {
                Ok(event) if event.seq <= through => events.push(event),
                Ok(_) => return Ok(Ok(events)),
                Err(error) => return Ok(Err(error.to_string())),
            }
        }
        if !page.more || events.len() >= EVENTS_MAX {
            break;
        }
    }
    Ok(Ok(events))
}

pub(crate) async fn trace(
    http: &impl HttpClient,
    kinds: Kinds,
    exports: &Exports,
    effect: &Claimed,
    run: &AnyRun,
    timeline: &[Line],
    now: Timestamp,
) -> (Performed, Met) {
    let Some(collector) = &exports.collector else { return nowhere("no collector of traces is configured") };
    let Ok(Traced { at, .. }) = serde_json::from_str(&effect.payload) else { return unreadable() };
    if is_old(at, now) {
        return too_late();
    }
    let Ok(kind) = kinds.of(run) else { return unreadable() };
    let spans = kind.spans(&effect.run_id, timeline);
    match otlp::export(http, collector, &exports.service, &effect.run_id, &spans).await {
        Ok(note) => (Performed::Told { note }, Met::ANSWER),
        Err(fault) => failed(fault, at, now),
    }
}

pub(crate) async fn report(
    http: &impl HttpClient,
    kinds: Kinds,
    exports: &Exports,
    effect: &Claimed,
    run: &AnyRun,
    now: Timestamp,
) -> (Performed, Met) {
    let Some(dsn) = &exports.sentry else { return nowhere("no Sentry is configured") };
    let Ok(Reported { at, effect: given_up }) = serde_json::from_str(&effect.payload) else {
        return unreadable();
    };
    if is_old(at, now) {
        return too_late();
    }
    match sentry::send(http, dsn, &exports.service, &event(kinds, effect, run, at, given_up), now).await {
        Ok(Sent::Taken { hold_seconds }) => {
            (Performed::Told { note: None }, Met { contact: Contact::Answered, hold_seconds: capped(hold_seconds) })
        }
        Ok(Sent::Limited { hold_seconds }) => {
            let note = Some(format!("dropped: Sentry wants no errors for {hold_seconds} s"));
            let hold_seconds = capped(Some(hold_seconds));
            (Performed::Told { note }, Met { contact: Contact::RateLimited, hold_seconds })
        }
        Err(fault) => failed(fault, at, now),
    }
}

fn event(kinds: Kinds, effect: &Claimed, run: &AnyRun, at: Timestamp, given_up: Option<GivenUp>) -> Event {
    let id = trace::report_id(&run.run_id, effect.effect_id).iter().map(|byte| format!("{byte:02x}")).collect();
    // Of a run that this version cannot read, all else is told.
    let step = kinds.of(run).and_then(|kind| kind.goes_on_at(run)).ok().flatten();
    let mut tags = vec![
        ("run_id", run.run_id.clone()),
        ("project", run.definition.key.clone()),
        ("mode", run.mode.as_str().to_owned()),
        ("step", step.unwrap_or_default()),
    ];
    let (logger, error_type, message) = match given_up {
        None => {
            let error = run.error.as_ref();
            let (error_type, message) = error.map_or(("failed", ""), |e| (&e.error_type, &e.error_message));
            ("myloware.run", error_type.to_owned(), message.to_owned())
        }
        Some(GivenUp { effect_id, kind, provider, attempt, error }) => {
            tags.push(("effect_id", effect_id.to_string()));
            tags.push(("provider", provider.clone()));
            let message = format!("dead after {attempt} attempts: {error}");
            ("myloware.dispatch", format!("{provider} {}", kind.as_str()), message)
        }
    };
    Event { id, at, logger, error_type, message, tags }
}

fn failed(fault: Fault, at: Timestamp, now: Timestamp) -> (Performed, Met) {
    let met = Met::fault(&fault);
    let performed = match fault.class {
        FaultClass::Final => Performed::Untold(fault),
        FaultClass::Unavailable | FaultClass::RateLimited | FaultClass::Retryable => Performed::Again(Again {
            wait_seconds: wait_seconds(at, now, fault.retry_after_seconds),
            uncounted: true,
            not_sent: true,
            error: Some(fault.to_string()),
        }),
    };
    (performed, met)
}

/// A quarter of its age, so that waits grow without a count of tries; the collector's Retry-After when that is longer.
fn wait_seconds(at: Timestamp, now: Timestamp, retry_after_seconds: Option<u64>) -> f64 {
    let asked = retry_after_seconds.unwrap_or(0).min(RETRY_AFTER_SECONDS_MAX) as f64;
    ((now - at).as_seconds_f64() / 4.0).clamp(1.0, WAIT_SECONDS_MAX).max(asked)
}

fn capped(hold_seconds: Option<u64>) -> Option<u64> {
    hold_seconds.map(|seconds| seconds.min(RETRY_AFTER_SECONDS_MAX))
}

fn is_old(at: Timestamp, now: Timestamp) -> bool {
    now - at > Duration::hours(EXPORT_HOURS)
}

fn nowhere(note: &str) -> (Performed, Met) {
    (Performed::Told { note: Some(note.to_owned()) }, Met::NOBODY)
}

fn too_late() -> (Performed, Met) {
    (Performed::Untold(Fault::new(FaultClass::Final, "too_late", "it could not be exported within a day")), Met::NOBODY)
}

fn unreadable() -> (Performed, Met) {
    let fault = Fault::new(FaultClass::Final, "unreadable", "this version cannot read the export");
    (Performed::Untold(fault), Met::NOBODY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_with_the_age_and_a_retry_after_wins() {
        let at = Timestamp::UNIX_EPOCH;
        let wait = |seconds: i64, asked| wait_seconds(at, at + Duration::seconds(seconds), asked);
        assert_eq!([0, 4, 40, 400, 40_000].map(|age| wait(age, None)), [1.0, 1.0, 10.0, 100.0, 600.0]);
        assert_eq!([wait(0, Some(7)), wait(400, Some(7)), wait(0, Some(1_000_000))], [7.0, 100.0, 3600.0]);
        // A clock that lags.
        assert_eq!(wait(-50, None), 1.0);
    }
}
