//! `/v1/gates`: the gates that wait for a person, in the shape that agent inboxes use (Agent Inbox: `action_request`,
//! `config`, `description`; answered with accept, edit, respond or ignore), with our own brief beside it.
//!
//! | inbox | here |
//! |---|---|
//! | accept | approve |
//! | edit | approve with changed texts |
//! | respond (or `response`) | request changes; the text is the comment |
//! | ignore | reject |

use mw_edge::body::{self, Fields};
use mw_edge::query::{invalid_query, page_size, short_text};
use mw_edge::{Context, Method, Problem, Request, Response, kick, problem, route};
use mw_kernel::run::{AnyCommand, Brief, Kinds, OpenGate};
use mw_kernel::status::{Channel, GateName, Verdict};
use mw_operations::gate::inbox::place;
use mw_operations::gate::refusal::{nothing_to_decide, unknown_gate};
use mw_operations::gate::request::{self as decision_request, trimmed};
use mw_operations::gate::{self, Decider, DecisionRequest};
use mw_operations::runs;
use mw_store::gates::Filter;
use serde_json::{Map, Value, json};

const REASON_LENGTH_MAX: usize = 500;

pub fn handle(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    if let Some(answer) = route::enter(request, context)? {
        return Ok(answer);
    }
    let segments = request.segments();
    let path: Vec<&str> = segments.iter().map(String::as_str).collect();
    let named = |gate| GateName::parse(gate).ok_or_else(unknown_gate);
    match path.as_slice() {
        ["v1", "gates"] => list(request, context),
        ["v1", "gates", run_id, gate] if request.method == Method::Post => {
            respond(run_id, named(gate)?, request, context)
        }
        ["v1", "gates", run_id, gate] => show(run_id, named(gate)?, context),
        ["v1", "gates", run_id, gate, "reopen"] => reopen(run_id, named(gate)?, request, context),
        _ => Err(problem::not_found("Not Found")),
    }
}

/// One page; with `mine=true` only what the caller may decide, so that a page may be short though more follow.
fn list(request: &Request, context: &mut Context) -> Result<Response, Problem> {
    let gate = match request.query("gate") {
        None => None,
        Some(word) => Some(GateName::parse(&word).ok_or_else(unknown_gate)?),
    };
    let ours = |text: String| place(&text).ok_or_else(|| invalid_query("cursor", "is not one of ours"));
    let after = request.query("cursor").map(ours).transpose()?;
    let mine = match request.query("mine").as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(invalid_query("mine", "is true or false")),
    };
    let filter = Filter { gate, project: short_text(request, "project")?, after };
    let limit = page_size(request)?;
    let me = context.principal().cloned();
    let may_decide = |open: &OpenGate| !mine || me.as_ref().is_some_and(|me| open.policy.admits(me, open.escalated));
    let page = gate::inbox::list(context, &filter, limit, may_decide)?;
    let gates: Vec<Value> = page.briefs.iter().map(item).collect();
    Ok(Response::ok(&json!({"gates": gates, "next_cursor": page.next})))
}

/// An open gate as an inbox shows it.
fn item(brief: &Brief<Value>) -> Value {
    let args: Map<String, Value> = brief
        .fields
        .iter()
        .map(|field| (field.field.to_string(), json!(field.text.text)))
        .chain([("summary".to_owned(), json!(brief.summary))])
        .collect();
    json!({
        "action_request": {"action": brief.gate, "args": args},
        "config": {
            "allow_accept": true,
            "allow_edit": !brief.fields.is_empty(),
            "allow_respond": brief.changes_go_to.is_some(),
            "allow_ignore": true,
        },
        "description": description(brief),
        "runId": brief.run_id,
        "gate": brief.gate,
        "gateId": brief.gate_id,
        "opening": brief.opening,
        "brief": brief,
    })
}

/// Markdown, as inboxes render it. What users and models wrote stands in code spans, which cannot be links.
fn description(brief: &Brief<Value>) -> String {
    let span = |text: &str| format!("`{}`", text.replace(['`', '\n'], " "));
    let mut lines = vec![format!("{} at the {} gate of {}.", span(&brief.summary), brief.gate, brief.project)];
    for piece in &brief.matter.pieces.list {
        lines.push(format!("{}. {}: {}", piece.number, span(&piece.subject), span(&piece.header)));
    }
    if let Some(disclosure) = &brief.matter.disclosure {
        lines.push(disclosure.summary.clone());
    }
    lines.push(format!("After approval: {}.", brief.releases));
    if brief.quorum.needed > 1 {
        lines.push(format!("{} of {} approvals.", brief.quorum.approved_by.len(), brief.quorum.needed));
    }
    lines.join("\n")
}

fn show(run_id: &str, gate: GateName, context: &mut Context) -> Result<Response, Problem> {
    let run = runs::load(context, run_id)?;
    let open = run.open_gate(gate).filter(|_| run.pause.is_none());
    let open = open.ok_or_else(|| nothing_to_decide(&run, gate))?;
    Ok(Response::ok(&item(&gate::brief(context.kinds, &run, open)?)))
}

fn respond(run_id: &str, gate: GateName, request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    let members = body::json_object(request)?;
    let decision = match members.contains_key("type") {
        true => read_inbox(&members, context.kinds)?,
        false => decision_request::read(&members, context.kinds)?,
    };
    let run = runs::load(context, run_id)?;
    let by = context.principal().cloned().ok_or_else(problem::invalid_api_key)?;
    let decider = Decider::of(request, by, Channel::Api);
    let standing = gate::decide(context, run, gate, decision, decider)?;
    let response = Response::ok(&standing.to_json(gate));
    Ok(if standing.kick { response.then(kick::dispatch) } else { response })
}

/// The four verbs. `args` is nothing, a text, or an action with its arguments.
fn read_inbox(members: &Map<String, Value>, kinds: Kinds) -> Result<DecisionRequest, Problem> {
    let mut fields = Fields::new(members, "#");
    let word = fields.required_text("type", 1, 20);
    let verdict = match word.as_str() {
        "accept" | "edit" => Verdict::Approve,
        "respond" | "response" => Verdict::RequestChanges,
        "ignore" => Verdict::Reject,
        _ => {
            fields.fail("type", "Input should be 'accept', 'edit', 'respond' or 'ignore'");
            Verdict::Approve
        }
    };
    // What stands beside the inbox's words is in ours.
    let mut decision = DecisionRequest { verdict, ..decision_request::read(members, kinds)? };
    match (word.as_str(), members.get("args")) {
        ("edit", Some(Value::Object(args))) => {
            let texts = args.get("args").and_then(Value::as_object).unwrap_or(args);
            // What an inbox was shown and no edit may change comes back with the rest.
            let texts = texts.iter().filter(|(name, _)| *name != "summary" && *name != "action");
            let texts = texts.map(|(name, text)| (name.clone(), text.clone())).collect();
            decision.edit = decision_request::read_edit(&texts, &mut fields, kinds);
        }
        ("edit", _) => fields.fail("args", "Input should be a valid dictionary"),
        ("respond" | "response", Some(Value::String(text))) => decision.comment = trimmed(Some(text.clone())),
        ("respond" | "response", _) if decision.comment.is_none() => {
            fields.fail("args", "Input should be a valid string")
        }
        (_, None | Some(Value::Null | Value::String(_) | Value::Object(_))) => {}
        (_, Some(Value::Bool(_) | Value::Number(_) | Value::Array(_))) => {
            fields.fail("args", "Input should be a text or a dictionary");
        }
    }
    fields.finish()?;
    Ok(decision)
}

/// Every link of the gate is void from now on, and every approval so far.
fn reopen(run_id: &str, gate: GateName, request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    let members = body::json_object(request)?;
    let mut fields = Fields::new(&members, "#");
    let reason = trimmed(fields.text("reason", 0, REASON_LENGTH_MAX));
    fields.finish()?;
    let run = runs::load(context, run_id)?;
    let actor = context.actor("api")?;
    let reason = reason.unwrap_or_else(|| format!("reopened by {actor}"));
    let reopened = runs::apply(context, run, &AnyCommand::ReopenGate { gate, reason }, &actor)?;
    let opening = reopened.run.open_gate(gate).map(|open| open.opening);
    let response = Response::ok(&json!({"runId": reopened.run.run_id, "gate": gate, "opening": opening}));
    Ok(if reopened.kick { response.then(kick::dispatch) } else { response })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: Value) -> Result<DecisionRequest, Problem> {
        read_inbox(body.as_object().unwrap(), mw_kinds::KINDS)
    }

    #[test]
    fn the_four_verbs_of_an_inbox_mean_our_decisions() {
        assert_eq!(read(json!({"type": "accept", "args": null})).unwrap(), DecisionRequest::approve());
        let changes = read(json!({"type": "response", "args": "warmer"})).unwrap();
        assert_eq!((changes.verdict, changes.comment.as_deref()), (Verdict::RequestChanges, Some("warmer")));
        assert_eq!(read(json!({"type": "respond", "comment": "warmer"})).unwrap(), changes);
        assert_eq!(read(json!({"type": "ignore"})).unwrap().verdict, Verdict::Reject);
        let args = json!({"title": "New", "summary": "shown"});
        let edit = read(json!({"type": "edit", "args": {"action": "ideate", "args": args}})).unwrap();
        assert_eq!((edit.verdict, edit.edit.len()), (Verdict::Approve, 1));
        assert_eq!(read(json!({"type": "edit", "args": args})).unwrap(), edit);
    }

    #[test]
    fn what_is_no_answer_of_an_inbox_is_422() {
        for body in [
            json!({"type": "approve"}),
            json!({"type": 1}),
            json!({"type": "edit"}),
            json!({"type": "edit", "args": {"args": {"url": "x"}}}),
            json!({"type": "respond", "args": ["x"]}),
            json!({"type": "accept", "opening": 0}),
            json!({"type": "accept", "args": [null]}),
        ] {
            assert_eq!(read(body.clone()).unwrap_err().status, 422, "{body}");
        }
    }
}
