//! What a tool is and how it is called. Whatever it has against its arguments, or the product against
//! what it asks, is a result that says so, for the model to read; only an unknown tool is the protocol's matter.

use super::arguments;
use super::message::RpcError;
use super::protocol::Ask;
use super::state::State;
use mw_edge::{Context, Problem, body, problem};
use mw_kernel::principal::{Principal, Role};
use serde_json::{Map, Value, json};

const CATALOGUE: &str = include_str!("tools.json");

/// A tool, as one of the files of `tools` has it.
pub(super) struct Tool {
    pub(super) name: &'static str,
    /// Whose key may call it.
    pub(super) role: Role,
    pub(super) call: fn(&mut Session<'_>, &Call<'_>) -> Result<ToolOutcome, Problem>,
}

/// Who calls, and what a call needs.
pub(super) struct Session<'a> {
    pub(super) context: &'a mut Context,
    /// The key that was sent, for what another component does for its owner.
    pub(super) key: String,
}

impl Session<'_> {
    pub(super) fn principal(&self) -> Result<&Principal, Problem> {
        self.context.principal().ok_or_else(problem::invalid_api_key)
    }
}

/// One call.
pub(super) struct Call<'a> {
    pub(super) arguments: &'a Map<String, Value>,
    /// `None` where the caller does not speak MCP.
    pub(super) ask: Option<&'a Ask<'a>>,
    /// What it brings back of an earlier call.
    pub(super) state: Option<&'a State>,
}

/// What a tool answers.
pub(super) enum ToolOutcome {
    /// Facts, and the text to show where that is not the facts as JSON.
    Done { facts: Value, text: Option<String> },
    /// A person has to do something first; the client calls again with the same state.
    InputRequired { requests: Value, state: String },
}

impl ToolOutcome {
    pub(super) fn facts(facts: Value) -> ToolOutcome {
        ToolOutcome::Done { facts, text: None }
    }

    /// As `tools/call` answers it.
    pub(super) fn into_json(self) -> Value {
        match self {
            ToolOutcome::Done { facts, text } => {
                let text = text.unwrap_or_else(|| facts.to_string());
                json!({"content": [{"type": "text", "text": text}], "structuredContent": facts, "isError": false})
            }
            ToolOutcome::InputRequired { requests, state } => {
                json!({"resultType": "input_required", "inputRequests": requests, "requestState": state})
            }
        }
    }
}

impl Tool {
    /// Calls it for somebody who may.
    pub(super) fn call(&self, session: &mut Session<'_>, call: &Call<'_>) -> Result<ToolOutcome, Problem> {
        let principal = session.principal()?;
        if !principal.role.covers(self.role) {
            return Err(problem::forbidden(principal, self.role));
        }
        let arguments = arguments::as_listed(self.name, call.arguments.clone());
        body::without_nuls(&arguments)?;
        (self.call)(session, &Call { arguments: &arguments, ..*call })
    }
}

/// A refusal as a tool's answer, and in the log where it was our fault.
pub(super) fn refused(problem: &Problem, context: &Context) -> Value {
    context.log_problem(problem);
    json!({"content": [{"type": "text", "text": format!("Error: {}", in_a_sentence(problem))}], "isError": true})
}

/// A problem in a sentence, with the places of what is wrong.
fn in_a_sentence(problem: &Problem) -> String {
    let place = |pointer: &str| pointer.trim_start_matches("#/").to_owned();
    let errors: Vec<String> =
        problem.errors.iter().map(|error| format!("{}: {}", place(&error.pointer), error.detail)).collect();
    let retry = problem.headers.iter().find(|(name, _)| *name == "retry-after");
    match (errors.is_empty(), retry) {
        (false, _) => errors.join("; "),
        (true, Some((_, seconds))) => format!("{}; try again in {seconds} s", problem.detail),
        (true, None) => problem.detail.clone(),
    }
}

/// The tool of a name, or what MCP says where there is none.
pub(super) fn named(name: Option<&str>) -> Result<&'static Tool, RpcError> {
    let name = name.ok_or_else(|| RpcError::invalid_params("name is required"))?;
    find(name).ok_or_else(|| {
        RpcError::invalid_params(format!("Unknown tool: {}", name.chars().take(128).collect::<String>()))
    })
}

/// What clients read of the tools: `{"tools": […]}`, as `tools/list` answers.
pub(super) fn catalogue() -> Value {
    // A test reads it: it is what was built in.
    serde_json::from_str(CATALOGUE).unwrap_or_default()
}

pub(super) fn find(name: &str) -> Option<&'static Tool> {
    super::tools::ALL.iter().copied().find(|tool| tool.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mw_edge::config::Config;
    use mw_media::status::Status;

    /// The listed tools, with the code of each.
    fn both() -> Vec<(Value, &'static Tool)> {
        let listed = catalogue()["tools"].as_array().unwrap().clone();
        let names: Vec<&str> = listed.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
        assert_eq!(names, super::super::tools::ALL.iter().map(|tool| tool.name).collect::<Vec<_>>());
        listed.into_iter().zip(super::super::tools::ALL.iter().copied()).collect()
    }

    #[test]
    fn every_listed_tool_can_be_called() {
        for (listed, tool) in both() {
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
            assert!(tool.name.chars().all(plain) && tool.name.len() <= 128);
            assert!(
                ["title", "description"].iter().all(|name| listed[name].as_str().is_some_and(|text| text.len() > 5))
            );
            for schema in [&listed["inputSchema"], &listed["outputSchema"]] {
                assert_eq!(schema["type"], "object", "{}", tool.name);
                for required in schema["required"].as_array().unwrap() {
                    assert!(
                        schema["properties"].get(required.as_str().unwrap()).is_some(),
                        "{}: {required}",
                        tool.name
                    );
                }
            }
            assert_eq!(listed["annotations"]["readOnlyHint"], tool.role == Role::Viewer, "{}", tool.name);
        }
    }

    #[test]
    fn schemas_name_the_words_that_the_code_knows() {
        let property = |tool: &str, name: &str| {
            let listed = both().into_iter().find(|(_, code)| code.name == tool).unwrap().0;
            listed["inputSchema"]["properties"][name].clone()
        };
        assert_eq!(property("list_runs", "status")["enum"], json!(Status::ALL));
        assert_eq!(property("list_gates", "gate")["pattern"], "^[a-z][a-z0-9_]{0,39}$");
        assert_eq!(property("query_support", "topK")["maximum"], mw_store::knowledge::PASSAGES_MAX);
        assert_eq!(property("ask_brendan", "message")["maxLength"], mw_operations::turn::MESSAGE_LENGTH_MAX);
    }

    #[test]
    fn nobody_without_the_role_calls_a_tool() {
        let mut context = Context::new(Config::of(&[("api_key", "k")]), "r".to_owned());
        let mut session = Session { context: &mut context, key: String::new() };
        for tool in super::super::tools::ALL {
            let refused =
                tool.call(&mut session, &Call { arguments: &Map::new(), ask: None, state: None }).err().unwrap();
            assert_eq!(refused.status, 401, "{}", tool.name);
        }
    }

    #[test]
    fn a_refusal_names_every_place_or_when_to_come_back() {
        let fields = problem::invalid_field("#/runId", "Field required");
        assert_eq!(in_a_sentence(&fields), "runId: Field required");
        assert_eq!(
            in_a_sentence(&problem::unavailable("database unavailable")),
            "database unavailable; try again in 1 s"
        );
    }
}
