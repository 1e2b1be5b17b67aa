//! A collector of traces: OTLP over HTTP in protobuf, read with OpenTelemetry's own messages. Like LangSmith it wants an
//! `x-api-key`.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use serde_json::{Map, Value, json};

use crate::fault::{Fault, On, Own};
use crate::player::{Player, Provider};
use crate::world::App;

const SPANS_LEFT_OUT: Fault = Fault::named("spans_left_out");
const SPANS_REFUSED: Fault = Fault::named("spans_refused");

pub(crate) static PLAYER: Player = Player {
    faults: &[&[
        Own::call(SPANS_LEFT_OUT, "takes a request in part: leaves its first span out and says so (partialSuccess)"),
        Own::call(SPANS_REFUSED, "refuses with HTTP 400, for good"),
    ]],
    ..Player::new("otlp", "/otlp", routes, error)
};

const PROVIDER: Provider = Provider(&PLAYER);

/// Its errors are of gRPC.
fn error(_status: StatusCode, message: &str) -> Value {
    json!({"code": 13, "message": message})
}

const PROTOBUF: &str = "application/x-protobuf";

pub(crate) fn routes() -> Router<App> {
    Router::new().route("/v1/traces", post(take))
}

async fn take(State(app): State<App>, headers: HeaderMap, body: Bytes) -> Response {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if !app.config.accepts(PROVIDER, text("x-api-key")) {
        return refused(&app, StatusCode::UNAUTHORIZED, "who are you?");
    }
    if text(header::CONTENT_TYPE.as_str()) != Some(PROTOBUF) {
        return refused(&app, StatusCode::UNSUPPORTED_MEDIA_TYPE, "protobuf only");
    }
    if app.strikes(PROVIDER, SPANS_REFUSED, On::Create).is_some() {
        return refused(&app, StatusCode::BAD_REQUEST, "these spans are refused");
    }
    let Ok(request) = ExportTraceServiceRequest::decode(body) else {
        return refused(&app, StatusCode::BAD_REQUEST, "not an ExportTraceServiceRequest");
    };
    let mut rows = rows(&request);
    if rows.iter().any(|row| row.get("start") == Some(&json!("0")) || row.get("traceId").is_none_or(is_no_id)) {
        return refused(&app, StatusCode::BAD_REQUEST, "a span has no id or no time");
    }
    let is_partial = app.strikes(PROVIDER, SPANS_LEFT_OUT, On::Create).is_some() && !rows.is_empty();
    if is_partial {
        rows.remove(0);
    }
    let mut world = app.world();
    world.count(PROVIDER).creates += 1;
    rows.into_iter().for_each(|row| world.telemetry.keep_span(row));
    let partial = ExportTracePartialSuccess { rejected_spans: 1, error_message: "one was too much".to_owned() };
    let answer = ExportTraceServiceResponse { partial_success: is_partial.then_some(partial) };
    ([(header::CONTENT_TYPE, PROTOBUF)], answer.encode_to_vec()).into_response()
}

fn refused(app: &App, status: StatusCode, message: &str) -> Response {
    app.world().count(PROVIDER).refusals += 1;
    PROVIDER.refusal(status, message)
}

/// 16 bytes in hex, not all zero.
fn is_no_id(id: &Value) -> bool {
    id.as_str().is_none_or(|id| id.len() != 32 || id.bytes().all(|digit| digit == b'0'))
}

fn rows(request: &ExportTraceServiceRequest) -> Vec<Value> {
    let mut rows = Vec::new();
    for resource in &request.resource_spans {
        let about = attributes(resource.resource.as_ref().map(|resource| resource.attributes.as_slice()));
        let spans = resource.scope_spans.iter().flat_map(|scope| &scope.spans);
        rows.extend(spans.map(|span| row(&about, span)));
    }
    rows
}

fn row(resource: &Value, span: &Span) -> Value {
    let marks: Vec<&str> = span.events.iter().map(|event| event.name.as_str()).collect();
    let status = span.status.as_ref();
    json!({
        "traceId": hex(&span.trace_id), "spanId": hex(&span.span_id), "parentSpanId": hex(&span.parent_span_id),
        "name": span.name, "kind": span.kind, "start": span.start_time_unix_nano.to_string(),
        "end": span.end_time_unix_nano.to_string(), "attributes": attributes(Some(&span.attributes)), "events": marks,
        "status": {"code": status.map_or(0, |status| status.code), "message": status.map(|status| &status.message)},
        "resource": resource,
    })
}

fn attributes(pairs: Option<&[KeyValue]>) -> Value {
    let value = |pair: &KeyValue| match pair.value.as_ref().and_then(|value| value.value.as_ref()) {
        Some(any_value::Value::StringValue(text)) => json!(text),
        Some(any_value::Value::IntValue(number)) => json!(number),
        Some(any_value::Value::BoolValue(is_so)) => json!(is_so),
        Some(any_value::Value::DoubleValue(number)) => json!(number),
        _ => Value::Null,
    };
    let pairs = pairs.unwrap_or_default().iter();
    Value::Object(pairs.map(|pair| (pair.key.clone(), value(pair))).collect::<Map<_, _>>())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
