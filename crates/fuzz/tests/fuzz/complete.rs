//! The list of parsers is the table of targets. What stands in the sources and not in the table fails here: a component, or
//! a function that others can call, named as parsers are, that takes text, bytes, JSON or a request.

use mw_fuzz::targets::{TARGETS, UNREACHED};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Crates that run in no component and read nothing of a stranger's.
const TOOLS: [&str; 6] = ["bench", "chaos", "fuzz", "host", "sim", "stack"];
const NAMES: [&str; 8] = ["parse", "parse_", "read", "read_", "verify", "from_json", "is_from_", "decoded"];
const INPUTS: [&str; 8] = ["&str", "[u8]", "&Value", ": Value", "&Map<", "&mut Request", "&Request", "&HeaderMap"];
/// Steps of a parser that is on the list, with its inputs.
const STEPS: [&str; 3] = ["dyn Database", "Fields<", "config: &Config"];

#[test]
fn every_component_has_a_target() {
    let known: BTreeSet<&str> =
        TARGETS.iter().flat_map(|target| target.components).copied().chain(unreached()).collect();
    let found = std::fs::read_dir(root().join("components")).unwrap();
    let found: BTreeSet<String> = found.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    let missing: Vec<&String> = found.iter().filter(|name| !known.contains(name.as_str())).collect();
    assert!(missing.is_empty(), "name them in crates/fuzz/src/targets.rs: {missing:?}");
}

#[test]
fn every_parser_has_a_target() {
    let known: BTreeSet<&str> = TARGETS.iter().flat_map(|target| target.parsers).copied().chain(unreached()).collect();
    let found: BTreeSet<String> = sources().iter().flat_map(|(module, text)| parsers(module, text)).collect();
    let missing: Vec<&String> = found.iter().filter(|name| !known.contains(name.as_str())).collect();
    assert!(missing.is_empty(), "name them in crates/fuzz/src/targets.rs: {missing:?}");
    let components: BTreeSet<&str> = TARGETS.iter().flat_map(|target| target.components).copied().collect();
    let gone = known.iter().filter(|name| name.contains("::") && !components.contains(*name));
    let gone: Vec<&&str> = gone.filter(|name| !found.contains(**name) && !NAMED_OTHERWISE.contains(*name)).collect();
    assert!(gone.is_empty(), "no longer there: {gone:?}");
}

/// On the list though their names are no parser's.
const NAMED_OTHERWISE: [&str; 3] = ["knowledge/document::documents", "standard::sources", "chat/ask::open"];

fn unreached() -> impl Iterator<Item = &'static str> {
    UNREACHED.iter().map(|(name, _)| *name)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Modules of the crates by their paths below `src`, with their texts up to their tests.
fn sources() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(root().join("crates")).unwrap() {
        let source = entry.unwrap().path();
        if !TOOLS.iter().any(|tool| source.ends_with(tool)) {
            gather(&source.join("src"), "", &mut found);
        }
    }
    found
}

fn gather(folder: &Path, module: &str, found: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let inner = if module.is_empty() { stem.to_owned() } else { format!("{module}/{stem}") };
        if path.is_dir() {
            gather(&path, &inner, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let text = text.split("#[cfg(test)]\nmod tests {\n").next().unwrap_or_default().to_owned();
            found.push((if stem == "mod" { module.to_owned() } else { inner }, text));
        }
    }
}

/// The parsers of a module, as the table names them.
fn parsers(module: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("fn ") {
        let line = text[..at].rfind('\n').map_or(&text[..at], |line| &text[line + 1..at]);
        let (name, rest) = text[at + 3..].split_once('(').unwrap_or_default();
        let name = name.split('<').next().unwrap_or_default();
        let inputs = rest.split(')').next().unwrap_or_default();
        let is_named = NAMES.iter().any(|known| name == *known || known.ends_with('_') && name.starts_with(known));
        let takes =
            INPUTS.iter().any(|input| inputs.contains(input)) && !STEPS.iter().any(|step| inputs.contains(step));
        if line.trim_start().starts_with("pub") && is_named && takes {
            found.push(format!("{module}::{name}"));
        }
    }
    found
}
