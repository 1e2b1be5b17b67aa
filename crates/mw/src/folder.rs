//! The clone and its `.mw/` folder, where everything that the development stack makes is kept.

use crate::error::{Error, Result, While};
use std::path::{Path, PathBuf};

/// The clone: MW_ROOT, else the nearest folder above the current one that holds `spin.toml` and `migrations/`,
/// else the clone that this command was built from.
pub fn root() -> Result<PathBuf> {
    if let Some(root) = std::env::var_os("MW_ROOT") {
        return Ok(PathBuf::from(root));
    }
    let built_from = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).map(Path::to_path_buf);
    let here = std::env::current_dir().while_doing("find the current folder")?;
    let above = here.ancestors().map(Path::to_path_buf);
    above
        .chain(built_from)
        .find(|folder| is_clone(folder))
        .ok_or_else(|| Error::misuse("this is no clone of the project: run it inside one (or set MW_ROOT)"))
}

fn is_clone(folder: &Path) -> bool {
    folder.join("crates/mw").is_dir() && folder.join("migrations").is_dir()
}

/// `.mw/` of the clone (MW_STATE moves it).
#[must_use]
pub fn state(root: &Path) -> PathBuf {
    std::env::var_os("MW_STATE").map_or_else(|| root.join(".mw"), PathBuf::from)
}

/// The folder, made if it is missing.
pub fn made(folder: PathBuf) -> Result<PathBuf> {
    std::fs::create_dir_all(&folder)
        .map_err(|error| Error::misuse(format!("cannot make {}: {error}", folder.display())))?;
    Ok(folder)
}
