//! Requests are counted: each once, by its route, whoever counts it.

use super::{open_metrics, scrape};
use crate::support::{Run, eventually, service, simulator, unique};

/// The requests of a route, method and status until now, with everything folded.
fn requests(path: &str, method: &str, status: &str) -> f64 {
    let labels = [format!("path=\"{path}\""), format!("method=\"{method}\""), format!("status=\"{status}\"")];
    scrape().sum("http_requests_total", &labels.each_ref().map(String::as_str))
}

/// Waits until a route has more requests than before: they are counted after their answers, and folded by the sweep.
fn counted(path: &str, method: &str, status: &str, least: f64) {
    eventually(&format!("{method} {path} {status} is counted"), || {
        service().sweep();
        (requests(path, method, status) >= least).then_some(())
    });
}

#[test]
fn a_request_that_only_reads_is_counted_after_its_answer() {
    let template = "/v1/runs/{run_id}/why";
    let before = requests(template, "GET", "404");
    for _ in 0..2 {
        service().get(&format!("/v1/runs/{}/why", unique("none"))).send().expect(404);
    }
    counted(template, "GET", "404", before + 2.0);
}

#[test]
fn a_refused_caller_is_counted_too() {
    let before = requests("/v1/projects/{key}", "GET", "401");
    service().call("GET", "/v1/projects/aismr").send().expect(401);
    counted("/v1/projects/{key}", "GET", "401", before + 1.0);
}

#[test]
fn a_webhook_is_counted_by_its_own_statement() {
    let before = requests("/v1/webhooks/upload-post", "POST", "403");
    service().call("POST", "/v1/webhooks/upload-post").bytes(unique("body")).send().expect(403);
    counted("/v1/webhooks/upload-post", "POST", "403", before + 1.0);
}

#[test]
fn requests_of_a_run_are_counted_once_in_total() {
    let _calm = simulator::calm();
    let run = Run::start_at(service(), "aismr");
    service().post(&format!("/v1/runs/{}/cancel", run.id)).send().expect(200);
    let of_run = |path: &str| {
        let (path, run) = (format!("path=\"{path}\""), format!("runId=\"{}\"", run.id));
        let text = open_metrics();
        let series = text
            .lines()
            .find(|line| line.starts_with("http_requests_total{") && line.contains(&path) && line.contains(&run));
        series.map(|line| line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap())
    };
    eventually("they are folded", || {
        service().sweep();
        of_run("/v1/runs/{run_id}/cancel")
    });
    // A ridden count and one after the answer would make two.
    assert_eq!(of_run("/v1/runs/start"), Some(1.0));
    assert_eq!(of_run("/v1/runs/{run_id}/cancel"), Some(1.0));
    let plain = service().call("GET", "/metrics").send().expect(200).text();
    assert!(!plain.contains("runId="));
    assert!(service().call("GET", "/metrics?runs=200").send().expect(200).text().contains(&run.id));
}

#[test]
fn a_gate_tells_how_long_it_waited_and_who_decided_by_which_way() {
    let _calm = simulator::calm();
    let decided = |exposition: &crate::support::prometheus::Exposition| {
        exposition.sum("gate_decisions_total", &["gate=\"workflow\"", "decision=\"approved\"", "channel=\"api\""])
    };
    let waited = |exposition: &crate::support::prometheus::Exposition| {
        exposition.sum("gate_wait_seconds_count", &["gate=\"workflow\"", "outcome=\"approved\""])
    };
    let before = scrape();
    let run = Run::start_at(service(), "aismr");
    service().post(&run.gate_path("workflow")).send().expect(200);
    eventually("both are folded", || {
        service().sweep();
        let now = scrape();
        (decided(&now) > decided(&before) && waited(&now) > waited(&before)).then_some(())
    });
}
