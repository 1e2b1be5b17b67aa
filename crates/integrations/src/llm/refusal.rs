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

/// An error that has no status of its own: inside of a 200, or in the middle of a stream. Without an answer whoever says anything says
/// why there is none.
pub(super) fn error_in(body: &Value) -> Option<Fault> {
    let has_answer = ["choices", "content"].iter().any(|name| body.get(name).is_some_and(|answer| !answer.is_null()));
    let is_said = |error: &&Value| body.is_object() && !has_answer && text_of(error).is_some();
    let instead = [body.get("base_resp"), body.get("errors").and_then(|errors| errors.get(0)), Some(body)];
    let error = inside(body)
        .or_else(|| inside(body.get(0)?))
        .or_else(|| inside(body.get("choices")?.get(0)?))
        .or_else(|| instead.into_iter().flatten().find(is_said))?;
    let message = text_of(error).unwrap_or_else(|| "the model's server failed".to_owned());
    let status = status_of(error, &message);
    Some(Fault::new(SYSTEM.class_of(&Trouble::Status(status)), status.to_string(), message))
}

fn inside(value: &Value) -> Option<&Value> {
    value.get("error").filter(|error| !matches!(error, Value::Null | Value::Bool(false)) && error.as_str() != Some(""))
}

/// The status that an error would have had: its code, which may be a number or a text of one, or what its words stand for.
fn status_of(error: &Value, message: &str) -> u16 {
    let number = ["code", "status", "status_code"].into_iter().find_map(|name| error.get(name).and_then(integer));
    if let Some(status) = number.and_then(|number| u16::try_from(number).ok()).filter(|code| (400..600).contains(code))
    {
        return status;
    }
    let kind = letters(&["type", "code", "status"].map(|name| text_at(error, name)).concat());
    let message = letters(message);
    let of_kind = STATUS_WORDS.iter().find(|(word, _)| kind.contains(word));
    let found = of_kind.or_else(|| STATUS_WORDS.iter().take(IN_MESSAGES).find(|(word, _)| message.contains(word)));
    found.map_or(500, |(_, status)| *status)
}

/// However its words are put together.
fn letters(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

const STATUS_WORDS: [(&str, u16); 15] = [
    ("ratelimit", 429),
    ("limitreached", 429),
    ("toomany", 429),
    ("quota", 429),
    ("balance", 402),
    ("apikey", 401),
    ("login", 401),
    ("exhausted", 429),
    ("overloaded", 529),
    ("timeout", 504),
    ("authentication", 401),
    ("permission", 403),
    ("notfound", 404),
    ("toolarge", 413),
    ("invalid", 400),
];
/// The first words are meant in an error's message, too.
const IN_MESSAGES: usize = 7;
