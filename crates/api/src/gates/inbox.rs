//! `/v1/gates`: the gates that wait for a person, in the shape that agent inboxes use (Agent Inbox: `action_request`,
//! `config`, `description`; answered with accept, edit, respond or ignore), with our own brief beside it.
//!
//! | inbox | here |
//! |---|---|
//! | accept | approve |
//! | edit | approve with changed texts |
//! | respond (or `response`) | request changes; the text is the comment |
//! | ignore | reject |

use super::GatePath;
use mw_edge::about::Tag::Gates;
use mw_edge::body::{Fields, Text};
use mw_edge::query::{Paged, invalid_query, page_size, short_text};
use mw_edge::route::{Route, get, post};
use mw_edge::{Context, Problem, Request, Response, body, kick, problem, shape};
use mw_kernel::principal::Role::{Approver, Operator, Viewer};
use mw_kernel::run::{AnyCommand, Brief, Kinds, OpenGate};
use mw_kernel::status::{Channel, GateName, Verdict};
use mw_operations::gate::inbox::place;
use mw_operations::gate::refusal::{nothing_to_decide, unknown_gate};
use mw_operations::gate::request::{self as decision_request, trimmed};
use mw_operations::gate::{self, Decider, Decision, DecisionRequest};
use mw_operations::runs;
use mw_store::gates::Filter;
use serde_json::{Map, Value, json};

pub const ROUTES: &[Route] = &[
    get("/v1/gates", Viewer, list)
        .is(Gates, "list_gates", "List the gates that wait for a person, the most urgent first")
        .query::<GatesQuery>()
        .gives::<InboxPage>("A page of open gates.")
        .refuses(&[403]),
    get("/v1/gates/{run_id}/{gate}", Viewer, show)
        .is(Gates, "show_gate", "Show an open gate; decides nothing, with or without a key's rights")
        .path::<GatePath>()
        .gives::<InboxItem>("The gate.")
        .refuses(&[403, 409, 422]),
    post("/v1/gates/{run_id}/{gate}", Approver, respond)
        .is(Gates, "answer_gate", "Decide an open gate, in our words or in those of agent inboxes")
        .path::<GatePath>()
        .may_take::<InboxAnswer>()
        .gives::<Decision>("Decided, or decided so before by the same approver.")
        .refuses(&[409, 502]),
    post("/v1/gates/{run_id}/{gate}/reopen", Operator, reopen)
        .is(
            Gates,
            "reopen_gate",
            "Make every link of the open gate void, and every approval so far: it opens once more",
        )
        .path::<GatePath>()
        .may_take::<Reopen>()
        .gives::<Reopened>("The new opening.")
        .refuses(&[409]),
];

/// A decision in our words (`decision`), or in those of agent inboxes (`type`, `args`): accept approves, edit approves with changed
/// texts, respond requests changes, ignore rejects.
#[cfg_attr(not(target_family = "wasm"), derive(mw_edge::schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(crate = "mw_edge::schemars"))]
pub struct InboxAnswer {
    #[cfg_attr(not(target_family = "wasm"), schemars(flatten))]
    pub decision: decision_request::DecisionBody,
    #[cfg_attr(not(target_family = "wasm"), schemars(flatten))]
    pub inbox: InboxWords,
}

body! {
    pub struct Reopen {
        /// Why, for the timeline and for those who are told.
        #[schemars(regex(pattern = r"^[^\u0000]*$"))]
        pub reason: Option<Text<0, 500>>,
    }
}

shape! {
    #[schemars(inline)]
    pub struct InboxWords {
        #[schemars(extend("type" = "string", "enum" = ["accept", "edit", "respond", "response", "ignore"]))]
        pub r#type: Option<String>,
        /// With `respond` the comment; with `edit` new texts by field, or an action with `args`.
        #[schemars(extend("type" = ["object", "string", "null"]))]
        pub args: Option<Value>,
    }

    pub struct GatesQuery {
        /// Only this gate.
        pub gate: Option<GateName>,
        /// Only this project.
        pub project: Option<Text<0, 200>>,
        /// Only gates whose policy lets the caller decide; a page may then be short though more follow.
        #[schemars(extend("default" = false))]
        pub mine: Option<bool>,
        #[serde(flatten)]
        pub page: Paged,
    }

    /// An open gate, as agent inboxes show it.
    pub struct InboxItem {
        pub action_request: ActionRequest,
        pub config: InboxConfig,
        /// Markdown.
        pub description: String,
        #[serde(rename = "runId")]
        pub run_id: String,
        pub gate: String,
        /// The gate's own id; it stays when the gate opens once more.
        #[serde(rename = "gateId")]
        pub gate_id: String,
        pub opening: u32,
        /// What is decided about: plan, clips, texts, cost, checks, quorum, deadline.
        #[schemars(with = "Map<String, Value>")]
        pub brief: Value,
    }

    #[schemars(inline)]
    pub struct ActionRequest {
        pub action: String,
        /// The texts that may be edited, by field, and the summary.
        pub args: Map<String, Value>,
    }

    #[schemars(inline)]
    pub struct InboxConfig {
        pub allow_accept: bool,
        pub allow_edit: bool,
        pub allow_respond: bool,
        pub allow_ignore: bool,
    }

    pub struct InboxPage {
        pub gates: Vec<InboxItem>,
        pub next_cursor: Option<String>,
    }

    #[serde(rename_all = "camelCase")]
    pub struct Reopened {
        pub run_id: String,
        pub gate: GateName,
        #[schemars(with = "u32")]
        pub opening: Option<u32>,
    }
}

/// One page; with `mine=true` only what the caller may decide, so that a page may be short though more follow.
fn list(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
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
    Ok(Response::ok(&InboxPage { gates: page.briefs.iter().map(item).collect(), next_cursor: page.next }))
}

/// An open gate as an inbox shows it.
fn item(brief: &Brief<Value>) -> InboxItem {
    let args: Map<String, Value> = brief
        .fields
        .iter()
        .map(|field| (field.field.to_string(), json!(field.text.text)))
        .chain([("summary".to_owned(), json!(brief.summary))])
        .collect();
    InboxItem {
        action_request: ActionRequest { action: brief.gate.to_string(), args },
        config: InboxConfig {
            allow_accept: true,
            allow_edit: !brief.fields.is_empty(),
            allow_respond: brief.changes_go_to.is_some(),
            allow_ignore: true,
        },
        description: description(brief),
        run_id: brief.run_id.clone(),
        gate: brief.gate.to_string(),
        gate_id: brief.gate_id.clone(),
        opening: brief.opening,
        brief: json!(brief),
    }
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

fn show(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    let gate = gate_of(request)?;
    let run = runs::load(context, &request.parameter("run_id"))?;
    let open = run.open_gate(gate).filter(|_| run.pause.is_none());
    let open = open.ok_or_else(|| nothing_to_decide(&run, gate))?;
    Ok(Response::ok(&item(&gate::brief(context.kinds, &run, open)?)))
}

fn gate_of(request: &Request) -> Result<GateName, Problem> {
    GateName::parse(&request.parameter("gate")).ok_or_else(unknown_gate)
}

fn respond(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    let gate = gate_of(request)?;
    let members = body::json_object(request)?;
    let decision = match members.contains_key("type") {
        true => read_inbox(&members, context.kinds)?,
        false => decision_request::read(&members, context.kinds)?,
    };
    let run = runs::load(context, &request.parameter("run_id"))?;
    let by = context.principal().cloned().ok_or_else(problem::invalid_api_key)?;
    let decider = Decider::of(request, by, Channel::Api);
    let standing = gate::decide(context, run, gate, decision, decider)?;
    let response = Response::ok(&standing.shown(gate));
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
fn reopen(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    let gate = gate_of(request)?;
    let Reopen { reason } = body::read(request)?;
    let reason = trimmed(reason.map(|reason| reason.0));
    let run = runs::load(context, &request.parameter("run_id"))?;
    let actor = context.actor("api")?;
    let reason = reason.unwrap_or_else(|| format!("reopened by {actor}"));
    let reopened = runs::apply(context, run, &AnyCommand::ReopenGate { gate, reason }, &actor)?;
    let opening = reopened.run.open_gate(gate).map(|open| open.opening);
    let response = Response::ok(&Reopened { run_id: reopened.run.run_id, gate, opening });
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
