//! POST /v1/runs/:id/<verb>; `bulk` is POST /v1/runs/bulk.

use crate::bulk;
use mw_edge::body::{self, Fields};
use mw_edge::{Context, Problem, Request, Response, clock, idempotency, kick, problem, route};
use mw_kernel::run::AnyRun;
use mw_kernel::status::Verb;
use mw_operations::verbs::{self, VerbRequest, outcome};
use serde_json::{Value, json};

pub fn handle(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    if let Some(answer) = route::enter(request, context)? {
        return Ok(answer);
    }
    let segments = request.segments();
    let path: Vec<&str> = segments.iter().map(String::as_str).collect();
    let (run_id, verb) = match path.as_slice() {
        ["v1", "runs", "bulk"] => return bulk::handle(request, context),
        ["v1", "runs", run_id, word] => (*run_id, Verb::parse(word).ok_or_else(|| problem::not_found("Not Found"))?),
        _ => return Err(problem::not_found("Not Found")),
    };
    let key = idempotency::key(request)?.unwrap_or_default();
    let members = body::json_object(request)?;
    let mut fields = Fields::new(&members, "#");
    let wanted = VerbRequest::read(verb, &mut fields, key, clock::now());
    fields.finish()?;
    perform(run_id, wanted, context)
}

fn perform(run_id: &str, wanted: VerbRequest, context: &mut Context) -> Result<Response, Problem> {
    let verb = wanted.order.verb();
    context.record_with_next_write(200);
    let done = verbs::perform(run_id, wanted, context)?;
    let Some(after) = done.after else {
        return Ok(Response::ok(&json!({
            "runId": run_id, "verb": verb, "status": "failed", "outcome": "changed", "deadline": null,
        })));
    };
    let response = Response::ok(&answer(verb, run_id.to_owned(), done.version, &after));
    Ok(if done.kick { response.then(kick::dispatch) } else { response })
}

/// What an order did. Cancel answers as the original did.
fn answer(verb: Verb, run_id: String, version: u64, after: &AnyRun) -> Value {
    let mut answer = outcome(&run_id, version, after);
    if verb != Verb::Cancel {
        answer.insert("verb".to_owned(), json!(verb));
        answer.insert("deadline".to_owned(), json!(after.deadline.map(clock::rfc3339)));
    } else {
        answer.remove("outcome");
    }
    Value::Object(answer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mw_edge::config::Config;

    fn problem_of(method: &str, target: &str, body: &str) -> Problem {
        let mut context = Context::new(Config::of(&[("api_key", "k")]), "r".to_owned());
        handle(&mut Request::in_memory(method, target, &[("x-api-key", "k")], body), &mut context).err().unwrap()
    }

    #[test]
    fn every_verb_has_its_route_and_nothing_else_has() {
        for verb in Verb::ALL {
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
    fn cancel_answers_as_the_original_did() {
        let mut run = mw_media::run::Run::empty("r1".to_owned()).erase().unwrap();
        run.version = 3;
        let cancelled = answer(Verb::Cancel, "r1".to_owned(), 2, &run);
        assert_eq!(cancelled, json!({"runId": "r1", "status": "running"}));
    }
}
