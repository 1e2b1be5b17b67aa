//! A collector of traces: what it is sent, read with OpenTelemetry's own messages, and every answer that OTLP allows.

use crate::common::*;
use http::Response;
use mw_integrations::otlp::{Collector, Service, export, headers};
use mw_integrations::{Fault, FaultClass, TransportError};
use mw_media::trace::{Line, Span, spans, trace_id};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use prost::Message;

fn collector() -> Collector {
    let headers = vec![("x-api-key".to_owned(), KEY.to_owned()), ("tenant".to_owned(), "tenant-7-secret".to_owned())];
    Collector { endpoint: "https://collector.example/otel/".into(), headers }
}

fn service() -> Service {
    Service { version: "1.2.3".into(), environment: "staging".into() }
}

/// A step that began and a run that failed.
fn timeline() -> Vec<Line> {
    let events = serde_json::json!([
        {"seq": 1, "at": "2026-01-02T03:04:06.678901Z", "type": "step.started", "data": {"step": 0, "name": "generate"}},
        {"seq": 2, "at": "2026-01-02T03:04:07.678901Z", "type": "run.failed", "data": {"error_type": "402"}},
    ]);
    serde_json::from_value(events).unwrap()
}

fn sent(client: &Client) -> Result<Option<String>, Fault> {
    sent_spans(client, &spans::<mw_media::run::Media>("run-1", &timeline()))
}

fn sent_spans(client: &Client, spans: &[Span]) -> Result<Option<String>, Fault> {
    now(export(client, &collector(), &service(), "run-1", spans))
}

fn protobuf(partial: Option<(i64, &str)>) -> Result<Response<Vec<u8>>, TransportError> {
    let partial_success = partial
        .map(|(rejected_spans, message)| ExportTracePartialSuccess { rejected_spans, error_message: message.into() });
    Ok(Response::new(ExportTraceServiceResponse { partial_success }.encode_to_vec()))
}

#[test]
fn what_is_sent_is_what_opentelemetrys_own_messages_read() {
    let client = Client::answering([protobuf(None)]);
    assert_eq!(sent(&client), Ok(None));
    let request = client.request();
    assert_eq!(request.uri(), "https://collector.example/otel/v1/traces");
    assert_eq!(
        (&request.headers()["x-api-key"], &request.headers()["tenant"]),
        (&KEY.parse().unwrap(), &"tenant-7-secret".parse().unwrap())
    );
    assert_eq!(request.headers()["content-type"], "application/x-protobuf");
    let read = ExportTraceServiceRequest::decode(request.body().as_slice()).unwrap();
    let resource = &read.resource_spans[0];
    let about = &resource.resource.as_ref().unwrap().attributes;
    let text = |value: &str| Some(Value::StringValue(value.to_owned()));
    let found = |name: &str| about.iter().find(|pair| pair.key == name).unwrap().value.clone().unwrap().value;
    assert_eq!(found("service.name"), text("myloware"));
    assert_eq!((found("service.version"), found("deployment.environment.name")), (text("1.2.3"), text("staging")));
    let span = &resource.scope_spans[0].spans[0];
    assert_eq!((span.trace_id.as_slice(), span.span_id.len()), (&trace_id("run-1")[..], 8));
    assert_eq!((span.name.as_str(), span.kind), ("step generate", 1));
    assert_eq!(
        (span.start_time_unix_nano, span.end_time_unix_nano),
        (1_767_323_046_678_901_000, 1_767_323_047_678_901_000)
    );
    assert!(
        span.attributes.iter().any(|pair| pair.key == "run_id" && pair.value.clone().unwrap().value == text("run-1"))
    );
    assert!(
        span.attributes
            .iter()
            .any(|pair| pair.key == "step" && pair.value.clone().unwrap().value == Some(Value::IntValue(0)))
    );
    // Unknown to the official messages, or at another place, would have been dropped by them.
    assert_eq!(read.encode_to_vec(), *request.body());
}

#[test]
fn a_long_trace_goes_in_several_requests() {
    let one = spans::<mw_media::run::Media>("run-1", &timeline()).remove(0);
    let client = Client::answering((0..3).map(|_| protobuf(None)));
    assert_eq!(sent_spans(&client, &vec![one; 1001]), Ok(None));
    assert_eq!(client.requests.borrow().len(), 3);
}

#[test]
fn what_was_taken_in_part_is_a_success_with_a_note_that_quotes_no_header() {
    let answer = protobuf(Some((2, "too old, dear tenant-7-secret")));
    let note = sent(&Client::answering([answer])).unwrap().unwrap();
    assert_eq!(note, "the collector left 2 spans out: too old, dear ***");
    for body in [Vec::new(), b"{}".to_vec(), b"hello".to_vec()] {
        assert_eq!(sent(&Client::answering([Ok(Response::new(body))])), Ok(None));
    }
}

#[test]
fn only_what_otlp_says_is_tried_again() {
    for (status, class) in [
        (400, FaultClass::Final),
        (401, FaultClass::Final),
        (408, FaultClass::Final),
        (413, FaultClass::Final),
        (429, FaultClass::RateLimited),
        (500, FaultClass::Final),
        (502, FaultClass::Unavailable),
        (503, FaultClass::Unavailable),
        (504, FaultClass::Unavailable),
    ] {
        let fault = sent(&Client::answering([text(status, "nobody knows x-api-key")])).unwrap_err();
        assert_eq!(fault.class, class, "{status}");
    }
    let mut limited = text(429, "").unwrap();
    limited.headers_mut().insert("retry-after", "7".parse().unwrap());
    assert_eq!(sent(&Client::answering([Ok(limited)])).unwrap_err().retry_after_seconds, Some(7));
    for error in [TransportError::NotSent("refused".into()), TransportError::Unanswered("reset".into())] {
        assert_eq!(sent(&Client::answering([Err(error)])).unwrap_err().class, FaultClass::Unavailable);
    }
}

#[test]
fn no_fault_quotes_a_header() {
    let quoting = answer(400, serde_json::json!({"message": format!("bad {KEY} of tenant-7-secret")}));
    let fault = sent(&Client::answering([quoting])).unwrap_err();
    assert_eq!(fault.message, "bad *** of ***");
    assert!(!format!("{:?}", collector()).contains("secret"));
}

#[test]
fn headers_are_read_and_never_shown() {
    let pairs = |text| headers(text).unwrap();
    assert_eq!(pairs(""), []);
    assert_eq!(
        pairs(" X-Api-Key = abc= , tenant=t,"),
        [("x-api-key".to_owned(), "abc=".to_owned()), ("tenant".to_owned(), "t".to_owned())]
    );
    for broken in ["secret", "a=1,secret", "a b=secret", "=secret", "a=", "a=sec\nret"] {
        let error = headers(broken).unwrap_err();
        assert!(error.contains("is not name=value") && !error.contains("secret"), "{error}");
    }
}
