// The number of the newest file in migrations/tables: what /ready asks the database for.
use std::{env, fs, io, path::PathBuf};

fn main() -> io::Result<()> {
    let folder =
        PathBuf::from(env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?).join("../../migrations/tables");
    println!("cargo:rerun-if-changed={}", folder.display());
    let mut newest = 0;
    for entry in fs::read_dir(&folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let number = name.split('_').next().and_then(|number| number.parse::<u64>().ok());
        newest = newest.max(number.unwrap_or_default());
    }
    fs::write(PathBuf::from(env::var("OUT_DIR").map_err(io::Error::other)?).join("migration.rs"), newest.to_string())
}
