//! The messages of opentelemetry-proto's `trace.proto` that we send and understand, and no more of them: the official crate
//! brings an SDK along. The suite reads what we write with the official messages.

use mw_media::Timestamp;
use mw_media::trace::{self, Attribute, Outcome, TraceId};
use prost::{Message, Oneof};

#[derive(Clone, PartialEq, Message)]
pub(super) struct Request {
    #[prost(message, repeated, tag = "1")]
    resource_spans: Vec<ResourceSpans>,
}

#[derive(Clone, PartialEq, Message)]
struct ResourceSpans {
    #[prost(message, optional, tag = "1")]
    resource: Option<Resource>,
    #[prost(message, repeated, tag = "2")]
    scope_spans: Vec<ScopeSpans>,
}

#[derive(Clone, PartialEq, Message)]
struct Resource {
    #[prost(message, repeated, tag = "1")]
    attributes: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct ScopeSpans {
    #[prost(message, optional, tag = "1")]
    scope: Option<Scope>,
    #[prost(message, repeated, tag = "2")]
    spans: Vec<Span>,
}

#[derive(Clone, PartialEq, Message)]
struct Scope {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    version: String,
}

#[derive(Clone, PartialEq, Message)]
struct Span {
    #[prost(bytes = "vec", tag = "1")]
    trace_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    span_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    parent_span_id: Vec<u8>,
    #[prost(string, tag = "5")]
    name: String,
    #[prost(int32, tag = "6")]
    kind: i32,
    #[prost(fixed64, tag = "7")]
    start_time_unix_nano: u64,
    #[prost(fixed64, tag = "8")]
    end_time_unix_nano: u64,
    #[prost(message, repeated, tag = "9")]
    attributes: Vec<KeyValue>,
    #[prost(message, repeated, tag = "11")]
    events: Vec<Event>,
    #[prost(message, optional, tag = "15")]
    status: Option<Status>,
}

#[derive(Clone, PartialEq, Message)]
struct Event {
    #[prost(fixed64, tag = "1")]
    time_unix_nano: u64,
    #[prost(string, tag = "2")]
    name: String,
}

#[derive(Clone, PartialEq, Message)]
struct Status {
    #[prost(string, tag = "2")]
    message: String,
    #[prost(int32, tag = "3")]
    code: i32,
}

#[derive(Clone, PartialEq, Message)]
struct KeyValue {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(message, optional, tag = "2")]
    value: Option<AnyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct AnyValue {
    #[prost(oneof = "AnyKind", tags = "1, 3")]
    value: Option<AnyKind>,
}

#[derive(Clone, PartialEq, Oneof)]
enum AnyKind {
    #[prost(string, tag = "1")]
    Text(String),
    #[prost(int64, tag = "3")]
    Number(i64),
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Response {
    #[prost(message, optional, tag = "1")]
    pub(super) partial_success: Option<PartialSuccess>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct PartialSuccess {
    #[prost(int64, tag = "1")]
    pub(super) rejected_spans: i64,
    #[prost(string, tag = "2")]
    pub(super) error_message: String,
}

const KIND_INTERNAL: i32 = 1;
const KIND_CLIENT: i32 = 3;
const STATUS_OK: i32 = 1;
const STATUS_ERROR: i32 = 2;

impl Request {
    /// Spans of one trace, from a service of this name, version and environment.
    pub(super) fn new(service: &super::Service, trace_id: TraceId, spans: &[trace::Span]) -> Request {
        let about = [
            ("service.name", &super::SERVICE.to_owned()),
            ("service.version", &service.version),
            ("deployment.environment.name", &service.environment),
        ];
        let attributes = about.map(|(key, value)| key_value(key, &Attribute::Text(value.clone()))).to_vec();
        let scope = Scope { name: super::SERVICE.to_owned(), version: service.version.clone() };
        let spans = spans.iter().map(|span| of_ours(trace_id, span)).collect();
        let scope_spans = vec![ScopeSpans { scope: Some(scope), spans }];
        Request { resource_spans: vec![ResourceSpans { resource: Some(Resource { attributes }), scope_spans }] }
    }
}

fn of_ours(trace_id: TraceId, span: &trace::Span) -> Span {
    let status = match &span.outcome {
        Outcome::Unset => None,
        Outcome::Ok => Some(Status { message: String::new(), code: STATUS_OK }),
        Outcome::Error(code) => Some(Status { message: code.clone(), code: STATUS_ERROR }),
    };
    let event = |(name, at): &(String, Timestamp)| Event { time_unix_nano: unix_nano(*at), name: name.clone() };
    Span {
        trace_id: trace_id.to_vec(),
        span_id: span.id.to_vec(),
        parent_span_id: span.parent.map(|parent| parent.to_vec()).unwrap_or_default(),
        name: span.name.clone(),
        kind: if span.is_call { KIND_CLIENT } else { KIND_INTERNAL },
        start_time_unix_nano: unix_nano(span.start),
        end_time_unix_nano: unix_nano(span.end),
        attributes: span.attributes.iter().map(|(key, value)| key_value(key, value)).collect(),
        events: span.marks.iter().map(event).collect(),
        status,
    }
}

fn key_value(key: &str, value: &Attribute) -> KeyValue {
    let value = match value {
        Attribute::Text(text) => AnyKind::Text(text.clone()),
        Attribute::Number(number) => AnyKind::Number(*number),
    };
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }) }
}

fn unix_nano(at: Timestamp) -> u64 {
    u64::try_from(at.unix_timestamp_nanos()).unwrap_or_default()
}
