//! /v1/dlq: deliveries that match no job, for operators: list, look at, replay, discard; one by one or by filter. By
//! filter a call takes one bounded page, says what would happen unless `dry_run` is false, and `next_cursor` goes on.

use mw_edge::body::{self, Fields};
use mw_edge::clock::normalise_times;
use mw_edge::cursor::Cursor;
use mw_edge::query::{invalid_query, page_size, short_text};
use mw_edge::{Context, Problem, Request, Response, clock, kick, problem, route};
use mw_operations::dead_letters::{PAYLOAD_BYTES_MAX, dead_letter_id, explanation, payload, unknown};
use mw_store::dead_letters::{self, Action, Ending, Filter, Order, Reason, Settled};
use serde_json::{Map, Value, json};

/// Letters of one call by filter.
const BULK_MAX: u32 = 100;
const ACTOR_LENGTH_MAX: usize = 200;
const REASON_LENGTH_MAX: usize = 500;

pub fn handle(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    if let Some(answer) = route::enter(request, context)? {
        return Ok(answer);
    }
    let segments = request.segments();
    let path: Vec<&str> = segments.iter().map(String::as_str).collect();
    match path.as_slice() {
        ["v1", "dlq"] => list(request, context),
        ["v1", "dlq", "replay"] => settle_many(Action::Replay, request, context),
        ["v1", "dlq", "discard"] => settle_many(Action::Discard, request, context),
        ["v1", "dlq", id] => show(id, context),
        ["v1", "dlq", id, "replay"] => settle_one(Action::Replay, id, request, context),
        ["v1", "dlq", id, "discard"] => settle_one(Action::Discard, id, request, context),
        _ => Err(problem::not_found("Not Found")),
    }
}

fn list(request: &Request, context: &mut Context) -> Result<Response, Problem> {
    let reason = match request.query("reason") {
        None => None,
        Some(word) => Some(Reason::parse(&word).ok_or_else(|| problem::invalid_field("query:reason", reasons()))?),
    };
    let exhausted = match request.query("exhausted").as_deref() {
        None => None,
        Some("true") => Some(true),
        Some("false") => Some(false),
        Some(_) => return Err(invalid_query("exhausted", "should be true or false")),
    };
    let before = match request.query("cursor") {
        None => None,
        Some(text) => Some(cursor(&text).ok_or_else(|| invalid_query("cursor", "is not one of ours"))?),
    };
    let filter = Filter { provider: short_text(request, "provider")?, reason, exhausted, before };
    let limit = page_size(request)?;
    let mut page = dead_letters::list(context.database()?, &filter, limit)?;
    let next = page.letters.last().filter(|_| page.more).and_then(|letter| Cursor::after_item(letter, "id"));
    page.letters.iter_mut().for_each(normalise_times);
    Ok(Response::ok(&json!({"letters": page.letters, "next_cursor": next})))
}

fn reasons() -> String {
    let words: Vec<String> = Reason::ALL.iter().map(|reason| format!("'{}'", reason.as_str())).collect();
    format!("Input should be one of {}", words.join(", "))
}

fn cursor(text: &str) -> Option<(String, String)> {
    let cursor = Cursor::parse(text)?;
    Some((cursor.created_at, dead_letter_id(&cursor.run_id)?))
}

fn show(id: &str, context: &mut Context) -> Result<Response, Problem> {
    let id = dead_letter_id(id).ok_or_else(unknown)?;
    let mut letter = dead_letters::view(context.database()?, &id, PAYLOAD_BYTES_MAX)?.ok_or_else(unknown)?;
    normalise_times(&mut letter);
    if let Value::Object(members) = &mut letter {
        let shown = payload(members);
        members.insert("payload".to_owned(), shown);
        members.remove("payloadSize");
        members.insert("explanation".to_owned(), explanation(members).into());
    }
    Ok(Response::ok(&letter))
}

/// Who settles it, and why.
struct Settlement {
    actor: String,
    reason: String,
}

/// A discard must say why; a replay may.
fn settlement(action: Action, fields: &mut Fields<'_>) -> Settlement {
    let actor = fields.text("actor", 0, ACTOR_LENGTH_MAX).filter(|text| !text.trim().is_empty());
    let reason = match action {
        Action::Discard => Some(fields.required_text("reason", 1, REASON_LENGTH_MAX)),
        Action::Replay => fields.text("reason", 0, REASON_LENGTH_MAX),
    };
    let reason = reason.filter(|text| !text.trim().is_empty());
    Settlement {
        actor: actor.unwrap_or_else(|| "api".to_owned()),
        reason: reason.unwrap_or_else(|| "replayed via API".to_owned()),
    }
}

fn settle_one(action: Action, id: &str, request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    let members = body::json_object(request)?;
    let mut fields = Fields::new(&members, "#");
    let settlement = settlement(action, &mut fields);
    let dry_run = fields.boolean("dry_run").unwrap_or(false);
    fields.finish()?;
    let id = dead_letter_id(id).ok_or_else(unknown)?;
    let settlement = Settlement { actor: context.actor(&settlement.actor)?, ..settlement };
    let order = Order { action, actor: &settlement.actor, reason: &settlement.reason, dry_run };
    let settled = dead_letters::settle(context.database()?, clock::now(), &id, &order)?;
    if settled.result == Ending::Unknown {
        return Err(unknown());
    }
    let response = Response::ok(&outcome(&id, &settled));
    Ok(if settled.kick { response.then(kick::dispatch) } else { response })
}

/// `receipt` is the id under which the delivery was accepted at first; a replay keeps it.
fn outcome(id: &str, settled: &Settled) -> Value {
    json!({
        "id": id, "receipt": id, "result": settled.result, "provider": settled.provider, "runId": settled.run_id,
        "reason": settled.reason,
    })
}

fn settle_many(action: Action, request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    let members = body::json_object(request)?;
    let mut fields = Fields::new(&members, "#");
    let settlement = settlement(action, &mut fields);
    let dry_run = fields.boolean("dry_run").unwrap_or(true);
    let limit = fields.number("limit", 1, BULK_MAX).unwrap_or(BULK_MAX / 2);
    let before = fields.text("cursor", 1, 300).map(|text| cursor(&text));
    if before == Some(None) {
        fields.fail("cursor", "cursor is not one of ours");
    }
    let filter = filter(&mut fields, before.flatten());
    fields.finish()?;
    let settlement = Settlement { actor: context.actor(&settlement.actor)?, ..settlement };
    let page = dead_letters::list(context.database()?, &filter, limit)?;
    let order = Order { action, actor: &settlement.actor, reason: &settlement.reason, dry_run };
    let (mut letters, mut counts, mut kick) = (Vec::new(), Map::new(), false);
    for letter in &page.letters {
        let id = letter.get("id").and_then(Value::as_str).unwrap_or_default();
        let settled = dead_letters::settle(context.database()?, clock::now(), id, &order)?;
        kick |= settled.kick;
        letters.push(outcome(id, &settled));
        let word = json!(settled.result).as_str().unwrap_or_default().to_owned();
        let count = counts.entry(word).or_insert_with(|| json!(0));
        *count = json!(count.as_u64().unwrap_or_default() + 1);
    }
    let next = page.letters.last().filter(|_| page.more).and_then(|letter| Cursor::after_item(letter, "id"));
    let answer = json!({"dry_run": dry_run, "counts": counts, "letters": letters, "next_cursor": next});
    let response = Response::ok(&answer);
    Ok(if kick { response.then(kick::dispatch) } else { response })
}

fn filter(fields: &mut Fields<'_>, before: Option<(String, String)>) -> Filter {
    let empty = Map::new();
    let mut inner = Fields::new(fields.object("filter").unwrap_or(&empty), "#/filter");
    let provider = inner.text("provider", 1, 64);
    let word = inner.text("reason", 1, 64);
    let reason = word.as_deref().and_then(Reason::parse);
    if word.is_some() && reason.is_none() {
        inner.fail("reason", reasons());
    }
    let exhausted = inner.boolean("exhausted");
    fields.errors.append(&mut inner.errors);
    Filter { provider, reason, exhausted, before }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::refused_by;

    fn refusal(method: &str, target: &str, body: &str) -> Problem {
        refused_by(handle, method, target, body)
    }

    #[test]
    fn what_is_wrong_is_told_before_any_statement() {
        for target in [
            "/v1/dlq?reason=bad",
            "/v1/dlq?exhausted=maybe",
            "/v1/dlq?limit=0",
            "/v1/dlq?cursor=xyz",
            "/v1/dlq?cursor=MjAyNS0xMS0xNFQxMjowMDowMFogcjE",
        ] {
            assert_eq!(refusal("GET", target, "").status, 422, "{target}");
        }
        let pointers = |target: &str, body: &str| -> Vec<String> {
            refusal("POST", target, body).errors.into_iter().map(|error| error.pointer).collect()
        };
        assert_eq!(pointers("/v1/dlq/discard", "{}"), ["#/reason"]);
        assert_eq!(pointers("/v1/dlq/x/discard", "{}"), ["#/reason"]);
        let all = r#"{"limit":101,"dry_run":"no","cursor":"x","filter":{"reason":"y","exhausted":1}}"#;
        assert_eq!(
            pointers("/v1/dlq/replay", all),
            ["#/dry_run", "#/limit", "#/cursor", "#/filter/reason", "#/filter/exhausted"]
        );
        assert_eq!(refusal("POST", "/v1/dlq/no-uuid/replay", "").detail, "dead letter not found");
        assert_eq!(refusal("GET", "/v1/dlq/no-uuid", "").status, 404);
        assert_eq!(refusal("GET", "/v1/dlq/replay", "").status, 405);
    }
}
