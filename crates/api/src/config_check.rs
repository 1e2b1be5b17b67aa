//! The component `config-check`: looks at every secret and says what is wrong with the configuration, in names and never in
//! values. Private, without a database and without anybody to call: whoever gets into `health`, which the whole world may ask,
//! finds no key of a provider there.

use crate::config::Config;
use crate::context::Context;
use crate::log::Level;
use crate::outbound::{self, Timeouts};
use crate::response::Response;
use crate::{outgoing, startup};
use serde_json::json;
use std::time::Duration;
use wasi::http::types::{IncomingRequest, ResponseOutparam};

const URL: &str = "http://config-check.spin.internal/";
/// It only reads variables.
const TIMEOUTS: Timeouts = Timeouts {
    connect: Duration::from_secs(1),
    first_byte: Duration::from_secs(2),
    between_bytes: Duration::from_secs(2),
};

/// Serves one look at the configuration.
pub fn serve(_request: IncomingRequest, answer: ResponseOutparam) {
    let response = Response::ok(&json!(startup::reasons(&Config::of_component())));
    // Whoever asked notices by itself that no answer came.
    let _ = outgoing::send(answer, response);
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
