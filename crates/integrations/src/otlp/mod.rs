//! A collector of traces, by OTLP over HTTP in protobuf: what every receiver of OTLP understands, and the only encoding that
//! LangSmith documents for its endpoint. `wire` has the messages.

mod system;
mod wire;

use http::{Method, StatusCode};
use mw_media::trace::{Span, trace_id};
use prost::Message;

use crate::answer::{Answer, Authorization, Call, NoAnswer, joined, redacted};
use crate::outcome::Fault;
use crate::port::HttpClient;

pub use system::SYSTEM;

/// Under which collectors know us.
const SERVICE: &str = "myloware";
const LANGSMITH_ENDPOINT: &str = "https://api.smith.langchain.com/otel";
/// Spans of one request; a trace that has more goes in several.
const SPANS_MAX: usize = 500;

/// Where traces go. `Debug` hides the headers.
#[derive(Clone, PartialEq, Eq)]
pub struct Collector {
    /// As OpenTelemetry has it: without `/v1/traces`.
    pub endpoint: String,
    /// What shows who we are; all are treated as secret.
    pub headers: Vec<(String, String)>,
}

impl std::fmt::Debug for Collector {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Collector").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

impl Collector {
    /// LangSmith's own address (United States); its other regions are endpoints like any collector's.
    pub fn langsmith(api_key: String, project: String) -> Collector {
        let headers = [("x-api-key", api_key), ("langsmith-project", project)];
        let headers = headers.map(|(name, value)| (name.to_owned(), value)).into();
        Collector { endpoint: LANGSMITH_ENDPOINT.to_owned(), headers }
    }
}

/// Reads `name=value,name=value`, as OpenTelemetry's own variable has it. The error shows no value.
pub fn headers(text: &str) -> Result<Vec<(String, String)>, String> {
    let pairs = text.split(',').map(str::trim).filter(|pair| !pair.is_empty());
    pairs
        .enumerate()
        .map(|(place, pair)| {
            let (name, value) = pair.split_once('=').unwrap_or_default();
            let (name, value) = (name.trim().to_ascii_lowercase(), value.trim().to_owned());
            let is_header =
                http::HeaderName::try_from(&name).is_ok() && http::HeaderValue::try_from(value.as_str()).is_ok();
            (is_header && !value.is_empty())
                .then_some((name, value))
                .ok_or_else(|| format!("entry {} is not name=value", place + 1))
        })
        .collect()
}

/// Which of us sends.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Service {
    pub version: String,
    pub environment: String,
}

/// Hands the spans of a run's trace over. What the collector took only in part is not sent again, as OTLP has it; it
/// says what it left out.
pub async fn export(
    client: &impl HttpClient,
    collector: &Collector,
    service: &Service,
    run_id: &str,
    spans: &[Span],
) -> Result<Option<String>, Fault> {
    let mut notes = Vec::new();
    for batch in spans.chunks(SPANS_MAX) {
        let body = wire::Request::new(service, trace_id(run_id), batch).encode_to_vec();
        notes.extend(send(client, collector, body).await.map_err(|fault| clean(fault, collector))?);
    }
    Ok((!notes.is_empty()).then(|| without_headers(notes.join("; "), collector)))
}

async fn send(client: &impl HttpClient, collector: &Collector, body: Vec<u8>) -> Result<Option<String>, Fault> {
    let call = Call {
        system: &SYSTEM,
        method: Method::POST,
        url: joined(&collector.endpoint, "/v1/traces"),
        authorization: Authorization::Headers(collector.headers.clone()),
        headers: vec![("content-type", "application/x-protobuf".to_owned())],
        body,
    };
    let answer = call.exchange(client).await.map_err(NoAnswer::into_fault)?;
    if answer.status() != StatusCode::OK {
        return Err(Answer::read(&SYSTEM, answer, "").http_fault(""));
    }
    // Nothing, or something that is no answer of OTLP, is a success all the same.
    let partial = wire::Response::decode(answer.body().as_slice()).ok().and_then(|answer| answer.partial_success);
    Ok(partial.filter(|partial| partial.rejected_spans > 0 || !partial.error_message.is_empty()).map(|partial| {
        let said: String = partial.error_message.replace('\0', "\u{fffd}").chars().take(300).collect();
        format!("the collector left {} spans out: {said}", partial.rejected_spans)
    }))
}

fn clean(mut fault: Fault, collector: &Collector) -> Fault {
    fault.message = without_headers(fault.message, collector);
    fault
}

/// A collector's words without our headers, should it quote them.
fn without_headers(text: String, collector: &Collector) -> String {
    collector.headers.iter().fold(text, |text, (_, value)| redacted(&text, value))
}
