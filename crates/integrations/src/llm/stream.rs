//! An answer that comes piece by piece.

use http::header::CONTENT_TYPE;
use mw_media::retry::Trouble;
use serde_json::Value;

use super::{Answered, Api, Ask, Limit, SYSTEM, Settings, answered, anthropic, call, openai, other_limit, sse};
use crate::answer::{Answer, NoAnswer, redacted, text_of};
use crate::outcome::Fault;
use crate::port::{Pieces as _, StreamingClient, TransportError};

/// A stream is not read further: each token comes with some hundred bytes around it.
const STREAM_BYTES_MAX: usize = 8_000_000;

/// Asks the model, and tells its text as it is made. A fault may come after some of it was told.
pub async fn converse_streaming(
    client: &impl StreamingClient,
    settings: &Settings,
    ask: &Ask<'_>,
    told: &mut dyn FnMut(&str),
) -> Result<Answered, Fault> {
    let mut limit = Limit::MaxCompletionTokens;
    loop {
        let call = call(settings, ask, limit, true);
        let asked_bytes = call.body.len();
        let response = call.open(client).await.map_err(NoAnswer::into_fault)?;
        let (parts, mut body) = response.into_parts();
        let kind = parts.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if parts.status.is_success() && kind.starts_with("text/event-stream") {
            let body = follow(&mut body, settings, told).await?;
            let answer =
                Answer { system: &SYSTEM, status: parts.status, headers: parts.headers, body, unreadable: None };
            return answered(&answer, settings, asked_bytes);
        }
        let mut bytes = Vec::new();
        while let Some(piece) = body.next().await.map_err(|error| cut(error, settings))? {
            bytes.extend_from_slice(&piece);
            within(bytes.len())?;
        }
        let answer = Answer::read(&SYSTEM, http::Response::from_parts(parts, bytes), &settings.api_key);
        if answer.status.is_success() {
            // A server that does not stream.
            let answered = answered(&answer, settings, asked_bytes)?;
            told(&answered.text);
            return Ok(answered);
        }
        limit = other_limit(limit, &answer, settings)?;
    }
}

/// The pieces so far, in either API.
enum Made {
    OpenAi(openai::Pieces),
    Anthropic(anthropic::Pieces),
}

impl Made {
    fn take<'a>(&mut self, event: &'a Value) -> &'a str {
        match self {
            Made::OpenAi(pieces) => pieces.take(event),
            Made::Anthropic(pieces) => pieces.take(event),
        }
    }

    fn is_finished(&self) -> bool {
        match self {
            Made::OpenAi(pieces) => pieces.is_finished(),
            Made::Anthropic(pieces) => pieces.is_finished(),
        }
    }

    fn whole(self) -> Value {
        match self {
            Made::OpenAi(pieces) => pieces.whole(),
            Made::Anthropic(pieces) => pieces.whole(),
        }
    }
}

/// Reads a stream to its end; gives the answer as it would have come in one piece.
async fn follow(
    body: &mut impl crate::port::Pieces,
    settings: &Settings,
    told: &mut dyn FnMut(&str),
) -> Result<Value, Fault> {
    let mut made = match settings.api {
        Api::OpenAi => Made::OpenAi(openai::Pieces::default()),
        Api::Anthropic => Made::Anthropic(anthropic::Pieces::default()),
    };
    let mut events = sse::Events::default();
    let mut length_bytes = 0;
    'stream: while let Some(piece) = body.next().await.map_err(|error| cut(error, settings))? {
        length_bytes += piece.len();
        within(length_bytes)?;
        for data in events.take(&piece).map_err(|sse::TooLong| too_long())? {
            if data.trim() == "[DONE]" {
                break 'stream;
            }
            let event = event(&data, settings)?;
            let text = made.take(&event);
            if !text.is_empty() {
                told(text);
            }
            if event.get("type").is_some_and(|kind| kind == "message_stop") {
                break 'stream;
            }
        }
    }
    if !made.is_finished() {
        return Err(cut(TransportError::Unanswered("the stream ended in the middle".to_owned()), settings));
    }
    Ok(made.whole())
}

fn event(data: &str, settings: &Settings) -> Result<Value, Fault> {
    let unreadable = || fault(&Trouble::Unreadable, "malformed_answer", "an event of the stream is not JSON");
    let event = serde_json::from_str(data).map_err(|_| unreadable())?;
    let event = crate::answer::cleaned(event, &settings.api_key);
    match event.get("error").filter(|error| !error.is_null()) {
        None => Ok(event),
        Some(error) => Err(told_error(error)),
    }
}

/// An error that comes after the head, which has no status any more: its type says which it would have been.
fn told_error(error: &Value) -> Fault {
    let kind = error.get("type").and_then(Value::as_str).unwrap_or_default();
    let status = match kind {
        "invalid_request_error" => 400,
        "authentication_error" => 401,
        "permission_error" => 403,
        "not_found_error" => 404,
        "request_too_large" => 413,
        "rate_limit_error" | "rate_limit_exceeded" => 429,
        "timeout_error" => 504,
        "overloaded_error" => 529,
        _ => 500,
    };
    let message = text_of(error).unwrap_or_else(|| "the model's server failed in the middle".to_owned());
    fault(&Trouble::Status(status), &status.to_string(), &message)
}

fn fault(trouble: &Trouble<'_>, code: &str, message: &str) -> Fault {
    Fault::new(SYSTEM.class_of(trouble), code, message)
}

fn cut(error: TransportError, settings: &Settings) -> Fault {
    let (TransportError::NotSent(message) | TransportError::Unanswered(message)) = error;
    fault(&Trouble::NoAnswer, "no_answer", &redacted(&message, &settings.api_key))
}

fn within(length_bytes: usize) -> Result<(), Fault> {
    if length_bytes > STREAM_BYTES_MAX { Err(too_long()) } else { Ok(()) }
}

fn too_long() -> Fault {
    fault(&Trouble::Unreadable, "too_long", "the model's answer is longer than is read")
}
