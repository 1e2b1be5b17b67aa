//! Why an answer is none, wherever its server says so.

use mw_media::retry::{FaultClass, Trouble};
use serde_json::Value;

use super::{SYSTEM, Settings, text_at};
use crate::answer::{Answer, integer, text_of};
use crate::outcome::Fault;
use crate::retry_after;

/// Why an answer is none: by its status, or by what stands inside of a 200.
pub(super) fn refusal(answer: &Answer, settings: &Settings) -> Option<Fault> {
    if answer.status.is_success() {
        return error_in(&answer.body).map(|fault| fault.after(retry_after::of_answer(&answer.headers)));
    }
    let mut fault = answer.http_fault(&settings.api_key);
    // As the official clients, does what `x-should-retry` says. What the model has written wrongly it may write rightly.
    let advice = answer.headers.get("x-should-retry").and_then(|value| value.to_str().ok());
    let is_models = answer.body.get("error").is_some_and(|error| error.get("failed_generation").is_some());
    match (advice, fault.class) {
        (Some("false"), _) => fault.class = FaultClass::Final,
        (Some("true"), FaultClass::Final) => fault.class = FaultClass::Retryable,
        (_, FaultClass::Final) if is_models => fault.class = FaultClass::Retryable,
        _ => {}
    }
    Some(fault)
}

/// An error that has no status of its own: inside of a 200, or in the middle of a stream.
pub(super) fn error_in(body: &Value) -> Option<Fault> {
    let is_said = |error: &&Value| !matches!(error, Value::Null | Value::Bool(false)) && error.as_str() != Some("");
    let inside = |value: &'_ Value| value.get("error").filter(is_said).cloned();
    let error = inside(body)
        .or_else(|| inside(body.get(0)?))
        .or_else(|| inside(body.get("choices")?.get(0)?))
        .or_else(|| (text_at(body, "object") == "error").then(|| body.clone()))
        .or_else(|| body.get("detail").filter(|_| body.get("choices").is_none()).cloned())?;
    let status = status_of(&error);
    let message = text_of(&error).unwrap_or_else(|| "the model's server failed".to_owned());
    Some(Fault::new(SYSTEM.class_of(&Trouble::Status(status)), status.to_string(), message))
}

/// The status that an error would have had: its code, which may be a number or a text of one, or what its words stand for.
fn status_of(error: &Value) -> u16 {
    let number = ["code", "status", "status_code"].into_iter().find_map(|name| error.get(name).and_then(integer));
    if let Some(status) = number.and_then(|number| u16::try_from(number).ok()).filter(|code| (400..600).contains(code))
    {
        return status;
    }
    let words = ["type", "code", "status"].map(|name| text_at(error, name).to_ascii_lowercase());
    let has = |word: &&(&str, u16)| words.iter().any(|text| text.contains(word.0));
    STATUS_WORDS.iter().find(has).map_or(500, |(_, status)| *status)
}

const STATUS_WORDS: [(&str, u16); 11] = [
    ("rate_limit", 429),
    ("quota", 429),
    ("exhausted", 429),
    ("too_many", 429),
    ("overloaded", 529),
    ("timeout", 504),
    ("authentication", 401),
    ("permission", 403),
    ("not_found", 404),
    ("too_large", 413),
    ("invalid", 400),
];
