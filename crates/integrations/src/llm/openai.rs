//! Chat completions, as OpenAI and many others serve them.

use std::borrow::Cow;

use serde_json::{Value, json};

use super::dialect::{Dialect, MAX_TOKENS, NO_FORMAT, NO_SCHEMA, NO_STREAM_OPTIONS, NO_TOOLS};
use super::{Ask, End, Message, Said, Settings, Tool, Usage, text_at, tokens, written};
use crate::lenient;

pub(super) fn request(settings: &Settings, ask: &Ask<'_>, dialect: Dialect, streamed: bool) -> Value {
    let limit = if dialect.has(MAX_TOKENS) { "max_tokens" } else { "max_completion_tokens" };
    let mut system = Cow::Borrowed(ask.system);
    if let Some(shape) = ask.shape.filter(|_| dialect.has(NO_SCHEMA)) {
        system
            .to_mut()
            .push_str(&format!("\n\nAnswer with JSON of this JSON Schema, and with nothing else:\n{}", shape.schema));
    }
    let in_words = dialect.has(NO_TOOLS);
    let tools: Value = ask.tools.iter().map(tool).collect();
    if in_words && !ask.tools.is_empty() {
        system.to_mut().push_str(&format!("\n\nYou have these tools:\n{tools}\nTo call one, write <tool_call>{{\"name\": \"…\", \"arguments\": {{}}}}</tool_call> and nothing after it."));
    }
    let mut messages = vec![json!({"role": "system", "content": system})];
    ask.messages.iter().for_each(|message| write(message, in_words, &mut messages));
    let mut body = json!({"model": settings.model, "messages": messages, limit: ask.answer_tokens_max});
    let Value::Object(members) = &mut body else { return body };
    if !in_words && !ask.tools.is_empty() {
        members.insert("tools".to_owned(), tools);
    }
    if let Some(shape) = ask.shape.filter(|_| !dialect.has(NO_FORMAT)) {
        let format = match dialect.has(NO_SCHEMA) {
            true => json!({"type": "json_object"}),
            false => {
                json!({"type": "json_schema", "json_schema": {"name": shape.name, "strict": true, "schema": shape.schema}})
            }
        };
        members.insert("response_format".to_owned(), format);
    }
    if streamed && !dialect.has(NO_STREAM_OPTIONS) {
        members.insert("stream_options".to_owned(), json!({"include_usage": true}));
    }
    body
}

// Not `strict`: it forbids optional members, not all servers have it, and what comes is checked anyway.
fn tool(tool: &Tool) -> Value {
    let function = json!({"name": tool.name, "description": tool.description, "parameters": tool.schema});
    json!({"type": "function", "function": function})
}

/// A message; `in_words` for a server that knows no tools.
fn write(message: &Message, in_words: bool, messages: &mut Vec<Value>) {
    match message {
        Message::User(text) => messages.push(json!({"role": "user", "content": text})),
        Message::Assistant { text, calls } if in_words => {
            let calls = calls.iter().map(|call| {
                let call = json!({"name": call.name, "arguments": call.arguments.text()});
                format!("<tool_call>{call}</tool_call>")
            });
            messages.push(json!({"role": "assistant", "content": text.clone() + &calls.collect::<String>()}));
        }
        Message::ToolAnswers(answers) if in_words => {
            let answers = answers.iter().map(|answer| format!("<tool_response>{}</tool_response>", answer.content));
            messages.push(json!({"role": "user", "content": answers.collect::<String>()}));
        }
        Message::Assistant { text, calls } if calls.is_empty() => {
            messages.push(json!({"role": "assistant", "content": text}));
        }
        Message::Assistant { text, calls } => {
            let text = if text.is_empty() { Value::Null } else { json!(text) };
            let calls: Vec<Value> = calls
                .iter()
                .map(|call| {
                    let function = json!({"name": call.name, "arguments": call.arguments.text()});
                    let mut written = json!({"id": call.id, "type": "function", "function": function});
                    if let (Value::Object(members), false) = (&mut written, call.extra.is_null()) {
                        members.insert("extra_content".to_owned(), call.extra.clone());
                    }
                    written
                })
                .collect();
            messages.push(json!({"role": "assistant", "content": text, "tool_calls": calls}));
        }
        Message::ToolAnswers(answers) => messages.extend(answers.iter().map(|answer| {
            // This API has no mark for an error.
            let content = match answer.is_error {
                true => json!({"error": answer.content}).to_string(),
                false => answer.content.clone(),
            };
            json!({"role": "tool", "tool_call_id": answer.call_id, "content": content})
        })),
    }
}

/// `None` where there is no message.
pub(super) fn read(body: &Value) -> Option<Said> {
    let choice = body.get("choices")?.get(0)?;
    let message = member(choice, "message", "delta")?;
    let end = match text_at(message, "refusal") {
        "" => End::of(text_at(choice, "finish_reason")),
        refusal => End::Refused(refusal.to_owned()),
    };
    let usage = body.get("usage").and_then(usage);
    let calls = calls(message).enumerate().map(|(place, call)| written::call(call, place)).collect();
    Some(Said { text: content(message).into_owned(), calls, usage, end })
}

/// Some whole answers have the name of a stream's piece, and the other way round; who sends both says the same in the other.
fn member<'a>(choice: &'a Value, name: &str, other: &str) -> Option<&'a Value> {
    [name, other].into_iter().find_map(|name| choice.get(name).filter(|message| message.is_object()))
}

/// A text, or a list of parts, of which those that are texts are said.
fn content(message: &Value) -> Cow<'_, str> {
    let is_text = |part: &&Value| matches!(text_at(part, "type"), "text" | "output_text" | "");
    match message.get("content") {
        Some(Value::Array(parts)) => {
            parts.iter().filter(is_text).map(|part| part.as_str().unwrap_or(text_at(part, "text"))).collect()
        }
        content => Cow::Borrowed(content.and_then(Value::as_str).unwrap_or_default()),
    }
}

/// The calls, in a list or as the one that there was before.
fn calls(message: &Value) -> impl Iterator<Item = &Value> {
    let listed = message.get("tool_calls").and_then(Value::as_array).map_or(&[] as &[Value], Vec::as_slice);
    let older = message.get("function_call").filter(|call| call.is_object() && listed.is_empty());
    listed.iter().chain(older)
}

fn usage(usage: &Value) -> Option<Usage> {
    let input_tokens = tokens(usage, "prompt_tokens")?;
    Some(Usage { input_tokens, output_tokens: tokens(usage, "completion_tokens")?, estimated: false })
}

/// The pieces of an answer that comes as a stream, which become the whole answer again.
#[derive(Default)]
pub(super) struct Pieces {
    text: String,
    refusal: String,
    calls: Vec<CallPieces>,
    finish_reason: Value,
    /// It says whether the model has come to an end, so that an end of the stream before is none.
    tells_reasons: bool,
    usage: Value,
    /// Its texts are all of the text so far.
    is_cumulative: bool,
}

#[derive(Default)]
struct CallPieces {
    index: Option<u64>,
    id: String,
    name: String,
    arguments: String,
    extra: Value,
}

impl CallPieces {
    /// Whether a piece belongs to this call, whose index it has. One without a name does, unless it begins arguments anew; one with a
    /// name, where there is no other id, and arguments are still to come.
    fn goes_on_with(&self, id: &str, name: &str, arguments: &str) -> bool {
        if !id.is_empty() && self.id == id {
            return true;
        }
        let is_whole = || lenient::read(self.arguments.as_bytes()).is_some();
        match name {
            "" => arguments == self.arguments || !arguments.starts_with('{') || !is_whole(),
            name => {
                let is_same = self.index.is_some() || self.name == name;
                is_same && (id.is_empty() || self.id.is_empty()) && !is_whole()
            }
        }
    }
}

/// The new part of a piece: some servers send everything so far each time.
fn new_part<'a>(whole: &str, piece: &'a str) -> &'a str {
    piece.strip_prefix(whole).filter(|_| whole.contains(char::is_alphabetic)).unwrap_or(piece)
}

impl Pieces {
    /// Takes an event; gives the text in it.
    pub(super) fn take<'a>(&mut self, event: &'a Value) -> Cow<'a, str> {
        if let Some(usage) = event.get("usage").filter(|usage| usage.is_object()) {
            self.usage = usage.clone();
        }
        let Some(choice) = event.get("choices").and_then(|choices| choices.get(0)) else { return Cow::default() };
        let reason = choice.get("finish_reason");
        self.tells_reasons |= reason.is_some();
        if let Some(reason) = reason.filter(|reason| reason.as_str().is_some_and(|reason| !reason.is_empty())) {
            self.finish_reason = reason.clone();
        }
        let delta = member(choice, "delta", "message").unwrap_or(&Value::Null);
        self.refusal.push_str(text_at(delta, "refusal"));
        calls(delta).for_each(|call| self.take_call(call));
        let text = match content(delta) {
            Cow::Borrowed(text) => Cow::Borrowed(self.new_text(text)),
            text => text,
        };
        self.text.push_str(&text);
        text
    }

    /// Once a piece has begun with all before it and gone on, every piece does.
    fn new_text<'a>(&mut self, piece: &'a str) -> &'a str {
        let new = new_part(&self.text, piece);
        self.is_cumulative |= !new.is_empty() && new.len() < piece.len();
        if self.is_cumulative { new } else { piece }
    }

    /// A piece belongs to the newest call of its id, else of its index, if that [goes on](CallPieces::goes_on_with).
    fn take_call(&mut self, piece: &Value) {
        let index = piece.get("index").and_then(Value::as_u64);
        let function = piece.get("function").unwrap_or(piece);
        let (id, name) = (text_at(piece, "id"), text_at(function, "name"));
        let arguments = match function.get("arguments") {
            Some(arguments @ Value::Object(_)) => Cow::Owned(arguments.to_string()),
            _ => Cow::Borrowed(text_at(function, "arguments")),
        };
        let is_here = |call: &CallPieces| index.is_none() || call.index == index;
        let of_id = self.calls.iter().rposition(|call| is_here(call) && !id.is_empty() && call.id == id);
        let place = of_id.or_else(|| self.calls.iter().rposition(is_here));
        let goes_on = |call: &CallPieces| call.goes_on_with(id, name, &arguments);
        let place = place.filter(|place| self.calls.get(*place).is_some_and(goes_on)).unwrap_or_else(|| {
            // Another call of the same tool needs no name.
            let name = self.calls.last().map(|call| call.name.clone()).filter(|_| name.is_empty());
            self.calls.push(CallPieces { index, name: name.unwrap_or_default(), ..CallPieces::default() });
            self.calls.len() - 1
        });
        let Some(call) = self.calls.get_mut(place) else { return };
        if call.id.is_empty() {
            id.clone_into(&mut call.id);
        }
        // A name may come in pieces, too.
        if call.arguments.is_empty() && call.name != name {
            call.name.push_str(new_part(&call.name, name));
        }
        if call.arguments != arguments {
            call.arguments.push_str(new_part(&call.arguments, &arguments));
        }
        if let Some(extra) = piece.get("extra_content") {
            call.extra = extra.clone();
        }
    }

    /// Whether the model came to an end; a stream that ends before was cut. A server that never says so ends without a word.
    pub(super) fn is_finished(&self) -> bool {
        self.finish_reason.is_string() || !(self.tells_reasons || self.text.is_empty() && self.calls.is_empty())
    }

    /// As it would have come in one piece.
    pub(super) fn whole(self) -> Value {
        let function = |call: &CallPieces| json!({"name": call.name, "arguments": call.arguments});
        let calls: Vec<Value> = self
            .calls
            .iter()
            .map(|call| json!({"id": call.id, "function": function(call), "extra_content": call.extra}))
            .collect();
        let message = json!({"content": self.text, "refusal": self.refusal, "tool_calls": calls});
        json!({"choices": [{"message": message, "finish_reason": self.finish_reason}], "usage": self.usage})
    }
}
