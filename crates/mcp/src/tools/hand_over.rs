//! Handing a gate over to a person. A client that can open a page for its user is asked to (`input_required`); any other gets
//! the page's address. What the client answers decides nothing: the page does, once somebody has signed in there, and a
//! second call only looks what came of it.

use super::gates;
use super::runs::run_id;
use crate::protocol::Ask;
use crate::state::State;
use crate::tool::{Call, Session, Tool, ToolOutcome};
use mw_edge::{Problem, clock};
use mw_kernel::principal::Role;
use mw_kernel::run::{AnyRun, DecidedGate};
use mw_kernel::speech::plain;
use mw_operations::{gate, runs};
use serde_json::{Value, json};

pub(crate) const HAND_OVER_GATE: Tool = Tool { name: "hand_over_gate", role: Role::Viewer, call: hand_over };

/// The one thing that is asked for.
const REQUEST: &str = "decide";

fn hand_over(session: &mut Session<'_>, call: &Call<'_>) -> Result<ToolOutcome, Problem> {
    let run_id = run_id(call)?;
    let asked_before = call.state.filter(|state| state.run_id == run_id);
    let run = runs::load(session.context, &run_id)?;
    let open = run.gates.first().filter(|_| run.pause.is_none());
    let brief = open.map(|open| gate::brief(session.context.kinds, &run, open)).transpose()?;
    let waiting = brief.as_ref().map(|brief| gates::shown(brief, &session.context.config)).transpose()?;
    let Some((brief, waiting)) = brief.zip(waiting) else {
        return Ok(ToolOutcome::facts(standing(&run, asked_before, None)));
    };
    // Whoever comes back reads what came of it, and asks anew for the next gate.
    if asked_before.is_some() || !call.ask.is_some_and(opens_pages) {
        return Ok(ToolOutcome::facts(standing(&run, asked_before, Some(&waiting))));
    }
    // A person reads it in our name.
    let summary = plain(&brief.summary);
    let message = format!("Run {} of {} waits at the {} gate: {summary}", brief.run_id, brief.project, brief.gate);
    let requests = json!({REQUEST: {
        "method": "elicitation/create",
        "params": {"mode": "url", "message": message, "url": waiting.get("url")},
    }});
    let state = State::of(&brief.run_id, brief.opening).write(&session.context.config)?;
    Ok(ToolOutcome::InputRequired { requests, state })
}

/// Whether the client can open a page for its user, and says so in this request.
fn opens_pages(ask: &Ask<'_>) -> bool {
    ask.capability("elicitation").is_some_and(|capability| capability.get("url").is_some_and(Value::is_object))
}

fn standing(run: &AnyRun, asked_before: Option<&State>, waiting: Option<&Value>) -> Value {
    let of = |name: &str| waiting.and_then(|gate| gate.get(name)).cloned();
    let decided = match asked_before {
        Some(state) => run.decided.iter().rev().find(|decided| decided.opening == state.opening),
        None => run.decided.last(),
    };
    json!({
        "runId": run.run_id,
        "status": run.status,
        "waiting": waiting.is_some(),
        "gate": of("gate"),
        "summary": of("summary"),
        "url": of("url"),
        "decision": decided.map(decision),
    })
}

fn decision(decided: &DecidedGate) -> Value {
    json!({
        "gate": decided.gate, "verdict": decided.verdict, "by": decided.approver, "at": clock::rfc3339(decided.at),
        "comment": decided.comment,
    })
}
