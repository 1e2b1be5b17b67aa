//! Dead letters as people read them: the payload, and what an operator should know of one.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mw_edge::{Problem, problem};
use mw_store::dead_letters::Reason;
use serde_json::{Map, Value, json};

/// As much of a payload is shown.
pub const PAYLOAD_BYTES_MAX: usize = 16 * 1024;
/// The one spelling of a letter's id; `None` when it cannot be one.
pub fn dead_letter_id(text: &str) -> Option<String> {
    uuid::Uuid::parse_str(text).ok().map(|id| id.to_string())
}

/// 404 for an id that names no dead letter.
pub fn unknown() -> Problem {
    problem::not_found("dead letter not found")
}

/// The stored bytes as text where they are text, else in base64.
pub fn payload(letter: &Map<String, Value>) -> Value {
    let member = |name: &str| letter.get(name).cloned().unwrap_or_default();
    let size = member("payloadSize").as_u64().unwrap_or_default();
    let bytes = STANDARD.decode(member("payload").as_str().unwrap_or_default()).unwrap_or_default();
    let truncated = u64::try_from(bytes.len()).is_ok_and(|kept| kept < size);
    let text = match std::str::from_utf8(&bytes) {
        Ok(text) => Some(text),
        // Cut in the middle of a character.
        Err(error) if truncated && error.error_len().is_none() => {
            bytes.get(..error.valid_up_to()).and_then(|whole| std::str::from_utf8(whole).ok())
        }
        Err(_) => None,
    };
    match text {
        Some(text) => json!({"encoding": "text", "data": text, "bytes": size, "truncated": truncated}),
        None => json!({"encoding": "base64", "data": member("payload"), "bytes": size, "truncated": truncated}),
    }
}

/// What an operator should know of the letter, in plain words.
pub fn explanation(letter: &Map<String, Value>) -> String {
    let text = |name: &str| letter.get(name).and_then(Value::as_str).unwrap_or_default();
    let ended =
        |verb: &str| format!("{verb} by {} at {}: {}.", text("settledBy"), text("settledAt"), text("settledReason"));
    match text("outcome") {
        "accepted" => ended("Processed"),
        "discarded" => ended("Discarded"),
        _ => {
            let why = Reason::parse(text("reason")).map(Reason::explanation).unwrap_or_default();
            match letter.get("nextRetryAt").and_then(Value::as_str) {
                Some(at) => format!("{why} The sweep tries it again at {at}."),
                None if text("expiresAt").is_empty() => {
                    format!("{why} The sweep tries no more; it stays until somebody replays or discards it.")
                }
                None => format!("{why} The sweep tries no more, and discards it at {}.", text("expiresAt")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_text_where_it_is_text_even_when_cut() {
        let shown = |bytes: &[u8], size: usize| {
            let letter = json!({"payload": STANDARD.encode(bytes), "payloadSize": size});
            payload(letter.as_object().unwrap())
        };
        assert_eq!(shown(b"{}", 2), json!({"encoding": "text", "data": "{}", "bytes": 2, "truncated": false}));
        assert_eq!(shown("a\u{fc}".as_bytes().get(..2).unwrap(), 9)["data"], "a");
        assert_eq!(shown(b"\xff\xfe", 2)["encoding"], "base64");
        assert_eq!(shown(b"a\xc3", 2)["encoding"], "base64", "whole and yet no text");
    }
}
