//! spin.toml as the manifests of ops/ must know it, and the files that Spin itself reads.

use crate::read;
use mw::settings::Settings;
use mw_configuration::secrets::{Secret, secrets};
use mw_dotenv::parse_lines;
use std::collections::{BTreeMap, BTreeSet};

/// The variables of a manifest: name → (required, secret).
pub(crate) fn variables(manifest: &str) -> BTreeMap<String, (bool, bool)> {
    let manifest: toml::Table = read(manifest).parse().unwrap();
    let yes = |variable: &toml::Value, what: &str| variable.get(what).and_then(toml::Value::as_bool) == Some(true);
    let table = manifest["variables"].as_table().unwrap().iter();
    table.map(|(name, variable)| (name.clone(), (yes(variable, "required"), yes(variable, "secret")))).collect()
}

pub(crate) fn routes() -> BTreeSet<String> {
    let manifest: toml::Table = read("spin.toml").parse().unwrap();
    let triggers = manifest["trigger"]["http"].as_array().unwrap();
    triggers.iter().filter_map(|trigger| Some(trigger["route"].as_str()?.to_owned())).collect()
}

/// Each of `given` is a variable of spin.toml, and none is missing that /ready asks for in production with live providers.
#[track_caller]
pub(crate) fn is_enough(whose: &str, given: &BTreeSet<String>) {
    let known = variables("spin.toml");
    let unknown: Vec<_> = given.iter().filter(|name| !known.contains_key(*name)).collect();
    assert!(unknown.is_empty(), "{whose} sets what spin.toml lacks: {unknown:?}");
    let required = known.iter().filter(|(_, (required, _))| *required).map(|(name, _)| name.as_str());
    let ours = ["environment", "providers_mode", "database_host", "public_base_url", "webhook_base_url", "sweep_key"];
    for name in required.chain(ours).chain(["hitl_secret"]) {
        assert!(given.contains(name), "{whose} does not set {name}");
    }
    let settings = given.iter().map(|name| (name.to_uppercase(), "a-long-enough-value".to_owned())).collect();
    mw::mode::need_live_secrets(&Settings::of(settings)).unwrap_or_else(|error| panic!("{whose}: {error}"));
}

#[test]
fn the_environment_file_is_complete_without_secrets() {
    let path = "ops/systemd/myloware.env.example";
    let lines = parse_lines(&read(path)).unwrap();
    let prefix = "SPIN_VARIABLE_";
    let given: BTreeMap<String, String> = lines
        .iter()
        .filter_map(|(name, value)| Some((name.strip_prefix(prefix)?.to_lowercase(), value.clone())))
        .collect();
    is_enough(path, &given.keys().cloned().collect());
    let known = variables("spin.toml");
    for (name, value) in &given {
        assert!(!known[name].1 || value.is_empty(), "{name} is a secret and has a value");
    }
    let others: Vec<_> = lines.keys().filter(|name| !name.starts_with(prefix)).collect();
    assert_eq!(others, ["SPIN_MAX_INSTANCE_COUNT"]);
}

#[test]
fn the_sweep_has_its_key_and_no_other() {
    let lines = parse_lines(&read("ops/systemd/sweep.env.example")).unwrap();
    assert_eq!(lines.keys().collect::<Vec<_>>(), ["API_BASE_URL", "SWEEP_KEY"]);
    assert_eq!(lines["SWEEP_KEY"], "");
}

/// `deny_unknown_fields` as Spin has it (crates/factor-outbound-pg, crates/key-value-spin).
#[test]
fn the_runtime_configuration_has_only_what_spin_knows() {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct RuntimeConfig {
        outbound_pg: OutboundPg,
        key_value_store: BTreeMap<String, Store>,
    }
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct OutboundPg {
        max_connections: u32,
    }
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields, tag = "type", rename_all = "lowercase")]
    enum Store {
        Spin { path: Option<String> },
    }
    let config: RuntimeConfig = toml::from_str(&read("ops/runtime-config.toml")).unwrap();
    let granted: BTreeSet<String> = read("spin.toml")
        .lines()
        .filter_map(|line| line.strip_prefix("key_value_stores = "))
        .flat_map(|list| serde_json::from_str::<Vec<String>>(list).unwrap())
        .collect();
    assert_eq!(config.key_value_store.keys().cloned().collect::<BTreeSet<_>>(), granted);
    // Spin puts a relative path beside the file, where a service may not write.
    assert!(config.key_value_store.values().all(|Store::Spin { path }| path.is_none()));
    // Two processes, and what operators and the monitoring need, within the server of ops/compose.yaml.
    let most = connections_max(config.outbound_pg.max_connections);
    assert!(2 * most + 10 <= crate::compose::max_connections());
    // DESIGN: one process never needs more, however many components there are.
    assert!(most <= 64, "{most}");
    for page in ["ops/runtime-config.toml", "ops/postgres/README.md"] {
        let sum =
            format!("{} × {} = {most}", most / config.outbound_pg.max_connections, config.outbound_pg.max_connections);
        assert!(read(page).contains(&sum), "{page} says {sum}");
    }
}

/// The most connections that one process of Spin has: each component that opens the database keeps as many in its pool as all of
/// them may hold at one time.
fn connections_max(held_max: u32) -> u32 {
    let manifest: toml::Table = read("spin.toml").parse().unwrap();
    let components = manifest["component"].as_table().unwrap();
    let opens = |component: &&toml::Value| component["variables"].get("database_url").is_some();
    u32::try_from(components.values().filter(opens).count()).unwrap() * held_max
}

#[test]
fn who_is_granted_the_database_opens_it_and_nobody_else() {
    let manifest: toml::Table = read("spin.toml").parse().unwrap();
    for (id, component) in manifest["component"].as_table().unwrap() {
        let hosts = component["allowed_outbound_hosts"].as_array().unwrap();
        let reaches = |host: &str| hosts.iter().any(|allowed| allowed.as_str() == Some(host));
        let is_granted = component["variables"].get("database_url").is_some();
        assert_eq!(is_granted, reaches("postgres://{{ database_host }}"), "{id}");
        assert!(!(is_granted && reaches("http://database.spin.internal")), "{id}");
        let source = read(&format!("components/{id}/src/lib.rs"));
        let opens = (source.contains(", Pooled)") || source.contains(", Pooled, ")) || id == "database";
        assert_eq!(is_granted, opens, "{id}");
    }
}

/// The table by which secrets are judged, and the manifest, say the same.
#[test]
fn every_secret_is_in_the_table_and_no_other() {
    let marked: BTreeSet<String> =
        variables("spin.toml").into_iter().filter_map(|(name, (_, secret))| secret.then_some(name)).collect();
    let listed: BTreeSet<String> = secrets().flat_map(|secret| secret.variables()).collect();
    assert_eq!(listed, marked);
}

/// A component's variables by name, and the hosts that it may reach.
fn granted(id: &str) -> (BTreeSet<String>, Vec<String>) {
    let manifest: toml::Table = read("spin.toml").parse().unwrap();
    let component = &manifest["component"][id];
    let hosts = component["allowed_outbound_hosts"].as_array().unwrap();
    let hosts = hosts.iter().map(|host| host.as_str().unwrap().to_owned()).collect();
    (component["variables"].as_table().unwrap().keys().cloned().collect(), hosts)
}

#[test]
fn who_holds_a_secret_knows_where_it_runs() {
    let manifest: toml::Table = read("spin.toml").parse().unwrap();
    let judged: Vec<String> = secrets().filter(Secret::is_judged).flat_map(|secret| secret.variables()).collect();
    for id in manifest["component"].as_table().unwrap().keys() {
        let (variables, _) = granted(id);
        if judged.iter().any(|name| variables.contains(name)) {
            for name in ["environment", "fly_app_name", "use_mock_providers", "providers_mode"] {
                assert!(variables.contains(name), "{id} judges secrets without {name}");
            }
        }
    }
}

#[test]
fn only_config_check_sees_every_secret_and_it_reaches_nobody() {
    let (variables, hosts) = granted("config-check");
    assert_eq!(hosts, Vec::<String>::new());
    for secret in secrets().filter(Secret::is_judged) {
        assert!(secret.variables().all(|name| variables.contains(&name)), "{}", secret.name);
    }
    let (health, _) = granted("health");
    let held: Vec<Secret> = secrets().filter(|secret| health.contains(secret.name)).collect();
    assert_eq!(held.iter().map(|secret| secret.name).collect::<Vec<_>>(), ["api_key"]);
}
