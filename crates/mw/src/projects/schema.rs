//! The shape of a definition file, held against `projects/schema.json`. Serde stops at the first fault and doesn't say where it
//! is; this finds all. It knows the part of JSON Schema that our schema uses: a whole validator would be 35 crates more.

use crate::error::{Result, While};
use mw_media::definition::Fault;
use serde_json::{Map, Value};

const SCHEMA: &str = include_str!("../../../../projects/schema.json");

/// Every place where a file has another shape than the schema.
pub(super) fn faults(file: &Value) -> Result<Vec<Fault>> {
    let root = serde_json::from_str(SCHEMA).while_doing("read the built-in schema of projects")?;
    let mut shape = Shape { root: &root, faults: Vec::new() };
    shape.check(&root, file, "");
    Ok(shape.faults)
}

struct Shape<'a> {
    root: &'a Value,
    faults: Vec<Fault>,
}

impl<'a> Shape<'a> {
    fn check(&mut self, schema: &'a Value, value: &Value, at: &str) {
        let schema = self.resolved(schema);
        if let Some(branches) = schema.get("oneOf").and_then(Value::as_array) {
            return self.check_branches(branches, value, at);
        }
        let is_allowed = match (schema.get("const"), schema.get("enum").and_then(Value::as_array)) {
            (Some(only), _) => value == only,
            (None, Some(listed)) => listed.contains(value),
            (None, None) => schema.get("type").is_none_or(|name| has_type(value, name)),
        };
        if !is_allowed {
            return self.faults.push(Fault::at(at, format!("write {}", wanted(schema))));
        }
        if let (Some(members), Some(properties)) =
            (value.as_object(), schema.get("properties").and_then(Value::as_object))
        {
            self.check_members(schema, properties, members, at);
        }
        if let (Some(items), Some(schema)) = (value.as_array(), schema.get("items")) {
            for (index, item) in items.iter().enumerate() {
                self.check(schema, item, &format!("{at}/{index}"));
            }
        }
    }

    fn check_members(
        &mut self,
        schema: &'a Value,
        properties: &'a Map<String, Value>,
        members: &Map<String, Value>,
        at: &str,
    ) {
        for (name, value) in members {
            let at = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
            match properties.get(name) {
                Some(schema) => self.check(schema, value, &at),
                None => {
                    let known: Vec<&str> = properties.keys().map(String::as_str).collect();
                    self.faults.push(Fault::at(at, format!("remove it: known here are {}", known.join(", "))));
                }
            }
        }
        for name in schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
            if !members.contains_key(name) {
                let missing = properties.get(name).map(|schema| wanted(self.resolved(schema))).unwrap_or_default();
                self.faults.push(Fault::at(format!("{at}/{name}"), format!("add it: {missing}")));
            }
        }
    }

    /// Branches are told apart by a constant: their own, or a member's.
    fn check_branches(&mut self, branches: &'a [Value], value: &Value, at: &str) {
        let tag_of = |branch: &'a Value| {
            let mut members = branch.get("properties").and_then(Value::as_object).into_iter().flatten();
            members.find_map(|(name, schema)| Some((name.as_str(), schema.get("const")?)))
        };
        let is_meant = |branch: &&'a Value| match (branch.get("const"), tag_of(branch)) {
            (Some(only), _) => value == only,
            (None, Some((name, tag))) => value.get(name) == Some(tag),
            (None, None) => value.is_object(),
        };
        if let Some(branch) = branches.iter().find(is_meant) {
            return self.check(branch, value, at);
        }
        let tags: Vec<(&str, &Value)> = branches.iter().filter_map(tag_of).collect();
        let known: Vec<String> = tags.iter().map(|(_, tag)| tag.to_string()).collect();
        let (at, detail) = match tags.first() {
            Some((name, _)) if value.is_object() => {
                (format!("{at}/{name}"), format!("write one of {}", known.join(", ")))
            }
            Some((name, _)) => (at.to_owned(), format!("write an object with {name}, one of {}", known.join(", "))),
            None => (at.to_owned(), format!("write {}", branches.iter().map(wanted).collect::<Vec<_>>().join(", or "))),
        };
        self.faults.push(Fault::at(at, detail));
    }

    fn resolved(&self, schema: &'a Value) -> &'a Value {
        let pointer = schema.get("$ref").and_then(Value::as_str).and_then(|reference| reference.strip_prefix('#'));
        pointer.and_then(|pointer| self.root.pointer(pointer)).unwrap_or(schema)
    }
}

fn has_type(value: &Value, name: &Value) -> bool {
    match name.as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("number") => value.is_number(),
        Some("integer") => value.as_u64().is_some_and(|number| u32::try_from(number).is_ok()),
        _ => false,
    }
}

/// What a schema asks for, in words.
fn wanted(schema: &Value) -> String {
    let list = |values: &Vec<Value>| values.iter().map(Value::to_string).collect::<Vec<_>>().join(", ");
    if let Some(only) = schema.get("const") {
        return only.to_string();
    }
    if let Some(listed) = schema.get("enum").and_then(Value::as_array) {
        return format!("one of {}", list(listed));
    }
    let noun = match schema.get("type").and_then(Value::as_str) {
        Some("object") => match schema.get("required").and_then(Value::as_array).filter(|names| !names.is_empty()) {
            Some(names) => return format!("an object with {}", list(names)),
            None => "an object",
        },
        Some("array") => "a list",
        Some("boolean") => "true or false",
        Some("integer") => "a whole number from 0",
        Some("number") => "a number",
        _ => "a text",
    };
    noun.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use mw_media::definition::{Definition, DefinitionError};
    use serde_json::json;
    use std::collections::BTreeSet;

    /// A definition that has every member.
    fn harbour() -> Value {
        serde_json::from_str(include_str!("../../../media/fixtures/harbour.json")).unwrap()
    }

    fn pointers(file: &Value) -> Vec<String> {
        faults(file).unwrap().into_iter().map(|fault| fault.pointer).collect()
    }

    /// Every place of a value, and whether it is in a list.
    fn places(value: &Value, at: &str, found: &mut Vec<String>) {
        let inner: Vec<(String, &Value)> = match value {
            Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), value)).collect(),
            Value::Array(items) => items.iter().enumerate().map(|(index, item)| (index.to_string(), item)).collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
        };
        for (name, value) in inner {
            let at = format!("{at}/{name}");
            places(value, &at, found);
            found.push(at);
        }
    }

    fn has_shape(file: &Value) -> bool {
        !matches!(Definition::from_json(&file.to_string()), Err(DefinitionError::Shape(_)))
    }

    #[test]
    fn the_schema_and_the_type_agree() {
        let file = harbour();
        assert_eq!(pointers(&file), Vec::<String>::new());
        let mut all = Vec::new();
        places(&file, "", &mut all);
        for place in &all {
            for wrong in [json!({"surprise": 1}), json!("surprise"), json!(-1.5), json!(7), json!([{}]), json!(true)] {
                let mut changed = file.clone();
                *changed.pointer_mut(place).unwrap() = wrong.clone();
                // What may be edited is a word of the kind's own, which the type reads after the shape.
                let is_foreign_word = place.contains("/policy/edits/") && wrong.is_string();
                assert_eq!(pointers(&changed).is_empty(), has_shape(&changed) && !is_foreign_word, "{place}: {wrong}");
            }
            let (above, name) = place.rsplit_once('/').unwrap();
            let mut changed = file.clone();
            if let Some(members) = changed.pointer_mut(above).unwrap().as_object_mut() {
                members.remove(name);
                assert_eq!(pointers(&changed).is_empty(), has_shape(&changed), "without {place}");
                let mut changed = file.clone();
                changed.pointer_mut(above).unwrap()["surprise"] = json!(1);
                assert!(pointers(&changed).contains(&format!("{above}/surprise")) && !has_shape(&changed), "{above}");
            }
        }
    }

    #[test]
    fn no_member_of_the_schema_is_unknown_to_the_type() {
        let mut all = Vec::new();
        places(&harbour(), "", &mut all);
        let used: BTreeSet<&str> = all.iter().filter_map(|place| Some(place.rsplit_once('/')?.1)).collect();
        let (mut known, schema) = (Vec::new(), serde_json::from_str(SCHEMA).unwrap());
        places(&schema, "", &mut known);
        let is_member = |place: &String| {
            let (above, name) = place.rsplit_once('/')?;
            above.ends_with("/properties").then(|| name.to_owned())
        };
        let unused: Vec<String> = known.iter().filter_map(is_member).filter(|name| !used.contains(&**name)).collect();
        assert_eq!(unused, Vec::<String>::new());
        let keywords = [
            "$schema",
            "$defs",
            "$ref",
            "title",
            "description",
            "type",
            "properties",
            "required",
            "additionalProperties",
            "items",
            "oneOf",
            "enum",
            "const",
            "minimum",
        ];
        let is_keyword =
            |place: &&String| !place.rsplit('/').skip(1).any(|part| ["properties", "$defs"].contains(&part));
        for place in known.iter().filter(is_keyword) {
            let name = place.rsplit_once('/').unwrap().1;
            assert!(keywords.contains(&name) || name.parse::<usize>().is_ok(), "{place} is not checked");
        }
    }

    #[test]
    fn every_fault_of_a_shape_is_named_with_what_to_change() {
        let mut file = harbour();
        file["titel"] = json!("Harbour");
        file.as_object_mut().unwrap().remove("title");
        file["steps"][0]["role"] = json!("sing");
        file["steps"][1]["tools"][0] = json!("approve_gate");
        file["steps"][3]["kind"] = json!("dream");
        file["settings"]["publish"]["disclosure"] = json!("no");
        file["settings"]["guardrails"][1] = json!("There is always mist.");
        file["settings"]["clips"]["count"] = json!("three");
        let found: Vec<String> = faults(&file).unwrap().iter().map(Fault::to_string).collect();
        for expected in [
            "/title: add it: a text",
            "/steps/0/role: write one of \"ideate\", \"write\", \"edit\", \"sound\", \"caption\"",
            "/steps/1/tools/0: write one of \"memory_search\"",
            "/steps/3/kind: write one of \"gate\", \"persona\", \"generate\", \"render\", \"publish\"",
            "/settings/publish/disclosure: write \"ai_generated\", or an object with \"undisclosed\"",
            "/settings/guardrails/1: write an object with \"sentence\"",
            "/settings/clips/count: write a whole number from 0",
        ] {
            assert!(found.iter().any(|fault| fault == expected), "{expected}: {found:#?}");
        }
        assert!(found.iter().any(|fault| fault.starts_with("/titel: remove it: known here are ")), "{found:#?}");
        assert_eq!(found.len(), 8, "{found:#?}");
    }
}
