//! GET /metrics: stored totals and gauges as Prometheus text. Open, without a redirect, bounded in its number of series.

use crate::clock;
use crate::context::Context;
use crate::problem::Problem;
use crate::request::{Method, Request};
use crate::response::Response;
use crate::route;
use mw_store::metrics::Sample;
use std::fmt::Write;

const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A family's type and help.
const FAMILIES: &[(&str, &str, &str)] = &[
    ("api_rate_limited_requests_total", "counter", "Requests answered 429, by limiter."),
    ("drain_active", "gauge", "1 while no new run may start."),
    ("effect_attempts_total", "counter", "Requests of effects to providers, by provider, kind and outcome."),
    ("mock_publish_seconds", "histogram", "Active time from run start to published in mock mode."),
    ("outbox_depth", "gauge", "Effects that wait or are at work."),
    ("provider_breaker_state", "gauge", "Circuit breaker: 0 closed, 1 half open, 2 open."),
    ("runs_active", "gauge", "Runs that have not ended."),
    ("runs_finished_total", "counter", "Runs that ended, by project and status."),
    ("sweep_lag_seconds", "gauge", "Since the last success of the sweep."),
    ("sweep_last_success_timestamp_seconds", "gauge", "When the sweep last succeeded; 0 for never."),
    ("webhook_dlq_depth", "gauge", "Dead letters that wait, by provider."),
    ("webhook_dlq_exhausted", "gauge", "Dead letters whose automatic tries are used up: an operator must look."),
    ("webhook_verify_total", "counter", "Webhook deliveries, by provider and signature status."),
];

pub fn handle(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    context.route = "/metrics";
    if let Some(answer) = route::allow(request, &[Method::Get])? {
        return Ok(answer);
    }
    let metrics = mw_store::metrics::read(context.database()?, clock::now())?;
    let mut samples = metrics.totals;
    samples.extend(metrics.gauges);
    Ok(Response::new(200, CONTENT_TYPE, text(samples)))
}

/// The text format: each family once, its samples together.
fn text(mut samples: Vec<Sample>) -> String {
    samples.sort_by(|a, b| (family(&a.name), &a.name, &a.labels).cmp(&(family(&b.name), &b.name, &b.labels)));
    let mut text = String::new();
    let mut current = String::new();
    for sample in &samples {
        let name = family(&sample.name);
        if name != current {
            current = name.to_owned();
            head(&mut text, name);
        }
        let labels = if sample.labels.is_empty() { String::new() } else { format!("{{{}}}", sample.labels) };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}{labels} {}", sample.name, sample.value);
    }
    text
}

fn head(text: &mut String, name: &str) {
    let known = FAMILIES.iter().find(|(family, _, _)| *family == name);
    let (kind, help) = known.map_or(("untyped", "No description."), |(_, kind, help)| (*kind, *help));
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

/// A histogram's buckets, sum and count are one family.
fn family(name: &str) -> &str {
    let base = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix));
    match base {
        Some(base) if FAMILIES.iter().any(|(family, kind, _)| *family == base && *kind == "histogram") => base,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(name: &str, labels: &str, value: f64) -> Sample {
        Sample { name: name.to_owned(), labels: labels.to_owned(), value }
    }

    #[test]
    fn families_stand_together_with_type_and_help() {
        let text = text(vec![
            sample("webhook_verify_total", "provider=\"kieai\",status=\"valid\"", 3.0),
            sample("mock_publish_seconds_sum", "", 1.5),
            sample("mock_publish_seconds_bucket", "le=\"+Inf\"", 2.0),
            sample("webhook_verify_total", "provider=\"kieai\",status=\"invalid\"", 1.0),
        ]);
        assert_eq!(
            text,
            "# HELP mock_publish_seconds Active time from run start to published in mock mode.\n\
             # TYPE mock_publish_seconds histogram\n\
             mock_publish_seconds_bucket{le=\"+Inf\"} 2\n\
             mock_publish_seconds_sum 1.5\n\
             # HELP webhook_verify_total Webhook deliveries, by provider and signature status.\n\
             # TYPE webhook_verify_total counter\n\
             webhook_verify_total{provider=\"kieai\",status=\"invalid\"} 1\n\
             webhook_verify_total{provider=\"kieai\",status=\"valid\"} 3\n"
        );
    }
}
