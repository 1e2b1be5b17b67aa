//! Triggers the sweep over HTTP, for the scheduled component.

use mw_edge::config::Config;
use mw_edge::log::{Level, Log};
use mw_edge::outbound::{self, Outbound, Timeouts};
use mw_edge::{request_id, variables};
use mw_integrations::HttpClient;
use std::time::Duration;

/// A sweep is bounded; the next tick comes anyway.
const TIMEOUTS: Timeouts = Timeouts {
    connect: Duration::from_secs(2),
    first_byte: Duration::from_secs(20),
    between_bytes: Duration::from_secs(5),
};

/// Calls the sweep once; the error says why it was not swept.
pub fn call() -> Result<(), String> {
    let config = variables::config();
    let request_id = request_id::choose(None);
    let answered = post(&config, &request_id);
    if let Err(reason) = &answered {
        let log = Log::new(Level::of(&config), &request_id);
        log.write(Level::Error, "myloware.cron", "sweep not triggered", &[("cause", reason.clone().into())]);
    }
    answered
}

fn post(config: &Config, request_id: &str) -> Result<(), String> {
    let (Some(url), Some(key)) = (config.optional("sweep_url"), config.optional("sweep_key")) else {
        return Err("sweep_url or sweep_key is not set".to_owned());
    };
    let request =
        http::Request::post(url).header("x-sweep-key", key).header("x-request-id", request_id).body(Vec::new());
    let request = request.map_err(|_| "sweep_url is not a URL".to_owned())?;
    match outbound::block_on(Outbound { timeouts: TIMEOUTS }.send(request)) {
        Ok(answer) if answer.status().is_success() => Ok(()),
        Ok(answer) => Err(format!("sweep answered {}", answer.status())),
        Err(error) => Err(error.to_string()),
    }
}
