//! docs/errors.md lists exactly the codes that the source can answer.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The first quoted word after each constructor of a problem.
fn codes_in(source: &str) -> impl Iterator<Item = String> + '_ {
    ["Problem::new(", "conflict("].into_iter().flat_map(move |constructor| {
        source.split(constructor).skip(1).filter_map(|rest| {
            let arguments = rest.split(')').next()?;
            let word = arguments.split('"').nth(1)?;
            Some(word.to_owned())
        })
    })
}

/// Every file of a folder and of the folders in it.
fn sources(folder: PathBuf) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.flat_map(|path| if path.is_dir() { sources(path) } else { vec![path] }).collect()
}

/// The edge, and every crate that stands on it.
fn features() -> Vec<PathBuf> {
    let crates =
        std::fs::read_dir(Path::new(ROOT).join("..")).into_iter().flatten().flatten().map(|entry| entry.path());
    let knows_edge = |folder: &PathBuf| {
        std::fs::read_to_string(folder.join("Cargo.toml")).is_ok_and(|text| text.contains("mw-edge"))
    };
    crates.filter(knows_edge).collect()
}

#[test]
fn the_page_lists_every_code_and_no_other() {
    let mut answered = BTreeSet::new();
    for path in features().into_iter().flat_map(|folder| sources(folder.join("src"))) {
        let source = std::fs::read_to_string(path).unwrap();
        // Tests make up codes of their own.
        let code = source.split("#[cfg(test)]").next().unwrap_or_default();
        answered.extend(codes_in(code));
    }
    let page = std::fs::read_to_string(format!("{ROOT}/../../docs/errors.md")).unwrap();
    let listed: BTreeSet<String> =
        page.split("<a id=\"").skip(1).filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect();
    assert_eq!(listed, answered);
}
