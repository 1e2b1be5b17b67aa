//! GET /v1/hitl/link/:run/:gate: a fresh signed link of the open gate. Changes nothing.

use super::GatePath;
use mw_edge::about::Tag::Gates;
use mw_edge::body::Text;
use mw_edge::route::{Route, get};
use mw_edge::{Context, Problem, Request, Response, problem, shape, signing};
use mw_kernel::link::{Holder, Waiting};
use mw_kernel::principal::Role::Approver;
use mw_kernel::principal::{NAME_RULE, Named, Principal, Role, is_name};
use mw_kernel::status::GateName;
use mw_operations::gate::link;
use mw_operations::gate::refusal::{nothing_to_decide, unknown_gate};
use mw_operations::runs;

pub const ROUTES: &[Route] = &[get("/v1/hitl/link/{run_id}/{gate}", Approver, fresh)
    .is(Gates, "make_link", "Make the signed link of an open gate")
    .path::<GatePath>()
    .query::<LinkQuery>()
    .gives::<Link>("A fresh link; nothing has changed.")
    .refuses(&[409])];

shape! {
    pub struct LinkQuery {
        /// Whom the link is for; decisions made with it carry this name. Whoever may not decide at the gate gets none.
        #[schemars(regex(pattern = "^[a-z0-9][a-z0-9._@-]*$"), extend("default" = "operator"))]
        pub approver: Option<Text<1, 64>>,
    }

    #[serde(rename_all = "camelCase")]
    pub struct Link {
        pub run_id: String,
        pub gate: GateName,
        pub token: String,
        #[schemars(url)]
        pub approval_url: String,
        #[schemars(example = &"24h")]
        pub expires_in: String,
    }
}

fn fresh(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    let gate = GateName::parse(&request.parameter("gate")).ok_or_else(unknown_gate)?;
    let wanted = request.query("approver");
    if !wanted.as_deref().is_none_or(is_name) {
        return Err(problem::invalid_field("query:approver", format!("approver should be {NAME_RULE}")));
    }
    let (run, found) = runs::load_for(context, &request.parameter("run_id"), wanted.as_deref())?;
    let own = context.principal().cloned().ok_or_else(problem::invalid_api_key)?;
    let holder = holder(&own, wanted, found)?;
    let open = run.open_gate(gate).ok_or_else(|| nothing_to_decide(&run, gate))?;
    let waiting = Waiting::of(&run, open);
    let link = link::make(context, &waiting, holder, &own.name)?;
    let link = link.map_err(|no_link| problem::gate_not_yours(no_link.to_string()))?;
    Ok(Response::ok(&Link {
        run_id: run.run_id,
        gate,
        token: link.token,
        approval_url: link.url,
        expires_in: format!("{}h", signing::link_hours(&context.config)?),
    }))
}

/// Whom the link is for: whoever asks, unless an operator names somebody else.
fn holder(own: &Principal, wanted: Option<String>, found: Option<Named>) -> Result<Holder, Problem> {
    match wanted.filter(|name| *name != own.name) {
        Some(name) if !own.role.covers(Role::Operator) => Err(problem::forbidden_link(&own.name, &name)),
        Some(name) => Ok(Holder::of(&name, found)),
        None => Ok(Holder::known(own.clone())),
    }
}
