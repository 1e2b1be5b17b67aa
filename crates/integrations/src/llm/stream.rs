//! An answer that comes piece by piece.

use std::borrow::Cow;

use http::header::CONTENT_TYPE;
use mw_media::retry::{FaultClass, Trouble};
use serde_json::Value;

use super::dialect::{Dialect, HEARD, THINKS_ALOUD};
use super::refusal::{error_in, refusal};
use super::{Answered, Api, Ask, SYSTEM, Settings, Spoken, answered, anthropic, call, openai, sse};
use crate::answer::{Answer, NoAnswer, redacted};
use crate::lenient;
use crate::outcome::Fault;
use crate::port::{Pieces, StreamingClient, TransportError};

/// A stream is not read further: each token comes with some hundred bytes around it.
const STREAM_BYTES_MAX: usize = 8_000_000;

/// Asks the model, and tells its text as it is made. A fault may come after some of it was told.
pub async fn converse_streaming(
    client: &impl StreamingClient,
    settings: &Settings,
    ask: &Ask<'_>,
    told: &mut dyn FnMut(&str),
) -> Result<Answered, Fault> {
    let first = settings.dialect.get();
    let mut dialect = first;
    loop {
        let (call, asked) = call(settings, ask, dialect, true);
        let asked_bytes = call.body.len();
        let response = call.open(client).await.map_err(NoAnswer::into_fault)?;
        let (parts, body) = response.into_parts();
        let mut coming = Coming { body, bytes: Vec::new(), length_bytes: 0, settings };
        let mut teller = Teller {
            spoken: Spoken::default(),
            told_bytes: 0,
            dialect,
            has_tools: !ask.tools.is_empty(),
            told: &mut *told,
        };
        let kind = parts.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let is_stream = parts.status.is_success() && coming.is_stream(kind).await?;
        let answer = if is_stream {
            let body = follow(&mut coming, &mut teller).await?;
            Answer { system: &SYSTEM, status: parts.status, headers: parts.headers, body, unreadable: None }
        } else {
            while coming.more().await? {}
            Answer::read(&SYSTEM, http::Response::from_parts(parts, coming.bytes), &settings.api_key)
        };
        let told_bytes = teller.told_bytes;
        match refusal(&answer, settings) {
            None => {
                let answered = answered(&answer, settings, ask, asked_bytes, dialect)?;
                // All of it, where a server does not stream.
                if let Some(rest) = answered.text.get(told_bytes..).filter(|rest| !rest.is_empty()) {
                    told(rest);
                }
                return Ok(answered);
            }
            Some(fault) if told_bytes > 0 => return Err(fault),
            Some(fault) => dialect = dialect.after(first, asked, &answer).ok_or(fault)?,
        }
    }
}

/// A body, as far as it has come and is not used.
struct Coming<'a, B> {
    body: B,
    bytes: Vec<u8>,
    length_bytes: usize,
    settings: &'a Settings,
}

impl<B: Pieces> Coming<'_, B> {
    /// Waits for the next bytes; whether there are any.
    async fn more(&mut self) -> Result<bool, Fault> {
        let piece = self.body.next().await.map_err(|error| cut(error, self.settings))?;
        let Some(piece) = piece else { return Ok(false) };
        self.length_bytes += piece.len();
        self.bytes.extend_from_slice(&piece);
        if self.length_bytes > STREAM_BYTES_MAX { Err(too_long()) } else { Ok(true) }
    }

    /// Whether events are coming. The media type says so, or the first letter: an answer in one piece begins as JSON does, whatever
    /// it calls itself.
    async fn is_stream(&mut self, kind: &str) -> Result<bool, Fault> {
        loop {
            let bytes = self.bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&self.bytes);
            match bytes.trim_ascii_start().first().copied() {
                Some(b'{' | b'[') => return Ok(false),
                Some(b'd' | b'e' | b'i' | b'r' | b':') => return Ok(true),
                Some(_) => return Ok(kind.starts_with("text/event-stream")),
                None if self.more().await? => {}
                None => return Ok(kind.starts_with("text/event-stream")),
            }
        }
    }
}

/// Tells what is surely said, and no more: not what may be a thought, or a call that is written as text.
struct Teller<'a> {
    spoken: Spoken,
    told_bytes: usize,
    dialect: Dialect,
    has_tools: bool,
    told: &'a mut dyn FnMut(&str),
}

impl Teller<'_> {
    fn hear(&mut self, text: &str, settings: &Settings) -> Result<(), Fault> {
        let knew = self.spoken.began_with_thought;
        self.spoken.push(text);
        if self.spoken.began_with_thought && !knew && self.told_bytes > 0 {
            // What was told was no answer; from now on it is waited for.
            settings.dialect.set(self.dialect.with(THINKS_ALOUD));
            return Err(Fault::new(FaultClass::Retryable, "thought_aloud", "the model's thoughts came as its answer"));
        }
        // Whether its first words are an answer is known of a model that was heard before, and after a thought.
        let is_known = self.dialect.has(HEARD) && !self.dialect.has(THINKS_ALOUD);
        if self.spoken.said.trim().is_empty() || !is_known && !self.spoken.has_thought {
            return Ok(());
        }
        let new = self.spoken.said.get(self.told_bytes..).unwrap_or_default();
        let code = ["```", "{"].iter().filter_map(|begin| new.find(begin)).min().filter(|_| self.has_tools);
        let new = new.get(..code.unwrap_or(new.len())).unwrap_or_default().trim_end_matches('`');
        if !new.is_empty() {
            (self.told)(new);
            self.told_bytes += new.len();
        }
        Ok(())
    }
}

/// The pieces so far, in either API.
enum Made {
    OpenAi(openai::Pieces),
    Anthropic(anthropic::Pieces),
}

impl Made {
    fn take<'a>(&mut self, event: &'a Value) -> Cow<'a, str> {
        match self {
            Made::OpenAi(pieces) => pieces.take(event),
            Made::Anthropic(pieces) => Cow::Borrowed(pieces.take(event)),
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

/// Reads a stream to its end; gives the answer as it would have come in one piece, or the event that says why there is none.
async fn follow(coming: &mut Coming<'_, impl Pieces>, teller: &mut Teller<'_>) -> Result<Value, Fault> {
    let settings = coming.settings;
    let mut made = match settings.api {
        Api::OpenAi => Made::OpenAi(openai::Pieces::default()),
        Api::Anthropic => Made::Anthropic(anthropic::Pieces::default()),
    };
    let mut events = sse::Events::default();
    let mut is_done = false;
    while !is_done {
        let data = events.take(&std::mem::take(&mut coming.bytes)).map_err(|sse::TooLong| too_long())?;
        let is_over = data.is_empty() && !coming.more().await?;
        let last = if is_over { std::mem::take(&mut events).finish() } else { None };
        for data in data.iter().chain(&last).map(|data| data.trim()).filter(|data| !data.is_empty()) {
            is_done |= data == "[DONE]";
            if is_done {
                break;
            }
            let event = match lenient::read(data.as_bytes()) {
                Some(read) => crate::answer::cleaned(read.value, &settings.api_key),
                None if is_over => return Err(cut_short(settings)),
                None => {
                    return Err(fault(&Trouble::Unreadable, "malformed_answer", "an event of the stream is not JSON"));
                }
            };
            if error_in(&event).is_some() {
                return Ok(event);
            }
            teller.hear(&made.take(&event), settings)?;
            is_done |= event.get("type").is_some_and(|kind| kind == "message_stop");
        }
        if is_over {
            break;
        }
    }
    if is_done && matches!(made, Made::OpenAi(_)) || made.is_finished() {
        Ok(made.whole())
    } else {
        Err(cut_short(settings))
    }
}

fn cut_short(settings: &Settings) -> Fault {
    cut(TransportError::Unanswered("the stream ended in the middle".to_owned()), settings)
}

fn fault(trouble: &Trouble<'_>, code: &str, message: &str) -> Fault {
    Fault::new(SYSTEM.class_of(trouble), code, message)
}

fn cut(error: TransportError, settings: &Settings) -> Fault {
    let (TransportError::NotSent(message) | TransportError::Unanswered(message)) = error;
    fault(&Trouble::NoAnswer, "no_answer", &redacted(&message, &settings.api_key))
}

fn too_long() -> Fault {
    fault(&Trouble::Unreadable, "too_long", "the model's answer is longer than is read")
}
