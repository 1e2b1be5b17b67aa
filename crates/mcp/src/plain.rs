//! The same tools without MCP, as HotDash's agents call them: `/mcp/tools/list`, `/mcp/tools/call`, and POST /mcp without
//! `jsonrpc`.

use super::arguments;
use super::tool::{self, Call, Session};
use mw_edge::{Problem, Response, problem};
use serde_json::{Map, Value, json};

/// POST /mcp without `jsonrpc`.
pub(super) fn answer(body: &Map<String, Value>, session: &mut Session<'_>) -> Result<Response, Problem> {
    match body.get("method").and_then(Value::as_str) {
        Some("tools/list") => Ok(list()),
        Some("tools/call") => match body.get("params") {
            Some(Value::Object(params)) => call(params, session),
            _ => Err(named_error(400, "Tool name is required")),
        },
        _ => Err(named_error(400, "Invalid MCP method. Use tools/list or tools/call")),
    }
}

/// The tools as HotDash's clients read them.
pub(super) fn list() -> Response {
    let mut catalogue = tool::catalogue();
    for tool in catalogue.get_mut("tools").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(members) = tool.as_object_mut() {
            members.retain(|name, _| matches!(name.as_str(), "name" | "description" | "inputSchema"));
        }
    }
    Response::ok(&catalogue)
}

/// `{"name", "arguments"?}` → `{"content", "isError"?}`
pub(super) fn call(body: &Map<String, Value>, session: &mut Session<'_>) -> Result<Response, Problem> {
    let name = body.get("name").and_then(Value::as_str).filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| named_error(400, "Tool name is required"))?;
    let arguments = arguments::object(body.get("arguments"));
    let arguments = arguments.ok_or_else(|| named_error(422, "arguments is an object"))?;
    let Some(tool) = tool::find(name) else {
        let shown: String = name.chars().take(128).collect();
        return Ok(Response::ok(&error_content(&format!("Unknown tool: {shown}"))));
    };
    let answer = match tool.call(session, &Call { arguments: &arguments, ask: None, state: None }) {
        Ok(outcome) => json!({"content": outcome.into_json().get("content")}),
        Err(problem) => tool::refused(&problem, session.context),
    };
    Ok(Response::ok(&answer))
}

fn error_content(text: &str) -> Value {
    json!({"content": [{"type": "text", "text": format!("Error: {text}")}], "isError": true})
}

/// A problem whose text HotDash's clients read as `error`.
fn named_error(status: u16, text: &str) -> Problem {
    let problem = match status {
        422 => problem::invalid_field("#/arguments", text),
        _ => problem::bad_request(text),
    };
    problem.with_member("error", text)
}
