//! Programs that must be there, and the cure when they are not.

use crate::error::{Error, Result};
use std::{
    path::{Path, PathBuf},
    process::Command,
};

const OLDEST_POSTGRES: u32 = 15;
const CURE: &str = "run ./dev up, which installs it (or: apt-get install postgresql, brew install postgresql@17)";

/// The folder with PostgreSQL's programs: of version `wanted` (a cluster is only readable by the version that made it),
/// else the newest.
pub fn postgres_programs(wanted: Option<u32>) -> Result<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> =
        candidates().into_iter().filter_map(|folder| Some((version(&folder)?, folder))).collect();
    found.sort();
    if let Some(wanted) = wanted {
        let programs = found.into_iter().rev().find(|(version, _)| *version == wanted);
        return programs.map(|(_, folder)| folder).ok_or_else(|| {
            Error::misuse(format!(
                "the cluster in .mw/ was made by PostgreSQL {wanted}, which is not installed: install that version, or remove .mw/pg to begin anew"
            ))
        });
    }
    let newest = found.into_iter().rev().find(|(version, _)| *version >= OLDEST_POSTGRES);
    newest
        .map(|(_, folder)| folder)
        .ok_or_else(|| Error::misuse(format!("PostgreSQL {OLDEST_POSTGRES} or newer is not installed: {CURE}")))
}

/// Debian, Red Hat, Homebrew (both machine types), then PATH.
fn candidates() -> Vec<PathBuf> {
    let mut folders = Vec::new();
    let patterns = [
        ("/usr/lib/postgresql", ""),
        ("/usr", "pgsql-"),
        ("/opt/homebrew/opt", "postgresql"),
        ("/usr/local/opt", "postgresql"),
    ];
    for (parent, prefix) in patterns {
        for entry in std::fs::read_dir(parent).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(prefix) {
                folders.push(entry.path().join("bin"));
            }
        }
    }
    folders.extend(std::env::var_os("PATH").iter().flat_map(std::env::split_paths));
    // Some installations put only these on PATH, as links; the rest lies beside what they point to.
    let real = folders.into_iter().filter_map(|folder| {
        let program = std::fs::canonicalize(folder.join("postgres")).ok()?;
        Some(program.parent()?.to_path_buf())
    });
    real.filter(|folder| ["initdb", "pg_ctl", "postgres"].iter().all(|program| folder.join(program).is_file()))
        .collect()
}

fn version(folder: &Path) -> Option<u32> {
    let output = Command::new(folder.join("postgres")).arg("--version").output().ok()?;
    parse_version(&String::from_utf8_lossy(&output.stdout))
}

/// `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)` → 15
fn parse_version(line: &str) -> Option<u32> {
    let number = line.split(") ").nth(1)?;
    number.split(|character: char| !character.is_ascii_digit()).next()?.parse().ok()
}

/// One of our own native programs: beside this one, or one folder up (tests run in target/…/deps), or in MW_PROGRAMS.
pub fn own_program(name: &str) -> Result<PathBuf> {
    let given = std::env::var_os("MW_PROGRAMS").map(PathBuf::from);
    let here = std::env::current_exe().ok();
    let folders =
        given.into_iter().chain(here.iter().flat_map(|here| here.ancestors().skip(1).take(2).map(Path::to_path_buf)));
    folders
        .map(|folder| folder.join(name))
        .find(|program| program.is_file())
        .ok_or_else(|| Error::misuse(format!("the program {name} is not built: run ./dev build")))
}

/// Every component file that the manifest names must be built.
pub fn components_built(manifest: &Path) -> Result<()> {
    let text = std::fs::read_to_string(manifest)
        .map_err(|error| Error::misuse(format!("cannot read {}: {error}", manifest.display())))?;
    let folder = manifest.parent().unwrap_or(Path::new("."));
    match sources(&text).into_iter().find(|source| !folder.join(source).is_file()) {
        Some(missing) => Err(Error::misuse(format!("the component {missing} is not built: run ./dev build"))),
        None => Ok(()),
    }
}

/// The `source = "….wasm"` values of a manifest.
pub(super) fn sources(manifest: &str) -> Vec<String> {
    let parsed: toml::Table = manifest.parse().unwrap_or_default();
    let components = parsed.get("component").and_then(toml::Value::as_table);
    let source = |component: &toml::Value| Some(component.get("source")?.as_str()?.to_owned());
    components.into_iter().flat_map(|table| table.values().filter_map(source)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        assert_eq!(parse_version("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"), Some(15));
        assert_eq!(parse_version("postgres (PostgreSQL) 18beta1"), Some(18));
        assert_eq!(parse_version("something else"), None);
    }

    #[test]
    fn a_version_that_nobody_has_is_the_callers_to_cure() {
        let error = postgres_programs(Some(3)).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains("remove .mw/pg"), "{error}");
    }

    #[test]
    fn the_manifest_names_what_must_be_built() {
        let manifest = "[component.a]\nsource = \"target/a.wasm\"\n[component.b]\nsource = { url = \"x\" }\n";
        assert_eq!(sources(manifest), ["target/a.wasm"]);
    }
}
