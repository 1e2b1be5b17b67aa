//! What a test wants the model to say.
//!
//! ```json
//! {"rules": [{"when": "candles", "then": [{"calls": [{"name": "list_runs"}]}, {"text": "You have: {result}"}]}],
//!  "steps": [{"text": "Hello."}]}
//! ```
//!
//! A rule holds for every conversation whose user's last words contain `when`: its first step answers these, the next one
//! the tools' answers, and so on, so that many users may talk at once. `steps` are for everybody, one for each request that no
//! rule answers and that wants no JSON of a shape. `{result}` in a text stands for the last tool's answer, and an argument `"$result:/a/b"` for
//! a part of it.

use std::collections::VecDeque;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Asked, Called, End, Said, ToolResult};

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Script {
    rules: Vec<Rule>,
    steps: VecDeque<Step>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    when: String,
    then: Vec<Step>,
}

/// One answer.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Step {
    text: Option<String>,
    calls: Vec<Call>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Call {
    name: String,
    /// A text is sent as it is, JSON or not.
    #[serde(default = "nothing")]
    arguments: Value,
}

fn nothing() -> Value {
    Value::Object(Map::new())
}

impl Script {
    pub(super) fn read(value: Value) -> Result<Script, String> {
        serde_json::from_value(value).map_err(|error| format!("script: {error}"))
    }

    /// `None` where the script has nothing to say.
    pub(super) fn next(&mut self, asked: &Asked) -> Option<Said> {
        let rule = self.rules.iter().find(|rule| asked.user.contains(&rule.when));
        let step = match rule.and_then(|rule| rule.then.get(asked.rounds)) {
            Some(step) => step.clone(),
            None if asked.shape.is_none() => self.steps.pop_front()?,
            None => return None,
        };
        Some(step.said(asked.results.last()))
    }
}

impl Step {
    fn said(self, result: Option<&ToolResult>) -> Said {
        let content = result.map_or("", |result| result.content.as_str());
        let text = self.text.map(|text| text.replace("{result}", content));
        let result = result.map(ToolResult::json).unwrap_or_default();
        let calls = self.calls.into_iter().map(|call| {
            let arguments = match filled(call.arguments, &result) {
                Value::String(raw) => raw,
                arguments => arguments.to_string(),
            };
            Called { name: call.name, arguments }
        });
        Said { text, calls: calls.collect(), end: End::Done }
    }
}

fn filled(value: Value, result: &Value) -> Value {
    match value {
        Value::String(text) => match text.strip_prefix("$result:") {
            Some(pointer) => result.pointer(pointer).cloned().unwrap_or_default(),
            None => Value::String(text),
        },
        Value::Array(items) => items.into_iter().map(|item| filled(item, result)).collect(),
        Value::Object(members) => members.into_iter().map(|(name, member)| (name, filled(member, result))).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value,
    }
}
