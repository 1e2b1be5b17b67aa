//! What operators copy from ops/ fits the product: every manifest, unit and environment file is parsed strictly and held to
//! spin.toml, to the docs and to each other. No network, no cluster.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may panic")]

mod compose;
mod kinds;
mod kubernetes;
mod spin;
mod systemd;

use serde::de::DeserializeOwned;
use std::path::PathBuf;

fn root() -> PathBuf {
    mw::folder::root().unwrap()
}

/// A file of the repository.
fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A YAML file of one document, without a field that `T` does not know.
fn yaml<T: DeserializeOwned>(path: &str) -> T {
    serde_saphyr::from_str(&read(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The files of a folder of ops/ with this ending, as paths of the repository.
fn files(folder: &str, ending: &str) -> Vec<String> {
    let entries = std::fs::read_dir(root().join(folder)).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut found: Vec<String> =
        names.filter(|name| name.ends_with(ending)).map(|name| format!("{folder}/{name}")).collect();
    found.sort();
    assert!(!found.is_empty(), "{folder} has no {ending}");
    found
}
