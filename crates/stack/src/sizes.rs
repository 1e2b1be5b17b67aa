//! The sizes of the built components, each of which must stay small.

use crate::manifest::Manifest;
use mw::error::{Error, Result};
use std::{collections::BTreeSet, path::Path};

/// 1.5 MB, as the design promises.
const LARGEST: u64 = 1_500_000;

/// Prints them; fails when one is too large.
pub fn run(root: &Path) -> Result<u8> {
    let mut too_large = Vec::new();
    for source in sources(root)? {
        let size = std::fs::metadata(root.join(&source))
            .map_err(|_| Error::misuse(format!("the component {source} is not built: run ./dev build")))?
            .len();
        let name = Path::new(&source).file_stem().unwrap_or_default().to_string_lossy().into_owned();
        println!("{:>10} bytes  {name}", size);
        if size > LARGEST {
            too_large.push(name);
        }
    }
    if too_large.is_empty() {
        return Ok(0);
    }
    Err(Error::failed(format!("larger than {LARGEST} bytes: {}", too_large.join(", "))))
}

fn sources(root: &Path) -> Result<BTreeSet<String>> {
    let mut sources = BTreeSet::new();
    for manifest in ["spin.toml", "spin-cron.toml"] {
        sources.extend(Manifest::read(&root.join(manifest))?.sources());
    }
    Ok(sources)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_that_is_too_large_fails() {
        let root = std::env::temp_dir().join(format!("mw-sizes-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&root).unwrap();
        std::fs::write(root.join("spin.toml"), "[component.a]\nsource = \"a.wasm\"\n").unwrap();
        std::fs::write(root.join("spin-cron.toml"), "").unwrap();
        assert_eq!(run(&root).unwrap_err().exit_code(), 2);
        std::fs::write(root.join("a.wasm"), "small").unwrap();
        assert_eq!(run(&root).unwrap(), 0);
        std::fs::File::create(root.join("a.wasm")).unwrap().set_len(LARGEST + 1).unwrap();
        assert!(run(&root).unwrap_err().to_string().contains("larger than"));
        std::fs::remove_dir_all(root).unwrap();
    }
}
