//! Verbs in bulk: `POST /v1/runs/bulk` takes a verb and a filter, a page of runs at a time, and answers for each run. A dry
//! run, which is the default, decides and commits nothing; so what it shows is what would happen.

use crate::body::{self, Fields};
use crate::context::Context;
use crate::cursor::Cursor;
use crate::limits::RUNS_BULK;
use crate::problem::Problem;
use crate::request::{Method, Request};
use crate::response::Response;
use crate::runs::status_of;
use crate::verbs::{self, Wish};
use crate::{auth, clock, commands, idempotency, kick, route};
use mw_core::run::{self, Run};
use mw_core::status::Verb;
use mw_store::commit::{TransitionError, order_all};
use mw_store::runs::{Filter, Listed, States, states};
use serde_json::{Map, Value, json};

const PAGE_DEFAULT: u32 = 50;
const PAGE_MAX: u32 = 100;

/// What is asked for.
pub(crate) struct Bulk {
    pub(crate) wish: Wish,
    pub(crate) filter: Filter,
    pub(crate) page: u32,
    /// Only say what would happen.
    pub(crate) dry_run: bool,
}

/// The caller's key has been checked.
pub(crate) fn handle(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    context.route = "/v1/runs/bulk";
    if let Some(answer) = route::allow(request, &[Method::Post])? {
        return Ok(answer);
    }
    let mut bulk = read(request)?;
    bulk.wish.actor = context.actor(&bulk.wish.actor)?;
    let caller = auth::limiter_subject(request, context);
    let limit = RUNS_BULK.limit(&context.config, &caller)?;
    let found = states(context.database()?, clock::now(), &bulk.filter, bulk.page, &limit)?;
    let headers = RUNS_BULK.check(found.limit.as_ref())?;
    let next = found.runs.last().filter(|_| found.more).map(|last| Cursor::of(&last.at, &last.run_id));
    let (results, kick) = carry_out(&bulk, found, context)?;
    let answer = json!({
        "verb": bulk.wish.order.verb(), "dry_run": bulk.dry_run, "results": results, "next_cursor": next,
    });
    let response = Response::ok(&answer).with_headers(headers);
    Ok(if kick { response.then(kick::dispatch) } else { response })
}

fn read(request: &mut Request) -> Result<Bulk, Problem> {
    let key = idempotency::key(request)?.unwrap_or_default();
    let members = body::json_object(request)?;
    let mut fields = Fields::new(&members, "#");
    let verb = Verb::parse(&fields.required_text("verb", 1, 20));
    if verb.is_none() && fields.errors.is_empty() {
        let words: Vec<String> = Verb::ALL.iter().map(|verb| format!("'{verb}'")).collect();
        fields.fail("verb", format!("Input should be one of {}", words.join(", ")));
    }
    let wish = Wish::read(verb.unwrap_or(Verb::Resume), &mut fields, key, clock::now());
    let dry_run = fields.boolean("dry_run").unwrap_or(true);
    let page = fields.number("limit", 1, PAGE_MAX).unwrap_or(PAGE_DEFAULT);
    let cursor = fields.text("cursor", 1, 1000);
    let mut filter = read_filter(&mut fields)?;
    let before = cursor.map(|text| Cursor::parse(&text).ok_or(())).transpose();
    match before {
        Ok(before) => filter.before = before.map(|cursor| (cursor.created_at, cursor.run_id)),
        Err(()) => fields.fail("cursor", "is not one of ours"),
    }
    fields.finish()?;
    Ok(Bulk { wish, filter, page, dry_run })
}

/// At least one condition, so that nobody ends everything by leaving a word out.
fn read_filter(fields: &mut Fields<'_>) -> Result<Filter, Problem> {
    let empty = Map::new();
    let members = fields.required_object("filter").unwrap_or(&empty);
    let mut inner = Fields::new(members, "#/filter");
    let status = inner.text("status", 1, 40).map(|word| status_of(&word, "#/filter/status")).transpose()?;
    let filter = Filter {
        status,
        project: inner.text("project", 1, 200),
        user_id: inner.text("user_id", 1, 200),
        created_before: inner.moment("created_before").map(clock::rfc3339),
        ..Filter::default()
    };
    fields.errors.append(&mut inner.errors);
    if filter == Filter::default() && fields.errors.is_empty() {
        fields.fail("filter", "needs at least one of status, project, user_id, created_before");
    }
    Ok(filter)
}

/// What happens to each run, or would, and whether to wake the dispatcher.
pub(crate) fn carry_out(bulk: &Bulk, found: States, context: &mut Context) -> Result<(Vec<Value>, bool), Problem> {
    let mut new_id = commands::new_id;
    let mut decision = run::Context { now: clock::now(), new_id: &mut new_id };
    let Wish { order, reason, actor } = &bulk.wish;
    let readable: Vec<&Run> = found.runs.iter().filter_map(|row| row.run.as_deref().ok()).collect();
    let mut outcomes: Vec<Value> = Vec::with_capacity(readable.len());
    let mut kick = false;
    if bulk.dry_run {
        for run in readable {
            let planned = order.decide(run, reason, actor, &mut decision);
            let after = planned.map(|transition| transition.map_or_else(|| run.clone(), |moved| moved.run));
            let mut outcome = result(run, after.map_err(TransitionError::from));
            // The successor of a dry run will never be.
            outcome.as_object_mut().map(|members| members.remove("successor"));
            outcomes.push(outcome);
        }
    } else {
        let moved = order_all(context.database()?, &readable, order, reason, actor, &mut decision)?;
        for (run, moved) in readable.iter().zip(moved) {
            kick |= moved.as_ref().is_ok_and(|moved| moved.kick);
            outcomes.push(result(run, moved.map(|moved| moved.run)));
        }
    }
    let mut outcomes = outcomes.into_iter();
    let results = found.runs.iter().filter_map(|row| match &row.run {
        Ok(_) => outcomes.next(),
        Err(_) => Some(unreadable(row)),
    });
    Ok((results.collect(), kick))
}

fn result(before: &Run, after: Result<Run, TransitionError>) -> Value {
    match after {
        Ok(after) => Value::Object(verbs::outcome(&before.run_id, before.version, &after)),
        Err(error) => {
            let problem = Problem::from(error);
            json!({
                "runId": before.run_id, "status": before.status, "outcome": "refused",
                "code": problem.code, "detail": problem.detail,
            })
        }
    }
}

fn unreadable(row: &Listed) -> Value {
    json!({
        "runId": row.run_id, "status": null, "outcome": "refused", "code": "run-unreadable",
        "detail": "this version cannot read the run's state; terminate it by its id",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::tests::request;

    fn pointers(body: &str) -> Vec<String> {
        let problem = read(&mut request("POST", "/v1/runs/bulk", &[], body)).err().unwrap();
        problem.errors.into_iter().map(|error| error.pointer).collect()
    }

    #[test]
    fn a_bulk_needs_a_verb_and_a_filter_and_is_a_dry_run_unless_told() {
        let bulk = read(&mut request("POST", "/", &[], r#"{"verb":"cancel","filter":{"status":"running"}}"#)).ok();
        assert!(bulk.is_some_and(|bulk| bulk.dry_run && bulk.page == 50));
        assert_eq!(pointers("{}"), ["#/verb", "#/filter"]);
        assert_eq!(pointers(r#"{"verb":"explode","filter":{"project":"a"}}"#), ["#/verb"]);
        assert_eq!(pointers(r#"{"verb":"cancel","filter":{}}"#), ["#/filter"]);
        assert_eq!(pointers(r#"{"verb":"cancel","filter":{"status":"lost"}}"#), ["#/filter/status"]);
        assert_eq!(pointers(r#"{"verb":"rerun","filter":{"project":"a"}}"#), ["#/from"]);
        let odd =
            r#"{"verb":"cancel","filter":{"project":"a","created_before":"x"},"limit":101,"cursor":"?","dry_run":0}"#;
        assert_eq!(pointers(odd), ["#/dry_run", "#/limit", "#/filter/created_before", "#/cursor"]);
    }

    #[test]
    fn a_refused_run_says_why() {
        let run = Run::unborn("r1".to_owned());
        let refused = mw_core::run::Refusal::Paused { run_id: "r1".to_owned() };
        let told = result(&run, Err(refused.into()));
        assert_eq!((&told["outcome"], &told["code"]), (&json!("refused"), &json!("run-paused")));
    }
}
