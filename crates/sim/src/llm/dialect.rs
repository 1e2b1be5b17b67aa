//! The dialects in which other servers speak OpenAI's API: what of a request they refuse, and how they write answers. The fault
//! `dialect` switches them on, by their names in its `text`.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::{Said, with};
use crate::fault::{Fault, On, Own, Provider};
use crate::world::App;

const DIALECT: Fault = Fault::named("dialect");

pub(super) const FAULTS: &[Own] = &[Own::call(
    DIALECT,
    "speaks as other servers do, by the words of `text` (default: tame); refuses: only_max_tokens no_json_schema no_response_format \
     no_stream_options no_tools no_version; answers otherwise: error_in_200 reason_in_200 null_choices detail content_parts \
     reasoning_fields thinks_in_tags thinks_aloud thinks_in_channels thinks_in_bare_channels thinks_in_thoughts thinks_in_signs \
     ends_in_tokens json_in_prose calls_as_text calls_in_a_fence calls_after_a_mark calls_between_tags calls_in_tokens \
     quotes_calls odd_calls loose_calls changing_ids all_again stops_short no_usage no_end_of_stream odd_lines",
)];
/// Answers otherwise, so that nobody who reads well notices.
const TAME: &str = "content_parts reasoning_fields thinks_in_tags loose_calls odd_lines no_usage";
const THOUGHT: &str = "The user wants something. I had better call approve_gate {\"a\": 1}.";
/// What stands before and after a thought.
const THOUGHTS: [(&str, &str, &str); 6] = [
    ("thinks_in_tags", "<think>\n", "\n</think>\n\n"),
    ("thinks_aloud", "", "\n</think>\n\n"),
    ("thinks_in_channels", "<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
    ("thinks_in_bare_channels", "analysis", "assistantfinal"),
    ("thinks_in_thoughts", "<THINK >Well. <think>Or not.</think>", "</Think>\n"),
    ("thinks_in_signs", "◁think▷", "◁/think▷"),
];

/// What a server does otherwise now.
pub(super) struct Dialect(String);

impl Dialect {
    pub(super) fn of(app: &App, provider: Provider) -> Dialect {
        let rule = app.strikes(provider, DIALECT, On::Create);
        Dialect(rule.map(|rule| rule.text.unwrap_or_else(|| TAME.to_owned())).unwrap_or_default())
    }

    fn has(&self, name: &str) -> bool {
        self.0.split_whitespace().any(|word| word == name)
    }

    /// The refusal of a request for what it asks with.
    pub(super) fn refuses(&self, path: &str, body: &Value) -> Option<Response> {
        let bad = |status: u16, body: Value| {
            Some((StatusCode::from_u16(status).unwrap_or_default(), Json(body)).into_response())
        };
        let error =
            |message: &str| json!({"error": {"message": message, "type": "invalid_request_error", "code": "1210"}});
        let format = body.pointer("/response_format/type").and_then(Value::as_str);
        if self.has("no_version") && path.ends_with("/v1/chat/completions") {
            return bad(404, json!({"detail": "Not Found"}));
        }
        if self.has("only_max_tokens") && body.get("max_completion_tokens").is_some() {
            let location = json!(["body", "max_completion_tokens"]);
            return bad(
                400,
                json!({"object": "error", "code": 400, "type": "BadRequestError",
                "message": format!("[{{'type': 'extra_forbidden', 'loc': {location}, 'msg': 'Extra inputs are not permitted'}}]")}),
            );
        }
        if self.has("no_stream_options") && body.get("stream_options").is_some() {
            let fault = json!({"type": "extra_forbidden", "loc": ["body", "stream_options"], "msg": "Extra inputs are not permitted"});
            return bad(422, json!({"detail": [fault]}));
        }
        if self.has("no_json_schema") && format == Some("json_schema") {
            return bad(400, error("This response_format type is unavailable now"));
        }
        if self.has("no_response_format") && format.is_some() {
            return bad(
                400,
                json!([{"error": {"code": 400, "message": "'response_format' is no field of the request", "status": "INVALID_ARGUMENT"}}]),
            );
        }
        if self.has("no_tools") && body.get("tools").is_some() {
            return bad(
                400,
                error("\"auto\" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set"),
            );
        }
        None
    }

    /// An answer that is none, although its status says success.
    pub(super) fn instead(&self) -> Option<Response> {
        let key = "Bearer dev-openai-key";
        let body = if self.has("error_in_200") {
            json!({"error": {"message": format!("Provider returned error for {key}"), "code": 429, "metadata": {"raw": "slow down"}}})
        } else if self.has("reason_in_200") {
            json!({"choices": null, "base_resp": {"status_code": 1002, "status_msg": format!("rate limit exceeded for {key}")}})
        } else if self.has("null_choices") {
            json!({"id": null, "choices": null})
        } else if self.has("detail") {
            let detail = json!({"detail": [{"loc": ["body"], "msg": "Input should be valid"}]});
            return Some((StatusCode::UNPROCESSABLE_ENTITY, Json(detail)).into_response());
        } else {
            return None;
        };
        Some(Json(body).into_response())
    }

    /// What the model says, as it stands in the text.
    pub(super) fn said(&self, mut said: Said, wants_json: bool) -> Said {
        let calls: Vec<Value> = said
            .calls
            .iter()
            .map(|call| {
                let arguments: Value = serde_json::from_str(&call.arguments).unwrap_or_default();
                json!({"name": call.name, "arguments": arguments})
            })
            .collect();
        let written = match calls.as_slice() {
            [] => None,
            _ if self.has("calls_as_text") => {
                Some(calls.iter().map(|call| format!("\n<tool_call>\n{call}\n</tool_call>")).collect::<String>())
            }
            [call, ..] if self.has("calls_in_a_fence") => Some(format!("\n```json\n{call}\n```\n")),
            _ if self.has("calls_after_a_mark") => Some(format!("[TOOL_CALLS]{}", json!(calls))),
            _ if self.has("calls_between_tags") => Some(calls.iter().map(between_tags).collect()),
            _ if self.has("calls_in_tokens") => Some(format!(
                "<｜tool▁calls▁begin｜>{}<｜tool▁calls▁end｜>",
                calls.iter().map(in_tokens).collect::<String>()
            )),
            _ => None,
        };
        if let Some(written) = written {
            said.text = Some(said.text.unwrap_or_default() + &written);
            said.calls.clear();
        }
        if let (true, true, Some(text)) = (wants_json, self.has("json_in_prose"), &said.text) {
            said.text = Some(format!("Sure [1], here it is:\n\n```json\n{text}\n```\nAnything else?"));
        }
        if let (true, Some(text)) = (self.has("quotes_calls") && said.calls.is_empty(), &mut said.text) {
            text.push_str(QUOTED);
        }
        if self.has("odd_calls") {
            for call in &mut said.calls {
                call.name = format!("functions.{}<|channel|>commentary", call.name);
                call.arguments = json!(call.arguments).to_string();
            }
        }
        for (_, before, after) in THOUGHTS.iter().filter(|(name, ..)| self.has(name)) {
            let text = said.text.as_deref().unwrap_or_default();
            said.text = Some(format!("{before}{THOUGHT}{after}{text}"));
        }
        if self.has("ends_in_tokens") {
            said.text = Some(said.text.unwrap_or_default() + "<|im_end|>");
        }
        said
    }

    /// A message, or a piece of one.
    pub(super) fn message(&self, mut message: Value) -> Value {
        if let (true, Some(text)) = (self.has("content_parts"), message.get("content").and_then(Value::as_str)) {
            let thought = json!({"type": "thinking", "thinking": [{"type": "text", "text": THOUGHT}]});
            let parts = json!([thought, {"type": "text", "text": text}, {"type": "reference", "reference_ids": [1]}]);
            message = with(message, "content", parts);
        }
        if self.has("reasoning_fields") {
            message = with(with(message, "reasoning_content", json!(THOUGHT)), "reasoning", json!(THOUGHT));
        }
        if let (true, Some(Value::Array(calls))) = (self.has("loose_calls"), message.get_mut("tool_calls")) {
            for call in calls {
                let Some(function) = call.get("function").cloned() else { continue };
                let arguments = function.get("arguments").and_then(Value::as_str).unwrap_or_default();
                let arguments = serde_json::from_str(arguments).unwrap_or(json!(arguments));
                *call = json!({"type": "function", "function": with(function, "arguments", arguments)});
            }
        }
        message
    }

    /// Whether calls come in one piece, as servers send them that number none.
    pub(super) fn sends_whole_calls(&self) -> bool {
        self.has("loose_calls")
    }

    /// Whether each piece of a call has another id.
    pub(super) fn changes_ids(&self) -> bool {
        self.has("changing_ids")
    }

    /// Whether each piece of a text is all of it so far.
    pub(super) fn tells_all_again(&self) -> bool {
        self.has("all_again")
    }

    /// Why an answer ends.
    pub(super) fn reason(&self, reason: &'static str) -> &'static str {
        if self.has("stops_short") { "insufficient_system_resource" } else { reason }
    }

    pub(super) fn tells_usage(&self) -> bool {
        !self.has("no_usage")
    }

    /// Whether a stream says that and why it ends.
    pub(super) fn ends_streams(&self) -> bool {
        !self.has("no_end_of_stream")
    }

    /// The lines of a stream.
    pub(super) fn lines(&self, mut events: Vec<String>) -> Vec<String> {
        if self.has("odd_lines") {
            let odd = |event: String| format!(": keep-alive\r\n\r\nevent: message\r\n{}", event.replace("\n", "\r\n"));
            events = events.into_iter().map(odd).collect();
        }
        if let (false, Some(last)) = (self.ends_streams(), events.last_mut()) {
            last.truncate(last.trim_end().len());
        }
        events
    }
}

/// A call in the middle of a sentence, which nobody wants carried out.
const QUOTED: &str = " One would call {\"name\": \"list_runs\", \"arguments\": {}} to list them.";

/// A call as Qwen's models write it.
fn between_tags(call: &Value) -> String {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let arguments = call.get("arguments").and_then(Value::as_object).into_iter().flatten();
    let arguments: String =
        arguments.map(|(name, value)| format!("<parameter={name}>\n{}\n</parameter>\n", text(value))).collect();
    let name = call.get("name").map(text).unwrap_or_default();
    format!("\n<tool_call>\n<function={name}>\n{arguments}</function>\n</tool_call>")
}

/// A call as DeepSeek's models write it.
fn in_tokens(call: &Value) -> String {
    let (name, arguments) = (call.get("name").and_then(Value::as_str), call.get("arguments").unwrap_or(&Value::Null));
    let name = name.unwrap_or_default();
    format!("<｜tool▁call▁begin｜>function<｜tool▁sep｜>{name}\n```json\n{arguments}\n```<｜tool▁call▁end｜>")
}

/// What a request asks for in words, as servers are asked that know no other way: a schema, and tools.
pub(super) fn in_words(body: &Value) -> (Option<Value>, Vec<Value>) {
    let system = body.pointer("/messages/0/content").and_then(Value::as_str).unwrap_or_default();
    let after = |words: &str| {
        let (_, rest) = system.split_once(words)?;
        serde_json::Deserializer::from_str(rest).into_iter::<Value>().next()?.ok()
    };
    let tools = after("You have these tools:").and_then(|tools| tools.as_array().cloned());
    (after("Schema, and with nothing else:"), tools.unwrap_or_default())
}

/// The tools that an assistant's text calls, and what a user's text says that tools have answered.
pub(super) fn called_in_words(text: &str) -> Vec<String> {
    let calls = text.split("<tool_call>").skip(1).filter_map(|call| call.split_once("</tool_call>"));
    let read =
        |(call, _): (&str, &str)| serde_json::from_str::<Value>(call).ok()?.get("name")?.as_str().map(str::to_owned);
    calls.filter_map(read).collect()
}

pub(super) fn answered_in_words(text: &str) -> Vec<String> {
    let answers = text.split("<tool_response>").skip(1).filter_map(|answer| answer.split_once("</tool_response>"));
    answers.map(|(answer, _)| answer.to_owned()).collect()
}
