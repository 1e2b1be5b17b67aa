//! Sentry: one event for each error, in an envelope.
//!
//! * [`Dsn`]: where its project is. An empty one means that nothing is sent.
//! * [`send`]: hands an event over. Who is limited drops the event and never sends it again, as Sentry asks of its clients.

mod system;

use http::{HeaderMap, Method, StatusCode};
use mw_media::Timestamp;
use mw_media::run::rfc3339;
use serde_json::json;

use crate::answer::{Answer, Authorization, Call, redacted};
use crate::otlp::Service;
use crate::outcome::Fault;
use crate::port::HttpClient;
use crate::retry_after;

pub use system::SYSTEM;

const LIMITS_HEADER: &str = "x-sentry-rate-limits";
/// How long a limit holds that says nothing of it.
const HOLD_SECONDS: u64 = 60;

/// A project's address. `Debug` hides the key.
#[derive(Clone, PartialEq, Eq)]
pub struct Dsn {
    envelope_url: String,
    public_key: String,
}

impl std::fmt::Debug for Dsn {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Dsn").field("envelope_url", &self.envelope_url).finish_non_exhaustive()
    }
}

impl Dsn {
    /// Reads `{scheme}://{public}[:{secret}]@{host}[:{port}]{path}/{project}`.
    pub fn parse(text: &str) -> Option<Dsn> {
        let (scheme, rest) = text.trim().split_once("://")?;
        let (keys, place) = rest.split_once('@')?;
        let (public_key, _) = keys.split_once(':').unwrap_or((keys, ""));
        let (host, path) = place.split_once('/')?;
        let (prefix, project) = path.rsplit_once('/').unwrap_or(("", path));
        let prefix = if prefix.is_empty() { String::new() } else { format!("/{prefix}") };
        let envelope_url = format!("{scheme}://{host}{prefix}/api/{project}/envelope/");
        let has_host = |url: http::Uri| url.host().is_some_and(|host| !host.is_empty());
        let is_url = envelope_url.parse().is_ok_and(has_host) && matches!(scheme, "http" | "https");
        let is_plain = |part: &str| !part.is_empty() && part.chars().all(|letter| letter.is_ascii_graphic());
        let is_whole = [host, public_key, project].into_iter().all(is_plain) && !place.contains(['?', '#', '@']);
        (is_url && is_whole).then(|| Dsn { envelope_url, public_key: public_key.to_owned() })
    }

    /// Where envelopes go.
    pub fn envelope_url(&self) -> &str {
        &self.envelope_url
    }
}

/// One error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// 32 hex digits; Sentry keeps one event of an id.
    pub id: String,
    pub at: Timestamp,
    pub logger: &'static str,
    /// What events are grouped by.
    pub error_type: String,
    pub message: String,
    pub tags: Vec<(&'static str, String)>,
}

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// `hold_seconds`: no more errors for so long.
    Taken { hold_seconds: Option<u64> },
    /// Dropped: never to be sent again.
    Limited { hold_seconds: u64 },
}

/// Sends an event.
pub async fn send(
    client: &impl HttpClient,
    dsn: &Dsn,
    service: &Service,
    event: &Event,
    now: Timestamp,
) -> Result<Sent, Fault> {
    let name = format!("myloware/{}", service.version);
    let key = &dsn.public_key;
    let call = Call {
        system: &SYSTEM,
        method: Method::POST,
        url: dsn.envelope_url.clone(),
        authorization: Authorization::Header(
            "x-sentry-auth",
            format!("Sentry sentry_version=7, sentry_client={name}, sentry_key={key}"),
        ),
        headers: vec![("content-type", "application/x-sentry-envelope".to_owned()), ("user-agent", name)],
        body: envelope(service, event, now),
    };
    let answer = call.send(client).await.map_err(|fault| clean(fault.into_fault(), key))?;
    let told = limit(&answer.headers);
    match answer.status {
        StatusCode::TOO_MANY_REQUESTS => {
            let hold_seconds = told.or_else(|| retry_after::of_answer(&answer.headers)).unwrap_or(HOLD_SECONDS);
            Ok(Sent::Limited { hold_seconds })
        }
        status if status.is_success() => Ok(Sent::Taken { hold_seconds: told }),
        _ => Err(clean(refusal(&answer, key), key)),
    }
}

/// Sentry says in a header what it did not like.
fn refusal(answer: &Answer, key: &str) -> Fault {
    let mut fault = answer.http_fault(key);
    if let Some(words) = answer.headers.get("x-sentry-error").and_then(|value| value.to_str().ok()) {
        let class = fault.class;
        fault = Fault::new(class, fault.code, words);
    }
    fault
}

fn clean(mut fault: Fault, key: &str) -> Fault {
    fault.message = redacted(&fault.message, key);
    fault
}

fn envelope(service: &Service, event: &Event, now: Timestamp) -> Vec<u8> {
    let tags: serde_json::Map<_, _> =
        event.tags.iter().map(|(name, value)| ((*name).to_owned(), value.clone().into())).collect();
    let payload = json!({
        "event_id": event.id, "timestamp": rfc3339(event.at), "platform": "other", "level": "error",
        "logger": event.logger, "release": format!("myloware@{}", service.version), "environment": service.environment,
        "exception": {"values": [{"type": event.error_type, "value": event.message}]}, "tags": tags,
    })
    .to_string();
    let head = json!({"event_id": event.id, "sent_at": rfc3339(now)});
    let item = json!({"type": "event", "length": payload.len(), "content_type": "application/json"});
    format!("{head}\n{item}\n{payload}\n").into_bytes()
}

/// How long errors are not wanted, by `seconds:categories:scope:…, …`; no categories means all.
fn limit(headers: &HeaderMap) -> Option<u64> {
    let quotas = headers.get(LIMITS_HEADER)?.to_str().ok()?.split(',');
    quotas
        .filter_map(|quota| {
            let mut parts = quota.trim().split(':');
            let seconds = parts.next()?.trim().parse::<f64>().ok().filter(|seconds| *seconds >= 0.0)?;
            let categories = parts.next().unwrap_or_default();
            let is_ours = categories.is_empty() || categories.split(';').any(|category| category == "error");
            // The cast saturates.
            is_ours.then_some(seconds.ceil() as u64)
        })
        .max()
}
