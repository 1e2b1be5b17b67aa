//! The outbox's worker. Private: reached as http://dispatch.spin.internal by components that have just committed, and by
//! the sweep. Answers 202 at once and then works; nothing depends on its being called.

mod settings;
mod world;

use mw_edge::log::Level;
use mw_edge::outbound::{self, Outbound, PROVIDER_TIMEOUTS};
use mw_edge::{Context, Method, Problem, Request, Response, dialect, problem};
use mw_kinds::DISPATCHED;
use mw_store::effects::Breaker;

fn handle(request: &mut Request, _context: &mut Context) -> Result<Response, Problem> {
    if request.method != Method::Post {
        return Err(problem::method_not_allowed("POST"));
    }
    Ok(Response::empty(202).then(work))
}

fn work(context: &mut Context) {
    let outcome = settings::read(&context.config).map_err(Problem::from).and_then(|(settings, media)| {
        let mut world = world::Host { config: &context.config, request_id: &context.request_id, log: &context.log };
        let http = Outbound { timeouts: PROVIDER_TIMEOUTS };
        let remembered = media.llm.as_ref().map(|llm| (dialect::recall(llm), llm));
        let worked = outbound::block_on(mw_engine::work(&mut world, &http, DISPATCHED, &[&media], &settings));
        if let Some((remembered, llm)) = remembered {
            remembered.keep(llm);
        }
        Ok(worked?)
    });
    match outcome {
        Ok(report) if report.claimed == 0 => {}
        Ok(report) => {
            for change in &report.breakers {
                let level = if change.breaker == Breaker::Open { Level::Warn } else { Level::Info };
                let fields = [
                    ("provider", change.provider.clone().into()),
                    ("breaker", change.breaker.as_str().into()),
                    ("retry_seconds", change.retry_seconds.into()),
                ];
                context.log.write(level, "myloware.dispatch", "circuit breaker", &fields);
            }
            let fields = [
                ("claimed", report.claimed.into()),
                ("committed", report.committed.into()),
                ("again", report.again.into()),
            ];
            context.log.write(Level::Info, "myloware.dispatch", "worked", &fields);
        }
        // Effects that were claimed come back when their leases expire.
        Err(problem) => context.log_problem(&problem),
    }
}

mw_edge::component!(handle, Pooled);
