//! Who may name a kind: nobody names this one, and what is true of every run names none at all.

use std::path::{Path, PathBuf};

fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut open = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(folder)];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path
            .extension()
            .is_some_and(|ext| ["rs", "sql", "html", "toml", "json"].iter().any(|known| ext == *known))
        {
            let text = std::fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
    assert!(!found.is_empty(), "{folder} has sources");
    found
}

/// What is built, without its tests.
fn built(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default()
}

#[test]
fn nobody_names_the_kind_of_these_tests() {
    let folders = ["components", "crates", "migrations", "projects"];
    for (path, text) in folders.into_iter().flat_map(sources) {
        let shown = path.display().to_string();
        let is_test = shown.contains("/tests/") || shown.contains("crates/toy/") || shown.ends_with("Cargo.toml");
        for word in ["mw_toy", "mw-toy", "'counter'", "CounterEvent"] {
            assert!(is_test || !built(&text).contains(word), "{shown} names {word}");
        }
    }
}

#[test]
fn what_takes_any_run_names_no_kind() {
    let generic = [
        "crates/kernel/src",
        "crates/store/src/commit.rs",
        "crates/store/src/batch.rs",
        "crates/store/src/runs.rs",
        "crates/store/src/unreadable.rs",
        "crates/store/src/drain.rs",
        "crates/store/src/effects.rs",
        "crates/store/src/gates.rs",
        "crates/store/src/console.rs",
        "crates/store/src/channels.rs",
        "crates/store/src/sweep.rs",
        "crates/store/src/doctor.rs",
        "crates/store/src/doctor",
        "crates/engine/src/lib.rs",
        "crates/engine/src/perform.rs",
        "crates/engine/src/performer.rs",
        "crates/engine/src/finalise.rs",
        "crates/engine/src/notify.rs",
        "crates/engine/src/export.rs",
        "crates/sweep/src",
        "crates/edge/src",
        "crates/channels/src",
        "crates/operations/src/gate",
        "crates/operations/src/verbs",
        "crates/operations/src/runs",
        "crates/console/src/gate.rs",
        "crates/console/src/inbox.rs",
        "crates/console/src/run.rs",
        "crates/console/src/runs.rs",
        "crates/console/src/steps.rs",
        "crates/console/src/timeline.rs",
        "crates/console/src/verbs.rs",
        "crates/console/src/view.rs",
        "crates/api/src",
    ];
    for (path, text) in generic.into_iter().flat_map(sources) {
        for word in ["mw_media::run", "mw_media::status", "mw_media::job", "mw_media::persona"] {
            assert!(!built(&text).contains(word), "{} names {word}", path.display());
        }
    }
}
