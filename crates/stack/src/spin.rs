//! Spin itself: the one on PATH, its version and plugins, and the command line that docs/deployment.md and
//! ops/systemd/myloware@.service give it.

use crate::host::{Service, find_on_path};
use mw::error::{Error, Result, While};
use std::{
    collections::BTreeMap,
    fmt::{Display, Formatter},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The product needs `spin:postgres@4`.
const OLDEST: Version = Version(3, 5);
/// The first that knows `[outbound_pg]` of the runtime configuration; those before refuse the file.
const KNOWS_OUTBOUND_PG: Version = Version(4, 1);
const CRON_PLUGIN: &str = "trigger-cron";
/// Spin's own limit of requests at once, and the one of ops/systemd/myloware.env.example.
const INSTANCES: (&str, &str) = ("SPIN_MAX_INSTANCE_COUNT", "1000");

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Version(u32, u32);

#[derive(Debug, Clone)]
pub struct Spin {
    program: PathBuf,
    /// As it says itself; `None` when that can't be read.
    version: Option<Version>,
    has_cron: bool,
}

/// The `spin` on PATH.
pub(crate) fn on_path() -> Option<Spin> {
    find_on_path("spin").map(Spin::ask)
}

impl Spin {
    fn ask(program: PathBuf) -> Self {
        let says = |arguments: &[&str]| {
            let output = Command::new(&program).args(arguments).stdin(Stdio::null()).output().ok();
            output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default()
        };
        let version = version(&says(&["--version"]));
        let has_cron = has_cron(&says(&["plugins", "list", "--installed"]));
        Self { program, version, has_cron }
    }

    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    pub(crate) fn has_cron(&self) -> bool {
        self.has_cron
    }

    /// `up …`. The cron plugin is a program of its own, built on an older Spin, and needs no runtime configuration.
    pub(crate) fn arguments(
        &self,
        service: &Service<'_>,
        manifest: &Path,
        runtime_config: &Path,
    ) -> Result<Vec<String>> {
        if let Some(version) = self.version.filter(|version| *version < OLDEST) {
            return Err(Error::misuse(format!(
                "Spin {version} is too old: install {OLDEST} or newer, or choose --host local"
            )));
        }
        let mut arguments = vec!["up".to_owned(), "--from".to_owned(), manifest.display().to_string()];
        if let Some(port) = service.port {
            arguments.extend(["--listen".to_owned(), format!("127.0.0.1:{port}")]);
            let runtime_config = self.fit(runtime_config, service.log)?;
            arguments.extend(["--runtime-config-file".to_owned(), runtime_config.display().to_string()]);
        }
        let state = service.log.join(format!("{}.spin", service.name));
        arguments.extend(["--state-dir".to_owned(), state.display().to_string()]);
        Ok(arguments)
    }

    /// The runtime configuration, or a copy in `aside` without what this Spin does not know.
    fn fit(&self, runtime_config: &Path, aside: &Path) -> Result<PathBuf> {
        if self.version.is_none_or(|version| version >= KNOWS_OUTBOUND_PG) {
            return Ok(runtime_config.to_path_buf());
        }
        let text = std::fs::read_to_string(runtime_config).while_doing("read the runtime configuration")?;
        let mut parsed: toml::Table = text.parse().while_doing("read the runtime configuration")?;
        parsed.remove("outbound_pg");
        let copy = aside.join("runtime-config.toml");
        std::fs::write(&copy, parsed.to_string()).while_doing(format!("write {}", copy.display()))?;
        Ok(copy)
    }
}

impl Display for Spin {
    fn fmt(&self, out: &mut Formatter<'_>) -> std::fmt::Result {
        match self.version {
            Some(version) => write!(out, "Spin {version}"),
            None => out.write_str("Spin of an unknown version"),
        }
    }
}

impl Display for Version {
    fn fmt(&self, out: &mut Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}.{}", self.0, self.1)
    }
}

/// The environment of a `spin up`: the variables, and the limit unless the person set it.
pub(crate) fn environment(mut variables: BTreeMap<String, String>) -> BTreeMap<String, String> {
    let (name, limit) = INSTANCES;
    if std::env::var_os(name).is_none() {
        variables.insert(name.to_owned(), limit.to_owned());
    }
    variables
}

/// `spin 4.1.0 (1234567 2026-06-01)` → 4.1
fn version(says: &str) -> Option<Version> {
    let mut parts = says.strip_prefix("spin ")?.split(['.', '-', ' ']);
    Some(Version(parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// `trigger-cron 0.3.0 [installed]`, a line for each plugin.
fn has_cron(says: &str) -> bool {
    says.lines().any(|line| line.split(' ').next() == Some(CRON_PLUGIN))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spin(major: u32, minor: u32) -> Spin {
        Spin { program: "spin".into(), version: Some(Version(major, minor)), has_cron: false }
    }

    fn service<'a>(name: &'a str, port: Option<u16>, log: &'a Path) -> Service<'a> {
        Service { name, root: Path::new("/clone"), manifest: "spin.toml", port, log }
    }

    #[test]
    fn what_spin_says_of_itself_is_understood() {
        assert_eq!(version("spin 4.1.0 (1234567 2026-06-01)\n"), Some(Version(4, 1)));
        assert_eq!(version("spin 3.5.1-pre0 (1234567 2026-06-01)\n"), Some(Version(3, 5)));
        assert_eq!(version("command not found"), None);
        assert!(has_cron("cloud 1.0.0 [installed]\ntrigger-cron 0.3.0 [installed]\n"));
        assert!(!has_cron("No plugins found\n") && !has_cron("trigger-cron-extra 1.0.0 [installed]\n"));
    }

    #[test]
    fn the_command_line_is_that_of_the_docs() {
        let arguments = |service: &Service<'_>| {
            spin(4, 1).arguments(service, Path::new("/clone/spin.toml"), Path::new("/clone/ops/runtime-config.toml"))
        };
        let found = arguments(&service("host", Some(3000), Path::new("/log"))).unwrap().join(" ");
        let expected = "up --from /clone/spin.toml --listen 127.0.0.1:3000 \
                        --runtime-config-file /clone/ops/runtime-config.toml --state-dir /log/host.spin";
        assert_eq!(found, expected);
        let found = arguments(&service("schedule", None, Path::new("/log"))).unwrap().join(" ");
        assert_eq!(found, "up --from /clone/spin.toml --state-dir /log/schedule.spin");
    }

    #[test]
    fn older_spins_get_only_what_they_know() {
        let folder = std::env::temp_dir().join(format!("mw-spin-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&folder).unwrap();
        let shipped = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../ops/runtime-config.toml"));
        assert_eq!(spin(4, 1).fit(shipped, &folder).unwrap(), shipped);
        let copy = spin(3, 5).fit(shipped, &folder).unwrap();
        let text = std::fs::read_to_string(&copy).unwrap();
        assert!(text.contains("[key_value_store.default]") && !text.contains("outbound_pg"), "{text}");
        let refused = spin(3, 4).arguments(&service("host", Some(1), &folder), shipped, shipped).unwrap_err();
        assert!(refused.exit_code() == 2 && refused.to_string().contains("3.5 or newer"), "{refused}");
        std::fs::remove_dir_all(folder).unwrap();
    }
}
