//! Who may depend on whom at the edge, held against the manifests.

use std::path::{Path, PathBuf};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
const FEATURES: [&str; 5] = ["mw-api", "mw-channels", "mw-chat", "mw-console", "mw-mcp"];

/// The folders of a part of the workspace.
fn folders(part: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(format!("{ROOT}/{part}")).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.join("Cargo.toml").exists()).collect()
}

/// The names of what a package depends on, in tests too.
fn dependencies(folder: &Path) -> Vec<String> {
    let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap_or_default();
    let lines =
        manifest.lines().filter_map(|line| line.split_once(".workspace = true").map(|(name, _)| name.to_owned()));
    lines
        .filter(|name| !["version", "edition", "rust-version", "license", "publish"].contains(&name.as_str()))
        .collect()
}

fn of(name: &str) -> Vec<String> {
    dependencies(Path::new(&format!("{ROOT}/crates/{}", name.trim_start_matches("mw-"))))
}

#[test]
fn only_the_edge_knows_the_sdk() {
    for folder in folders("crates").iter().chain(&folders("components")) {
        let sdk: Vec<String> = dependencies(folder)
            .into_iter()
            .filter(|name| ["spin-sdk", "spin-executor", "wasi"].contains(&name.as_str()))
            .collect();
        assert_eq!(sdk.is_empty(), !folder.ends_with("edge"), "{}: {sdk:?}", folder.display());
    }
}

#[test]
fn features_do_not_know_one_another() {
    for feature in FEATURES {
        let known = of(feature);
        assert!(known.contains(&"mw-edge".to_owned()), "{feature} stands on the edge");
        assert!(!known.iter().any(|name| FEATURES.contains(&name.as_str())), "{feature}: {known:?}");
    }
    for below in ["mw-edge", "mw-operations", "mw-configuration"] {
        assert!(!of(below).iter().any(|name| FEATURES.contains(&name.as_str())), "{below}");
    }
}

#[test]
fn the_operators_command_links_no_edge() {
    let known = of("mw");
    assert!(!known.is_empty() && !known.iter().any(|name| ["mw-edge", "mw-operations"].contains(&name.as_str())));
    assert!(!of("mw-configuration").contains(&"mw-edge".to_owned()));
}
