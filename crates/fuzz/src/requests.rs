//! What clients send: targets, headers, queries, bodies. What is taken is within the documented limits and can be stored.

use crate::edge::{self, Cursor, Problem, RpcMessage, clock, idempotency, ids};
use crate::edge::{form_pairs, form_value, percent_decode, percent_encode};
use crate::message::Message;
use crate::{Seen, storable};
use mw_media::brendan::KnownProject;
use mw_media::brendan::rules::{Intent, plan};
use serde_json::{Value, json};

pub(crate) fn run_start(bytes: &[u8]) -> Seen {
    let Some(wish) = taken(edge::run_start_body(&mut Message::read(bytes).request())) else { return Seen::Refused };
    storable(&wish.payload);
    assert!((1..=64).contains(&wish.project.chars().count()));
    assert!(wish.input.errors().is_empty());
    assert_eq!(idempotency::fingerprint(&wish.payload).len(), 64);
    Seen::Taken
}

pub(crate) fn chat(bytes: &[u8]) -> Seen {
    let Some(asked) = taken(edge::chat_body(&mut Message::read(bytes).request())) else { return Seen::Refused };
    storable(&json!([asked.user_id, asked.message]));
    assert!((1..=100).contains(&asked.user_id.chars().count()) && (1..=8000).contains(&asked.message.chars().count()));
    let known = KnownProject {
        key: "aismr".into(),
        title: "AISMR".into(),
        keywords: vec!["surreal".into()],
        has_runs: true,
        ..KnownProject::default()
    };
    if let Intent::Start(proposal) = plan(&asked.message, &[], &[known], &[]) {
        assert!(proposal.input.errors().is_empty(), "a run is proposed that cannot start: {:?}", proposal.input);
    }
    Seen::Taken
}

pub(crate) fn artifact(bytes: &[u8]) -> Seen {
    let Some(attachment) = taken(edge::artifact_body(&mut Message::read(bytes).request())) else {
        return Seen::Refused;
    };
    storable(&json!(attachment));
    assert!((1..=100).contains(&attachment.artifact_type.chars().count()));
    assert!(attachment.url.is_none_or(|url| url.chars().count() <= 2000));
    Seen::Taken
}

pub(crate) fn decision(bytes: &[u8]) -> Seen {
    let Some(wish) = taken(edge::decision_body(&mut Message::read(bytes).request())) else { return Seen::Refused };
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
    let decoded = percent_decode(message.target());
    assert_eq!(percent_decode(&percent_encode(&decoded)), decoded);
    assert!(request.client_address().is_none_or(|address| address.parse::<std::net::IpAddr>().is_ok()));
    assert!(request.media_type().is_none_or(|essence| !essence.contains(';')));
    request.wants_html();
    let id = edge::request_id(request.header("x-request-id"));
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
    assert!(ids::is_run_id(&cursor.run_id));
    storable(&json!(cursor.created_at));
    let again = Cursor::after(&json!({"createdAt": cursor.created_at, "runId": cursor.run_id})).unwrap();
    assert_eq!(Cursor::parse(&again), Some(cursor));
    Seen::Taken
}

/// A message that is understood has an id that everybody reads alike; a refusal names only such an id.
pub(crate) fn rpc_message(bytes: &[u8]) -> Seen {
    let Ok(value) = serde_json::from_slice::<Value>(&Message::read(bytes).body) else { return Seen::Refused };
    let is_id = |id: &Value| id.is_string() || id.as_i64().is_some_and(|id| id.unsigned_abs() < 1 << 53);
    match edge::rpc_message(value) {
        Ok(RpcMessage::Request { id, .. }) => assert!(is_id(&id), "{id}"),
        Ok(RpcMessage::Unanswered) => {}
        Err((id, error)) => {
            assert!(id.as_ref().is_none_or(is_id) && (400..500).contains(&error.status));
            serde_json::from_slice::<Value>(&error.into_response(id.as_ref(), 400).body).unwrap();
            return Seen::Refused;
        }
    }
    Seen::Taken
}

/// What is encoded is decoded to what it was; a name is found where it stands first.
pub(crate) fn form(bytes: &[u8]) -> Seen {
    let text = String::from_utf8_lossy(bytes);
    let pairs: Vec<(String, String)> = form_pairs(text.trim_end()).collect();
    let written = |(name, value): &(String, String)| format!("{}={}", percent_encode(name), percent_encode(value));
    let again: Vec<String> = pairs.iter().map(written).collect();
    assert_eq!(form_pairs(&again.join("&")).collect::<Vec<_>>(), pairs);
    for (name, _) in &pairs {
        let first = pairs.iter().find(|(other, _)| other == name).map(|(_, value)| value.clone());
        assert_eq!(form_value(text.trim_end(), name), first, "{name:?}");
    }
    Seen::from(!pairs.is_empty())
}

/// A moment that is read is one that PostgreSQL has, and is written so that it is read again.
pub(crate) fn moment(bytes: &[u8]) -> Seen {
    let Some(moment) = clock::parse(String::from_utf8_lossy(bytes).trim_end()) else { return Seen::Refused };
    assert!((1..=9999).contains(&moment.year()));
    let again = clock::parse(&clock::rfc3339(moment)).unwrap();
    assert!((again - moment).abs() < time::Duration::microseconds(1));
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
