//! GET /v1/hitl/link/:run/:gate: a fresh signed link of the open gate. Changes nothing.

use mw_edge::{Context, Problem, Request, Response, problem, route, signing};
use mw_kernel::link::{Holder, Waiting};
use mw_kernel::principal::{NAME_RULE, Named, Principal, Role, is_name};
use mw_kernel::status::GateName;
use mw_operations::gate::link;
use mw_operations::gate::refusal::{nothing_to_decide, unknown_gate};
use mw_operations::runs;
use serde_json::json;

pub fn handle(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    if let Some(answer) = route::enter(request, context)? {
        return Ok(answer);
    }
    let gate = GateName::parse(&request.segment(4)).ok_or_else(unknown_gate)?;
    let wanted = request.query("approver");
    if !wanted.as_deref().is_none_or(is_name) {
        return Err(problem::invalid_field("query:approver", format!("approver should be {NAME_RULE}")));
    }
    let (run, found) = runs::load_for(context, &request.segment(3), wanted.as_deref())?;
    let own = context.principal().cloned().ok_or_else(problem::invalid_api_key)?;
    let holder = holder(&own, wanted, found)?;
    let open = run.open_gate(gate).ok_or_else(|| nothing_to_decide(&run, gate))?;
    let waiting = Waiting::of(&run, open);
    let link = link::make(context, &waiting, holder, &own.name)?;
    let link = link.map_err(|no_link| problem::gate_not_yours(no_link.to_string()))?;
    Ok(Response::ok(&json!({
        "runId": run.run_id,
        "gate": gate.as_str(),
        "token": link.token,
        "approvalUrl": link.url,
        "expiresIn": format!("{}h", signing::link_hours(&context.config)?),
    })))
}

/// Whom the link is for: whoever asks, unless an operator names somebody else.
fn holder(own: &Principal, wanted: Option<String>, found: Option<Named>) -> Result<Holder, Problem> {
    match wanted.filter(|name| *name != own.name) {
        Some(name) if !own.role.covers(Role::Operator) => Err(problem::forbidden_link(&own.name, &name)),
        Some(name) => Ok(Holder::of(&name, found)),
        None => Ok(Holder::known(own.clone())),
    }
}
