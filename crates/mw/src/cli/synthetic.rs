//! `mw synthetic`: one address, a budget of milliseconds, and an artefact that a monitor or a CI job keeps.

use super::Context;
use crate::{
    api::{Api, Call, text},
    error::{Error, Result, While},
    exposition::quantile,
};
use clap::Args;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::{Instant, SystemTime};

#[derive(Debug, Args)]
#[command(after_help = "\
One GET without a key. 0 when every answer is 2xx within the budget; 1 otherwise. The artefact holds the slowest:
{\"timestamp\",\"target\",\"budgetMs\",\"durationMs\",\"status\",\"ok\",\"error\"}.

Examples:
  SYNTHETIC_CHECK_URL=https://media.example.com/health mw synthetic
  mw synthetic --url http://127.0.0.1:3000/ready --budget-ms 300 --count 20")]
pub(crate) struct Options {
    /// The address; /health of API_BASE_URL unless given.
    #[arg(long, env = "SYNTHETIC_CHECK_URL")]
    url: Option<String>,
    /// Longest answer; 800 unless given, 300 where ENVIRONMENT is staging.
    #[arg(long, env = "SYNTHETIC_CHECK_BUDGET_MS", value_parser = clap::value_parser!(u32).range(1..))]
    budget_ms: Option<u32>,
    /// How often it is asked.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..10_000))]
    count: u32,
    /// Where the artefact goes; artifacts/monitoring/synthetic-check-<time>.json unless given.
    #[arg(long, env = "SYNTHETIC_CHECK_ARTIFACT")]
    artifact: Option<PathBuf>,
}

pub(crate) fn run(context: &Context, options: &Options) -> Result<u8> {
    let target = options.url.clone().unwrap_or_else(|| format!("{}/health", context.settings.api_base_url()));
    crate::settings::origin("SYNTHETIC_CHECK_URL", &target)?;
    let is_staging = mw_configuration::startup::environment(&context.settings.config()) == "staging";
    let budget_ms = options.budget_ms.unwrap_or(if is_staging { 300 } else { 800 });
    let api = Api::at("", "");
    let mut checks = Vec::new();
    for _ in 0..options.count {
        crate::signals::go_on()?;
        checks.push(check(&api, &target, budget_ms));
    }
    let ok = checks.iter().all(is_ok);
    let durations: Vec<f64> = checks.iter().map(duration_ms).collect();
    // What failed is worth more to whoever looks than what was slow.
    let worst = checks
        .into_iter()
        .min_by(|one, other| is_ok(one).cmp(&is_ok(other)).then(duration_ms(other).total_cmp(&duration_ms(one))));
    let mut worst = worst.unwrap_or_default();
    let artifact = write(options, &worst)?;
    if let (Some(members), true) = (worst.as_object_mut(), options.count > 1) {
        members.insert("count".into(), options.count.into());
        members.insert("p50Ms".into(), json!(quantile(&durations, 0.5)));
        members.insert("p95Ms".into(), json!(quantile(&durations, 0.95)));
    }
    context.print(&worst, |worst| {
        let slowest = if options.count > 1 { format!(", slowest of {}", options.count) } else { String::new() };
        println!("{target}: {} ms of {budget_ms}{slowest}; {}", duration_ms(worst), artifact.display());
    })?;
    if !ok {
        return Err(Error::failed(format!("{target}: {}", text(&worst, "error"))));
    }
    Ok(0)
}

fn is_ok(check: &Value) -> bool {
    check.get("ok").and_then(Value::as_bool).unwrap_or_default()
}

fn duration_ms(check: &Value) -> f64 {
    check.get("durationMs").and_then(Value::as_f64).unwrap_or_default()
}

/// One GET and its verdict.
fn check(api: &Api, target: &str, budget_ms: u32) -> Value {
    let timestamp = humantime::format_rfc3339_millis(SystemTime::now()).to_string();
    let began = Instant::now();
    let answer = api.send(target, &Call::default());
    let duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let (status, error) = match answer {
        Err(error) => (None, Some(error.to_string())),
        Ok(answer) => (Some(answer.status), complaint(answer.status, duration_ms, budget_ms)),
    };
    json!({"timestamp": timestamp, "target": target, "budgetMs": budget_ms, "durationMs": duration_ms,
           "status": status, "ok": error.is_none(), "error": error})
}

/// What is wrong with an answer.
fn complaint(status: u16, duration_ms: u64, budget_ms: u32) -> Option<String> {
    if !(200..300).contains(&status) {
        return Some(format!("answered {status}"));
    }
    (duration_ms > u64::from(budget_ms)).then(|| format!("took {duration_ms} ms, budget {budget_ms} ms"))
}

fn write(options: &Options, check: &Value) -> Result<PathBuf> {
    let path = options.artifact.clone().unwrap_or_else(|| {
        let time = text(check, "timestamp").replace([':', '.'], "-");
        PathBuf::from(format!("artifacts/monitoring/synthetic-check-{time}.json"))
    });
    let doing = format!("write {}", path.display());
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).while_doing(&doing)?;
    }
    std::fs::write(&path, format!("{check}\n")).while_doing(&doing)?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_must_be_good_and_in_time() {
        assert_eq!(complaint(200, 300, 300), None);
        assert_eq!(complaint(204, 301, 300).unwrap(), "took 301 ms, budget 300 ms");
        assert_eq!(complaint(301, 1, 300).unwrap(), "answered 301");
        assert_eq!(complaint(503, 1, 300).unwrap(), "answered 503");
    }
}
