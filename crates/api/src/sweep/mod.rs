//! POST /v1/sweep: calls every reconciler once. Anything that holds the sweep key (or the API key) may call it, at any time, even
//! twice at once. One sweep is bounded; when there was more to do, others follow after the answer. `trigger` calls it on a
//! schedule.

pub mod trigger;

use mw_edge::about::Tag::Operations;
use mw_edge::log::Level;
use mw_edge::route::{Route, post};
use mw_edge::{Context, Problem, Request, Response, auth, clock, exports, ids, kick};
use mw_kernel::principal::Role::Operator;
use mw_sweep::{Exports, Report};
use std::time::{Duration, Instant};

/// No sweep is begun after this time; clouds end a request after 30 s.
const WORK: Duration = Duration::from_secs(20);

pub const ROUTES: &[Route] = &[post("/v1/sweep", Operator, call_all)
    .guarded_by(require_either_key)
    .is(Operations, "sweep", "Call every reconciler once")
    .also_by("sweepKey")
    .gives::<Report>("What was done; `granted` is false while another sweep is running.")];

fn call_all(_request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    let report = sweep(context)?;
    let response = Response::ok(&report);
    Ok(if report.kick || report.more { response.then(|context| go_on(context, report)) } else { response })
}

fn sweep(context: &mut Context) -> Result<Report, Problem> {
    let started = Instant::now();
    let holder = context.request_id.clone();
    let wanted = Exports {
        trace: exports::collector(&context.config).is_ok_and(|collector| collector.is_some()),
        report: exports::sentry(&context.config).is_ok_and(|dsn| dsn.is_some()),
    };
    let (kinds, now) = (context.kinds, clock::now());
    let database = context.database()?;
    let report = mw_sweep::sweep(database, kinds, now, &holder, wanted, &mut ids::new_id, &|| started.elapsed())?;
    if report.granted {
        let level = if report.refused > 0 { Level::Error } else { Level::Debug };
        let report = serde_json::to_value(&report).unwrap_or_default();
        context.log.write(level, "myloware.sweep", "swept", &[("report", report)]);
    }
    Ok(report)
}

fn go_on(context: &mut Context, mut report: Report) {
    let started = Instant::now();
    loop {
        if report.kick {
            kick::dispatch(context);
        }
        if !report.more || started.elapsed() >= WORK {
            return;
        }
        match sweep(context) {
            Ok(next) => report = next,
            Err(problem) => return context.log_problem(&problem),
        }
    }
}

fn require_either_key(request: &Request, context: &mut Context) -> Result<(), Problem> {
    const KEY: &str = "sweep_key";
    let Some(sent) = request.header("x-sweep-key") else { return auth::require(request, context) };
    // One that is set and too weak is reported, so that a schedule which is refused for it says why in the log.
    if context.config.is_set(KEY) {
        context.config.required(KEY)?;
    }
    let is_triggered = auth::is_one_of(sent, &context.config.secrets(KEY));
    if is_triggered { Ok(()) } else { auth::require(request, context) }
}
