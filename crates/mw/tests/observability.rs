//! Dashboards and alerts against the families of /metrics: every query is PromQL and names only metrics and labels that
//! there are. That the real output has exactly those is the suites' part (tests/suites/metrics).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use mw_integrations::metrics::find;
use mw_media::metrics::Kind;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

/// What exporters beside us export, for the alerts that say so in their label `source`.
const FOREIGN: [(&str, &[&str]); 7] = [
    ("up", &[]),
    ("node_memory_MemAvailable_bytes", &[]),
    ("node_memory_MemTotal_bytes", &[]),
    ("node_systemd_service_restart_total", &["name"]),
    ("container_memory_working_set_bytes", &["namespace", "pod", "container"]),
    ("container_spec_memory_limit_bytes", &["namespace", "pod", "container"]),
    ("container_start_time_seconds", &["namespace", "pod", "container"]),
];
/// Prometheus gives them to every series.
const TARGET: [&str; 3] = ["instance", "job", "pod"];

fn ops() -> PathBuf {
    mw::folder::root().unwrap().join("ops")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(ops().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn dashboards() -> Vec<(String, Value)> {
    let folder = std::fs::read_dir(ops().join("grafana/dashboards")).unwrap();
    let files = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    files
        .map(|file| (file.clone(), serde_json::from_str(&read(&format!("grafana/dashboards/{file}"))).unwrap()))
        .collect()
}

/// Every query of a panel, with Grafana's variables filled in.
fn panel_queries(dashboard: &Value) -> Vec<String> {
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().unwrap());
    let filled = |text: &str| text.replace("$__rate_interval", "5m").replace("$runId", "r").replace("$project", "p");
    targets.map(|target| filled(target["expr"].as_str().unwrap())).collect()
}

fn alert_queries() -> Vec<String> {
    let rules = read("alerts.yml");
    rules.lines().filter_map(|line| line.trim().strip_prefix("expr: ")).map(str::to_owned).collect()
}

/// A query's metrics with the labels that are asked of each, and the labels that it groups by.
#[derive(Debug, Default, PartialEq)]
struct Names {
    metrics: Vec<(String, Vec<String>)>,
    groups: Vec<String>,
}

fn names(query: &str) -> Names {
    let mut names = Names::default();
    let mut rest = query;
    while let Some(first) = rest.chars().next() {
        if first == '"' {
            let end = rest[1..].find('"').unwrap();
            rest = &rest[end + 2..];
        } else if first.is_ascii_alphabetic() || first == '_' {
            let (word, after) = word(rest);
            rest = match (word, after.trim_start()) {
                ("by" | "without", list) => {
                    let (list, after) = list.strip_prefix('(').unwrap().split_once(')').unwrap();
                    names.groups.extend(list.split(',').map(|label| label.trim().to_owned()));
                    after
                }
                ("and" | "or" | "unless", after) => after,
                (_, after) if ["(", "by", "without"].iter().any(|next| after.starts_with(next)) => after,
                (metric, after) if after.starts_with('{') => {
                    let (matchers, after) = after[1..].split_once('}').unwrap();
                    names.metrics.push((metric.to_owned(), labels(matchers)));
                    after
                }
                (metric, after) => {
                    names.metrics.push((metric.to_owned(), Vec::new()));
                    after
                }
            };
        } else if first.is_ascii_digit() {
            rest = rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '.');
        } else {
            rest = &rest[first.len_utf8()..];
        }
    }
    names
}

fn word(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len()))
}

/// The names before the operators of `a="x",b=~"y"`; values have no quotes inside.
fn labels(matchers: &str) -> Vec<String> {
    matchers
        .split('"')
        .step_by(2)
        .map(|part| word(part.trim_start_matches([',', ' '])).0.to_owned())
        .filter(|name| !name.is_empty())
        .collect()
}

/// The labels that a metric's series can have; panics where there is no such metric.
fn known_labels(metric: &str) -> BTreeSet<String> {
    if let Some((_, labels)) = FOREIGN.iter().find(|(name, _)| *name == metric) {
        return labels.iter().chain(&TARGET).map(|label| (*label).to_owned()).collect();
    }
    let suffix = ["_bucket", "_sum", "_count"].into_iter().find(|suffix| metric.ends_with(suffix)).unwrap_or_default();
    let family = find(metric.strip_suffix(suffix).unwrap()).unwrap_or_else(|| panic!("there is no metric {metric}"));
    let is_histogram = matches!(family.kind, Kind::Histogram(_));
    assert_eq!(is_histogram, !suffix.is_empty(), "{metric} is asked for as what it is not");
    let own = if suffix == "_bucket" { &["le"][..] } else { &[] };
    family.labels.iter().chain(own).chain(&TARGET).map(|label| (*label).to_owned()).collect()
}

fn check(query: &str) {
    let names = names(query);
    assert!(!names.metrics.is_empty(), "{query}");
    let mut all = BTreeSet::new();
    for (metric, labels) in names.metrics {
        let known = known_labels(&metric);
        for label in labels {
            assert!(known.contains(&label), "{metric} has no label {label}: {query}");
        }
        all.extend(known);
    }
    for label in names.groups {
        assert!(all.contains(&label), "nothing has the label {label}: {query}");
    }
}

fn promtool(arguments: &[&str]) {
    let output = Command::new("promtool").args(arguments).current_dir(ops()).output();
    let output = output.expect("promtool is missing: ./dev test installs it (Debian: prometheus)");
    let said = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    assert!(output.status.success(), "promtool {arguments:?}: {said}");
}

#[test]
fn every_query_names_only_metrics_and_labels_that_there_are() {
    let dashboards = dashboards();
    assert_eq!(dashboards.len(), 5);
    for (_, dashboard) in &dashboards {
        panel_queries(dashboard).iter().for_each(|query| check(query));
        for variable in dashboard["templating"]["list"].as_array().unwrap() {
            let query = variable["definition"].as_str().unwrap();
            let (series, label) = query.strip_prefix("label_values(").unwrap().rsplit_once(", ").unwrap();
            check(series);
            let (metric, _) = &names(series).metrics[0];
            assert!(known_labels(metric).contains(label.trim_end_matches(')')), "{query}");
        }
    }
    assert!(alert_queries().len() > 15);
    alert_queries().iter().for_each(|query| check(query));
}

#[test]
fn every_query_of_the_dashboards_is_promql() {
    let mut rules = "groups:\n  - name: dashboards\n    rules:\n".to_owned();
    for (number, query) in dashboards().iter().flat_map(|(_, dashboard)| panel_queries(dashboard)).enumerate() {
        rules.push_str(&format!("      - {{ record: \"panel:{number}\", expr: '{query}' }}\n"));
    }
    let file = std::env::temp_dir().join(format!("mw-panels-{}.yml", std::process::id()));
    std::fs::write(&file, rules).unwrap();
    promtool(&["check", "rules", "--lint=none", file.to_str().unwrap()]);
    std::fs::remove_file(file).unwrap();
}

#[test]
fn alerts_fire_for_what_they_are_about_and_are_quiet_beside_it() {
    promtool(&["check", "rules", "alerts.yml"]);
    promtool(&["test", "rules", "alerts_test.yml"]);
    let tests = read("alerts_test.yml");
    for line in read("alerts.yml").lines() {
        if let Some(name) = line.trim().strip_prefix("- alert: ") {
            for what in ["fires", "is quiet"] {
                assert!(tests.contains(&format!("- name: {name} {what}\n")), "{name} {what} is not tested");
            }
        }
    }
}

#[test]
fn every_alert_links_to_its_own_incident_page() {
    let rules = read("alerts.yml");
    for block in rules.split("- alert: ").skip(1) {
        let name = block.lines().next().unwrap();
        let link = format!("runbook_url: docs/incidents.md#{}\n", name.to_lowercase());
        assert!(block.contains(&link), "{name}");
        let foreign = FOREIGN.iter().any(|(metric, _)| *metric != "up" && block.contains(metric));
        assert_eq!(foreign, block.contains("source: "), "{name}");
    }
}

#[test]
fn the_dashboards_know_the_provisioned_source_and_each_other() {
    let source = read("grafana/provisioning/datasources/prometheus.yaml");
    assert!(source.contains("uid: prometheus\n"));
    let mut ids = BTreeSet::new();
    for (file, dashboard) in dashboards() {
        assert!(ids.insert(dashboard["uid"].as_str().unwrap().to_owned()), "{file}");
        for panel in dashboard["panels"].as_array().unwrap() {
            assert_eq!(panel["datasource"]["uid"], "prometheus", "{file}");
        }
    }
    assert!(ids.contains("myloware-orchestration"));
}

#[test]
fn the_reader_of_queries_sees_metrics_labels_and_groups() {
    let query = "sum by (le, path) (max without (instance) (rate(a_bucket{x=~\"y|z\",b!=\"\"}[5m]))) / 2 > c or time()";
    let list = |labels: &[&str]| labels.iter().map(|label| (*label).to_owned()).collect::<Vec<_>>();
    assert_eq!(
        names(query),
        Names {
            metrics: vec![("a_bucket".to_owned(), list(&["x", "b"])), ("c".to_owned(), vec![])],
            groups: list(&["le", "path", "instance"]),
        }
    );
    for wrong in
        ["runs_sleeping", "rate(runs_active_bucket[5m])", "sum by (colour) (runs_active)", "runs_active{colour=\"x\"}"]
    {
        assert!(std::panic::catch_unwind(|| check(wrong)).is_err(), "{wrong}");
    }
}
