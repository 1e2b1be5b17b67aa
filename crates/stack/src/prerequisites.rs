//! Programs that must be there, and the cure when they are not.

use mw::{
    error::{Error, Result},
    postgresql,
};
use std::path::{Path, PathBuf};

const OLDEST_POSTGRES: u32 = 15;
const CURE: &str = "run ./dev up, which installs it (or: apt-get install postgresql, brew install postgresql@17)";

/// The folder with PostgreSQL's programs: of version `wanted` (a cluster is only readable by the version that made it),
/// else the newest.
pub fn postgres_programs(wanted: Option<u32>) -> Result<PathBuf> {
    if let Some(wanted) = wanted {
        return postgresql::programs_of(wanted).ok_or_else(|| {
            Error::misuse(format!(
                "the cluster in .mw/ was made by PostgreSQL {wanted}, which is not installed: install that version, or remove .mw/pg to begin anew"
            ))
        });
    }
    let newest = postgresql::newest_programs().filter(|(version, _)| *version >= OLDEST_POSTGRES);
    newest
        .map(|(_, folder)| folder)
        .ok_or_else(|| Error::misuse(format!("PostgreSQL {OLDEST_POSTGRES} or newer is not installed: {CURE}")))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_that_nobody_has_is_the_callers_to_cure() {
        let error = postgres_programs(Some(3)).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains("remove .mw/pg"), "{error}");
    }
}
