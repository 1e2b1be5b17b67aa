//! Wakes the dispatcher after a commit, so that the next step starts within milliseconds. Only a matter of speed: what is
//! due is in the database, and the sweep finds it anyway, so a kick that fails is logged and forgotten.

use crate::context::Context;
use crate::log::Level;
use crate::outbound::{self, Outbound, Timeouts};
use mw_integrations::HttpClient;
use std::time::Duration;

const DISPATCH_URL: &str = "http://dispatch.spin.internal/";

/// The dispatcher answers 202 before it works, so waiting longer would mean that it isn't there.
const TIMEOUTS: Timeouts = Timeouts {
    connect: Duration::from_secs(1),
    first_byte: Duration::from_secs(5),
    between_bytes: Duration::from_secs(5),
};

/// To be called after the answer has left. Waits for the 202: dropping the call would abort it.
pub fn dispatch(context: &mut Context) {
    context.release_database();
    let request = http::Request::post(DISPATCH_URL).header("x-request-id", &context.request_id).body(Vec::new());
    let outcome = match request {
        Ok(request) => outbound::block_on(Outbound { timeouts: TIMEOUTS }.send(request)),
        Err(error) => return log_failure(context, &error.to_string()),
    };
    match outcome {
        Ok(answer) if answer.status() == 202 => {}
        Ok(answer) => log_failure(context, &format!("dispatch answered {}", answer.status())),
        Err(error) => log_failure(context, &error.to_string()),
    }
}

fn log_failure(context: &Context, cause: &str) {
    context.log.write(Level::Warn, "myloware.kick", "dispatch not reached", &[("cause", cause.into())]);
}
