//! Values of a schema, and what the model's servers want of schemas.

use serde_json::{Map, Value, json};

/// Schemas nest; a recursive one must not recurse for ever.
const DEEPEST: u32 = 12;

/// The smallest value that satisfies the schema, with every property that it names.
pub(super) fn smallest(schema: &Value, root: &Value, depth: u32) -> Value {
    if depth > DEEPEST {
        return Value::Null;
    }
    if let Some(target) = schema.get("$ref").and_then(Value::as_str).and_then(|path| path.strip_prefix('#')) {
        return root.pointer(target).map_or(Value::Null, |target| smallest(target, root, depth + 1));
    }
    let first = |name: &str| schema.get(name).and_then(|choices| choices.get(0));
    if let Some(value) = schema.get("const").or_else(|| first("enum")) {
        return value.clone();
    }
    if let Some(choice) = first("anyOf").or_else(|| first("oneOf")) {
        return smallest(choice, root, depth + 1);
    }
    let number = |name: &str, default: u64| schema.get(name).and_then(Value::as_u64).unwrap_or(default);
    let kind = schema.get("type").map(|kind| kind.get(0).unwrap_or(kind));
    match kind.and_then(Value::as_str) {
        Some("object") => {
            let properties = schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
            let filled = properties.iter().map(|(name, schema)| (name.clone(), smallest(schema, root, depth + 1)));
            Value::Object(filled.collect::<Map<_, _>>())
        }
        Some("array") => {
            let items = schema.get("items").unwrap_or(&Value::Null);
            let count = number("minItems", 1).min(1000);
            (0..count).map(|_| smallest(items, root, depth + 1)).collect()
        }
        Some("string") => json!("simulated ".repeat(1 + number("minLength", 0).min(1000) as usize / 10).trim()),
        Some("integer" | "number") => json!(number("minimum", 1)),
        Some("boolean") => json!(true),
        _ => Value::Null,
    }
}

/// Whether a value has just the members that the schema of an object names.
pub(super) fn has_the_members(schema: &Value, value: &Value) -> bool {
    let named = schema.get("properties").and_then(Value::as_object);
    match (named, value.as_object()) {
        (Some(named), Some(members)) => {
            named.len() == members.len() && members.keys().all(|name| named.contains_key(name))
        }
        _ => false,
    }
}

/// Why a strict mode refuses this schema: every object names all of its members, requires them, and allows no others.
pub(super) fn strict_objection(schema: &Value) -> Option<String> {
    let is_object = match schema.get("type") {
        Some(Value::String(kind)) => kind == "object",
        Some(Value::Array(kinds)) => kinds.contains(&json!("object")),
        _ => false,
    };
    let properties = schema.get("properties").and_then(Value::as_object);
    if is_object {
        if schema.get("additionalProperties") != Some(&Value::Bool(false)) {
            return Some("'additionalProperties' is required to be supplied and to be false".to_owned());
        }
        let required = schema.get("required").and_then(Value::as_array).map_or(&[] as &[Value], Vec::as_slice);
        let missing = properties.into_iter().flatten().find(|(name, _)| !required.contains(&json!(name)));
        if let Some((name, _)) = missing {
            return Some(format!("'required' must include every key in properties; missing '{name}'"));
        }
    }
    let parts = properties.into_iter().flat_map(|properties| properties.values()).chain(schema.get("items"));
    parts.into_iter().find_map(strict_objection)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_satisfy_their_schema() {
        let schema = json!({
            "type": "object",
            "properties": {
                "title": {"type": "string"},
                "kind": {"enum": ["a", "b"]},
                "clips": {"type": "array", "minItems": 2, "items": {"$ref": "#/$defs/clip"}},
                "note": {"type": ["string", "null"]},
                "any": {"anyOf": [{"type": "boolean"}, {"type": "null"}]},
                "none": {"type": "null"},
            },
            "$defs": {"clip": {"type": "object", "properties": {"seconds": {"type": "number", "minimum": 8}}}},
        });
        let value = smallest(&schema, &schema, 0);
        let clip = json!({"seconds": 8});
        let expected = json!({"title": "simulated", "kind": "a", "clips": [clip, clip], "note": "simulated", "any": true, "none": null});
        assert_eq!(value, expected);
        let endless = json!({"type": "array", "items": {"$ref": "#"}});
        assert!(smallest(&endless, &endless, 0).to_string().starts_with("[["));
    }

    #[test]
    fn strict_modes_want_every_member_named_and_required() {
        let strict = json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": false});
        assert_eq!(strict_objection(&strict), None);
        let with = |name: &str, value: Value| {
            let mut schema = strict.clone();
            schema[name] = value;
            strict_objection(&schema).is_some()
        };
        assert!(with("required", json!([])) && with("additionalProperties", json!(true)));
        assert!(strict_objection(&json!({"type": "array", "items": {"type": "object"}})).is_some());
    }
}
