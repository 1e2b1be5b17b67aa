//! The gates that wait for a person: what each is about, and the page where a person decides.

use super::runs::{cursor, limit};
use crate::tool::{Call, Session, Tool, ToolOutcome};
use mw_edge::Problem;
use mw_edge::body::Fields;
use mw_edge::config::Config;
use mw_kernel::principal::Role;
use mw_kernel::run::Brief;
use mw_kernel::status::{GATE_NAME_LENGTH_MAX, GateName};
use mw_operations::gate::inbox::{list as list_open, place};
use mw_operations::gate::link;
use mw_store::gates::Filter;
use serde_json::{Value, json};

pub(crate) const LIST_GATES: Tool = Tool { name: "list_gates", role: Role::Viewer, call: list };

fn list(session: &mut Session<'_>, call: &Call<'_>) -> Result<ToolOutcome, Problem> {
    let mut fields = Fields::new(call.arguments, "#");
    let named = fields.text("gate", 1, GATE_NAME_LENGTH_MAX);
    let gate = named.as_deref().and_then(GateName::parse);
    if named.is_some() && gate.is_none() {
        fields.fail("gate", "Input should be the name of a gate");
    }
    let project = fields.text("project", 1, 64);
    let limit = limit(&mut fields);
    let after = cursor(&mut fields, place);
    fields.finish()?;
    let page = list_open(session.context, &Filter { gate, project, after }, limit, |_| true)?;
    let gates = page.briefs.iter().map(|brief| shown(brief, &session.context.config));
    let gates = gates.collect::<Result<Vec<Value>, Problem>>()?;
    Ok(ToolOutcome::facts(json!({"gates": gates, "next_cursor": page.next})))
}

/// A gate that waits, and where a person goes.
pub(super) fn shown(brief: &Brief<Value>, config: &Config) -> Result<Value, Problem> {
    Ok(json!({
        "runId": brief.run_id,
        "project": brief.project,
        "gate": brief.gate,
        "summary": brief.summary,
        "releases": brief.releases,
        "openedAt": mw_edge::clock::rfc3339(brief.opened_at),
        "deadline": mw_edge::clock::rfc3339(brief.deadline),
        "url": link::page_address(config, &brief.run_id, brief.gate)?,
    }))
}
