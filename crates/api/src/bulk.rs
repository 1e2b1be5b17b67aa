//! POST /v1/runs/bulk: a verb and a filter, a page of runs at a time; a dry run unless the body says otherwise.

use mw_edge::body::{self, Fields};
use mw_edge::cursor::Cursor;
use mw_edge::limits::RUNS_BULK;
use mw_edge::{Context, Problem, Request, Response, auth, clock, idempotency, kick};
use mw_kernel::run::Kinds;
use mw_kernel::status::Verb;
use mw_operations::runs::view;
use mw_operations::verbs::VerbRequest;
use mw_operations::verbs::bulk::{BulkRequest, perform};
use mw_store::runs::{Filter, states};
use serde_json::{Map, json};

const PAGE_DEFAULT: u32 = 50;
const PAGE_MAX: u32 = 100;

/// The caller's key and the method have been checked.
pub fn handle(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    let mut bulk = read(request, context.kinds)?;
    bulk.verb.actor = context.actor(&bulk.verb.actor)?;
    let caller = auth::limiter_subject(request, context);
    let limit = RUNS_BULK.limit(&context.config, &caller)?;
    let found = states(context.database()?, clock::now(), &bulk.filter, bulk.page, &limit)?;
    context.limit(RUNS_BULK, found.limit.as_ref())?;
    let next = found.runs.last().filter(|_| found.more).map(|last| Cursor::of(&last.at, &last.run_id));
    let (results, kick) = perform(&bulk, found, context)?;
    let answer = json!({
        "verb": bulk.verb.order.verb(), "dry_run": bulk.dry_run, "results": results, "next_cursor": next,
    });
    let response = Response::ok(&answer);
    Ok(if kick { response.then(kick::dispatch) } else { response })
}

fn read(request: &mut Request, kinds: Kinds) -> Result<BulkRequest, Problem> {
    let key = idempotency::key(request)?.unwrap_or_default();
    let members = body::json_object(request)?;
    let mut fields = Fields::new(&members, "#");
    let verb = Verb::parse(&fields.required_text("verb", 1, 20));
    if verb.is_none() && fields.errors.is_empty() {
        let words: Vec<String> = Verb::ALL.iter().map(|verb| format!("'{verb}'")).collect();
        fields.fail("verb", format!("Input should be one of {}", words.join(", ")));
    }
    let verb = VerbRequest::read(verb.unwrap_or(Verb::Resume), &mut fields, key, clock::now());
    let dry_run = fields.boolean("dry_run").unwrap_or(true);
    let page = fields.number("limit", 1, PAGE_MAX).unwrap_or(PAGE_DEFAULT);
    let cursor = fields.text("cursor", 1, 1000);
    let mut filter = read_filter(&mut fields, kinds)?;
    let before = cursor.map(|text| Cursor::parse(&text).ok_or(())).transpose();
    match before {
        Ok(before) => filter.before = before.map(|cursor| (cursor.created_at, cursor.run_id)),
        Err(()) => fields.fail("cursor", "is not one of ours"),
    }
    fields.finish()?;
    Ok(BulkRequest { verb, filter, page, dry_run })
}

/// At least one condition, so that nobody ends everything by leaving a word out.
fn read_filter(fields: &mut Fields<'_>, kinds: Kinds) -> Result<Filter, Problem> {
    let empty = Map::new();
    let members = fields.required_object("filter").unwrap_or(&empty);
    let mut inner = Fields::new(members, "#/filter");
    let status =
        inner.text("status", 1, 40).map(|word| view::status_of(kinds, &word, "#/filter/status")).transpose()?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use mw_kinds::KINDS;

    fn pointers(body: &str) -> Vec<String> {
        let problem = read(&mut Request::in_memory("POST", "/v1/runs/bulk", &[], body), KINDS).err().unwrap();
        problem.errors.into_iter().map(|error| error.pointer).collect()
    }

    #[test]
    fn a_bulk_needs_verb_and_filter_and_defaults_to_dry_run() {
        let bulk = read(
            &mut Request::in_memory("POST", "/", &[], r#"{"verb":"cancel","filter":{"status":"running"}}"#),
            KINDS,
        )
        .ok();
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
}
