//! `mw slo`: are the service levels met? Takes one run of test_video_gen (asked for in the chat) and one of aismr (started
//! over HTTP) all the way, approves their gates, and holds what it measured and what /metrics shows against the targets.

use super::{Context, runs, target::Target};
use crate::{
    api::{Api, escaped, text},
    error::{Error, Result},
    exposition::{Exposition, quantile},
    signals,
};
use clap::Args;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Targets, in seconds (contract section 11; the runbook's 1.5 and 6).
const CHAT_P95_SECONDS: f64 = 2.0;
const RUN_START_P95_SECONDS: f64 = 2.0;
const PUBLISH_P95_SECONDS: f64 = 30.0;
const RETRIEVAL_P95_SECONDS: f64 = 0.5;
const ERROR_RATE_MAX: f64 = 0.01;
const PART: f64 = 0.95;
/// Requests are counted without their run, and again with it where it is a new one.
const ALL_RUNS: (&str, &str) = ("runId", "");

#[derive(Debug, Args)]
#[command(after_help = "\
Service levels: chat p95 <= 2 s, run start p95 <= 2 s, publish p95 <= 30 s (from the start to the publication; gates are
approved at once), retrieval p95 <= 0.5 s, error rate < 1 %. Rows from /metrics count
what came in while this ran. Needs a key with the role approver. Refuses a live deployment: two films cost money.

Exit codes: 0 all are met; 1 one is not, or a run did not end in time; 2 no key, or live.

Example:
  mw --json slo --api-base https://staging.example.com")]
pub(crate) struct Options {
    #[command(flatten)]
    target: Target,
    /// Chat messages to measure beside the one that starts a run.
    #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(u32).range(0..1000))]
    chats: u32,
    /// Give up on a run after this many seconds.
    #[arg(long, default_value_t = 300)]
    timeout: u64,
    /// Also against live providers: makes, and publishes, two films.
    #[arg(long)]
    live: bool,
}

/// What was measured, in seconds.
#[derive(Default)]
struct Measured {
    chat: Vec<f64>,
    run_start: Vec<f64>,
    publish: Vec<f64>,
    requests: u32,
    errors: u32,
}

struct Check<'a> {
    api: &'a Api,
    limit: Duration,
    user: String,
    measured: Measured,
}

pub(crate) fn run(context: &Context, options: &Options) -> Result<u8> {
    let api = options.target.api(&context.settings)?;
    let projects = api.get("/v1/projects")?;
    let mode = projects.pointer("/0/providers/mode").and_then(Value::as_str).unwrap_or("unknown").to_owned();
    if mode != "mock" && mode != "sim" && !options.live {
        return Err(Error::misuse(format!("the providers are {mode}: add --live to make and publish two films")));
    }
    let before = api.metrics()?;
    let user = format!("slo-{}", uuid::Uuid::new_v4().simple());
    let limit = Duration::from_secs(options.timeout);
    let mut check = Check { api: &api, limit, user, measured: Measured::default() };
    let mut ended = vec![check.by_chat()?, check.by_start()?];
    for _ in 0..options.chats {
        check.chat("What can you make?")?;
    }
    ended.retain(|run| !run.is_empty());
    let rows = rows(&check.measured, &before, &api.metrics()?);
    let is_ok = rows.iter().all(|row| row.get("ok") != Some(&Value::Bool(false)));
    let report = json!({ "api_base": api.base_url(), "mode": mode, "runs": ended, "levels": rows, "ok": is_ok });
    context.print(&report, |report| {
        rows.iter().for_each(print_row);
        println!("{}", if is_ok { "all service levels are met" } else { "a service level is not met" });
        println!(
            "runs: {}",
            crate::api::list(report, "runs").iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
        );
    })?;
    Ok(u8::from(!is_ok))
}

impl Check<'_> {
    /// Sends one request and counts it; the measure is how long the answer took.
    fn timed(&mut self, path: &str, body: Option<Value>) -> Result<(Value, f64)> {
        let began = Instant::now();
        let answer = match body {
            None => self.api.get(path),
            Some(body) => self.api.post(path, body),
        };
        self.measured.requests += 1;
        self.measured.errors += u32::from(answer.is_err());
        Ok((answer?, began.elapsed().as_secs_f64()))
    }

    fn chat(&mut self, message: &str) -> Result<Value> {
        let body = json!({ "user_id": self.user, "message": message });
        let (answer, seconds) = self.timed("/v1/chat/brendan", Some(body))?;
        self.measured.chat.push(seconds);
        Ok(answer)
    }

    fn by_chat(&mut self) -> Result<String> {
        let began = Instant::now();
        let answer = self.chat("Make a Test Video Gen run about the moon")?;
        match text(&answer, "runId") {
            "" => Err(Error::failed("the chat message started no run")),
            run => self.published(run.to_owned(), began),
        }
    }

    fn by_start(&mut self) -> Result<String> {
        let began = Instant::now();
        let body = json!({"project": "aismr", "input": {"object": "candle"}, "options": {"user_id": self.user}});
        let (answer, seconds) = self.timed("/v1/runs/start", Some(body))?;
        self.measured.run_start.push(seconds);
        self.published(text(&answer, "runId").to_owned(), began)
    }

    /// Approves the gates as they open until the run is published.
    fn published(&mut self, run: String, began: Instant) -> Result<String> {
        loop {
            let (state, _) = self.timed(&runs::run_path(&run), None)?;
            let status = text(&state, "status");
            if status == "published" {
                self.measured.publish.push(began.elapsed().as_secs_f64());
                return Ok(run);
            }
            if runs::is_final(status) || began.elapsed() > self.limit {
                return Err(Error::failed(format!("run {run} is {status} after {} s", began.elapsed().as_secs())));
            }
            if let Some(gate) = state.get("awaiting_gate").and_then(Value::as_str) {
                let path = format!("/v1/hitl/approve/{}/{}", escaped(&run), escaped(gate));
                self.timed(&path, Some(json!({ "comment": "mw slo" })))?;
            }
            signals::pause(Duration::from_millis(100))?;
        }
    }
}

/// One line for each level; those of /metrics only where something was observed meanwhile.
fn rows(measured: &Measured, before: &Exposition, after: &Exposition) -> Vec<Value> {
    let own =
        |name: &str, target: f64, values: &[f64]| row(name, target, quantile(values, PART), values.len(), "measured");
    let shown = |name: &str, family: &str, wanted: crate::exposition::Wanted<'_>, target: f64| {
        let (value, count) = after.quantile_since(before, family, wanted, PART)?;
        Some(json!({"level": name, "target": target, "value": finite(value), "samples": count, "source": "/metrics",
                    "ok": value <= target}))
    };
    let chat = [ALL_RUNS, ("path", "/v1/chat/brendan")];
    let start = [ALL_RUNS, ("path", "/v1/runs/start")];
    let http = "http_request_duration_seconds";
    let mut rows = vec![
        own("chat p95 seconds", CHAT_P95_SECONDS, &measured.chat),
        own("run start p95 seconds", RUN_START_P95_SECONDS, &measured.run_start),
        own("publish p95 seconds", PUBLISH_P95_SECONDS, &measured.publish),
        json!({"level": "error rate", "target": ERROR_RATE_MAX, "value": rate(measured.errors.into(), measured.requests.into()),
               "samples": measured.requests, "source": "measured",
               "ok": rate(measured.errors.into(), measured.requests.into()) < ERROR_RATE_MAX}),
    ];
    rows.extend(shown("chat p95 seconds", http, &chat, CHAT_P95_SECONDS));
    rows.extend(shown("run start p95 seconds", http, &start, RUN_START_P95_SECONDS));
    rows.extend(shown("publish p95 seconds", "mock_publish_seconds", &[], PUBLISH_P95_SECONDS));
    rows.extend(error_rate_shown(before, after));
    rows.push(shown("retrieval p95 seconds", "kb_search_seconds", &[], RETRIEVAL_P95_SECONDS).unwrap_or_else(|| {
        json!({"level": "retrieval p95 seconds", "target": RETRIEVAL_P95_SECONDS, "value": null,
                "samples": 0, "source": "not loaded", "ok": null})
    }));
    rows
}

fn row(name: &str, target: f64, value: Option<f64>, samples: usize, source: &str) -> Value {
    json!({"level": name, "target": target, "value": value, "samples": samples, "source": source,
           "ok": value.map(|value| value <= target)})
}

/// Beyond the last bucket there is no number.
fn finite(value: f64) -> Value {
    if value.is_finite() { json!(value) } else { json!("+Inf") }
}

fn rate(errors: f64, requests: f64) -> f64 {
    if requests > 0.0 { errors / requests } else { 0.0 }
}

/// The part of all requests, whoever sent them, that the service failed while this ran.
fn error_rate_shown(before: &Exposition, after: &Exposition) -> Option<Value> {
    let name = "http_requests_total";
    let (earlier, later) = (before.by(name, "status", &[ALL_RUNS]), after.by(name, "status", &[ALL_RUNS]));
    let since = |keep: &dyn Fn(&str) -> bool| -> f64 {
        let kept = later.iter().filter(|(status, _)| keep(status));
        let new = kept.map(|(status, count)| count - earlier.get(status).copied().unwrap_or_default());
        // `sum` of no numbers is −0.
        new.fold(0.0, |sum, count| sum + count)
    };
    let requests = since(&|_| true);
    let value = rate(since(&|status| status.starts_with('5')), requests);
    (requests > 0.0).then(|| {
        json!({"level": "error rate", "target": ERROR_RATE_MAX, "value": value, "samples": requests,
               "source": "/metrics", "ok": value < ERROR_RATE_MAX})
    })
}

fn print_row(row: &Value) {
    let verdict = match row.get("ok") {
        Some(Value::Bool(true)) => "met",
        Some(Value::Bool(false)) => "NOT MET",
        _ => "-",
    };
    let value = match row.get("value") {
        Some(Value::Number(number)) => format!("{:.3}", number.as_f64().unwrap_or_default()),
        Some(Value::String(word)) => word.clone(),
        _ => "-".to_owned(),
    };
    let number = |name: &str| row.get(name).and_then(Value::as_f64).unwrap_or_default();
    println!(
        "{:<22} {:>8} of {:>6}  {:>5} samples  {:<10}  {verdict}",
        text(row, "level"),
        value,
        number("target"),
        number("samples"),
        text(row, "source"),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level<'a>(rows: &'a [Value], name: &str, source: &str) -> &'a Value {
        rows.iter().find(|row| row["level"] == name && row["source"] == source).unwrap()
    }

    #[test]
    fn slow_chats_break_their_own_service_level_only() {
        let chat = vec![0.1, 0.1, 3.0];
        let measured = Measured { chat, publish: vec![2.0], requests: 50, errors: 1, ..Measured::default() };
        let rows = rows(&measured, &Exposition::default(), &Exposition::default());
        assert_eq!(level(&rows, "chat p95 seconds", "measured")["ok"], false);
        assert_eq!(level(&rows, "error rate", "measured")["ok"], false);
        assert_eq!(level(&rows, "publish p95 seconds", "measured")["ok"], true);
        assert_eq!(level(&rows, "retrieval p95 seconds", "not loaded")["ok"], Value::Null);
    }

    #[test]
    fn metrics_count_from_when_it_began() {
        let text = |bad: u32, total: u32| {
            format!(
                "http_requests_total{{path=\"/x\",runId=\"\",status=\"200\"}} {}\nhttp_requests_total{{path=\"/x\",runId=\"\",status=\"503\"}} {bad}\n\
                 mock_publish_seconds_bucket{{le=\"30\"}} {}\nmock_publish_seconds_bucket{{le=\"+Inf\"}} {total}\n",
                total - bad,
                total - bad
            )
        };
        let before = Exposition::parse(&text(90, 100));
        let good = rows(&Measured::default(), &before, &Exposition::parse(&text(90, 300)));
        assert_eq!(level(&good, "error rate", "/metrics")["ok"], true);
        assert_eq!(level(&good, "error rate", "/metrics")["value"].to_string(), "0.0");
        assert_eq!(level(&good, "publish p95 seconds", "/metrics")["ok"], true);
        let unfailing = Exposition::parse("http_requests_total{runId=\"\",status=\"200\"} 1\n");
        let rows_of_none = rows(&Measured::default(), &Exposition::default(), &unfailing);
        assert_eq!(level(&rows_of_none, "error rate", "/metrics")["value"].to_string(), "0.0");
        let bad = rows(&Measured::default(), &before, &Exposition::parse(&text(120, 300)));
        assert_eq!(level(&bad, "error rate", "/metrics")["ok"], false);
        assert_eq!(level(&bad, "publish p95 seconds", "/metrics")["value"], "+Inf");
    }
}
