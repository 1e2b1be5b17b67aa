//! A database with the schema of migrations/, for tests that do not link `mw`.

use mw_store::native::Client;
use std::path::{Path, PathBuf};

pub(crate) fn migrate(db: &mut Client) {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../migrations"));
    let mut files = vec![folder.join("ledger.sql")];
    collect(&folder.join("tables"), &mut files);
    collect(&folder.join("functions"), &mut files);
    // Functions call one another, whichever is made first.
    db.driver().batch_execute("SET check_function_bodies = off").unwrap();
    for file in files {
        db.driver().batch_execute(&std::fs::read_to_string(file).unwrap()).unwrap();
    }
    mw_store::effects::register_providers(db, &mw_integrations::registry::rows()).unwrap();
    // `mw-mutants` sees whether a test notices a function with a guard less.
    if let Ok(mutant) = std::env::var("MW_SQL_MUTANT") {
        db.driver().batch_execute(&mutant).unwrap();
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() { collect(&path, files) } else { files.push(path) }
    }
}
