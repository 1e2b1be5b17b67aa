//! Every variable that the docs name is read by code, and every one that is read is in the docs.

use crate::readme::root;
use mw_stack::manifest::Manifest;
use std::collections::BTreeSet;
use std::path::Path;

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

/// All Rust sources below a folder, in one text.
fn sources(folder: &Path, text: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            // Tests make up names of their own.
            let source = std::fs::read_to_string(path).unwrap();
            text.push_str(source.split("#[cfg(test)]").next().unwrap());
        }
    }
}

/// What the two manifests declare, in lower case.
fn declared() -> BTreeSet<String> {
    let manifests = ["spin.toml", "spin-cron.toml"];
    manifests.iter().flat_map(|manifest| Manifest::of(&read(manifest)).unwrap().variables()).collect()
}

/// The names that the page lists in the first column of its table of settings.
fn documented() -> BTreeSet<String> {
    let page = read("docs/configuration.md");
    let rows = page.lines().filter(|line| line.starts_with("| `"));
    let names = rows.flat_map(|row| row.split('|').nth(1).unwrap().split('`').skip(1).step_by(2));
    names.filter(|name| name.chars().all(|c| c.is_ascii_uppercase() || c == '_')).map(str::to_lowercase).collect()
}

#[test]
fn documented_variables_are_those_of_the_manifests() {
    // The page says of all *_host at once what they are, and explains the older switch beside the newer one.
    let page = read("docs/configuration.md");
    assert!(page.contains("`USE_MOCK_PROVIDERS=true`") && page.contains("end in `_host`"));
    let expected: BTreeSet<String> = declared()
        .into_iter()
        .filter(|name| !name.ends_with("_host") && name != "use_mock_providers")
        // What only `mw` reads.
        .chain(
            ["api_base_url", "cli_api_env", "embeddings_model", "simulator_url", "staging_api_key"].map(str::to_owned),
        )
        .collect();
    assert_eq!(documented(), expected);
}

#[test]
fn every_variable_is_granted_and_read() {
    let manifests = [read("spin.toml"), read("spin-cron.toml")].concat();
    let mut text = String::new();
    [
        "crates/configuration/src",
        "crates/edge/src",
        "crates/operations/src",
        "crates/api/src",
        "crates/chat/src",
        "crates/console/src",
        "crates/mcp/src",
        "crates/channels/src",
        "crates/engine/src",
        "crates/integrations/src",
        "components",
    ]
    .iter()
    .for_each(|folder| sources(&root().join(folder), &mut text));
    for name in declared() {
        assert!(manifests.contains(&format!("{{{{ {name} }}}}")), "{name} is granted to nobody");
        if name.ends_with("_host") {
            continue;
        }
        // `Config::secrets` reads a secret and its `_previous`.
        let base = name.strip_suffix("_previous").unwrap_or(&name);
        assert!(text.contains(&format!("\"{base}\"")) || is_composed(&text, base), "{name} is read by nobody");
    }
}

#[test]
fn every_variable_that_mw_reads_is_documented_or_in_its_help() {
    let mut text = String::new();
    sources(&root().join("crates/mw/src"), &mut text);
    let page = read("docs/configuration.md");
    let help = text.clone();
    let named = ["settings.get(\"", "settings.need(\"", "given(\"", "env = \""];
    let mut found = BTreeSet::new();
    for opening in named {
        found.extend(text.split(opening).skip(1).filter_map(|rest| rest.split('"').next()));
    }
    assert!(found.len() > 10, "{found:?}");
    for name in
        found.into_iter().filter(|name| name.chars().all(|c| c.is_ascii_uppercase() || c == '_') && name.len() > 3)
    {
        let in_help = help.contains(&format!("env = \"{name}\""));
        assert!(
            page.contains(name) || in_help || name == "MWPY_SKIP_DOTENV",
            "{name} is read by mw and explained nowhere"
        );
    }
}

/// `"{name}_base_url"` where there is also a `"kieai"`.
fn is_composed(text: &str, variable: &str) -> bool {
    let splits = variable.match_indices('_').map(|(at, _)| variable.split_at(at));
    splits.into_iter().any(|(name, rest)| {
        text.contains(&format!("\"{name}\"")) && text.contains(&format!("format!(\"{{name}}{rest}\")"))
    })
}
