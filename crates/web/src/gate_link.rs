//! GET /v1/hitl/link/:run/:gate: a fresh signed link of the open gate. Changes nothing.

use crate::context::Context;
use crate::gates::GateName;
use crate::problem::{self, Problem};
use crate::request::{Method, Request};
use crate::response::Response;
use crate::{auth, commands, links, route, unmatched};
use mw_core::principal::Role;
use serde_json::json;

/// A token has room for this much of a name.
const APPROVER_LENGTH_MAX: usize = 100;

pub fn handle(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    context.route = "/v1/hitl/link/{run_id}/{gate}";
    auth::require(request, context)?;
    if let Some(answer) = route::allow(request, &[Method::Get])? {
        return Ok(answer);
    }
    let gate = GateName::parse(&request.segment(4)).ok_or_else(unmatched::unknown_gate)?;
    let wanted = request.query("approver");
    let fits = |name: &String| {
        (1..=APPROVER_LENGTH_MAX).contains(&name.chars().count()) && !name.chars().any(char::is_control)
    };
    if !wanted.as_ref().is_none_or(fits) {
        let detail = format!("approver should be 1 to {APPROVER_LENGTH_MAX} printable characters");
        return Err(problem::invalid_field("query:approver", detail));
    }
    let run = commands::load(context, &request.segment(3))?;
    let approver = approver(context, wanted)?;
    let opening = match &run.gate {
        Some(open) if open.gate == gate => open.opening,
        _ => return Err(commands::nothing_to_decide(&run, gate)),
    };
    let link = links::make(&context.config, &run.run_id, gate, opening, &approver)?;
    Ok(Response::ok(&json!({
        "runId": run.run_id,
        "gate": gate.as_str(),
        "token": link.token,
        "approvalUrl": link.url,
        "expiresIn": format!("{}h", link.expiry_hours),
    })))
}

/// Whom the link is for: whoever asks, unless an operator names somebody else.
fn approver(context: &Context, wanted: Option<String>) -> Result<String, Problem> {
    let own = context.name()?;
    match (wanted, context.principal()) {
        (Some(name), Some(principal)) if name != own && !principal.role.covers(Role::Operator) => {
            Err(problem::forbidden_link(&own, &name))
        }
        (wanted, _) => Ok(wanted.unwrap_or(own)),
    }
}
