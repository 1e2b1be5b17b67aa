//! ops/spinkube: the objects fit each other, and the app fits spin.toml.

use crate::{
    files,
    kinds::{Autoscaler, CronJob, DisruptionBudget, Kind, Object, SpinApp},
    read,
    spin::{is_enough, routes, variables},
    yaml,
};
use std::collections::BTreeSet;

#[derive(Default)]
struct Cluster {
    app: Option<Object<SpinApp>>,
    scaling: Option<Object<Autoscaler>>,
    budget: Option<Object<DisruptionBudget>>,
    sweep: Option<Object<CronJob>>,
}

/// Each kind once, with the version of its interface.
fn cluster() -> Cluster {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "camelCase")]
    struct Kustomization {
        api_version: String,
        kind: String,
        resources: Vec<String>,
    }
    let list: Kustomization = yaml("ops/spinkube/kustomization.yaml");
    assert_eq!((list.api_version.as_str(), list.kind.as_str()), ("kustomize.config.k8s.io/v1beta1", "Kustomization"));
    let mut named: Vec<String> = list.resources.iter().map(|name| format!("ops/spinkube/{name}")).collect();
    named.push("ops/spinkube/kustomization.yaml".to_owned());
    named.sort();
    assert_eq!(named, files("ops/spinkube", ".yaml"), "the kustomization names every file");

    let mut cluster = Cluster::default();
    for path in named.iter().filter(|path| !path.ends_with("kustomization.yaml")) {
        let text = read(path);
        for kind in serde_saphyr::from_multiple::<Kind>(&text).unwrap_or_else(|error| panic!("{path}: {error}")) {
            let (version, expected) = match kind {
                Kind::SpinApp(object) => (cluster.app.insert(object).api_version.clone(), "core.spinkube.dev/v1alpha1"),
                Kind::HorizontalPodAutoscaler(object) => {
                    (cluster.scaling.insert(object).api_version.clone(), "autoscaling/v2")
                }
                Kind::PodDisruptionBudget(object) => (cluster.budget.insert(object).api_version.clone(), "policy/v1"),
                Kind::CronJob(object) => (cluster.sweep.insert(object).api_version.clone(), "batch/v1"),
            };
            assert_eq!(version, expected, "{path}");
        }
    }
    cluster
}

#[test]
fn the_app_sets_all_variables_and_secrets_by_reference() {
    let app = cluster().app.unwrap().spec;
    let known = variables("spin.toml");
    let names: BTreeSet<String> = app.variables.iter().map(|variable| variable.name.clone()).collect();
    assert_eq!(names.len(), app.variables.len(), "a variable is set twice");
    is_enough("ops/spinkube/app.yaml", &names);
    for variable in &app.variables {
        let name = &variable.name;
        match (&variable.value, &variable.value_from) {
            (Some(value), None) => assert!(!known[name].1 && !value.is_empty(), "{name} is a secret in plain text"),
            (None, Some(source)) => {
                let key = &source.secret_key_ref;
                assert_eq!((key.name.as_str(), &key.key), ("myloware", name));
                assert!(!(known[name].0 && key.optional), "{name} is required");
            }
            _ => panic!("{name} has no value, or two"),
        }
    }
}

#[test]
fn probes_ask_routes_of_the_product() {
    let app = cluster().app.unwrap().spec;
    let (live, ready) = (&app.checks.liveness, &app.checks.readiness);
    // Liveness on /ready would restart every pod when PostgreSQL is away.
    assert_eq!((live.http_get.path.as_str(), ready.http_get.path.as_str()), ("/health", "/ready"));
    for probe in [live, ready] {
        assert!(routes().contains(&probe.http_get.path));
        assert!(probe.timeout_seconds <= probe.period_seconds && probe.failure_threshold > 1);
        assert!(probe.initial_delay_seconds < 60);
    }
    assert!(app.resources.requests.contains_key("cpu"), "the autoscaler compares with the request");
    assert!(app.resources.limits.contains_key("memory"));
}

#[test]
fn the_autoscaler_and_the_budget_are_about_the_app() {
    let Cluster { app, scaling, budget, .. } = cluster();
    let (app, scaling, budget) = (app.unwrap(), scaling.unwrap().spec, budget.unwrap().spec);
    let target = &scaling.scale_target_ref;
    // The operator's Deployment bears the app's name, and its pods the label (internal/constants).
    assert_eq!(
        (target.api_version.as_str(), target.kind.as_str(), &target.name),
        ("apps/v1", "Deployment", &app.metadata.name)
    );
    assert_eq!(budget.selector.match_labels.get("core.spinkube.dev/app-name"), Some(&app.metadata.name));
    // The operator refuses both at once, and neither.
    assert_eq!((app.spec.enable_autoscaling, app.spec.replicas), (true, None));
    assert!(budget.min_available < scaling.min_replicas, "a node could never be drained");
    assert!(scaling.min_replicas <= scaling.max_replicas);
    for metric in &scaling.metrics {
        assert_eq!((metric.r#type.as_str(), metric.resource.name.as_str()), ("Resource", "cpu"));
        assert_eq!(metric.resource.target.r#type, "Utilization");
        assert!((1..=100).contains(&metric.resource.target.average_utilization));
    }
}

#[test]
fn the_cron_job_rings_the_sweep_of_the_app_for_a_minute() {
    let Cluster { app, sweep, .. } = cluster();
    let (app, sweep) = (app.unwrap(), sweep.unwrap().spec);
    assert_eq!(sweep.schedule, "* * * * *");
    let job = sweep.job_template.spec;
    let [ring] = &job.template.spec.containers[..] else { panic!("one container") };
    let script = ring.args.concat();
    let url = script.split_whitespace().find(|word| word.starts_with("http://")).unwrap();
    let (host, path) = url.trim_start_matches("http://").split_once('/').unwrap();
    assert_eq!(host, app.metadata.name, "the operator's Service bears the app's name");
    assert!(routes().contains(&format!("/{path}")));
    let [key] = &ring.env[..] else { panic!("one variable") };
    let source = &key.value_from.as_ref().unwrap().secret_key_ref;
    assert_eq!((key.name.as_str(), source.name.as_str(), source.key.as_str()), ("SWEEP_KEY", "myloware", "sweep_key"));
    assert!(
        script.contains("printf 'x-sweep-key: %s\\n' \"$SWEEP_KEY\"") && script.contains("-H @-"),
        "the key is no argument"
    );
    let shell = std::process::Command::new("sh").args(["-n", "-c", &script]).status().unwrap();
    assert!(shell.success());
}

#[test]
fn every_image_has_a_version() {
    let Cluster { app, sweep, .. } = cluster();
    let (app, sweep) = (app.unwrap().spec, sweep.unwrap().spec);
    let rings = sweep.job_template.spec.template.spec.containers;
    for image in rings.iter().map(|container| &container.image).chain([&app.image]) {
        crate::compose::has_a_version(image);
    }
    let version = app.variables.iter().find(|variable| variable.name == "version").unwrap().value.clone().unwrap();
    assert!(app.image.ends_with(&format!(":{version}")), "/version tells what runs");
    assert_eq!(version, env!("CARGO_PKG_VERSION"));
}
