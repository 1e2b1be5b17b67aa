//! GET /metrics: valid, open, and telling what happened.

mod key;
mod requests;

use crate::support::prometheus::Exposition;
use crate::support::{Run, eventually, service, simulator, unique};
use mw_integrations::metrics::families;
use mw_media::metrics::Kind;
use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};

fn scrape() -> Exposition {
    Exposition::parse(&service().call("GET", "/metrics").send().expect(200).text())
}

#[test]
fn it_is_prometheus_text_without_key_or_redirect() {
    let answer = service().call("GET", "/metrics").send().expect(200);
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let exposition = Exposition::parse(&answer.text());
    assert!(!exposition.samples.is_empty());
}

#[test]
fn promtool_finds_nothing() {
    let text = service().call("GET", "/metrics").send().expect(200).body;
    let started = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut promtool = started.expect("promtool is missing: ./dev test installs it (Debian: prometheus)");
    promtool.stdin.take().unwrap().write_all(&text).unwrap();
    let output = promtool.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn webhooks_are_counted_by_provider_and_signature() {
    let labels = ["provider=\"upload-post\"", "status=\"missing\""];
    service().sweep();
    let before = scrape().sum("webhook_verify_total", &labels);
    for _ in 0..3 {
        service().call("POST", "/v1/webhooks/upload-post").bytes(unique("body")).send().expect(403);
    }
    eventually("the sweep folds what was counted", || {
        service().sweep();
        (scrape().sum("webhook_verify_total", &labels) >= before + 3.0).then_some(())
    });
}

#[test]
fn runs_are_counted_when_they_end_and_while_they_do_not() {
    let _calm = simulator::calm();
    let active =
        |exposition: &Exposition| exposition.sum("runs_active", &["project=\"aismr\"", "status=\"pending_workflow\""]);
    let run = Run::start_at(service(), "aismr");
    assert!(active(&scrape()) >= 1.0);
    let finished =
        |exposition: &Exposition| exposition.sum("runs_finished_total", &["project=\"aismr\"", "status=\"cancelled\""]);
    let before = finished(&scrape());
    service().post(&format!("/v1/runs/{}/cancel", run.id)).send().expect(200);
    eventually("it is counted", || {
        service().sweep();
        (finished(&scrape()) > before).then_some(())
    });
}

#[test]
fn the_depths_and_the_sweeps_last_success_are_always_there() {
    service().sweep();
    let exposition = scrape();
    for provider in ["kieai", "shotstack", "upload-post"] {
        assert!(
            exposition.samples.contains_key(&format!("webhook_dlq_depth{{provider=\"{provider}\"}}")),
            "{provider}"
        );
    }
    for state in ["due", "leased"] {
        assert!(exposition.samples.contains_key(&format!("outbox_depth{{state=\"{state}\"}}")), "{state}");
    }
    eventually("the sweep succeeded lately", || {
        service().sweep();
        (scrape().sum("sweep_last_success_timestamp_seconds", &[]) > 1_700_000_000.0).then_some(())
    });
}

#[test]
fn ids_in_addresses_make_no_series() {
    let id = unique("no-such-run");
    for path in [format!("/v1/runs/{id}"), format!("/v1/{id}"), format!("/v1/hitl/approve/{id}/workflow")] {
        service().get(&path).send();
    }
    service().sweep();
    let text = service().call("GET", "/metrics").send().expect(200).text();
    assert!(!text.contains(&id));
}

#[test]
fn every_metric_has_only_its_documented_labels() {
    let _run = Run::start_at(service(), "aismr");
    service().sweep();
    let text = open_metrics();
    for family in families() {
        let own: BTreeSet<&str> = family.labels.iter().copied().collect();
        let name = family.name.strip_suffix("_total").unwrap_or(family.name);
        assert!(text.contains(&format!("# TYPE {name} ")), "{name}");
        let is_histogram = matches!(family.kind, Kind::Histogram(_));
        let suffixes: &[&str] = if is_histogram { &["_bucket", "_sum", "_count"] } else { &[""] };
        for series in text.lines().filter(|line| !line.starts_with('#')) {
            let (metric, labels) = series.split_once(['{', ' ']).unwrap();
            if suffixes.iter().any(|suffix| metric == format!("{}{suffix}", family.name)) && series.contains('{') {
                let found =
                    labels.split_once('}').unwrap().0.split("\",").map(|label| label.split_once('=').unwrap().0);
                for label in found {
                    assert!(own.contains(label) || (label == "le" && is_histogram), "{label}: {series}");
                }
            }
        }
    }
}

/// By the rules of OpenMetrics 1.0 in which it is stricter than the Prometheus text.
#[test]
fn openmetrics_is_for_who_asks_for_it() {
    let text = open_metrics();
    assert!(text.ends_with("\n# EOF\n") && !text.contains("\n\n"));
    let mut family = "";
    for line in text.strip_suffix("# EOF\n").unwrap().lines() {
        if let Some(declared) = line.strip_prefix("# TYPE ") {
            family = declared.split_once(' ').unwrap().0;
            assert!(!family.ends_with("_total"), "{line}");
        } else if let Some(described) = line.strip_prefix("# HELP ") {
            assert_eq!(described.split_once(' ').unwrap().0, family);
        } else {
            assert!(line.starts_with(family), "{line} is not of {family}");
        }
    }
}

/// As Prometheus asks.
fn open_metrics() -> String {
    let accept = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2,*/*;q=0.1";
    let answer = service().call("GET", "/metrics").header("accept", accept).send().expect(200);
    assert_eq!(answer.header("content-type"), Some("application/openmetrics-text; version=1.0.0; charset=utf-8"));
    answer.text()
}
