//! /v1/dlq: deliveries that match no job, for operators: list, look at, replay, discard; one by one or by filter. By
//! filter a call takes one bounded page, says what would happen unless `dry_run` is false, and `next_cursor` goes on.

pub mod bodies;

use bodies::{
    DeadLetter, DeadLetterFilter, DeadLetterOutcome, DeadLetterOutcomes, DeadLetterPage, DeadLetterPath,
    DeadLettersQuery, DiscardDeadLetter, DiscardDeadLetters, ReplayDeadLetter, ReplayDeadLetters,
};
use mw_edge::about::Tag::Operations;
use mw_edge::body::{self, After, Body, Fields, Nested, Text, Whole, one_of};
use mw_edge::clock::normalise_times;
use mw_edge::cursor::Cursor;
use mw_edge::query::{invalid_query, page_size, short_text};
use mw_edge::route::{Route, get, post};
use mw_edge::{Context, Problem, Request, Response, clock, kick, problem};
use mw_kernel::principal::Role::{Operator, Viewer};
use mw_operations::dead_letters::{PAYLOAD_BYTES_MAX, dead_letter_id, explanation, payload, unknown};
use mw_store::dead_letters::{self, Action, Ending, Filter, Order, Reason, Settled};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Dead letters of one call by filter.
const BULK_MAX: u32 = 100;
/// As many of them where nobody says.
const BULK_DEFAULT: u32 = 50;

pub const ROUTES: &[Route] = &[
    get("/v1/dlq", Viewer, list)
        .is(Operations, "list_dead_letters", "List dead letters, newest first")
        .more("Deliveries that match no job. None is deleted before it is processed or discarded.")
        .query::<DeadLettersQuery>()
        .gives::<DeadLetterPage>("A page of dead letters."),
    post("/v1/dlq/replay", Operator, replay_many)
        .is(Operations, "replay_dead_letters", "Match dead letters again and act on them, by filter")
        .more(BY_FILTER)
        .may_take::<ReplayDeadLetters>()
        .gives::<DeadLetterOutcomes>("What became, or would become, of each dead letter."),
    post("/v1/dlq/discard", Operator, discard_many)
        .is(Operations, "discard_dead_letters", "Take dead letters out of the queue, by filter")
        .more(BY_FILTER)
        .takes::<DiscardDeadLetters>()
        .gives::<DeadLetterOutcomes>("What became, or would become, of each dead letter."),
    get("/v1/dlq/{id}", Viewer, show)
        .is(Operations, "get_dead_letter", "Look at a dead letter")
        .more("The delivery as it came, what it was matched by, and in plain words why it waits or how it ended.")
        .path::<DeadLetterPath>()
        .gives::<DeadLetter>("The dead letter, also when it is settled."),
    post("/v1/dlq/{id}/replay", Operator, replay)
        .is(Operations, "replay_dead_letter", "Match a dead letter again and act on it")
        .path::<DeadLetterPath>()
        .may_take::<ReplayDeadLetter>()
        .gives::<DeadLetterOutcome>("What became of it; asking twice says that it is done."),
    post("/v1/dlq/{id}/discard", Operator, discard)
        .is(Operations, "discard_dead_letter", "Take a dead letter out of the queue; its receipt stays")
        .path::<DeadLetterPath>()
        .takes::<DiscardDeadLetter>()
        .gives::<DeadLetterOutcome>("What became of it; asking twice says that it is done."),
];

const BY_FILTER: &str = "One page of dead letters, newest first. Unless `dry_run` is false, only says what would become of each. `next_cursor` goes on; repeating a call is harmless.";

fn list(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    let reason = match request.query("reason") {
        None => None,
        Some(word) => {
            Some(Reason::parse(&word).ok_or_else(|| problem::invalid_field("query:reason", one_of(Reason::WORDS)))?)
        }
    };
    let exhausted = match request.query("exhausted").as_deref() {
        None => None,
        Some("true") => Some(true),
        Some("false") => Some(false),
        Some(_) => return Err(invalid_query("exhausted", "should be true or false")),
    };
    let before = match request.query("cursor") {
        None => None,
        Some(text) => {
            let place = Cursor::parse(&text).and_then(place);
            Some(place.ok_or_else(|| invalid_query("cursor", "is not one of ours"))?)
        }
    };
    let filter = Filter { provider: short_text(request, "provider")?, reason, exhausted, before };
    let limit = page_size(request)?;
    let mut page = dead_letters::list(context.database()?, &filter, limit)?;
    let next = page.letters.last().filter(|_| page.more).and_then(|letter| Cursor::after_item(letter, "id"));
    page.letters.iter_mut().for_each(normalise_times);
    Ok(Response::ok(&json!({"letters": page.letters, "next_cursor": next})))
}

fn place(cursor: Cursor) -> Option<(String, String)> {
    Some((cursor.created_at, dead_letter_id(&cursor.run_id)?))
}

fn show(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    let id = dead_letter_id(&request.parameter("id")).ok_or_else(unknown)?;
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

/// Who settles it, and why; or only what would become of it.
struct Settlement {
    action: Action,
    actor: String,
    reason: String,
    dry_run: bool,
}

type Actor = Option<Text<0, 200>>;

impl Settlement {
    fn replay(reason: Option<Text<0, 500>>, actor: Actor, dry_run: bool) -> Settlement {
        let reason = Text::said(reason).unwrap_or_else(|| "replayed via API".to_owned());
        Settlement { action: Action::Replay, actor: actor_of(actor), reason, dry_run }
    }

    /// A discard must say why.
    fn discard(reason: Text<1, 500>, actor: Actor, dry_run: bool) -> Settlement {
        let reason = Text::said(Some(reason)).unwrap_or_else(|| "discarded via API".to_owned());
        Settlement { action: Action::Discard, actor: actor_of(actor), reason, dry_run }
    }

    fn order(&self) -> Order<'_> {
        Order { action: self.action, actor: &self.actor, reason: &self.reason, dry_run: self.dry_run }
    }
}

fn actor_of(actor: Actor) -> String {
    Text::said(actor).unwrap_or_else(|| "api".to_owned())
}

fn replay(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    let ReplayDeadLetter { reason, actor, dry_run } = body::read(request)?;
    settle_one(Settlement::replay(reason, actor, dry_run.unwrap_or(false)), request, context)
}

fn discard(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    let DiscardDeadLetter { reason, actor, dry_run } = body::read(request)?;
    settle_one(Settlement::discard(reason, actor, dry_run.unwrap_or(false)), request, context)
}

fn settle_one(settlement: Settlement, request: &Request, context: &mut Context) -> Result<Response, Problem> {
    let id = dead_letter_id(&request.parameter("id")).ok_or_else(unknown)?;
    let settlement = Settlement { actor: context.actor(&settlement.actor)?, ..settlement };
    let settled = dead_letters::settle(context.database()?, clock::now(), &id, &settlement.order())?;
    if settled.result == Ending::Unknown {
        return Err(unknown());
    }
    let kick = settled.kick;
    let response = Response::ok(&outcome(id, settled));
    Ok(if kick { response.then(kick::dispatch) } else { response })
}

/// `receipt` is the id under which the delivery was accepted at first; a replay keeps it.
fn outcome(id: String, settled: Settled) -> DeadLetterOutcome {
    let Settled { result, provider, run_id, reason, .. } = settled;
    DeadLetterOutcome { receipt: id.clone(), id, result, provider, run_id, reason }
}

/// Which dead letters.
struct Selection {
    filter: Option<Nested<DeadLetterFilter>>,
    limit: Option<Whole<1, BULK_MAX>>,
    cursor: Option<After<300>>,
}

fn replay_many(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    let members = body::json_object(request)?;
    let mut fields = Fields::new(&members, "#");
    let ReplayDeadLetters { reason, actor, dry_run, limit, cursor, filter } = Body::read(&mut fields);
    let settlement = Settlement::replay(reason, actor, dry_run.unwrap_or(true));
    settle_many(settlement, Selection { filter, limit, cursor }, fields, context)
}

fn discard_many(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    let members = body::json_object(request)?;
    let mut fields = Fields::new(&members, "#");
    let DiscardDeadLetters { reason, actor, dry_run, limit, cursor, filter } = Body::read(&mut fields);
    let settlement = Settlement::discard(reason, actor, dry_run.unwrap_or(true));
    settle_many(settlement, Selection { filter, limit, cursor }, fields, context)
}

fn settle_many(
    settlement: Settlement,
    selection: Selection,
    mut fields: Fields<'_>,
    context: &mut Context,
) -> Result<Response, Problem> {
    let before = selection.cursor.map(|after| place(after.0));
    if before == Some(None) {
        fields.fail("cursor", "cursor is not one of ours");
    }
    fields.finish()?;
    let filter = selection.filter.map(|filter| filter.0);
    let filter = Filter { before: before.flatten(), ..filter.map_or_else(Filter::default, filter_of) };
    let limit = selection.limit.map_or(BULK_DEFAULT, |limit| limit.0);
    let settlement = Settlement { actor: context.actor(&settlement.actor)?, ..settlement };
    let page = dead_letters::list(context.database()?, &filter, limit)?;
    let (mut letters, mut counts, mut kick) = (Vec::new(), BTreeMap::new(), false);
    for letter in &page.letters {
        let id = letter.get("id").and_then(Value::as_str).unwrap_or_default();
        let settled = dead_letters::settle(context.database()?, clock::now(), id, &settlement.order())?;
        kick |= settled.kick;
        *counts.entry(settled.result.as_str().to_owned()).or_default() += 1;
        letters.push(outcome(id.to_owned(), settled));
    }
    let next_cursor = page.letters.last().filter(|_| page.more).and_then(|letter| Cursor::after_item(letter, "id"));
    let response = Response::ok(&DeadLetterOutcomes { dry_run: settlement.dry_run, counts, letters, next_cursor });
    Ok(if kick { response.then(kick::dispatch) } else { response })
}

fn filter_of(filter: DeadLetterFilter) -> Filter {
    Filter {
        provider: filter.provider.map(|provider| provider.0),
        reason: filter.reason.map(|reason| reason.0),
        exhausted: filter.exhausted,
        before: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::refused_by;

    fn refusal(method: &str, target: &str, body: &str) -> Problem {
        refused_by(ROUTES, method, target, body)
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
