//! POST /v1/runs/:id/<verb>; `bulk` is POST /v1/runs/bulk.

use crate::bulk::{self, BulkOrder, BulkOutcome};
use crate::runs::bodies::RunPath;
use mw_edge::about::Tag::Runs;
use mw_edge::body::{self, Fields};
use mw_edge::idempotency::IdempotencyKey;
use mw_edge::limits::RUNS_BULK;
use mw_edge::route::{Route, post};
use mw_edge::{Context, Problem, Request, Response, clock, idempotency, kick, shape};
use mw_kernel::principal::Role::Operator;
use mw_kernel::run::AnyRun;
use mw_kernel::status::{End, Verb};
use mw_operations::verbs::body::{CancelRun, ExtendRun, Order, PauseRun, RerunRun, RetryRun};
use mw_operations::verbs::{self, VerbRequest, outcome};

pub const ROUTES: &[Route] = &[
    post("/v1/runs/bulk", Operator, bulk::handle)
        .limited(RUNS_BULK)
        .is(Runs, "bulk_runs", "A verb for many runs")
        .takes::<BulkOrder>()
        .gives::<BulkOutcome>("What became of each run of this page, or would become of it: a dry run unless `dry_run` is false."),
    post("/v1/runs/{run_id}/cancel", Operator, |request, context| order(Verb::Cancel, request, context))
        .is(Runs, "cancel_run", "Cancel a run")
        .path::<RunPath>()
        .may_take::<CancelRun>()
        .gives::<Cancelled>("Cancelled; whatever was in flight is fenced.")
        .refuses(&[409]),
    post("/v1/runs/{run_id}/pause", Operator, |request, context| order(Verb::Pause, request, context))
        .is(Runs, "pause_run", "Pause a run")
        .path::<RunPath>()
        .may_take::<PauseRun>()
        .gives::<Outcome>(
            "Held: nothing new is sent, nothing is decided; what is in flight is still collected. Pausing a paused run changes nothing.",
        )
        .refuses(&[409]),
    post("/v1/runs/{run_id}/resume", Operator, |request, context| order(Verb::Resume, request, context))
        .is(Runs, "resume_run", "Let a paused run go on")
        .path::<RunPath>()
        .may_take::<Order>()
        .gives::<Outcome>("The run is where it was, with the time that it had left.")
        .refuses(&[409]),
    post("/v1/runs/{run_id}/terminate", Operator, |request, context| order(Verb::Terminate, request, context))
        .is(Runs, "terminate_run", "End a run, whatever it is doing")
        .path::<RunPath>()
        .may_take::<Order>()
        .gives::<Outcome>("Ended as `failed` with error type `terminated`; whatever was in flight is fenced.")
        .refuses(&[409]),
    post("/v1/runs/{run_id}/extend", Operator, |request, context| order(Verb::Extend, request, context))
        .is(Runs, "extend_run", "Give a run more time")
        .path::<RunPath>()
        .takes::<ExtendRun>()
        .gives::<Outcome>("The deadline of its step, its gate or its pause is later; never earlier, and at most 90 days from now.")
        .refuses(&[409]),
    post("/v1/runs/{run_id}/retry", Operator, |request, context| order(Verb::Retry, request, context))
        .is(Runs, "retry_run", "Try again what failed")
        .path::<RunPath>()
        .headers::<IdempotencyKey>()
        .may_take::<RetryRun>()
        .gives::<Outcome>(
            "In an open run the failed jobs go out again; of an ended one a successor opens where it stopped. `Idempotency-Key` tells successors of one parent and step apart.",
        )
        .refuses(&[409]),
    post("/v1/runs/{run_id}/rerun", Operator, |request, context| order(Verb::Rerun, request, context))
        .is(Runs, "rerun_run", "Open a successor at a named step")
        .path::<RunPath>()
        .headers::<IdempotencyKey>()
        .takes::<RerunRun>()
        .gives::<Outcome>(
            "A new run that goes on from this one; this one does not move. `Idempotency-Key` tells successors of one parent and step apart.",
        )
        .refuses(&[409]),
];

shape! {
    /// What the original answers to a cancel.
    #[serde(rename_all = "camelCase")]
    pub struct Cancelled {
        pub run_id: String,
        #[schemars(extend("const" = "cancelled"))]
        pub status: String,
    }

    #[serde(rename_all = "camelCase")]
    pub struct Outcome {
        pub run_id: String,
        #[schemars(with = "mw_kernel::status::StatusWord")]
        pub status: String,
        pub verb: Verb,
        #[schemars(extend("enum" = ["changed", "unchanged", "successor"]))]
        pub outcome: &'static str,
        /// The run that goes on; `status` and `deadline` are its own.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(with = "String")]
        pub successor: Option<String>,
        #[schemars(extend("format" = "date-time"))]
        pub deadline: Option<String>,
    }
}

fn order(verb: Verb, request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    let key = idempotency::key(request)?.unwrap_or_default();
    let members = body::json_object(request)?;
    let mut fields = Fields::new(&members, "#");
    let wanted = VerbRequest::read(verb, &mut fields, key, clock::now());
    fields.finish()?;
    perform(&request.parameter("run_id"), wanted, context)
}

fn perform(run_id: &str, wanted: VerbRequest, context: &mut Context) -> Result<Response, Problem> {
    let verb = wanted.order.verb();
    context.record_with_next_write(200);
    let done = verbs::perform(run_id, wanted, context)?;
    let Some(after) = done.after else {
        // Ended in the database, since nobody could read it.
        let (run_id, status) = (run_id.to_owned(), End::Failed.as_str().to_owned());
        let outcome = "changed";
        return Ok(Response::ok(&Outcome { run_id, status, verb, outcome, successor: None, deadline: None }));
    };
    let response = answer(verb, run_id.to_owned(), done.version, &after);
    Ok(if done.kick { response.then(kick::dispatch) } else { response })
}

/// What an order did. Cancel answers as the original did.
fn answer(verb: Verb, run_id: String, version: u64, after: &AnyRun) -> Response {
    let status = after.status.to_string();
    if verb == Verb::Cancel {
        return Response::ok(&Cancelled { run_id, status });
    }
    let (outcome, successor) = outcome(&run_id, version, after);
    let deadline = after.deadline.map(clock::rfc3339);
    Response::ok(&Outcome { run_id, status, verb, outcome, successor, deadline })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::refused_by;
    use serde_json::json;

    fn problem_of(method: &str, target: &str, body: &str) -> Problem {
        refused_by(ROUTES, method, target, body)
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
        assert_eq!(problem_of("POST", "/v1/runs/r1/cancel", "[").status, 400);
    }

    #[test]
    fn cancel_answers_as_the_original_did() {
        let mut run = mw_media::run::Run::empty("r1".to_owned()).erase().unwrap();
        run.version = 3;
        let cancelled = answer(Verb::Cancel, "r1".to_owned(), 2, &run);
        let cancelled: serde_json::Value = serde_json::from_slice(&cancelled.body).unwrap();
        assert_eq!(cancelled, json!({"runId": "r1", "status": "running"}));
    }
}
