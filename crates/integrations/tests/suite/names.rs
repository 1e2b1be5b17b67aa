//! No provider is named outside its own places: everybody else asks the registry, or has the name from a row, a definition or a
//! request.

use mw_integrations::registry::job_providers;
use mw_integrations::system::System;
use std::path::{Path, PathBuf};

/// Where a provider may be named, besides data: `{folder}` is its folder, `{name}` its name, `*` one folder of any name.
/// Beside its own folders these are the lists that register it, what tests speak of by name, and the application's manifest.
const PLACES: [&str; 12] = [
    "crates/integrations/src/{folder}/",
    "crates/integrations/src/lib.rs",
    "crates/integrations/src/registry.rs",
    "crates/integrations/tests/",
    "crates/sim/src/{folder}/",
    "crates/sim/src/lib.rs",
    "crates/sim/src/player.rs",
    "components/webhook-{name}/",
    "crates/*/tests/",
    "crates/fuzz/",
    "tests/",
    "spin.toml",
];

/// What is program, not data: definitions, documentation, dashboards and knowledge name providers freely.
const PROGRAMS: [&str; 8] = ["rs", "sql", "html", "js", "css", "toml", "wit", "py"];
const DATA: [&str; 4] = ["docs", "ops", "projects", "data"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every program file, by its path from the root.
fn programs(folder: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let local = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
        let is_ours = !local.starts_with('.') && local != "target" && !DATA.contains(&local.as_str());
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        if path.is_dir() && is_ours && !path.is_symlink() {
            programs(&path, found);
        } else if path.is_file() && PROGRAMS.contains(&extension) {
            found.push(local);
        }
    }
}

fn is_its_place(path: &str, system: &System) -> bool {
    PLACES.iter().any(|place| {
        let place = place.replace("{folder}", &system.name.replace('-', "_")).replace("{name}", system.name);
        let mut wanted = place.split('/');
        let fits = |wanted: &str, part: &str| wanted == "*" || wanted == part || wanted.is_empty();
        path.split('/').zip(wanted.by_ref()).all(|(part, wanted)| fits(wanted, part)) && wanted.all(str::is_empty)
    })
}

/// The spellings of its name.
fn spellings(system: &System) -> [String; 4] {
    let name = system.name;
    [name.to_owned(), name.replace('-', "_"), name.replace('-', ""), system.title.to_lowercase()]
}

#[test]
fn providers_are_named_in_their_own_places_only() {
    let mut files = Vec::new();
    programs(&root(), &mut files);
    let mut named = Vec::new();
    for path in files {
        let text = std::fs::read_to_string(root().join(&path)).unwrap().to_lowercase();
        for (system, _) in job_providers().filter(|(system, _)| !is_its_place(&path, system)) {
            let lines = text.lines().enumerate();
            let lines = lines.filter(|(_, line)| spellings(system).iter().any(|name| line.contains(name.as_str())));
            named.extend(lines.map(|(number, _)| format!("{path}:{}: {}", number + 1, system.name)));
        }
    }
    assert!(named.is_empty(), "ask the registry instead:\n{}", named.join("\n"));
}

#[test]
fn a_place_is_a_folder_or_a_file() {
    let (system, _) = job_providers().next().unwrap();
    for (path, is_its) in [
        (format!("crates/integrations/src/{}/wire.rs", system.name), true),
        (format!("components/webhook-{}/src/lib.rs", system.name), true),
        ("crates/store/tests/store/limits.rs".to_owned(), true),
        ("spin.toml".to_owned(), true),
        ("crates/integrations/src/jobs.rs".to_owned(), false),
        ("crates/store/src/webhooks.rs".to_owned(), false),
        ("migrations/schema.sql".to_owned(), false),
    ] {
        assert_eq!(is_its_place(&path, system), is_its, "{path}");
    }
}
