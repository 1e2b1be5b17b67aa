//! ops/systemd: the units are valid, restart what dies, and call each other and the product by their right names.

use crate::{files, read, root, spin::routes};
use std::collections::BTreeMap;
use std::process::Command;

/// section → [(key, value)]
type Unit = BTreeMap<String, Vec<(String, String)>>;

fn unit(path: &str) -> Unit {
    let mut unit = Unit::new();
    let mut section = String::new();
    for line in read(path).lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            section = name.to_owned();
            continue;
        }
        let (key, value) = line.split_once('=').unwrap_or_else(|| panic!("{path}: {line}"));
        assert!(!section.is_empty(), "{path}: {line} is in no section");
        unit.entry(section.clone()).or_default().push((key.to_owned(), value.to_owned()));
    }
    unit
}

fn value(unit: &Unit, section: &str, key: &str) -> Option<String> {
    unit.get(section)?.iter().find(|(name, _)| name == key).map(|(_, value)| value.clone())
}

fn units() -> Vec<String> {
    [files("ops/systemd", ".service"), files("ops/systemd", ".timer")].concat()
}

#[test]
fn every_timer_has_its_service_and_every_command_a_full_path() {
    for path in units() {
        let unit = unit(&path);
        assert!(value(&unit, "Unit", "Description").is_some(), "{path}");
        match path.strip_suffix(".timer") {
            Some(name) => {
                assert!(root().join(format!("{name}.service")).is_file(), "{path} has no service");
                assert_eq!(value(&unit, "Install", "WantedBy").as_deref(), Some("timers.target"), "{path}");
            }
            None => {
                let command = value(&unit, "Service", "ExecStart").unwrap();
                assert!(command.starts_with('/'), "{path}: {command}");
            }
        }
    }
}

#[test]
fn the_product_is_restarted_and_asked_where_it_listens() {
    let product = unit("ops/systemd/myloware@.service");
    assert_eq!(value(&product, "Service", "Restart").as_deref(), Some("always"));
    assert_eq!(value(&product, "Unit", "StartLimitIntervalSec").as_deref(), Some("0"));
    let start = value(&product, "Service", "ExecStart").unwrap();
    assert!(start.contains("--listen 127.0.0.1:%i"), "{start}");
    assert!(root().join("ops").join("runtime-config.toml").is_file() && start.contains("/runtime-config.toml"));
    let environment = value(&product, "Service", "EnvironmentFile").unwrap();
    let name = environment.rsplit('/').next().unwrap();
    assert!(root().join(format!("ops/systemd/{name}.example")).is_file(), "{name}");

    let health = value(&unit("ops/systemd/myloware-health@.service"), "Service", "ExecStart").unwrap();
    let url = health.split_whitespace().find(|word| word.starts_with("http://")).unwrap();
    let path = url.strip_prefix("http://127.0.0.1:%i").unwrap();
    assert!(routes().contains(path), "{path}");
    assert!(health.contains("try-restart myloware@%i.service"), "{health}");
}

#[test]
fn hosts_make_no_backtraces() {
    let product = unit("ops/systemd/myloware@.service");
    let set = product["Service"].iter().any(|(name, value)| name == "Environment" && value == "RUST_BACKTRACE=0");
    assert!(set && !read("ops/systemd/myloware.env.example").contains("RUST_BACKTRACE"));
}

#[test]
fn the_logs_of_components_are_rotated() {
    let start = value(&unit("ops/systemd/myloware@.service"), "Service", "ExecStart").unwrap();
    let state = start.split(" --state-dir ").nth(1).unwrap().split(' ').next().unwrap();
    let rotated = read("ops/systemd/myloware.logrotate");
    assert!(rotated.contains(&format!("\n{}/logs/*.txt {{\n", state.replace("%i", "*"))), "{rotated}");
}

/// What the unit, the manifests and `mw` read at run time is in the release of the docs.
#[test]
fn the_release_is_whole() {
    let docs = read("docs/deployment.md");
    let packed: Vec<&str> =
        docs.lines().find(|line| line.trim().starts_with("tar -czf")).unwrap().split_whitespace().collect();
    for part in ["spin.toml", "spin-cron.toml", "projects", "data", "ops", "target/wasm32-wasip2/release/*.wasm"] {
        assert!(packed.contains(&part), "{part}: {packed:?}");
    }
    assert!(mw::knowledge::SHIPPED.starts_with("data/"));
}

#[test]
fn the_sweep_is_rung_by_a_command_that_exists() {
    let sweep = unit("ops/systemd/myloware-sweep.service");
    let command = value(&sweep, "Service", "ExecStart").unwrap();
    let arguments = command.strip_prefix("/usr/local/bin/mw ").unwrap();
    let status = Command::new(env!("CARGO_BIN_EXE_mw")).args(arguments.split(' ')).arg("--help").output().unwrap();
    assert!(status.status.success(), "{arguments}");
}

/// With our programs' paths replaced by one that is on every machine; where systemd is not installed there is nobody to ask.
#[test]
fn systemd_finds_nothing_to_complain_about() {
    let folder = std::env::temp_dir().join(format!("myloware-units-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let mut copies = Vec::new();
    for path in units() {
        let name = path.rsplit('/').next().unwrap();
        let text = read(&path).replace("/usr/local/bin/spin", "/bin/sh").replace("/usr/local/bin/mw", "/bin/sh");
        let text = text.replace("/usr/bin/curl", "/bin/sh").replace("/usr/bin/systemctl", "/bin/sh");
        // An instance of a template is what is started.
        let copy = folder.join(name.replace('@', "@3000"));
        std::fs::write(&copy, text).unwrap();
        copies.push(copy);
    }
    let output = Command::new("systemd-analyze").args(["verify", "--man=no"]).args(&copies).output();
    std::fs::remove_dir_all(&folder).unwrap();
    if let Ok(output) = output {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() && !said.contains("Unknown"), "{said}");
    }
}
