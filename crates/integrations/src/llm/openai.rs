//! Chat completions, as OpenAI and many others serve them.

use serde_json::{Value, json};

use super::{Arguments, Ask, End, Limit, Message, Said, Settings, Tool, ToolCall, Usage, text_at, tokens};

pub(super) fn request(settings: &Settings, ask: &Ask<'_>, limit: Limit) -> Value {
    let limit = match limit {
        Limit::MaxCompletionTokens => "max_completion_tokens",
        Limit::MaxTokens => "max_tokens",
    };
    let mut messages = vec![json!({"role": "system", "content": ask.system})];
    ask.messages.iter().for_each(|message| write(message, &mut messages));
    let mut body = json!({"model": settings.model, "messages": messages, limit: ask.answer_tokens_max});
    if let (Value::Object(body), false) = (&mut body, ask.tools.is_empty()) {
        body.insert("tools".to_owned(), ask.tools.iter().map(tool).collect());
    }
    if let (Value::Object(body), Some(shape)) = (&mut body, ask.shape) {
        let format = json!({"name": shape.name, "strict": true, "schema": shape.schema});
        body.insert("response_format".to_owned(), json!({"type": "json_schema", "json_schema": format}));
    }
    body
}

// Not `strict`: it forbids optional members, not all servers have it, and what comes is checked anyway.
fn tool(tool: &Tool) -> Value {
    let function = json!({"name": tool.name, "description": tool.description, "parameters": tool.schema});
    json!({"type": "function", "function": function})
}

fn write(message: &Message, messages: &mut Vec<Value>) {
    match message {
        Message::User(text) => messages.push(json!({"role": "user", "content": text})),
        Message::Assistant { text, calls } if calls.is_empty() => {
            messages.push(json!({"role": "assistant", "content": text}));
        }
        Message::Assistant { text, calls } => {
            let text = if text.is_empty() { Value::Null } else { json!(text) };
            let calls: Vec<Value> = calls
                .iter()
                .map(|call| {
                    let function = json!({"name": call.name, "arguments": call.arguments.text()});
                    json!({"id": call.id, "type": "function", "function": function})
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
    let message = choice.get("message").filter(|message| message.is_object())?;
    let calls = message.get("tool_calls").and_then(Value::as_array).map_or(&[] as &[Value], Vec::as_slice);
    let refusal = text_at(message, "refusal");
    let end = match text_at(choice, "finish_reason") {
        _ if !refusal.is_empty() => End::Refused(refusal.to_owned()),
        "content_filter" => End::Filtered,
        "length" | "max_tokens" => End::CutOff,
        _ => End::Done,
    };
    let usage = body.get("usage").and_then(usage);
    let calls = (1..).zip(calls).map(|(number, call)| tool_call(call, number)).collect();
    Some(Said { text: text_at(message, "content").to_owned(), calls, usage, end })
}

fn tool_call(call: &Value, number: u32) -> ToolCall {
    let function = call.get("function").unwrap_or(&Value::Null);
    let id = match text_at(call, "id") {
        "" => format!("call_{number}"),
        id => id.to_owned(),
    };
    let arguments = match function.get("arguments") {
        // Compatible servers send the object itself.
        Some(object @ Value::Object(_)) => Arguments::Parsed(object.clone()),
        _ => Arguments::read(text_at(function, "arguments")),
    };
    ToolCall { id, name: text_at(function, "name").to_owned(), arguments }
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
    usage: Value,
}

#[derive(Default)]
struct CallPieces {
    index: Option<u64>,
    id: String,
    name: String,
    arguments: String,
}

impl Pieces {
    /// Takes an event; gives the text in it.
    pub(super) fn take<'a>(&mut self, event: &'a Value) -> &'a str {
        if let Some(usage) = event.get("usage").filter(|usage| usage.is_object()) {
            self.usage = usage.clone();
        }
        let Some(choice) = event.get("choices").and_then(|choices| choices.get(0)) else { return "" };
        if let Some(reason) = choice.get("finish_reason").filter(|reason| reason.is_string()) {
            self.finish_reason = reason.clone();
        }
        let delta = choice.get("delta").unwrap_or(&Value::Null);
        self.refusal.push_str(text_at(delta, "refusal"));
        for call in delta.get("tool_calls").and_then(Value::as_array).map_or(&[] as &[Value], Vec::as_slice) {
            self.take_call(call);
        }
        let text = text_at(delta, "content");
        self.text.push_str(text);
        text
    }

    /// A piece belongs to the call of its index; servers without indices begin each call with its id.
    fn take_call(&mut self, piece: &Value) {
        let index = piece.get("index").and_then(Value::as_u64);
        let id = text_at(piece, "id");
        let place = match (index, id) {
            (Some(_), _) => self.calls.iter().position(|call| call.index == index),
            (None, "") => self.calls.len().checked_sub(1),
            (None, id) => self.calls.iter().position(|call| call.id == id),
        };
        if place.is_none() {
            self.calls.push(CallPieces { index, ..CallPieces::default() });
        }
        let call = match place {
            Some(place) => self.calls.get_mut(place),
            None => self.calls.last_mut(),
        };
        let Some(call) = call else { return };
        let function = piece.get("function").unwrap_or(&Value::Null);
        for (whole, part) in [(&mut call.id, id), (&mut call.name, text_at(function, "name"))] {
            if whole.is_empty() {
                part.clone_into(whole);
            }
        }
        call.arguments.push_str(text_at(function, "arguments"));
    }

    /// Whether the model came to an end; a stream that ends before was cut.
    pub(super) fn is_finished(&self) -> bool {
        self.finish_reason.is_string()
    }

    /// As it would have come in one piece.
    pub(super) fn whole(self) -> Value {
        let function = |call: &CallPieces| json!({"name": call.name, "arguments": call.arguments});
        let calls: Vec<Value> =
            self.calls.iter().map(|call| json!({"id": call.id, "function": function(call)})).collect();
        let message = json!({"content": self.text, "refusal": self.refusal, "tool_calls": calls});
        json!({"choices": [{"message": message, "finish_reason": self.finish_reason}], "usage": self.usage})
    }
}
