//! A language model, as OpenAI and those compatible with it speak, or as Anthropic does.
//!
//! ```text
//! Ask ─► openai, anthropic: the request as that API writes it
//!        whole answer ─────────────┐
//!        stream ─► sse ─► events ──┴─► read ─► Said ─► spoken, written ─► Answered, or a Fault
//!        refusal ─► dialect: asked once more, as the server wants it
//! ```
//!
//! [`converse`] asks for text and calls of tools, [`converse_streaming`] tells the text as it is made, [`complete`] asks
//! for JSON of a shape. A refusal is final; an answer that is empty or cut off is worth another try; 429 and 529 wait as
//! long as the server asks. What a model says is bounded, can be stored, and holds no key of ours.

mod address;
mod anthropic;
mod dialect;
mod openai;
mod refusal;
mod spoken;
mod sse;
mod stream;
mod system;
mod written;

pub use address::address;
pub use dialect::{Dialect, Learnt};
pub use stream::converse_streaming;
pub use system::SYSTEM;

use std::fmt;
use std::ops::AddAssign;

use mw_media::retry::FaultClass;
use serde_json::Value;

use crate::answer::{Answer, Authorization, Call, NoAnswer, cleaned};
use crate::lenient;
use crate::outcome::Fault;
use crate::port::HttpClient;
use dialect::NO_TOOLS;
use refusal::refusal;
use spoken::Spoken;

/// Most calls of tools in one answer.
pub const CALLS_MAX: usize = 8;
/// Longest arguments of one call.
pub const ARGUMENTS_BYTES_MAX: usize = 16_384;
/// Longest text of one answer.
pub const TEXT_BYTES_MAX: usize = 65_536;
const NAME_CHARS_MAX: usize = 128;
/// More is not believed; sums of these never overflow.
const TOKENS_MAX: u64 = 1_000_000_000;
/// Characters of English in one token, where the server does not count.
const CHARS_PER_TOKEN: u64 = 4;

/// How a model is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Api {
    /// `/chat/completions`, which many servers have, each in a dialect of its own ([`dialect`]).
    OpenAi,
    /// `/messages`.
    Anthropic,
}

/// Which model, and where. `Debug` hides the key.
#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    pub api: Api,
    /// With or without a version: [`address`].
    pub base_url: String,
    pub api_key: String,
    pub model: String,
    /// What was met of the server so far.
    pub dialect: Learnt,
}

impl fmt::Debug for Settings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Settings")
            .field("api", &self.api)
            .field("base_url", &self.base_url)
            .field("model", &self.model)
            .finish_non_exhaustive()
    }
}

/// A tool that the model may call.
#[derive(Debug, Clone, PartialEq)]
pub struct Tool {
    pub name: &'static str,
    pub description: String,
    /// JSON Schema of the arguments. A hint to the model: what it sends is for the caller to check.
    pub schema: Value,
}

/// One message of a conversation.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    User(String),
    Assistant {
        text: String,
        calls: Vec<ToolCall>,
    },
    /// One for each call of the assistant's message before.
    ToolAnswers(Vec<ToolAnswer>),
}

/// The model wants a tool to be used.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolCall {
    pub id: String,
    /// May be of a tool that was not offered.
    pub name: String,
    pub arguments: Arguments,
    /// What some servers want back with the call, unread by us.
    pub extra: Value,
}

/// What a tool is called with.
#[derive(Debug, Clone, PartialEq)]
pub enum Arguments {
    /// JSON, of any shape.
    Parsed(Value),
    /// What the model wrote instead of JSON.
    Unreadable(String),
}

/// What a tool has to say to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolAnswer {
    pub call_id: String,
    pub content: String,
    pub is_error: bool,
}

/// What an answer took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    pub input_tokens: u64,
    pub output_tokens: u64,
    /// The server did not say: reckoned from the characters.
    pub estimated: bool,
}

impl AddAssign for Usage {
    fn add_assign(&mut self, more: Usage) {
        self.input_tokens += more.input_tokens;
        self.output_tokens += more.output_tokens;
        self.estimated |= more.estimated;
    }
}

/// The JSON that an answer must be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shape<'a> {
    /// 1–64 characters of `A-Z a-z 0-9 _ -`.
    pub name: &'a str,
    pub schema: &'a Value,
}

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ask<'a> {
    pub system: &'a str,
    pub messages: &'a [Message],
    pub tools: &'a [Tool],
    /// `None` for free text.
    pub shape: Option<Shape<'a>>,
    pub answer_tokens_max: u32,
}

/// What the model said: a text, calls of tools, or both.
#[derive(Debug, Clone, PartialEq)]
pub struct Answered {
    pub text: String,
    pub calls: Vec<ToolCall>,
    pub usage: Usage,
}

/// An answer as it was read, not yet judged.
struct Said {
    text: String,
    calls: Vec<ToolCall>,
    usage: Option<Usage>,
    end: End,
}

/// Why the model stopped.
enum End {
    Done,
    /// In its own words, where it has some.
    Refused(String),
    Filtered,
    CutOff,
    /// The conversation is longer than the model can read.
    TooLong,
}

impl End {
    /// By a server's word for it. An end is only what is known as one: whatever else it says, it stopped before.
    fn of(reason: &str) -> End {
        let reason = reason.to_ascii_lowercase();
        match reason.as_str() {
            // "complete" and "tool_call" are Cohere's.
            "" | "stop" | "stop_sequence" | "end_turn" | "eos" | "eos_token" | "complete" | "tool_call"
            | "tool_calls" | "tool_use" | "function_call" => End::Done,
            "refusal" => End::Refused(String::new()),
            "model_context_window_exceeded" => End::TooLong,
            _ if ["filter", "sensitive", "safety"].iter().any(|word| reason.contains(word)) => End::Filtered,
            _ => End::CutOff,
        }
    }
}

/// Asks the model, and waits for the whole answer.
pub async fn converse(client: &impl HttpClient, settings: &Settings, ask: &Ask<'_>) -> Result<Answered, Fault> {
    let first = settings.dialect.get();
    let mut dialect = first;
    loop {
        let (call, asked) = call(settings, ask, dialect, false);
        let asked_bytes = call.body.len();
        let answer = call.send(client).await.map_err(NoAnswer::into_fault)?;
        match refusal(&answer, settings) {
            None => return answered(&answer, settings, ask, asked_bytes, dialect),
            Some(fault) => dialect = dialect.after(first, asked, &answer).ok_or(fault)?,
        }
    }
}

/// Asks the model for JSON. That it satisfies the schema is for the caller to check when reading it.
pub async fn complete(client: &impl HttpClient, settings: &Settings, ask: &Ask<'_>) -> Result<(Value, Usage), Fault> {
    let answered = converse(client, settings, ask).await?;
    Ok((structured(&answered, ask.shape.map_or("", |shape| shape.name), settings)?, answered.usage))
}

/// The JSON in an answer: in its text, whatever stands around it, or a call of a tool with the shape's name, which is how some
/// servers give it.
pub fn structured(answered: &Answered, name: &str, settings: &Settings) -> Result<Value, Fault> {
    let retryable = |code: &str, message: &str| Fault::new(FaultClass::Retryable, code, message);
    let not_json = || retryable("invalid_json", "the model's answer is not JSON");
    if !answered.text.trim().is_empty() {
        let found = written::json_in(&answered.text);
        return found.map(|(_, _, value)| cleaned(value, &settings.api_key)).ok_or_else(not_json);
    }
    match answered.calls.iter().find(|call| call.name == name).map(|call| &call.arguments) {
        Some(Arguments::Parsed(value)) => Ok(value.clone()),
        Some(Arguments::Unreadable(_)) => Err(not_json()),
        None => Err(retryable("no_content", "the model's answer is empty")),
    }
}

/// The request, and the behaviours in it that other servers have otherwise.
fn call(settings: &Settings, ask: &Ask<'_>, dialect: Dialect, streamed: bool) -> (Call, Dialect) {
    let (path, authorization, mut body) = match settings.api {
        Api::OpenAi => (
            "/chat/completions",
            Authorization::Header("authorization", format!("Bearer {}", settings.api_key)),
            openai::request(settings, ask, dialect, streamed),
        ),
        Api::Anthropic => (
            "/messages",
            Authorization::Header("x-api-key", settings.api_key.clone()),
            anthropic::request(settings, ask),
        ),
    };
    if let (true, Value::Object(members)) = (streamed, &mut body) {
        members.insert("stream".to_owned(), Value::Bool(true));
    }
    let url = address(&settings.base_url, path, dialect);
    let asked = match settings.api {
        Api::OpenAi => Dialect::in_request(&body, url.is_guessed),
        Api::Anthropic => Dialect::default(),
    };
    let call = Call::post_json(&SYSTEM, url.text, authorization, &body);
    match settings.api {
        Api::OpenAi => (call, asked),
        Api::Anthropic => (call.with_header("anthropic-version", anthropic::VERSION), asked),
    }
}

/// What an answer says, without thoughts; calls that stand in its text are calls. What was met of the server is remembered.
fn answered(
    answer: &Answer,
    settings: &Settings,
    ask: &Ask<'_>,
    asked_bytes: usize,
    dialect: Dialect,
) -> Result<Answered, Fault> {
    let said = match settings.api {
        Api::OpenAi => openai::read(&answer.body),
        Api::Anthropic => anthropic::read(&answer.body),
    };
    let mut said = said.ok_or_else(|| answer.malformed("the model's answer has no message"))?;
    let mut spoken = Spoken::of(&said.text);
    if said.calls.is_empty() {
        written::take_calls(&mut spoken, ask, dialect.has(NO_TOOLS), &mut said.calls);
    }
    said.calls.iter_mut().for_each(|call| written::mend(call, ask));
    settings.dialect.set(dialect.hearing(&spoken));
    said.text = spoken.said;
    judged(said, settings, asked_bytes)
}

fn judged(said: Said, settings: &Settings, asked_bytes: usize) -> Result<Answered, Fault> {
    let Said { text, mut calls, usage, end } = said;
    let fault = |class, code: &str, message: &str| Err(Fault::new(class, code, message));
    match end {
        End::Refused(words) if words.is_empty() => return fault(FaultClass::Final, "refusal", "the model refused"),
        End::Refused(words) => return fault(FaultClass::Final, "refusal", &words),
        End::Filtered => return fault(FaultClass::Final, "content_filter", "the model's answer was filtered"),
        End::TooLong => {
            return fault(FaultClass::Final, "context_window", "the conversation is too long for the model");
        }
        End::CutOff => return fault(FaultClass::Retryable, "length", "the model's answer was cut off"),
        End::Done => {}
    }
    if text.trim().is_empty() && calls.is_empty() {
        return fault(FaultClass::Retryable, "no_content", "the model's answer is empty");
    }
    let is_long = |call: &ToolCall| call.arguments.length_bytes() > ARGUMENTS_BYTES_MAX;
    if text.len() > TEXT_BYTES_MAX || calls.len() > CALLS_MAX || calls.iter().any(is_long) {
        return fault(FaultClass::Retryable, "too_long", "the model's answer is longer than is read");
    }
    let said_bytes = text.len() + calls.iter().map(|call| call.arguments.length_bytes()).sum::<usize>();
    for call in &mut calls {
        call.name = call.name.chars().take(NAME_CHARS_MAX).collect();
        if let Arguments::Parsed(value) = &mut call.arguments {
            *value = cleaned(value.take(), &settings.api_key);
        }
    }
    let tokens = |bytes: usize| (bytes as u64).div_ceil(CHARS_PER_TOKEN);
    let reckoned = || Usage { input_tokens: tokens(asked_bytes), output_tokens: tokens(said_bytes), estimated: true };
    Ok(Answered { text, calls, usage: usage.unwrap_or_else(reckoned) })
}

impl Arguments {
    /// From the text of some JSON. No text at all is how some servers call a tool that takes nothing.
    fn read(text: &str) -> Arguments {
        match lenient::read(if text.trim().is_empty() { b"{}" } else { text.as_bytes() }) {
            Some(read) => Arguments::Parsed(read.value),
            None => Arguments::Unreadable(text.to_owned()),
        }
    }

    fn text(&self) -> String {
        match self {
            Arguments::Parsed(value) => value.to_string(),
            Arguments::Unreadable(text) => text.clone(),
        }
    }

    fn length_bytes(&self) -> usize {
        self.text().len()
    }
}

/// A count of tokens among an answer's `usage`.
fn tokens(usage: &Value, name: &str) -> Option<u64> {
    Some(usage.get(name)?.as_u64()?.min(TOKENS_MAX))
}

/// A text member, empty where it is missing or something else.
fn text_at<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}
