//! A stack on Spin. A script stands in for Spin: it notes how it was started, and lets the local host serve.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may panic")]

use mw_stack::{manifest::Manifest, prerequisites::own_program};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

const SPIN: &str = r#"#!/bin/bash
set -eu
case "$1" in
  --version) echo "spin 4.1.0 (0000000 2026-06-01)"; exit ;;
  plugins) [ "$*" = "plugins list --installed" ] && echo "$PLUGINS"; exit ;;
esac
name=$(basename "$3" .toml)
printf '%s\n' "$@" >"$NOTES/$name.arguments"
env >"$NOTES/$name.environment"
arguments=()
shift
while [ $# -gt 0 ]; do
  case "$1" in
    --from) arguments+=(--manifest "$2") ;;
    --state-dir) mkdir "$2" ;;
    *) arguments+=("$1" "$2") ;;
  esac
  shift 2
done
exec "$LOCAL_HOST" "${arguments[@]}"
"#;

/// A folder with a `spin` in it, which is gone in the end.
struct Machine(PathBuf);

impl Machine {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("mw-spin-{}", mw_stack::secrets::random()));
        fs::create_dir(&folder).unwrap();
        let spin = folder.join("spin");
        fs::write(&spin, SPIN).unwrap();
        fs::set_permissions(spin, fs::Permissions::from_mode(0o755)).unwrap();
        Self(folder)
    }

    /// What `mw-stack with` and the command in it print.
    fn with_stack(&self, plugins: &str, command: &str) -> String {
        let path = format!("{}:{}", self.0.display(), std::env::var("PATH").unwrap());
        let output = Command::new(env!("CARGO_BIN_EXE_mw-stack"))
            .args(["with", "--fast", "--mode", "mock", "--", "bash", "-euc", command])
            .env_remove("MW_HOST")
            .envs([("PATH", path.as_str()), ("PLUGINS", plugins), ("NOTES", self.0.to_str().unwrap())])
            .env("LOCAL_HOST", own_program("mw-host").unwrap())
            .env("RUST_BACKTRACE", "1")
            .output()
            .unwrap();
        let text = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
        assert!(output.status.success(), "{text}");
        text
    }

    /// The options with which `spin up` was started for a manifest, and their values.
    fn options(&self, manifest: &str) -> BTreeMap<String, String> {
        let text = fs::read_to_string(self.0.join(format!("{manifest}.arguments"))).unwrap();
        let words: Vec<&str> = text.lines().collect();
        assert_eq!(words[0], "up");
        words[1..].chunks(2).map(|pair| (pair[0].to_owned(), pair[1].to_owned())).collect()
    }

    fn environment(&self, manifest: &str) -> BTreeMap<String, String> {
        let text = fs::read_to_string(self.0.join(format!("{manifest}.environment"))).unwrap();
        let pairs = text.lines().filter_map(|line| line.split_once('='));
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn root() -> PathBuf {
    mw::folder::root().unwrap()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

#[test]
fn spin_is_started_as_the_docs_say() {
    let machine = Machine::new();
    let ready = "curl -fsS -H \"x-api-key: $MW_API_KEY\" \"$MW_BASE_URL/ready\"; echo \"on $MW_HOST\"";
    let said = machine.with_stack("trigger-cron 0.3.0 [installed]", ready);
    for part in ["host (Spin 4.1)", "the scheduled component, on Spin 4.1", "on spin\n"] {
        assert!(said.contains(part), "{part} is not in {said}");
    }

    let options = machine.options("spin");
    let unit = read("ops/systemd/myloware@.service");
    let started = unit.lines().find(|line| line.starts_with("ExecStart=")).unwrap();
    let documented: BTreeSet<&str> = started.split(' ').filter(|word| word.starts_with("--")).collect();
    assert_eq!(options.keys().map(String::as_str).collect::<BTreeSet<_>>(), documented);
    assert_eq!(Path::new(&options["--runtime-config-file"]), root().join("ops/runtime-config.toml"));
    assert!(Path::new(&options["--from"]).ends_with("spin.toml"));
    assert!(options["--listen"].starts_with("127.0.0.1:"));

    let environment = machine.environment("spin");
    let declared = Manifest::read(&root().join("spin.toml")).unwrap().variables();
    let given: BTreeSet<String> =
        environment.keys().filter_map(|name| Some(name.strip_prefix("SPIN_VARIABLE_")?.to_lowercase())).collect();
    assert!(given.is_subset(&declared), "{given:?}");
    for name in ["api_key", "database_url", "database_host", "sweep_key", "hitl_secret", "public_base_url"] {
        assert!(given.contains(name), "{name} is not set");
    }
    let example = mw_dotenv::parse_lines(&read("ops/systemd/myloware.env.example")).unwrap();
    assert_eq!(environment["SPIN_MAX_INSTANCE_COUNT"], example["SPIN_MAX_INSTANCE_COUNT"]);
    assert!(unit.contains(&format!("\nEnvironment=RUST_BACKTRACE={}\n", environment["RUST_BACKTRACE"])));

    assert_eq!(environment["RUST_BACKTRACE"], "0");

    let options = machine.options("spin-cron");
    assert_eq!(options.keys().map(String::as_str).collect::<Vec<_>>(), ["--from", "--state-dir"]);
    let (key, url) = ("SPIN_VARIABLE_SWEEP_KEY", "SPIN_VARIABLE_SWEEP_URL");
    assert_eq!(machine.environment("spin-cron")[key], environment[key]);
    assert!(machine.environment("spin-cron")[url].ends_with("/v1/sweep"));
}

#[test]
fn without_the_cron_plugin_the_sweep_is_called() {
    let machine = Machine::new();
    let swept = "for _ in $(seq 300); do
        if curl -fsS \"$MW_BASE_URL/metrics\" | grep -q '^sweep_last_success_timestamp_seconds [1-9]'; then exit 0; fi
        sleep 0.2
    done
    exit 1";
    let said = machine.with_stack("cloud 1.0.0 [installed]", swept);
    assert!(said.contains("called by this program, since Spin 4.1 has no cron trigger"), "{said}");
    assert!(!machine.0.join("spin-cron.arguments").exists());
}

#[test]
fn a_spin_that_is_not_there_is_the_callers_to_cure() {
    let output = Command::new(env!("CARGO_BIN_EXE_mw-stack"))
        .args(["with", "--host", "spin", "--", "true"])
        .env("PATH", "/nowhere")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("there is no spin on PATH"));
}
