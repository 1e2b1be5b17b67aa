//! Sentry: the published vectors of its addresses, its envelope, and every answer of its contract.

use crate::common::*;
use http::Response;
use mw_integrations::otlp::Service;
use mw_integrations::sentry::{Dsn, Event, Sent, send};
use mw_integrations::{Fault, FaultClass, TransportError};
use proptest::prelude::*;
use serde_json::Value;

const DSN: &str = "https://publickey0123@sentry.example/42";

fn event() -> Event {
    Event {
        id: "9ec79c33ec9942ab8353589fcb2e04dc".into(),
        at: time::macros::datetime!(2026-01-02 03:04:05 UTC),
        logger: "myloware.run",
        error_type: "402".into(),
        message: "no credits\nat all, é".into(),
        tags: vec![("run_id", "run-1".into())],
    }
}

fn sent(client: &Client) -> Result<Sent, Fault> {
    let service = Service { version: "1.2.3".into(), environment: "staging".into() };
    let at = time::macros::datetime!(2026-01-02 03:05:00 UTC);
    now(send(client, &Dsn::parse(DSN).unwrap(), &service, &event(), at))
}

fn with(status: u16, headers: &[(&'static str, &str)]) -> Result<Response<Vec<u8>>, TransportError> {
    let mut answer = text(status, r#"{"id":"9ec79c33ec9942ab8353589fcb2e04dc"}"#).unwrap();
    for (name, value) in headers {
        answer.headers_mut().insert(*name, value.parse().unwrap());
    }
    Ok(answer)
}

#[test]
fn addresses_are_read_as_published() {
    for (dsn, url) in [
        ("https://username:@domain/42", "https://domain/api/42/envelope/"),
        ("https://username:@domain:8888/42", "https://domain:8888/api/42/envelope/"),
        ("https://username:password@domain:8888/path/42", "https://domain:8888/path/api/42/envelope/"),
        ("http://key@127.0.0.1:9000/a/b/name", "http://127.0.0.1:9000/a/b/api/name/envelope/"),
    ] {
        assert_eq!(Dsn::parse(dsn).unwrap().envelope_url(), url);
    }
    for wrong in [
        "",
        "nothing",
        "https://domain/42",
        "https://key@domain",
        "https://key@domain/",
        "https://@domain/1",
        "ftp://key@domain/42",
        "https://key@/42",
        "https://key@domain/42?x",
    ] {
        assert_eq!(Dsn::parse(wrong), None, "{wrong}");
    }
    assert!(!format!("{:?}", Dsn::parse(DSN)).contains("publickey"));
}

#[test]
fn an_event_is_an_envelope_of_three_lines_whose_lengths_are_right() {
    let client = Client::answering([with(200, &[])]);
    assert_eq!(sent(&client), Ok(Sent::Taken { hold_seconds: None }));
    let request = client.request();
    assert_eq!(request.uri(), "https://sentry.example/api/42/envelope/");
    let auth = "Sentry sentry_version=7, sentry_client=myloware/1.2.3, sentry_key=publickey0123";
    assert_eq!(request.headers()["x-sentry-auth"], auth);
    assert_eq!(request.headers()["content-type"], "application/x-sentry-envelope");
    assert_eq!(request.headers()["user-agent"], "myloware/1.2.3");
    let body = String::from_utf8(request.into_body()).unwrap();
    let lines: Vec<Value> = body.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [head, item, payload] = lines.as_slice() else { panic!("{body}") };
    assert_eq!((&head["event_id"], &head["sent_at"]), (&payload["event_id"], &"2026-01-02T03:05:00Z".into()));
    assert_eq!(item["length"], body.lines().nth(2).unwrap().len());
    assert_eq!(payload["exception"]["values"][0]["value"], "no credits\nat all, é");
    assert_eq!((&payload["release"], &payload["environment"]), (&"myloware@1.2.3".into(), &"staging".into()));
    assert_eq!((&payload["tags"]["run_id"], &payload["level"]), (&"run-1".into(), &"error".into()));
}

#[test]
fn who_is_limited_drops_and_waits() {
    let limits = "x-sentry-rate-limits";
    for (answer, expected) in [
        (with(429, &[]), Sent::Limited { hold_seconds: 60 }),
        (with(429, &[("retry-after", "7")]), Sent::Limited { hold_seconds: 7 }),
        (
            with(
                429,
                &[(limits, "60:transaction:key, 2700:default;error;security:organization"), ("retry-after", "7")],
            ),
            Sent::Limited { hold_seconds: 2700 },
        ),
        (with(200, &[(limits, "60:transaction:key")]), Sent::Taken { hold_seconds: None }),
        (with(200, &[(limits, "60:transaction:key, 30.5::organization")]), Sent::Taken { hold_seconds: Some(31) }),
        (with(200, &[(limits, "soon:error:key, -5:error:key")]), Sent::Taken { hold_seconds: None }),
    ] {
        assert_eq!(sent(&Client::answering([answer])), Ok(expected));
    }
}

#[test]
fn other_errors_have_their_class_and_sentrys_words() {
    let refused =
        sent(&Client::answering([with(400, &[("x-sentry-error", "bad envelope of publickey0123")])])).unwrap_err();
    assert_eq!((refused.class, refused.message.as_str()), (FaultClass::Final, "bad envelope of ***"));
    assert_eq!(sent(&Client::answering([with(503, &[])])).unwrap_err().class, FaultClass::Unavailable);
    assert_eq!(sent(&Client::answering([with(413, &[])])).unwrap_err().class, FaultClass::Final);
    let gone = Client::answering([Err(TransportError::NotSent("refused".into()))]);
    assert_eq!(sent(&gone).unwrap_err().class, FaultClass::Unavailable);
}

proptest! {
    #[test]
    fn no_address_panics_and_none_sends_its_key_as_a_part_of_the_url(text in ".{0,60}", key in "[a-z]{20}") {
        let _ = Dsn::parse(&text);
        let dsn = Dsn::parse(&format!("https://{key}@host/{text}"));
        prop_assert!(dsn.is_none_or(|dsn| !dsn.envelope_url().contains(&key)));
    }
}
