//! The tools that a model may use while it speaks for a persona. A definition allows them step by step; there is none that
//! decides, spends or changes anything.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

const QUERY_CHARS_MAX: usize = 300;

/// A tool, by the original's name. A definition that names another one is refused when it is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PersonaTool {
    /// Looks something up in the knowledge of the project and the persona. Code does so before the model is asked, too.
    MemorySearch,
}

impl PersonaTool {
    pub const ALL: [PersonaTool; 1] = [PersonaTool::MemorySearch];

    pub fn as_str(self) -> &'static str {
        match self {
            PersonaTool::MemorySearch => "memory_search",
        }
    }

    pub fn description(self) -> &'static str {
        match self {
            PersonaTool::MemorySearch => "Searches the knowledge of this project: guides, house rules, examples.",
        }
    }

    /// JSON Schema of the arguments.
    pub fn schema(self) -> Value {
        match self {
            PersonaTool::MemorySearch => json!({
                "type": "object", "additionalProperties": false, "required": ["query"],
                "properties": {"query": {"type": "string", "description": "A question or words, in natural language"}},
            }),
        }
    }
}

/// A call that may be carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PersonaCall {
    MemorySearch { query: String },
}

/// Why a call is not carried out; for the model to read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// Counted: somebody wants what the definition does not allow.
    #[error("you have no such tool")]
    NotAllowed,
    #[error("the arguments must be one JSON object with only `query`, a text of 1 to {QUERY_CHARS_MAX} characters")]
    Arguments,
}

/// Reads a call against the tools that the step allows. Arguments that are no JSON come as `Null`.
pub fn read(allowed: &[PersonaTool], name: &str, arguments: &Value) -> Result<PersonaCall, CallError> {
    let tool = allowed.iter().find(|tool| tool.as_str() == name).ok_or(CallError::NotAllowed)?;
    match tool {
        PersonaTool::MemorySearch => {
            let members = arguments.as_object().filter(|members| members.len() == 1).ok_or(CallError::Arguments)?;
            let query = members.get("query").and_then(Value::as_str).map(str::trim).unwrap_or_default();
            let fits = (1..=QUERY_CHARS_MAX).contains(&query.chars().count());
            if fits { Ok(PersonaCall::MemorySearch { query: query.to_owned() }) } else { Err(CallError::Arguments) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_allowed_is_called_and_only_with_what_it_takes() {
        let all = &PersonaTool::ALL;
        let query = |query: &str| json!({"query": query});
        let found = PersonaCall::MemorySearch { query: "house rules".into() };
        assert_eq!(read(all, "memory_search", &query(" house rules ")), Ok(found));
        assert_eq!(read(&[], "memory_search", &query("x")), Err(CallError::NotAllowed));
        for name in ["approve_gate", "Memory_Search", ""] {
            assert_eq!(read(all, name, &query("x")), Err(CallError::NotAllowed), "{name}");
        }
        let long = "x".repeat(QUERY_CHARS_MAX + 1);
        for arguments in [
            query(" "),
            query(&long),
            json!({"query": 1}),
            json!({}),
            json!([]),
            Value::Null,
            json!({"query": "x", "user_id": "mallory"}),
        ] {
            assert_eq!(read(all, "memory_search", &arguments), Err(CallError::Arguments), "{arguments}");
        }
    }

    #[test]
    fn names_are_those_of_definitions() {
        for tool in PersonaTool::ALL {
            assert_eq!(json!(tool), json!(tool.as_str()));
        }
    }
}
