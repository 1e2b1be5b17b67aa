//! POST /v1/runs/start.

use mw_edge::about::Tag::Runs;
use mw_edge::idempotency::IdempotencyKey;
use mw_edge::limits::RUNS_START;
use mw_edge::route::{Route, post};
use mw_edge::{Context, Problem, Request, Response, auth, clock, idempotency, kick, shape};
use mw_kernel::principal::Role::Approver;
use mw_operations::start::body::StartRun;
use mw_operations::start::{Start, body};
use mw_store::commit::Idempotency;

pub const ROUTES: &[Route] = &[post("/v1/runs/start", Approver, start)
    .limited(RUNS_START)
    .is(Runs, "start_run", "Start a run")
    .headers::<IdempotencyKey>()
    .takes::<StartRun>()
    .gives::<Started>("The run is committed and waits at its first gate.")];

shape! {
    #[serde(rename_all = "camelCase")]
    pub struct Started {
        pub run_id: String,
        #[schemars(with = "mw_kernel::status::StatusWord")]
        pub status: String,
    }
}

fn start(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    // Bodies that fail validation count too, so the limit is asked before the fault is answered.
    let parsed = idempotency::key(request).and_then(|key| Ok((key, body::parse(request)?)));
    let project = parsed.as_ref().map_or("", |(_, body)| body.project.as_str());
    let user_id = parsed.as_ref().ok().and_then(|(_, body)| body.user_id());
    let caller = auth::limiter_subject(request, context);
    let limit = context.limit(&caller)?;
    let key_hash = context.claimed_key();
    let (database, now) = (context.connection()?, clock::now());
    let mut loaded = mw_store::runs::start_load(database, now, key_hash.as_deref(), project, user_id, &limit)?;
    context.admit(loaded.principal.take())?;
    context.count(loaded.limit.as_ref())?;
    let (key, body) = parsed?;
    let said = body.user_id().unwrap_or_default();
    context.require_own(loaded.is_somebody_else, said)?;
    let started_by = context.name()?;
    // By name, so that a repetition with the next key is one too.
    let idempotency = key.map(|key| Idempotency {
        caller: format!("principal:{started_by}"),
        key,
        fingerprint: idempotency::fingerprint(&body.payload),
    });
    context.record_with_next_write(200);
    let started = Start::of(body, loaded, started_by)?.commit(context, idempotency, None)?;
    context.log.about_run(&started.run_id);
    let response = Response::ok(&Started { run_id: started.run_id, status: started.run.status.to_string() });
    Ok(if started.kick { response.then(kick::dispatch) } else { response })
}
