//! The version is in one place, the workspace's Cargo.toml; everything else that bears it follows.

use crate::read;

const VERSION: &str = env!("CARGO_PKG_VERSION");

#[test]
fn everything_that_bears_the_version_follows_the_workspace() {
    for manifest in ["spin.toml", "spin-cron.toml"] {
        let manifest: toml::Table = read(manifest).parse().unwrap();
        assert_eq!(manifest["application"]["version"].as_str(), Some(VERSION));
    }
    let spin: toml::Table = read("spin.toml").parse().unwrap();
    assert_eq!(spin["variables"]["version"]["default"].as_str(), Some(VERSION), "what /version says by default");
    let openapi: serde_json::Value = serde_json::from_str(&read("crates/web/openapi.json")).unwrap();
    assert_eq!(openapi["info"]["version"], VERSION);
    assert!(read("docs/configuration.md").contains(&format!("`local`, `{VERSION}`, `info`")));
    let newest = read("CHANGELOG.md").lines().find_map(|line| line.strip_prefix("## ").map(str::to_owned)).unwrap();
    assert!(newest.starts_with(&format!("{VERSION},")), "{newest}: a change log entry is `## version, date`");
}
