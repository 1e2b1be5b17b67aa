//! The component `config-check`: looks at every secret and says what is wrong with the configuration, in names and never in
//! values. Private, without a database and without anybody to call: whoever gets into `health`, which the whole world may ask,
//! finds no key of a provider there.

use mw_edge::config::Config;
use mw_edge::log::Level;
use mw_edge::outbound::{self, Timeouts};
use mw_edge::{Context, Request, Response, startup};
use std::time::Duration;

const URL: &str = "http://config-check.spin.internal/";
/// It only reads variables.
const TIMEOUTS: Timeouts = Timeouts {
    connect: Duration::from_secs(1),
    first_byte: Duration::from_secs(2),
    between_bytes: Duration::from_secs(2),
};

/// Looks at the configuration once.
pub fn handle(_request: &mut Request, config: &Config) -> Response {
    Response::ok(&startup::reasons(config))
}

/// Why the configuration must not take traffic; a check that does not answer is a reason, too.
pub(crate) fn reasons(context: &Context) -> Vec<String> {
    ask(&context.request_id).unwrap_or_else(|cause| {
        context.log.write(Level::Warn, "myloware.api", "config-check not reached", &[("cause", cause.into())]);
        vec!["the configuration could not be checked".to_owned()]
    })
}

fn ask(request_id: &str) -> Result<Vec<String>, String> {
    let request = http::Request::get(URL).header("x-request-id", request_id).body(Vec::new());
    let request = request.map_err(|error| error.to_string())?;
    let (status, body) = outbound::send_blocking(request, TIMEOUTS).map_err(|error| error.to_string())?;
    if status != 200 {
        return Err(format!("it answered {status}"));
    }
    serde_json::from_slice(&body).map_err(|error| error.to_string())
}
