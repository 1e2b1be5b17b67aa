//! What clients send: targets, headers, queries, bodies. What is taken is within the documented limits and can be stored.

use crate::engine::{Seen, storable};
use crate::message::Message;
use mw_core::brendan::KnownProject;
use mw_core::brendan::rules::{Intent, plan};
use mw_web::cursor::Cursor;
use mw_web::problem::Problem;
use mw_web::request::{form_value, percent_decode, percent_encode};
use mw_web::{chat as talk, commands, idempotency, request_id, run_start as start, runs, verdict as gate};
use serde_json::json;

pub(crate) fn run_start(bytes: &[u8]) -> Seen {
    let Some(wish) = taken(start::parse(&mut Message::read(bytes).request())) else { return Seen::Refused };
    storable(&wish.payload);
    assert!((1..=64).contains(&wish.project.chars().count()));
    assert!(wish.input.errors().is_empty());
    assert_eq!(idempotency::fingerprint(&wish.payload).len(), 64);
    Seen::Taken
}

pub(crate) fn chat(bytes: &[u8]) -> Seen {
    let Some(asked) = taken(talk::parse(&mut Message::read(bytes).request())) else { return Seen::Refused };
    storable(&json!([asked.user_id, asked.message]));
    assert!((1..=100).contains(&asked.user_id.chars().count()) && (1..=8000).contains(&asked.message.chars().count()));
    let known = KnownProject {
        key: "aismr".into(),
        title: "AISMR".into(),
        keywords: vec!["surreal".into()],
        has_runs: true,
        ..KnownProject::default()
    };
    if let Intent::Start(proposal) = plan(&asked.message, &[known], &[]) {
        assert!(proposal.input.errors().is_empty(), "a run is proposed that cannot start: {:?}", proposal.input);
    }
    Seen::Taken
}

pub(crate) fn artifact(bytes: &[u8]) -> Seen {
    let Some(attachment) = taken(runs::parse_attachment(&mut Message::read(bytes).request())) else {
        return Seen::Refused;
    };
    storable(&json!(attachment));
    assert!((1..=100).contains(&attachment.artifact_type.chars().count()));
    assert!(attachment.url.is_none_or(|url| url.chars().count() <= 2000));
    Seen::Taken
}

pub(crate) fn verdict(bytes: &[u8]) -> Seen {
    let Some(wish) = taken(gate::parse(&mut Message::read(bytes).request())) else { return Seen::Refused };
    for text in [&wish.comment, &wish.approver].into_iter().flatten() {
        storable(&json!(text));
        assert!(!text.is_empty() && text.chars().count() <= 2000);
    }
    Seen::Taken
}

pub(crate) fn target_and_headers(bytes: &[u8]) -> Seen {
    let message = Message::read(bytes);
    let request = message.request();
    assert!(request.segments().iter().all(|segment| !segment.is_empty()));
    for name in ["status", "project", "cursor", "limit", "token", "job"] {
        assert_eq!(request.query(name), form_value(request.raw_query(), name));
    }
    let decoded = percent_decode(message.target(), true);
    assert_eq!(percent_decode(&percent_encode(&decoded), true), decoded);
    assert!(request.client_address().is_none_or(|address| address.parse::<std::net::IpAddr>().is_ok()));
    assert!(request.media_type().is_none_or(|essence| !essence.contains(';')));
    request.wants_html();
    let id = request_id::choose(request.header("x-request-id"));
    assert!((1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic()));
    match taken(idempotency::key(&request)) {
        Some(Some(key)) => {
            assert!((1..=255).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic()));
            Seen::Taken
        }
        Some(None) | None => Seen::Refused,
    }
}

/// A cursor that is taken names one place, and says it again in the same words.
pub(crate) fn cursor(bytes: &[u8]) -> Seen {
    let Some(cursor) = Cursor::parse(String::from_utf8_lossy(bytes).trim_end()) else { return Seen::Refused };
    assert!(commands::is_run_id(&cursor.run_id));
    storable(&json!(cursor.created_at));
    let again = Cursor::after(&json!({"createdAt": cursor.created_at, "runId": cursor.run_id})).unwrap();
    assert_eq!(Cursor::parse(&again), Some(cursor));
    Seen::Taken
}

/// A refusal is the client's fault, and says so without breaking its own shape.
fn taken<T>(parsed: Result<T, Problem>) -> Option<T> {
    match parsed {
        Ok(value) => Some(value),
        Err(problem) => {
            assert!((400..500).contains(&problem.status), "{} for bad input", problem.status);
            let headers = &problem.headers;
            assert!(headers.iter().all(|(_, value)| !value.contains(['\r', '\n', '\0'])));
            None
        }
    }
}
