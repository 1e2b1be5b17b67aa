//! The original's own JSON-RPC methods, which are three of our tools by name, with its errors: the API's status as the code.

use super::message::RpcError;
use super::protocol::Ask;
use super::revision::Era;
use super::tool::{self, Call, Session, ToolOutcome};
use mw_edge::Problem;
use serde_json::{Value, json};

/// Answers a method that is no MCP one.
pub(super) fn answer(method: &str, ask: &Ask<'_>, session: &mut Session<'_>) -> Result<Value, RpcError> {
    let tool = match (ask.era, method) {
        (Era::Legacy, "get_run_status" | "list_projects" | "ask_brendan") => tool::find(method),
        _ => None,
    };
    let tool = tool.ok_or_else(RpcError::method_not_found)?;
    let has = |name: &str| ask.text(name).is_some_and(|text| !text.is_empty());
    match method {
        "get_run_status" if !has("runId") => return Err(RpcError::new(200, 400, "runId is required")),
        "ask_brendan" if !has("user_id") || !has("message") => {
            return Err(RpcError::new(200, 400, "user_id and message are required"));
        }
        _ => {}
    }
    match tool.call(session, &Call { arguments: ask.params, ask: None, state: None }) {
        Ok(ToolOutcome::Done { facts, .. }) => Ok(facts),
        Ok(ToolOutcome::InputRequired { .. }) => Err(RpcError::method_not_found()),
        Err(problem) => Err(failed(&problem, session)),
    }
}

fn failed(problem: &Problem, session: &Session<'_>) -> RpcError {
    session.context.log_problem(problem);
    let errors: Vec<Value> = problem.errors.iter().map(|error| json!(error)).collect();
    RpcError::new(200, i32::from(problem.status), problem.detail.clone())
        .with_data(json!({"status": problem.status, "detail": problem.detail, "errors": errors}))
}
