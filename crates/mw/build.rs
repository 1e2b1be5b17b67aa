// Builds the schema into the command: one (path, text) pair for each SQL file of migrations/tables and migrations/functions.
use std::{env, fs, io, path::Path, path::PathBuf};

fn main() -> io::Result<()> {
    let folder = PathBuf::from(env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?).join("../../migrations");
    let mut files = Vec::new();
    for part in ["tables", "functions"] {
        let part = folder.join(part);
        println!("cargo:rerun-if-changed={}", part.display());
        collect(&part, &mut files)?;
    }
    files.sort();
    let mut list = String::from("&[\n");
    for path in files {
        let name = path.strip_prefix(&folder).map_err(io::Error::other)?.to_string_lossy();
        list.push_str(&format!("    ({name:?}, include_str!({:?})),\n", path.canonicalize()?));
    }
    list.push(']');
    fs::write(PathBuf::from(env::var("OUT_DIR").map_err(io::Error::other)?).join("schema.rs"), list)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "sql") {
            files.push(path);
        }
    }
    Ok(())
}
