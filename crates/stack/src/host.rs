//! What serves a manifest: Spin where one is on PATH, else the local host of crates/host, a stand-in for development and CI.

use crate::{
    manifest::Manifest,
    prerequisites::own_program,
    process::Launch,
    spin::{self, Spin},
};
use mw::error::{Error, Result};
use std::{
    collections::BTreeMap,
    fmt::{Display, Formatter},
    path::{Path, PathBuf},
};

/// What the person chose, where it is not the default.
pub const VARIABLE: &str = "MW_HOST";

/// With backtraces, Spin makes one for every error that a component is answered with, which costs a quarter of all requests a second.
const BACKTRACE: (&str, &str) = ("RUST_BACKTRACE", "0");

/// The value of `--host` and of `MW_HOST`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// The `spin` on PATH.
    Spin,
    /// The local host, which stands in for Spin.
    Local,
}

impl Kind {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Spin => "spin",
            Self::Local => "local",
        }
    }
}

/// The host of a stack.
#[derive(Debug, Clone)]
pub enum Host {
    Spin(Spin),
    Local,
}

/// A manifest to serve.
#[derive(Debug, Clone, Copy)]
pub struct Service<'a> {
    /// The program's name in messages and the name of its log.
    pub name: &'a str,
    /// The clone.
    pub root: &'a Path,
    /// Its file there.
    pub manifest: &'a str,
    /// Where HTTP triggers are served; `None` for a manifest of cron triggers.
    pub port: Option<u16>,
    /// The folder for logs and for what the host keeps.
    pub log: &'a Path,
}

impl Host {
    /// The host of the argument, else of MW_HOST, else the `spin` on PATH, else the local one.
    pub fn choose(argument: Option<Kind>) -> Result<Self> {
        let kind = match argument {
            Some(kind) => Some(kind),
            None => {
                std::env::var(VARIABLE).ok().filter(|word| !word.is_empty()).map(|word| named(&word)).transpose()?
            }
        };
        match kind {
            Some(Kind::Local) => Ok(Self::Local),
            Some(Kind::Spin) => spin::on_path()
                .map(Self::Spin)
                .ok_or_else(|| Error::misuse("there is no spin on PATH: install Spin, or choose --host local")),
            None => Ok(spin::on_path().map_or(Self::Local, Self::Spin)),
        }
    }

    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Spin(_) => Kind::Spin,
            Self::Local => Kind::Local,
        }
    }

    /// Whether it serves cron triggers, too.
    #[must_use]
    pub fn has_cron(&self) -> bool {
        match self {
            Self::Spin(spin) => spin.has_cron(),
            Self::Local => true,
        }
    }

    /// How to start it; `environment` has the variables of the manifest.
    pub fn launch(&self, service: &Service<'_>, environment: BTreeMap<String, String>) -> Result<Launch> {
        let manifest = Manifest::read(&service.root.join(service.manifest))?.for_host(service.log)?;
        let runtime_config = service.root.join("ops/runtime-config.toml");
        let mut environment = environment;
        environment.insert(BACKTRACE.0.to_owned(), BACKTRACE.1.to_owned());
        let (program, arguments, environment) = match self {
            Self::Spin(spin) => {
                let arguments = spin.arguments(service, &manifest, &runtime_config)?;
                (spin.program().to_path_buf(), arguments, spin::environment(environment))
            }
            Self::Local => (own_program("mw-host")?, local(service, &manifest, &runtime_config), environment),
        };
        Ok(Launch {
            name: service.name.to_owned(),
            program,
            arguments,
            folder: service.root.to_path_buf(),
            environment,
            log: service.log.join(format!("{}.log", service.name)),
            inherit_variables: false,
        })
    }
}

fn named(word: &str) -> Result<Kind> {
    <Kind as clap::ValueEnum>::from_str(word, true)
        .map_err(|_| Error::misuse(format!("{VARIABLE} is {word}: it must be spin or local")))
}

fn local(service: &Service<'_>, manifest: &Path, runtime_config: &Path) -> Vec<String> {
    let mut arguments = vec!["--manifest".to_owned(), manifest.display().to_string()];
    arguments.extend(["--runtime-config-file".to_owned(), runtime_config.display().to_string()]);
    if let Some(port) = service.port {
        arguments.extend(["--listen".to_owned(), format!("127.0.0.1:{port}")]);
    }
    arguments
}

impl Display for Host {
    fn fmt(&self, out: &mut Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Spin(spin) => write!(out, "{spin}"),
            Self::Local => out.write_str("the local host"),
        }
    }
}

/// A program on PATH.
pub(crate) fn find_on_path(name: &str) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders).map(|folder| folder.join(name)).find(|program| program.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_argument_wins_over_what_is_found() {
        assert_eq!(Host::choose(Some(Kind::Local)).unwrap().kind(), Kind::Local);
        assert_eq!(named("Spin").unwrap(), Kind::Spin);
        assert_eq!(named("wasmtime").unwrap_err().exit_code(), 2);
        assert!(find_on_path("sh").is_some() && find_on_path("no-such-program").is_none());
    }
}
