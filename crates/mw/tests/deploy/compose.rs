//! ops/compose.yaml and ops/prometheus.yml fit each other, the product's ports, and the files beside them.

use crate::{read, root, spin::routes, yaml};
use serde::Deserialize;
use std::collections::BTreeMap;

type Map = BTreeMap<String, String>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Compose {
    #[serde(rename = "name")]
    _name: String,
    services: BTreeMap<String, Service>,
    volumes: BTreeMap<String, Option<()>>,
}

/// What we use of https://github.com/compose-spec/compose-spec.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Service {
    image: String,
    restart: String,
    #[serde(default)]
    command: Vec<String>,
    #[serde(default)]
    environment: Map,
    #[serde(default)]
    extra_hosts: Vec<String>,
    #[serde(default)]
    depends_on: Vec<String>,
    ports: Vec<String>,
    volumes: Vec<String>,
    healthcheck: Option<HealthCheck>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HealthCheck {
    test: Vec<String>,
    #[serde(rename = "interval")]
    _interval: String,
    #[serde(rename = "timeout")]
    _timeout: String,
    retries: u32,
}

fn compose() -> Compose {
    yaml("ops/compose.yaml")
}

/// How many connections the server of ops/compose.yaml allows.
pub(crate) fn max_connections() -> u32 {
    let services = compose().services;
    let setting = services["postgres"].command.iter().find_map(|word| word.strip_prefix("max_connections="));
    setting.unwrap().parse().unwrap()
}

#[track_caller]
pub(crate) fn has_a_version(image: &str) {
    let tag = image.rsplit_once('/').map_or(image, |(_, name)| name).split_once(':').map(|(_, tag)| tag);
    assert!(tag.is_some_and(|tag| tag != "latest" && !tag.is_empty()), "{image}");
}

#[test]
fn services_are_open_to_this_machine_only_and_hold_no_secret() {
    for (name, service) in compose().services {
        has_a_version(&service.image);
        assert_eq!(service.restart, "unless-stopped", "{name}");
        for port in &service.ports {
            assert!(port.starts_with("127.0.0.1:"), "{name}: {port}");
            assert!(!port.starts_with("127.0.0.1:3000:"), "the product has that port");
        }
        for (variable, value) in &service.environment {
            assert!(!variable.ends_with("PASSWORD") || value.starts_with("${"), "{name}: {variable}");
        }
    }
}

#[test]
fn what_services_need_is_there() {
    let compose = compose();
    for (name, service) in &compose.services {
        for volume in &service.volumes {
            let source = volume.split(':').next().unwrap();
            assert!(source.starts_with("./") || compose.volumes.contains_key(source), "{name}: {volume}");
        }
        for other in &service.depends_on {
            assert!(compose.services.contains_key(other), "{name}: {other}");
        }
        if let Some(check) = &service.healthcheck {
            assert!(check.test[0] == "CMD" && check.retries > 0);
        }
    }
    let postgres = &compose.services["postgres"];
    assert!(postgres.healthcheck.is_some());
}

#[test]
fn prometheus_scrapes_the_product_where_it_listens() {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Prometheus {
        global: Map,
        rule_files: Vec<String>,
        scrape_configs: Vec<Job>,
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Job {
        #[serde(rename = "job_name")]
        _job_name: String,
        metrics_path: String,
        static_configs: Vec<Targets>,
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Targets {
        targets: Vec<String>,
    }
    let prometheus: Prometheus = yaml("ops/prometheus.yml");
    assert_eq!(prometheus.global["scrape_interval"], "15s");
    let [job] = &prometheus.scrape_configs[..] else { panic!("one job") };
    assert!(routes().contains(&job.metrics_path));
    let targets: Vec<&String> = job.static_configs.iter().flat_map(|config| &config.targets).collect();
    assert_eq!(targets, ["host.docker.internal:3000"], "one instance tells the whole system's numbers");
    let services = compose().services;
    let container = &services["prometheus"];
    assert_eq!(container.extra_hosts, ["host.docker.internal:host-gateway"]);
    for file in &prometheus.rule_files {
        let mount = format!("./{file}:/etc/prometheus/{file}:ro");
        assert!(container.volumes.contains(&mount), "{mount} is not mounted");
        assert!(root().join("ops").join(file).is_file(), "ops/{file} is missing");
    }
    if let Ok(output) = std::process::Command::new("promtool")
        .args(["check", "config", "--syntax-only"])
        .arg(root().join("ops/prometheus.yml"))
        .output()
    {
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert!(read("ops/compose.yaml").contains("./prometheus.yml:/etc/prometheus/prometheus.yml:ro"));
}
