//! `mw smoke`: does a deployment answer? /health and /version, some times over.

use super::Context;
use crate::{
    api::{Api, Call},
    error::{Error, Result},
    exposition::quantile,
};
use clap::Args;
use serde_json::{Value, json};
use std::time::Instant;

/// Part of the requests that may fail (the runbook's acceptance).
const ERROR_RATE_MAX: f64 = 0.05;

#[derive(Debug, Args)]
#[command(after_help = "\
Asks GET /health and GET /version, one after the other. 0 when less than 5 % of the requests fail, 1 otherwise.

Example:
  mw smoke --base-url https://media.example.com --iterations 50")]
pub(crate) struct Options {
    /// How often each of the two is asked.
    #[arg(long, env = "ITERATIONS", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..100_000))]
    iterations: u32,
    /// Where to ask; API_BASE_URL unless given.
    #[arg(long)]
    base_url: Option<String>,
}

pub(crate) fn run(context: &Context, options: &Options) -> Result<u8> {
    let base_url = options.base_url.clone().unwrap_or_else(|| context.settings.api_base_url());
    let api = Api::at(base_url.trim_end_matches('/'), context.settings.need("API_KEY")?);
    let mut seconds = Vec::new();
    let mut errors: Vec<String> = Vec::new();
    for _ in 0..options.iterations {
        for path in ["/health", "/version"] {
            crate::signals::go_on()?;
            let began = Instant::now();
            let call = Call { post: None, headers: vec![api.key_header()] };
            let answer = api.send(path, &call).and_then(|answer| answer.accepted(path));
            seconds.push(began.elapsed().as_secs_f64());
            errors.extend(answer.err().map(|error| error.to_string()));
        }
    }
    let requests = options.iterations * 2;
    let error_rate = f64::from(u32::try_from(errors.len()).unwrap_or(requests)) / f64::from(requests);
    let report = json!({
        "base_url": base_url, "requests": requests, "errors": errors.len(), "error_rate": error_rate,
        "p95_seconds": quantile(&seconds, 0.95), "last_error": errors.last(), "ok": error_rate < ERROR_RATE_MAX,
    });
    context.print(&report, print)?;
    if error_rate >= ERROR_RATE_MAX {
        return Err(Error::failed(format!("{:.1} % of {requests} requests failed", error_rate * 100.0)));
    }
    Ok(0)
}

fn print(report: &Value) {
    let number = |name: &str| report.get(name).and_then(Value::as_f64).unwrap_or_default();
    println!(
        "{}: {} requests, {} errors ({:.1} %), p95 {:.0} ms",
        crate::api::text(report, "base_url"),
        number("requests"),
        number("errors"),
        number("error_rate") * 100.0,
        number("p95_seconds") * 1000.0
    );
    if let Some(error) = report.get("last_error").and_then(Value::as_str) {
        println!("last error: {error}");
    }
}
