//! The Kubernetes kinds of ops/spinkube, as strict as we use them: a field that is misspelt, missing or not listed here fails.
//! SpinApp is spin-operator's api/v1alpha1/spinapp_types.go; the others are Kubernetes' own.
#![allow(dead_code, reason = "most fields are only there to be known")]

use serde::Deserialize;
use std::collections::BTreeMap;

type Map = BTreeMap<String, String>;

macro_rules! strict {
    ($($(#[$meta:meta])* $name:ident { $($(#[$field_meta:meta])* $field:ident: $kind:ty),* $(,)? })*) => {$(
        $(#[$meta])*
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields, rename_all = "camelCase")]
        pub(crate) struct $name { $($(#[$field_meta])* pub(crate) $field: $kind),* }
    )*};
}

#[derive(Debug, Deserialize)]
#[serde(tag = "kind")]
pub(crate) enum Kind {
    SpinApp(Object<SpinApp>),
    HorizontalPodAutoscaler(Object<Autoscaler>),
    PodDisruptionBudget(Object<DisruptionBudget>),
    CronJob(Object<CronJob>),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Object<Spec> {
    pub(crate) api_version: String,
    pub(crate) metadata: Metadata,
    pub(crate) spec: Spec,
}

/// What a Job or a pod is made from.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Template<Spec> {
    pub(crate) spec: Spec,
}

strict! {
    Metadata { name: String }

    SpinApp {
        image: String,
        executor: String,
        #[serde(default)] enable_autoscaling: bool,
        replicas: Option<u32>,
        checks: Checks,
        resources: Resources,
        variables: Vec<Variable>,
    }
    Checks { liveness: Probe, readiness: Probe }
    Probe {
        http_get: HttpGet,
        initial_delay_seconds: u32,
        timeout_seconds: u32,
        period_seconds: u32,
        failure_threshold: u32,
    }
    HttpGet { path: String }
    Resources { requests: Map, #[serde(default)] limits: Map }
    Variable { name: String, value: Option<String>, value_from: Option<Source> }
    Source { secret_key_ref: SecretKey }
    SecretKey { name: String, key: String, #[serde(default)] optional: bool }

    Autoscaler {
        scale_target_ref: Target,
        min_replicas: u32,
        max_replicas: u32,
        metrics: Vec<Metric>,
    }
    Target { api_version: String, kind: String, name: String }
    Metric { r#type: String, resource: ResourceMetric }
    ResourceMetric { name: String, target: MetricTarget }
    MetricTarget { r#type: String, average_utilization: u32 }

    DisruptionBudget { min_available: u32, selector: Selector }
    Selector { match_labels: Map }

    CronJob {
        schedule: String,
        concurrency_policy: Concurrency,
        starting_deadline_seconds: u32,
        successful_jobs_history_limit: u32,
        failed_jobs_history_limit: u32,
        job_template: Template<Job>,
    }
    Job {
        backoff_limit: u32,
        active_deadline_seconds: u32,
        ttl_seconds_after_finished: u32,
        template: Template<Pod>,
    }
    Pod { restart_policy: Restart, automount_service_account_token: bool, containers: Vec<Container> }
    Container {
        name: String,
        image: String,
        command: Vec<String>,
        args: Vec<String>,
        env: Vec<Variable>,
        resources: Resources,
        security_context: SecurityContext,
    }
    SecurityContext {
        run_as_non_root: bool,
        run_as_user: u32,
        allow_privilege_escalation: bool,
        read_only_root_filesystem: bool,
        capabilities: Capabilities,
    }
    Capabilities { drop: Vec<String> }
}

#[derive(Debug, Deserialize)]
pub(crate) enum Concurrency {
    Allow,
    Forbid,
    Replace,
}

/// What a Job's pod may have.
#[derive(Debug, Deserialize)]
pub(crate) enum Restart {
    Never,
    OnFailure,
}
