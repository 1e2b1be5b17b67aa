//! What operators do to a run by name: `POST /v1/runs/:id/<verb>`. The order is read from the body, decided by the core,
//! and answered with its outcome; asking twice is harmless.

use crate::body::{self, Fields};
use crate::context::Context;
use crate::problem::{self, Problem};
use crate::request::{Method, Request};
use crate::response::Response;
use crate::{auth, bulk, clock, commands, idempotency, kick, route};
use mw_core::Timestamp;
use mw_core::run::{self, EXTEND_DAYS_MAX, Order, PAUSE_DAYS, Run};
use mw_core::status::Verb;
use mw_store::runs::{ForcedEnd, force_end};
use serde_json::{Map, Value, json};
use time::Duration;

const SECONDS_MIN: u32 = 60;
const SECONDS_MAX: u32 = EXTEND_DAYS_MAX * 24 * 3600;

pub fn handle(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    auth::require(request, context)?;
    let segments = request.segments();
    let path: Vec<&str> = segments.iter().map(String::as_str).collect();
    let (run_id, verb) = match path.as_slice() {
        ["v1", "runs", "bulk"] => return bulk::handle(request, context),
        ["v1", "runs", run_id, word] => (*run_id, Verb::parse(word).ok_or_else(|| problem::not_found("Not Found"))?),
        _ => return Err(problem::not_found("Not Found")),
    };
    context.route = template(verb);
    if let Some(answer) = route::allow(request, &[Method::Post])? {
        return Ok(answer);
    }
    let key = idempotency::key(request)?.unwrap_or_default();
    let members = body::json_object(request)?;
    let mut fields = Fields::new(&members, "#");
    let wish = Wish::read(verb, &mut fields, key, clock::now());
    fields.finish()?;
    carry_out(run_id, wish, context)
}

fn template(verb: Verb) -> &'static str {
    match verb {
        Verb::Cancel => "/v1/runs/{run_id}/cancel",
        Verb::Pause => "/v1/runs/{run_id}/pause",
        Verb::Resume => "/v1/runs/{run_id}/resume",
        Verb::Terminate => "/v1/runs/{run_id}/terminate",
        Verb::Extend => "/v1/runs/{run_id}/extend",
        Verb::Retry => "/v1/runs/{run_id}/retry",
        Verb::Rerun => "/v1/runs/{run_id}/rerun",
    }
}

/// An order with why and by whom.
pub(crate) struct Wish {
    pub(crate) order: Order,
    pub(crate) reason: String,
    pub(crate) actor: String,
}

impl Wish {
    /// Reads an order's members; what is wrong with them is gathered in `fields`.
    pub(crate) fn read(verb: Verb, fields: &mut Fields<'_>, key: String, now: Timestamp) -> Wish {
        let reason = said(fields.text("reason", 0, 500)).unwrap_or_else(|| default_reason(verb));
        let actor = said(fields.text("actor", 0, 200)).unwrap_or_else(|| "api".to_owned());
        let order = match verb {
            Verb::Cancel => Order::Cancel,
            Verb::Resume => Order::Resume,
            Verb::Terminate => Order::Terminate,
            Verb::Pause => {
                Order::Pause { until: moment(fields, now).unwrap_or_else(|| now + Duration::days(PAUSE_DAYS)) }
            }
            Verb::Extend => {
                let until = moment(fields, now);
                if until.is_none() && fields.errors.is_empty() {
                    fields.fail("until", "Field required: until, or seconds");
                }
                Order::Extend { until: until.unwrap_or(now) }
            }
            Verb::Retry => Order::Retry { key, fresh: fields.boolean("fresh").unwrap_or(false) },
            Verb::Rerun => Order::Rerun {
                from: fields.required_text("from", 1, 100),
                key,
                fresh: fields.boolean("fresh").unwrap_or(false),
            },
        };
        Wish { order, reason, actor }
    }
}

fn said(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.trim().is_empty())
}

fn default_reason(verb: Verb) -> String {
    match verb {
        Verb::Cancel => "cancelled via API".to_owned(),
        Verb::Pause | Verb::Resume | Verb::Terminate | Verb::Extend | Verb::Retry | Verb::Rerun => {
            format!("{verb} via API")
        }
    }
}

/// `until` as it stands, or `seconds` from now.
fn moment(fields: &mut Fields<'_>, now: Timestamp) -> Option<Timestamp> {
    let seconds = fields.number("seconds", SECONDS_MIN, SECONDS_MAX);
    let until = fields.moment("until");
    if until.is_some_and(|until| until <= now) {
        fields.fail("until", "should be in the future");
    }
    until.or_else(|| seconds.map(|seconds| now + Duration::seconds(i64::from(seconds))))
}

fn carry_out(run_id: &str, wish: Wish, context: &mut Context) -> Result<Response, Problem> {
    let verb = wish.order.verb();
    context.ride(200);
    let done = perform(run_id, wish, context)?;
    let Some(after) = done.after else {
        return Ok(Response::ok(&json!({
            "runId": run_id, "verb": verb, "status": "failed", "outcome": "changed", "deadline": null,
        })));
    };
    let response = Response::ok(&answer(verb, run_id.to_owned(), done.version, &after));
    Ok(if done.kick { response.then(kick::dispatch) } else { response })
}

/// What an order came to.
pub(crate) struct Done {
    /// The run's version before.
    pub(crate) version: u64,
    /// The run, or its successor; `None` for one that could not be read and was ended.
    pub(crate) after: Option<Run>,
    pub(crate) kick: bool,
}

/// Carries an order out on a run.
pub(crate) fn perform(run_id: &str, wish: Wish, context: &mut Context) -> Result<Done, Problem> {
    let loaded = commands::load(context, run_id);
    let wish = Wish { actor: context.actor(&wish.actor)?, ..wish };
    let run = match loaded {
        Ok(run) => run,
        Err(problem) if problem.status == 500 && wish.order == Order::Terminate => {
            return end_unreadable(run_id, &wish, context, problem);
        }
        Err(problem) => return Err(problem),
    };
    let version = run.version;
    let mut new_id = commands::new_id;
    let mut decision = run::Context { now: clock::now(), new_id: &mut new_id };
    let database = context.database()?;
    let moved = mw_store::commit::order(database, run, &wish.order, &wish.reason, &wish.actor, &mut decision)?;
    Ok(Done { version, after: Some(moved.run), kick: moved.kick })
}

/// A run that this version cannot read is ended in the database: no run is beyond reach.
fn end_unreadable(run_id: &str, wish: &Wish, context: &mut Context, unread: Problem) -> Result<Done, Problem> {
    let message = format!("terminated by {}: {}", wish.actor, wish.reason);
    match force_end(context.database()?, run_id, &wish.actor, &message)? {
        ForcedEnd::Ended => Ok(Done { version: 0, after: None, kick: false }),
        ForcedEnd::Terminal => Err(problem::conflict("run-already-ended", format!("Run {run_id} has ended already"))),
        ForcedEnd::Missing => Err(unread),
    }
}

/// What an order did. Cancel answers as the original did.
fn answer(verb: Verb, run_id: String, version: u64, after: &Run) -> Value {
    let mut answer = outcome(&run_id, version, after);
    if verb != Verb::Cancel {
        answer.insert("verb".to_owned(), json!(verb));
        answer.insert("deadline".to_owned(), json!(after.deadline.map(clock::rfc3339)));
    } else {
        answer.remove("outcome");
    }
    Value::Object(answer)
}

/// `changed`, `unchanged`, or `successor` with the run that opened, or was there already.
pub(crate) fn outcome(run_id: &str, version: u64, after: &Run) -> Map<String, Value> {
    let mut outcome = Map::new();
    outcome.insert("runId".to_owned(), json!(run_id));
    outcome.insert("status".to_owned(), json!(after.status));
    let word = if after.run_id != run_id {
        outcome.insert("successor".to_owned(), json!(after.run_id));
        "successor"
    } else if after.version == version {
        "unchanged"
    } else {
        "changed"
    };
    outcome.insert("outcome".to_owned(), json!(word));
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::config;
    use crate::request::tests::request;

    fn problem_of(method: &str, target: &str, body: &str) -> Problem {
        let mut context = Context::new(config(&[("api_key", "k")]), "r".to_owned());
        handle(&mut request(method, target, &[("x-api-key", "k")], body), &mut context).err().unwrap()
    }

    #[test]
    fn every_verb_has_its_route_and_nothing_else_has() {
        for verb in Verb::ALL {
            assert!(template(*verb).ends_with(&format!("/{verb}")));
            assert_eq!(problem_of("GET", &format!("/v1/runs/r1/{verb}"), "").status, 405);
        }
        assert_eq!(problem_of("POST", "/v1/runs/r1/explode", "").status, 404);
    }

    #[test]
    fn bad_orders_are_422_before_any_statement() {
        for (verb, body) in [
            ("cancel", r#"{"reason":1}"#),
            ("cancel", "["),
            ("pause", r#"{"until":"tomorrow"}"#),
            ("pause", r#"{"until":"2001-01-01T00:00:00Z"}"#),
            ("pause", r#"{"seconds":1}"#),
            ("extend", "{}"),
            ("extend", r#"{"seconds":"60"}"#),
            ("rerun", "{}"),
            ("rerun", r#"{"from":"render","fresh":"yes"}"#),
        ] {
            assert_eq!(problem_of("POST", &format!("/v1/runs/r1/{verb}"), body).status, 422, "{verb} {body}");
        }
    }

    #[test]
    fn an_order_takes_its_time_from_a_moment_or_from_seconds() {
        let now = clock::now();
        let read = |verb, body: &str| {
            let members: Value = serde_json::from_str(body).unwrap();
            let mut fields = Fields::new(members.as_object().unwrap(), "#");
            Wish::read(verb, &mut fields, String::new(), now).order
        };
        assert_eq!(read(Verb::Pause, "{}"), Order::Pause { until: now + Duration::days(PAUSE_DAYS) });
        let hour = Order::Extend { until: now + Duration::hours(1) };
        assert_eq!(read(Verb::Extend, r#"{"seconds":3600}"#), hour);
        let until = clock::parse("2999-01-01T00:00:00Z").unwrap();
        assert_eq!(read(Verb::Extend, r#"{"until":"2999-01-01T00:00:00Z","seconds":60}"#), Order::Extend { until });
    }

    #[test]
    fn the_answer_says_what_happened() {
        let mut run = Run::unborn("r1".to_owned());
        run.version = 3;
        assert_eq!(outcome("r1", 3, &run)["outcome"], "unchanged");
        assert_eq!(outcome("r1", 2, &run)["outcome"], "changed");
        let opened = outcome("r0", 9, &run);
        assert_eq!((&opened["outcome"], &opened["successor"]), (&json!("successor"), &json!("r1")));
        let cancelled = answer(Verb::Cancel, "r1".to_owned(), 2, &run);
        assert_eq!(cancelled, json!({"runId": "r1", "status": "running"}));
    }
}
