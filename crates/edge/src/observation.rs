//! Records requests for /metrics. The observation of one that writes is recorded with that write
//! ([`Context::record_with_next_write`]); every other's by a statement of its own after the answer, so that nobody waits for it.

use crate::context::Context;
use crate::log::Level;
use crate::request::Method;
use mw_store::metrics::{Observation, observe};
use std::time::Duration;

const SWEEP: &str = "/v1/sweep";

/// The labels of a request's series. The path is the route's template, so their number is bounded.
pub(crate) fn labels(route: &str, method: Method, status: u16) -> String {
    let service = if route == SWEEP { "myloware-orchestrator" } else { "myloware-api" };
    let method = match method {
        Method::Get => "GET",
        Method::Head => "HEAD",
        Method::Post => "POST",
        Method::Delete => "DELETE",
        Method::Options => "OPTIONS",
        Method::Other => "OTHER",
    };
    format!("service=\"{service}\",path=\"{route}\",method=\"{method}\",status=\"{status}\"")
}

/// Records an answered request that no statement has recorded. Where there is no route or no database nothing is recorded.
pub(crate) fn record(context: &mut Context, status: u16, lasted: Duration) {
    let route = context.route;
    if route.is_empty() {
        return;
    }
    // A sweep records itself; here it would be work for the next one, for ever.
    let records_itself = route == SWEEP && status == 200;
    if records_itself || context.is_recorded() {
        return;
    }
    let (labels, run_id) = (labels(route, context.method, status), context.log.run_id().map(str::to_owned));
    let seconds = lasted.as_secs_f64();
    let observation = Observation { labels: &labels, seconds, run_id: run_id.as_deref(), unless: None };
    let Ok(database) = context.connection() else { return };
    if let Err(error) = observe(database, &observation) {
        context.log.write(
            Level::Warn,
            "myloware.metrics",
            "request not recorded",
            &[("cause", error.to_string().into())],
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_name_the_template_and_never_what_was_sent() {
        assert_eq!(
            labels("/v1/runs/{run_id}", Method::Other, 405),
            "service=\"myloware-api\",path=\"/v1/runs/{run_id}\",method=\"OTHER\",status=\"405\""
        );
    }
}
