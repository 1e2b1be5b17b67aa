//! GET /console/letters/:id: a dead letter with what was received; and to replay or discard it.

use super::form::Form;
use super::view::{Chip, Frame, Moment, Place, page};
use super::visitor::{Guest, Visitor};
use super::{Answer, see_other, webhooks};
use askama::Template;
use mw_edge::body::Fields;
use mw_edge::clock::normalise_times;
use mw_edge::request::percent_encode;
use mw_edge::{Context, Request, clock, kick, problem};
use mw_kernel::principal::Role;
use mw_operations::dead_letters::{PAYLOAD_BYTES_MAX, dead_letter_id, explanation, payload, unknown};
use mw_store::dead_letters::{self, Action, Ending, Order, Reason};
use serde_json::Value;

const REASON_LENGTH_MAX: usize = 500;

#[derive(Template)]
#[template(path = "dead_letter.html")]
struct Page {
    frame: Frame,
    token: String,
    row: Row,
    signature: Chip,
    explanation: String,
    query: String,
    matching: String,
    headers: String,
    payload: String,
    truncated: bool,
    run: Option<(String, String)>,
    open: bool,
    may_settle: bool,
}

/// A dead letter of the list.
pub(super) struct Row {
    pub(super) id: String,
    pub(super) path: String,
    pub(super) provider: String,
    /// In words; the explanation says what helps.
    pub(super) reason: String,
    pub(super) attempts: u64,
    pub(super) exhausted: bool,
    pub(super) created: Option<Moment>,
    pub(super) next_retry: Option<Moment>,
}

impl Row {
    pub(super) fn of(letter: &Value) -> Row {
        let id = text(letter, "id").to_owned();
        Row {
            path: format!("/console/letters/{id}"),
            id,
            provider: text(letter, "provider").to_owned(),
            reason: words(Reason::parse(text(letter, "reason"))).to_owned(),
            attempts: letter.get("attempts").and_then(Value::as_u64).unwrap_or_default(),
            exhausted: letter.get("exhausted").and_then(Value::as_bool).unwrap_or_default(),
            created: Moment::read(text(letter, "createdAt")),
            next_retry: Moment::read(text(letter, "nextRetryAt")),
        }
    }
}

fn words(reason: Option<Reason>) -> &'static str {
    match reason {
        Some(Reason::UnknownJob) => "names no job of ours",
        Some(Reason::NoReference) => "names no job at all",
        Some(Reason::AmbiguousAccount) => "several open posts fit",
        Some(Reason::AmbiguousTask) => "several jobs have this task",
        None => "settled",
    }
}

fn text<'a>(letter: &'a Value, name: &str) -> &'a str {
    letter.get(name).and_then(Value::as_str).unwrap_or_default()
}

pub(super) fn show(id: &str, guest: &Guest, request: &Request, context: &mut Context) -> Answer {
    let id = dead_letter_id(id).ok_or_else(unknown)?;
    let seen = mw_store::console::letter(context.connection()?, guest.visit(), &id, PAYLOAD_BYTES_MAX)?;
    let visitor = guest.admit(seen.shell, context)?;
    let mut letter = seen.page.letter.filter(|letter| !letter.is_null()).ok_or_else(unknown)?;
    normalise_times(&mut letter);
    let members = letter.as_object().ok_or_else(problem::internal)?;
    let received = payload(members);
    let pretty = |name: &str| {
        let value = letter.get(name).filter(|value| !value.is_null());
        value.and_then(|value| serde_json::to_string_pretty(value).ok()).unwrap_or_default()
    };
    let run = Some(text(&letter, "runId")).filter(|id| !id.is_empty());
    Ok(page(
        200,
        &Page {
            frame: Frame::of("Dead letter", Place::Webhooks, &visitor).saying(done(request)),
            token: visitor.token.clone(),
            row: Row::of(&letter),
            signature: webhooks::signature(text(&letter, "signatureStatus")),
            explanation: explanation(members),
            query: text(&letter, "query").to_owned(),
            matching: pretty("match"),
            headers: pretty("headers"),
            payload: readable(text(&received, "data")),
            truncated: received.get("truncated").and_then(Value::as_bool).unwrap_or_default(),
            run: run.map(|id| (id.to_owned(), format!("/console/runs/{}", percent_encode(id)))),
            open: text(&letter, "outcome") == "dlq",
            may_settle: visitor.may(Role::Operator),
        },
    )?)
}

/// JSON with line breaks; anything else as it came.
fn readable(payload: &str) -> String {
    let parsed = serde_json::from_str::<Value>(payload).ok();
    parsed.and_then(|value| serde_json::to_string_pretty(&value).ok()).unwrap_or_else(|| payload.to_owned())
}

/// POST /console/letters/:id/replay and /discard.
pub(super) fn act(id: &str, action: Action, visitor: &Visitor, form: &Form, context: &mut Context) -> Answer {
    let id = dead_letter_id(id).ok_or_else(unknown)?;
    let mut fields = Fields::new(form.members(), "#");
    let reason = match action {
        Action::Discard => Some(fields.required_text("reason", 1, REASON_LENGTH_MAX)),
        Action::Replay => fields.text("reason", 0, REASON_LENGTH_MAX),
    };
    fields.finish()?;
    let reason = reason.unwrap_or_else(|| "replayed in the console".to_owned());
    let order = Order { action, actor: &visitor.principal.name, reason: &reason, dry_run: false };
    let settled = dead_letters::settle(context.database()?, clock::now(), &id, &order)?;
    let word = match settled.result {
        Ending::Unknown => return Err(unknown().into()),
        Ending::Processed => "processed",
        Ending::Discarded => "discarded",
        Ending::NoJob => "no_job",
        Ending::AlreadyProcessed | Ending::AlreadyDiscarded => "already",
    };
    let response = see_other(format!("/console/letters/{id}?done={word}"));
    Ok(if settled.kick { response.then(kick::dispatch) } else { response })
}

/// What the action before this page did, in our words.
pub(super) fn done(request: &Request) -> Option<String> {
    let words = match request.query("done").as_deref() {
        Some("processed") => "Replayed: its job is asked about now.",
        Some("discarded") => "Discarded. The receipt stays.",
        Some("no_job") => "Replayed, and still no job fits: the dead letter stays.",
        Some("already") => "Somebody was faster: it was settled before.",
        Some(_) | None => return None,
    };
    Some(words.to_owned())
}
