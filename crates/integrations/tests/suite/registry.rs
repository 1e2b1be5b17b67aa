//! What the registry promises to everybody who loops over it.

use mw_integrations::registry::{SYSTEMS, job_provider, job_providers, system, webhook, webhooks};
use std::collections::BTreeSet;

#[test]
fn every_system_has_a_name_of_its_own() {
    let names: BTreeSet<_> = SYSTEMS.iter().map(|system| system.name).collect();
    assert_eq!(names.len(), SYSTEMS.len());
    for name in names {
        assert_eq!(system(name).unwrap().name, name);
        assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{name}");
    }
    assert_eq!(system("nobody"), None);
}

#[test]
fn whoever_makes_jobs_has_what_they_need() {
    for (system, jobs) in job_providers() {
        assert!(job_provider(system.name).is_some() && !jobs.makes().is_empty(), "{}", system.name);
        assert!(system.limits.is_some() && system.job_seconds.is_some(), "{}", system.name);
        let key = system.variable("api_key");
        assert!(system.secrets.iter().any(|secret| secret.name == key), "{key}");
        let address = system.variable("base_url");
        assert!(system.addresses.iter().any(|known| known.variable == address), "{address}");
    }
}

#[test]
fn a_webhook_is_signed_with_a_secret_that_is_listed() {
    for found in webhooks() {
        assert!(webhook(found.system.name).is_some());
        assert_eq!(found.path, format!("/v1/webhooks/{}", found.system.name));
        let is_listed = |name: &str| found.system.secrets.iter().any(|secret| secret.name == name && secret.rotates);
        assert!(found.secret.is_none_or(is_listed), "{}", found.system.name);
        assert!(found.secret.is_some() || !found.signs_body, "{}", found.system.name);
    }
}
