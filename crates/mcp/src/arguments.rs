//! The arguments of a tool as clients and the models behind them really send them: numbers and truths as texts, an empty text for
//! what is left out, the whole as a text of JSON. They are read as the tool's listed schema has them; what fits neither way stays
//! as it came, for the tool to refuse.

use super::message::is_nothing;
use super::tool;
use serde_json::{Map, Value};

/// The arguments of a call; `None` for what is no object.
pub(super) fn object(sent: Option<&Value>) -> Option<Map<String, Value>> {
    match sent {
        Some(Value::Object(arguments)) => Some(arguments.clone()),
        nothing if is_nothing(nothing) => Some(Map::new()),
        Some(Value::String(text)) => serde_json::from_str(text).ok(),
        _ => None,
    }
}

/// The arguments of a tool by the types of its schema.
pub(super) fn as_listed(tool: &str, arguments: Map<String, Value>) -> Map<String, Value> {
    let listed = tool::catalogue();
    let schema = listed.get("tools").and_then(Value::as_array).into_iter().flatten();
    let schema = schema.filter(|listed| listed.get("name").and_then(Value::as_str) == Some(tool));
    let Some(schema) = schema.filter_map(|listed| listed.get("inputSchema")).next() else { return arguments };
    let required = |name: &str| {
        let names = schema.get("required").and_then(Value::as_array).into_iter().flatten();
        names.filter_map(Value::as_str).any(|required| required == name)
    };
    let type_of = |name: &str| schema.get("properties")?.get(name)?.get("type")?.as_str();
    let read = |(name, value): (String, Value)| {
        let value = match value {
            Value::String(text) if text.trim().is_empty() && !required(&name) => return None,
            Value::String(text) => converted(type_of(&name), text),
            other => other,
        };
        Some((name, value))
    };
    arguments.into_iter().filter_map(read).collect()
}

/// A text as the number, truth or list that it stands for.
fn converted(wanted: Option<&str>, text: String) -> Value {
    let fits = |value: &Value| match wanted {
        Some("integer" | "number") => value.is_number(),
        Some("boolean") => value.is_boolean(),
        Some("array") => value.is_array(),
        Some("object") => value.is_object(),
        _ => false,
    };
    // Python's own words are "True" and "False".
    let is_truth = wanted == Some("boolean");
    let json = if is_truth { text.trim().to_ascii_lowercase() } else { text.trim().to_owned() };
    serde_json::from_str(&json).ok().filter(fits).unwrap_or(Value::String(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(tool: &str, sent: Value) -> Value {
        Value::Object(as_listed(tool, object(Some(&sent)).unwrap()))
    }

    #[test]
    fn texts_are_read_as_the_schema_has_them() {
        let sent = json!({"q": "7", "topK": " 5 ", "project": ""});
        assert_eq!(read("query_support", sent), json!({"q": "7", "topK": 5}));
        assert_eq!(read("list_runs", json!({"limit": "20", "cursor": "", "status": ""})), json!({"limit": 20}));
        assert_eq!(read("refresh_index", json!({"full": "true"})), json!({"full": true}));
        assert_eq!(read("refresh_index", json!({"full": " False"})), json!({"full": false}));
    }

    #[test]
    fn what_fits_neither_way_stays_for_the_tool_to_refuse() {
        for odd in [json!({"limit": "many"}), json!({"limit": "[1]"}), json!({"limit": [1]}), json!({"other": "5"})] {
            assert_eq!(read("list_runs", odd.clone()), odd);
        }
        assert_eq!(read("get_run_status", json!({"runId": ""})), json!({"runId": ""}), "it is required");
    }

    #[test]
    fn arguments_may_be_left_out_or_be_a_text_of_json() {
        for nothing in [None, Some(json!(null)), Some(json!([])), Some(json!(""))] {
            assert_eq!(object(nothing.as_ref()), Some(Map::new()), "{nothing:?}");
        }
        assert_eq!(read("list_runs", json!("{\"limit\": 2}")), json!({"limit": 2}));
        for odd in [json!([1]), json!(7), json!("limit"), json!("[]")] {
            assert_eq!(object(Some(&odd)), None, "{odd}");
        }
    }
}
