//! PostgreSQL's programs on this machine: where they are. `client` runs those that talk to a database.

pub(crate) mod client;

use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// The folder with the programs of this major version.
#[must_use]
pub fn programs_of(wanted: u32) -> Option<PathBuf> {
    installed().into_iter().rev().find(|(version, _)| *version == wanted).map(|(_, folder)| folder)
}

/// The folder with the newest programs, and their major version.
#[must_use]
pub fn newest_programs() -> Option<(u32, PathBuf)> {
    installed().pop()
}

/// Every folder with programs, the oldest version first.
fn installed() -> Vec<(u32, PathBuf)> {
    let mut found: Vec<(u32, PathBuf)> =
        candidates().into_iter().filter_map(|folder| Some((version(&folder)?, folder))).collect();
    found.sort();
    found
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_what_postgres_says() {
        assert_eq!(parse_version("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"), Some(15));
        assert_eq!(parse_version("postgres (PostgreSQL) 18beta1"), Some(18));
        assert_eq!(parse_version("something else"), None);
    }
}
