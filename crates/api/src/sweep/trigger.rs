//! Rings the sweep over HTTP, for the scheduled component.

use crate::config::Config;
use crate::log::{Level, Log};
use crate::outbound::{self, Outbound, Timeouts};
use mw_providers::HttpClient;
use std::time::Duration;

/// A sweep is bounded; the next tick comes anyway.
const TIMEOUTS: Timeouts = Timeouts {
    connect: Duration::from_secs(2),
    first_byte: Duration::from_secs(20),
    between_bytes: Duration::from_secs(5),
};

/// What became of one ring.
pub enum Ring {
    Answered,
    Failed(String),
}

pub fn sweep() -> Ring {
    let config = Config::of_component();
    let request_id = crate::request_id::choose(None);
    let outcome = ring(&config, &request_id);
    if let Ring::Failed(reason) = &outcome {
        let log = Log::new(Level::parse(&config.or("log_level", "info")), &request_id);
        log.write(Level::Error, "myloware.cron", "sweep not rung", &[("cause", reason.clone().into())]);
    }
    outcome
}

fn ring(config: &Config, request_id: &str) -> Ring {
    let (Some(url), Some(key)) = (config.optional("sweep_url"), config.optional("sweep_key")) else {
        return Ring::Failed("sweep_url or sweep_key is not set".to_owned());
    };
    let request =
        http::Request::post(url).header("x-sweep-key", key).header("x-request-id", request_id).body(Vec::new());
    let Ok(request) = request else {
        return Ring::Failed("sweep_url is not a URL".to_owned());
    };
    match outbound::block_on(Outbound { timeouts: TIMEOUTS }.send(request)) {
        Ok(answer) if answer.status().is_success() => Ring::Answered,
        Ok(answer) => Ring::Failed(format!("sweep answered {}", answer.status())),
        Err(error) => Ring::Failed(error.to_string()),
    }
}
