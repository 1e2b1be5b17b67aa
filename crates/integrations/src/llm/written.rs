//! JSON that stands in a text: an answer in prose or in a fence, and calls that a model has written instead of calling.

use serde_json::{Map, Value};

use super::spoken::Spoken;
use super::{Arguments, Ask, Tool, ToolCall, text_at};
use crate::lenient;

/// Places of a text at which JSON is looked for.
const PLACES_MAX: usize = 64;

/// The longest JSON object or array in a text, where it begins and where it ends.
pub(super) fn json_in(text: &str) -> Option<(usize, usize, Value)> {
    // As long as it was, so that its places are those of the text.
    let (text, _) = lenient::mended(text.as_bytes());
    let (mut at, mut found) = (0, None::<(usize, usize, Value)>);
    for _ in 0..PLACES_MAX {
        let Some(step) = text.get(at..).and_then(json_begin) else { break };
        at += step;
        let mut values = serde_json::Deserializer::from_str(text.get(at..)?).into_iter();
        match values.next() {
            Some(Ok(value)) => {
                let end = at + values.byte_offset();
                if found.as_ref().is_none_or(|(from, to, _)| end - at > to - from) {
                    found = Some((at, end, value));
                }
                at = end;
            }
            // What was cut off has no JSON of its own inside.
            Some(Err(error)) if error.is_eof() => break,
            Some(Err(_)) | None => at += 1,
        }
    }
    found
}

/// Where the first object or array may begin.
fn json_begin(text: &str) -> Option<usize> {
    text.bytes().position(|byte| matches!(byte, b'{' | b'['))
}

/// The calls that stand in a text: between marks, or, where tools were offered, as JSON that calls one of them. They are taken out.
/// Who quotes a call says more, and whoever is quoted calls nothing: a call ends the text, and JSON is all of it or in a fence. Only
/// a model that knows no other way (`in_words`) may go on after it.
pub(super) fn take_calls(spoken: &mut Spoken, ask: &Ask<'_>, in_words: bool, calls: &mut Vec<ToolCall>) {
    if in_words || !spoken.goes_on {
        spoken.calls.iter().for_each(|text| read_marked(text, ask, calls));
    }
    if !calls.is_empty() || ask.tools.is_empty() {
        return;
    }
    let Some((at, end, value)) = json_in(&spoken.said) else { return };
    let before = spoken.said.get(..at).unwrap_or_default().trim_end();
    let (after, opened) = (spoken.said.get(end..).unwrap_or_default(), before.trim_end_matches(is_word));
    let is_fenced = opened.ends_with("```") || opened.ends_with("~~~");
    let is_alone = (is_fenced || before.trim_matches(is_fence).is_empty()) && after.trim_matches(is_fence).is_empty();
    let length =
        if is_fenced { opened.trim_end_matches(is_fence).len() } else { before.trim_end_matches(is_fence).len() };
    let mut written = Vec::new();
    gather(&value, &mut written);
    if (in_words || is_alone) && !written.is_empty() && written.iter().all(|call| meant(&call.name, ask).is_some()) {
        spoken.said.truncate(length);
        *calls = written;
    }
}

fn is_fence(c: char) -> bool {
    matches!(c, '`' | '~' | '\n' | ' ')
}

/// What names are made of.
fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-')
}

/// `{"name", "arguments"}`, a list of such, or a name and its arguments: JSON, or each between tags, or none at all.
fn read_marked(text: &str, ask: &Ask<'_>, calls: &mut Vec<ToolCall>) {
    let count = calls.len();
    let text = text.trim().trim_start_matches("<function=").trim_end_matches("</function>").trim_end();
    // The model is told that it is none.
    let unreadable = || Arguments::Unreadable(text.to_owned());
    let (name, arguments) = match (TAGS.iter().find_map(|tag| text.find(tag)), json_in(text)) {
        (Some(at), _) => {
            let (name, tagged) = text.split_at(at);
            (name, Arguments::Parsed(tagged_in(tagged, meant(name, ask))))
        }
        (None, Some((at, _, value))) => match text.get(..at).unwrap_or_default() {
            name if name.trim_matches(is_fence).trim_start_matches("json").is_empty() => {
                gather(&value, calls);
                ("", unreadable())
            }
            name => (name, Arguments::Parsed(value)),
        },
        (None, None) => match text.trim_end_matches('>') {
            name if !name.is_empty() && name.chars().all(is_word) => (name, Arguments::read("")),
            _ => (text.get(..json_begin(text).unwrap_or(text.len())).unwrap_or_default(), unreadable()),
        },
    };
    if calls.len() == count {
        calls.push(tool_call(name.trim(), &Value::Null, count, arguments));
    }
}

/// How GLM and Qwen begin the name of an argument.
const TAGS: [&str; 2] = ["<arg_key>", "<parameter="];

/// Arguments between tags. A text may look like JSON; the tool's schema knows.
fn tagged_in(text: &str, tool: Option<&Tool>) -> Value {
    let mut arguments = Map::new();
    for part in text.split(TAGS[0]).flat_map(|part| part.split(TAGS[1])) {
        let Some((name, value)) = part.split_once('>') else { continue };
        let name = name.trim_end_matches("</arg_key").trim();
        let value = value.trim_start().trim_start_matches("<arg_value>");
        let value = value.split("</parameter>").next().unwrap_or_default();
        let value = value.split("</arg_value>").next().unwrap_or_default().trim();
        let kind = tool.and_then(|tool| tool.schema.get("properties")?.get(name)?.get("type"));
        let is_text = value != "null" && kind.is_some_and(|kind| kind.to_string().contains("string"));
        let read = lenient::read(value.as_bytes()).filter(|_| !is_text);
        arguments.insert(name.to_owned(), read.map_or_else(|| Value::String(value.to_owned()), |read| read.value));
    }
    Value::Object(arguments)
}

/// The tool that a name is of, whatever a model or its server has left around it: `functions.list_runs`, `list_runs<|channel|>…`.
fn meant<'a>(name: &str, ask: &Ask<'a>) -> Option<&'a Tool> {
    name.split(|c| !is_word(c)).find_map(|word| ask.tools.iter().find(|tool| tool.name == word))
}

/// A call as it was meant: its tool by name, JSON in a text as JSON, and no arguments as none.
pub(super) fn mend(call: &mut ToolCall, ask: &Ask<'_>) {
    if let Some(tool) = meant(&call.name, ask) {
        tool.name.clone_into(&mut call.name);
    }
    let text = match &call.arguments {
        Arguments::Parsed(Value::String(text)) => text.as_str(),
        Arguments::Parsed(Value::Array(items)) if items.is_empty() => "",
        Arguments::Parsed(_) | Arguments::Unreadable(_) => return,
    };
    if let arguments @ Arguments::Parsed(_) = Arguments::read(text) {
        call.arguments = arguments;
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
