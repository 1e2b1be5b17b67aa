//! JSON that stands in a text: an answer in prose or in a fence, and calls that a model has written instead of calling.

use serde_json::Value;

use super::spoken::Spoken;
use super::{Arguments, Ask, ToolCall, text_at};
use crate::lenient;

/// Places of a text at which JSON is looked for.
const PLACES_MAX: usize = 64;

/// The longest JSON object or array in a text, and where it begins.
pub(super) fn json_in(text: &str) -> Option<(usize, Value)> {
    // As long as it was, so that its places are those of the text.
    let (text, _) = lenient::mended(text.as_bytes());
    let (mut at, mut found) = (0, None::<(usize, usize, Value)>);
    for _ in 0..PLACES_MAX {
        let Some(step) = text.get(at..).and_then(json_begin) else { break };
        at += step;
        let mut values = serde_json::Deserializer::from_str(text.get(at..)?).into_iter();
        match values.next() {
            Some(Ok(value)) => {
                let length = values.byte_offset();
                if found.as_ref().is_none_or(|(_, longest, _)| length > *longest) {
                    found = Some((at, length, value));
                }
                at += length;
            }
            // What was cut off has no JSON of its own inside.
            Some(Err(error)) if error.is_eof() => break,
            Some(Err(_)) | None => at += 1,
        }
    }
    found.map(|(at, _, value)| (at, value))
}

/// Where the first object or array may begin.
fn json_begin(text: &str) -> Option<usize> {
    text.bytes().position(|byte| matches!(byte, b'{' | b'['))
}

/// The calls that stand in a text between marks, or, where tools were offered, as JSON that calls one of them: they are taken out.
pub(super) fn take_calls(spoken: &mut Spoken, ask: &Ask<'_>, calls: &mut Vec<ToolCall>) {
    for text in &spoken.calls {
        read_marked(text, calls);
    }
    if !calls.is_empty() || ask.tools.is_empty() {
        return;
    }
    let Some((at, value)) = json_in(&spoken.said) else { return };
    let mut written = Vec::new();
    gather(&value, &mut written);
    let is_offered = |call: &ToolCall| ask.tools.iter().any(|tool| tool.name == call.name);
    if !written.is_empty() && written.iter().all(is_offered) {
        spoken.said.truncate(at);
        let before = spoken.said.trim_end().trim_end_matches("json").trim_end_matches(is_fence).len();
        spoken.said.truncate(before);
        *calls = written;
    }
}

fn is_fence(c: char) -> bool {
    matches!(c, '`' | '\n' | ' ')
}

/// `{"name", "arguments"}`, a list of such, or a name and its arguments.
fn read_marked(text: &str, calls: &mut Vec<ToolCall>) {
    let text = text.trim();
    let (name, rest) = match text.split_once("[ARGS]") {
        Some(parts) => parts,
        None => text.split_at(json_begin(text).unwrap_or(text.len())),
    };
    let name = name.trim().to_owned();
    let count = calls.len();
    match lenient::read(rest.as_bytes()) {
        Some(json) if name.is_empty() => gather(&json.value, calls),
        Some(json) => calls.push(tool_call(&name, &Value::Null, count, Arguments::Parsed(json.value))),
        None => {}
    }
    if calls.len() == count {
        // The model is told that it is none.
        calls.push(tool_call(&name, &Value::Null, count, Arguments::Unreadable(text.to_owned())));
    }
}

/// The calls that a value is or has.
fn gather(value: &Value, calls: &mut Vec<ToolCall>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| gather(item, calls)),
        Value::Object(_) => match value.get("tool_calls") {
            Some(inner) => gather(inner, calls),
            None => calls.extend(Some(call(value, calls.len())).filter(|call| !call.name.is_empty())),
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// One call, with or without a `function` around it; its arguments are an object, or JSON in a text, under one of several names.
pub(super) fn call(value: &Value, place: usize) -> ToolCall {
    let function = value.get("function").filter(|function| function.is_object()).unwrap_or(value);
    let arguments =
        ["arguments", "parameters", "args"].into_iter().find_map(|name| function.get(name).or(value.get(name)));
    let arguments = match arguments {
        None | Some(Value::Null) => Arguments::read(""),
        Some(Value::String(text)) => Arguments::read(text),
        Some(arguments) => Arguments::Parsed(arguments.clone()),
    };
    tool_call(text_at(function, "name"), value, place, arguments)
}

/// Servers that give no id get one: the answer names it again.
fn tool_call(name: &str, call: &Value, place: usize, arguments: Arguments) -> ToolCall {
    let id = match text_at(call, "id") {
        "" => format!("call_{}", place + 1),
        id => id.to_owned(),
    };
    ToolCall { id, name: name.to_owned(), arguments, extra: call.get("extra_content").cloned().unwrap_or_default() }
}
