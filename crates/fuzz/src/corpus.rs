//! The seeds of a target: real messages, whole HTTP messages where headers count, and whatever a fuzzer has found.

use std::path::{Path, PathBuf};

/// The folder with a folder for each target.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

/// The seeds of a target, in the order of their names, so that a seed of the random numbers always means the same.
pub fn of(target: &str) -> Vec<Vec<u8>> {
    let entries = std::fs::read_dir(folder().join(target)).unwrap_or_else(|error| panic!("corpus/{target}: {error}"));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| std::fs::read(file).unwrap()).collect()
}
