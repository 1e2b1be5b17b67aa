//! POST /v1/runs/bulk: a verb and a filter, a page of runs at a time; a dry run unless the body says otherwise.

use mw_edge::body::{After, Body, Choice, Fields, Moment, Nested, Required, Text, Whole};
use mw_edge::cursor::Cursor;
use mw_edge::{Context, Problem, Request, Response, auth, body, clock, idempotency, kick, shape};
use mw_kernel::run::Kinds;
use mw_kernel::status::Verb;
use mw_operations::runs::view;
use mw_operations::verbs::VerbRequest;
use mw_operations::verbs::body::AnyOrder;
use mw_operations::verbs::bulk::{BulkRequest, BulkResult, perform};
use mw_store::runs::{Filter, states};

const PAGE_DEFAULT: u32 = 50;
const PAGE_MAX: u32 = 100;

body! {
    /// Which runs, and whether anything is done to them.
    pub struct Bulk {
        #[schemars(extend("default" = true))]
        pub dry_run: Option<bool>,
        #[schemars(extend("default" = PAGE_DEFAULT))]
        pub limit: Option<Whole<1, PAGE_MAX>>,
        pub filter: Required<Nested<RunFilter>>,
        pub cursor: Option<After<1000>>,
    }

    /// All conditions must hold; at least one is needed.
    #[schemars(inline, extend("minProperties" = 1))]
    pub struct RunFilter {
        #[schemars(with = "Option<mw_kernel::status::StatusWord>")]
        pub status: Option<Text<1, 40>>,
        pub project: Option<Text<1, 200>>,
        pub user_id: Option<Text<1, 200>>,
        pub created_before: Option<Moment>,
    }
}

/// The whole body: the verb, what it asks for, and which runs.
#[cfg_attr(not(target_family = "wasm"), derive(mw_edge::schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(crate = "mw_edge::schemars"))]
pub struct BulkOrder {
    pub verb: Required<Choice<Verb>>,
    #[cfg_attr(not(target_family = "wasm"), schemars(flatten))]
    pub order: AnyOrder,
    #[cfg_attr(not(target_family = "wasm"), schemars(flatten))]
    pub bulk: Bulk,
}

shape! {
    pub struct BulkOutcome {
        pub verb: Verb,
        pub dry_run: bool,
        #[schemars(length(max = 100))]
        pub results: Vec<BulkResult>,
        pub next_cursor: Option<String>,
    }
}

/// The caller's key and the method have been checked.
pub fn handle(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    let mut bulk = read(request, context.kinds)?;
    bulk.verb.actor = context.actor(&bulk.verb.actor)?;
    let caller = auth::limiter_subject(request, context);
    let limit = context.limit(&caller)?;
    let found = states(context.database()?, clock::now(), &bulk.filter, bulk.page, &limit)?;
    context.count(found.limit.as_ref())?;
    let next = found.runs.last().filter(|_| found.more).map(|last| Cursor::of(&last.at, &last.run_id));
    let (results, kick) = perform(&bulk, found, context)?;
    let (verb, dry_run) = (bulk.verb.order.verb(), bulk.dry_run);
    let response = Response::ok(&BulkOutcome { verb, dry_run, results, next_cursor: next });
    Ok(if kick { response.then(kick::dispatch) } else { response })
}

fn read(request: &mut Request, kinds: Kinds) -> Result<BulkRequest, Problem> {
    let key = idempotency::key(request)?.unwrap_or_default();
    let members = body::json_object(request)?;
    let mut fields = Fields::new(&members, "#");
    let verb: Required<Choice<Verb>> = body::Member::read(&mut fields, "verb");
    let verb = verb.0.map_or(Verb::Resume, |verb| verb.0);
    let verb = VerbRequest::read(verb, &mut fields, key, clock::now());
    let Bulk { dry_run, limit, filter, cursor } = Body::read(&mut fields);
    let filter = filter.0.map(|filter| filter_of(filter.0, kinds)).transpose()?;
    let mut filter = filter.unwrap_or_default();
    // At least one condition, so that nobody ends everything by leaving a word out.
    if filter == Filter::default() && fields.errors.is_empty() {
        fields.fail("filter", "needs at least one of status, project, user_id, created_before");
    }
    fields.finish()?;
    filter.before = cursor.map(|after| (after.0.created_at, after.0.run_id));
    let page = limit.map_or(PAGE_DEFAULT, |limit| limit.0);
    Ok(BulkRequest { verb, filter, page, dry_run: dry_run.unwrap_or(true) })
}

fn filter_of(filter: RunFilter, kinds: Kinds) -> Result<Filter, Problem> {
    let status = filter.status.map(|word| view::status_of(kinds, &word, "#/filter/status")).transpose()?;
    Ok(Filter {
        status,
        project: filter.project.map(|project| project.0),
        user_id: filter.user_id.map(|user_id| user_id.0),
        created_before: filter.created_before.map(|moment| clock::rfc3339(moment.0)),
        ..Filter::default()
    })
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
