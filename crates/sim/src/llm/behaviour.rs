//! What the model says without a script: enough to hold a sensible conversation in `./dev up`. It looks at the user's words
//! for what to do, at the offered tools for the means, and at their schemas for the arguments.

use serde_json::{Map, Value, json};

use super::{Asked, Called, Offered, Said, ToolResult, schema};

const QUOTED_CHARS_MAX: usize = 600;

pub(super) fn said(asked: &Asked) -> Said {
    match asked.results.last() {
        None => first(asked),
        Some(result) => after(asked, result),
    }
}

fn first(asked: &Asked) -> Said {
    let words = asked.user.to_lowercase();
    let has = |any: &[&str]| any.iter().any(|word| words.contains(word));
    let wanted: &[&str] = if has(&["make ", "create ", "produce ", "start a", "start the"]) {
        &["propose", "start"]
    } else if has(&["link"]) && run_id(&asked.user).is_some() {
        &["link"]
    } else if run_id(&asked.user).is_some() {
        &["explain", "status"]
    } else if has(&["my runs", "status", "list", "link", "waiting"]) {
        &["list", "status"]
    } else if has(&["?", "how ", "what ", "why "]) {
        &["search"]
    } else {
        &[]
    };
    let tool = wanted.iter().find_map(|part| asked.tools.iter().find(|tool| tool.name.contains(part)));
    tool.map_or_else(|| told("This is a simulated answer."), |tool| calls(tool, asked, &Value::Null))
}

/// A proposal is started at once; everything else is passed on to the user.
fn after(asked: &Asked, result: &ToolResult) -> Said {
    let start = asked.tools.iter().find(|tool| tool.name.contains("start"));
    let answer = result.json();
    let may_start = answer.get("may_start").and_then(Value::as_bool).unwrap_or(!result.is_error);
    match start {
        Some(start) if result.tool.contains("propose") && may_start => calls(start, asked, &answer),
        _ => {
            let quoted: String = result.content.chars().take(QUOTED_CHARS_MAX).collect();
            told(&format!("{} says: {quoted}", result.tool))
        }
    }
}

fn told(text: &str) -> Said {
    Said { text: Some(text.to_owned()), ..Said::default() }
}

fn calls(tool: &Offered, asked: &Asked, answer: &Value) -> Said {
    let called = Called { name: tool.name.clone(), arguments: arguments(tool, &asked.user, answer).to_string() };
    Said { calls: vec![called], ..Said::default() }
}

/// By the names of the schema's properties: from the tool's answer before, from the user's words, else the least that fits.
fn arguments(tool: &Offered, user: &str, answer: &Value) -> Value {
    let properties = tool.schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
    let required = tool.schema.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut arguments = Map::new();
    for (name, property) in properties {
        let may_be_null =
            property.get("type").and_then(Value::as_array).is_some_and(|kinds| kinds.contains(&json!("null")));
        let is_required = required.iter().any(|required| *required == name.as_str());
        let meant = answer.get(&name).filter(|value| !value.is_null()).cloned().or_else(|| meant(&name, user));
        match meant {
            Some(value) => arguments.insert(name, value),
            None if is_required && may_be_null => arguments.insert(name, Value::Null),
            None if is_required => arguments.insert(name, schema::smallest(&property, &property, 0)),
            None => None,
        };
    }
    Value::Object(arguments)
}

fn meant(name: &str, user: &str) -> Option<Value> {
    let words = user.to_lowercase();
    let is_surreal = words.contains("aismr") || words.contains("surreal");
    match name {
        "query" => Some(json!(user.chars().take(400).collect::<String>())),
        "project" if words.contains("make ") || words.contains("create ") => {
            Some(json!(if is_surreal { "aismr" } else { "test_video_gen" }))
        }
        "subject" => {
            let subject = user.split_once(" about ").or_else(|| user.split_once(" of ")).map_or(user, |(_, rest)| rest);
            Some(json!(subject.trim_end_matches(['.', '!', '?']).chars().take(100).collect::<String>()))
        }
        "run_id" => run_id(user).map(|id| json!(id)),
        "confidence" => Some(json!(0.9)),
        _ => None,
    }
}

/// The first word that looks like a run's id.
fn run_id(text: &str) -> Option<&str> {
    let words = text.split(|c: char| !(c.is_ascii_hexdigit() || c == '-'));
    words.into_iter().find(|word| word.len() == 36 && word.bytes().filter(|b| *b == b'-').count() == 4)
}
