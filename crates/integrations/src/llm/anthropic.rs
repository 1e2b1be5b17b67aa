//! Messages, as Anthropic serves them.

use serde_json::{Value, json};

use super::{Arguments, Ask, End, Message, Said, Settings, Tool, ToolCall, Usage, text_at, tokens};

pub(super) const VERSION: &str = "2023-06-01";

pub(super) fn request(settings: &Settings, ask: &Ask<'_>) -> Value {
    let messages: Vec<Value> = ask.messages.iter().map(message).collect();
    let mut body = json!({
        "model": settings.model, "max_tokens": ask.answer_tokens_max, "system": ask.system, "messages": messages,
    });
    if let (Value::Object(body), false) = (&mut body, ask.tools.is_empty()) {
        body.insert("tools".to_owned(), ask.tools.iter().map(tool).collect());
    }
    if let (Value::Object(body), Some(shape)) = (&mut body, ask.shape) {
        let format = json!({"type": "json_schema", "schema": shape.schema});
        body.insert("output_config".to_owned(), json!({"format": format}));
    }
    body
}

fn tool(tool: &Tool) -> Value {
    json!({"name": tool.name, "description": tool.description, "input_schema": tool.schema})
}

fn message(message: &Message) -> Value {
    match message {
        Message::User(text) => json!({"role": "user", "content": text}),
        Message::Assistant { text, calls } => {
            // An empty text is refused.
            let text = (!text.trim().is_empty()).then(|| json!({"type": "text", "text": text}));
            let calls = calls.iter().map(|call| {
                // Here arguments are an object, whatever the model wrote.
                let input = match &call.arguments {
                    Arguments::Parsed(input @ Value::Object(_)) => input.clone(),
                    Arguments::Parsed(_) | Arguments::Unreadable(_) => json!({}),
                };
                json!({"type": "tool_use", "id": call.id, "name": call.name, "input": input})
            });
            json!({"role": "assistant", "content": text.into_iter().chain(calls).collect::<Vec<_>>()})
        }
        Message::ToolAnswers(answers) => {
            let results = answers.iter().map(|answer| {
                json!({"type": "tool_result", "tool_use_id": answer.call_id, "content": answer.content,
                       "is_error": answer.is_error})
            });
            json!({"role": "user", "content": results.collect::<Vec<_>>()})
        }
    }
}

/// `None` where there is no message.
pub(super) fn read(body: &Value) -> Option<Said> {
    let mut text = String::new();
    let mut calls = Vec::new();
    for block in body.get("content")?.as_array()? {
        match text_at(block, "type") {
            "text" => text.push_str(text_at(block, "text")),
            "tool_use" => calls.push(tool_call(block)),
            // Thoughts, and what is not known yet.
            _ => {}
        }
    }
    let end = End::of(text_at(body, "stop_reason"));
    Some(Said { text, calls, usage: body.get("usage").and_then(usage), end })
}

fn tool_call(block: &Value) -> ToolCall {
    let arguments = match block.get("input") {
        // As a stream's pieces become one.
        Some(Value::String(text)) => Arguments::read(text),
        Some(input) => Arguments::Parsed(input.clone()),
        None => Arguments::read(""),
    };
    let (id, name) = (text_at(block, "id").to_owned(), text_at(block, "name").to_owned());
    ToolCall { id, name, arguments, extra: Value::Null }
}

fn usage(usage: &Value) -> Option<Usage> {
    // What the server has kept of earlier requests is counted apart.
    let kept = ["cache_creation_input_tokens", "cache_read_input_tokens"];
    let kept: u64 = kept.iter().filter_map(|name| tokens(usage, name)).sum();
    let input_tokens = tokens(usage, "input_tokens")? + kept;
    Some(Usage { input_tokens, output_tokens: tokens(usage, "output_tokens")?, estimated: false })
}

/// The pieces of an answer that comes as a stream, which become the whole answer again.
#[derive(Default)]
pub(super) struct Pieces {
    blocks: Vec<Block>,
    stop_reason: Value,
    usage: serde_json::Map<String, Value>,
}

struct Block {
    index: Option<u64>,
    start: Value,
    text: String,
    input: String,
}

impl Pieces {
    /// Takes an event; gives the text in it.
    pub(super) fn take<'a>(&mut self, event: &'a Value) -> &'a str {
        let index = event.get("index").and_then(Value::as_u64);
        match text_at(event, "type") {
            "message_start" => self.count(event.get("message")),
            "content_block_start" => {
                let start = event.get("content_block").unwrap_or(&Value::Null);
                let text = text_at(start, "text");
                let (start, input) = (start.clone(), String::new());
                self.blocks.push(Block { index, start, text: text.to_owned(), input });
                return text;
            }
            "content_block_delta" => {
                let delta = event.get("delta").unwrap_or(&Value::Null);
                let (text, input) = (text_at(delta, "text"), text_at(delta, "partial_json"));
                if let Some(block) = self.blocks.iter_mut().rfind(|block| block.index == index) {
                    block.text.push_str(text);
                    block.input.push_str(input);
                    return text;
                }
            }
            "message_delta" => {
                if let Some(reason) = event.get("delta").and_then(|delta| delta.get("stop_reason")) {
                    self.stop_reason = reason.clone();
                }
                self.count(Some(event));
            }
            // `ping`, `content_block_stop`, and what is not known yet. `error` and `message_stop` are the caller's.
            _ => {}
        }
        ""
    }

    /// Counts are of the whole answer so far: the newest of each name holds.
    fn count(&mut self, event: Option<&Value>) {
        let usage = event.and_then(|event| event.get("usage")).and_then(Value::as_object);
        let counts = usage.into_iter().flatten().filter(|(_, count)| count.is_u64());
        self.usage.extend(counts.map(|(name, count)| (name.clone(), count.clone())));
    }

    /// Whether the model came to an end; a stream that ends before was cut.
    pub(super) fn is_finished(&self) -> bool {
        self.stop_reason.is_string()
    }

    /// As it would have come in one piece.
    pub(super) fn whole(self) -> Value {
        let content: Vec<Value> = self.blocks.into_iter().map(Block::whole).collect();
        json!({"content": content, "stop_reason": self.stop_reason, "usage": self.usage})
    }
}

impl Block {
    fn whole(self) -> Value {
        let mut block = self.start;
        if let Value::Object(members) = &mut block {
            match members.get("type").and_then(Value::as_str) {
                Some("text") => members.insert("text".to_owned(), json!(self.text)),
                Some("tool_use") if !self.input.is_empty() => members.insert("input".to_owned(), json!(self.input)),
                _ => None,
            };
        }
        block
    }
}
