//! A manifest of the clone: what it declares, and where its components are built. `./dev up` builds components that are quick to
//! link instead of small (`MW_COMPONENTS` names their folder); hosts then get a copy of the manifest that names those.

use mw::error::{Error, Result, While};
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

/// The folder of components that are served in place of those that the manifests name.
const COMPONENTS: &str = "MW_COMPONENTS";

pub struct Manifest {
    /// Relative sources begin at its folder.
    path: PathBuf,
    text: String,
    parsed: toml::Table,
}

impl Manifest {
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| Error::misuse(format!("cannot read {}: {error}", path.display())))?;
        Ok(Self { path: path.to_path_buf(), ..Self::of(&text)? })
    }

    /// A manifest that is in no file.
    pub fn of(text: &str) -> Result<Self> {
        let parsed = text.parse().map_err(|error| Error::misuse(format!("the manifest is no TOML: {error}")))?;
        Ok(Self { path: PathBuf::new(), text: text.to_owned(), parsed })
    }

    /// The names of its variables.
    #[must_use]
    pub fn variables(&self) -> BTreeSet<String> {
        let variables = self.parsed.get("variables").and_then(toml::Value::as_table);
        variables.into_iter().flat_map(|table| table.keys().cloned()).collect()
    }

    /// Its `source = "….wasm"` values.
    #[must_use]
    pub fn sources(&self) -> Vec<String> {
        let components = self.parsed.get("component").and_then(toml::Value::as_table);
        let source = |component: &toml::Value| Some(component.get("source")?.as_str()?.to_owned());
        components.into_iter().flat_map(|table| table.values().filter_map(source)).collect()
    }

    /// The file that a host is to be started with: this one, or a copy in `aside` where `MW_COMPONENTS` names other components.
    /// Everything that it names is built.
    pub(crate) fn for_host(&self, aside: &Path) -> Result<PathBuf> {
        self.with_components(std::env::var_os(COMPONENTS).map(PathBuf::from).as_deref(), aside)
    }

    fn with_components(&self, components: Option<&Path>, aside: &Path) -> Result<PathBuf> {
        let mut text = self.text.clone();
        for source in self.sources() {
            let built = match components {
                Some(folder) => folder.join(Path::new(&source).file_name().unwrap_or_default()),
                None => self.path.parent().unwrap_or(Path::new(".")).join(&source),
            };
            if !built.is_file() {
                return Err(Error::misuse(format!("the component {} is not built: run ./dev build", built.display())));
            }
            text = text.replace(&format!("\"{source}\""), &format!("\"{}\"", built.display()));
        }
        if components.is_none() {
            return Ok(self.path.clone());
        }
        let copy = aside.join(self.path.file_name().unwrap_or_default());
        std::fs::write(&copy, text).while_doing(format!("write {}", copy.display()))?;
        Ok(copy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "[variables]\nx = {}\n[component.a]\nsource = \"target/release/a.wasm\"\n\
                        [component.b]\nsource = { url = \"x\" }\n";

    #[test]
    fn the_manifest_names_what_must_be_built() {
        let manifest = Manifest::of(TEXT).unwrap();
        assert_eq!(manifest.sources(), ["target/release/a.wasm"]);
        assert_eq!(manifest.variables(), BTreeSet::from(["x".to_owned()]));
        assert_eq!(Manifest::of("nonsense").err().unwrap().exit_code(), 2);
    }

    #[test]
    fn components_of_development_are_named_in_a_copy() {
        let folder = std::env::temp_dir().join(format!("mw-manifest-{}", uuid::Uuid::new_v4()));
        let (built, aside) = (folder.join("development"), folder.join("log"));
        for made in [&built, &aside] {
            std::fs::create_dir_all(made).unwrap();
        }
        let path = folder.join("spin.toml");
        std::fs::write(&path, TEXT).unwrap();
        let manifest = Manifest::read(&path).unwrap();

        let error = manifest.with_components(None, &aside).unwrap_err().to_string();
        assert!(error.contains("target/release/a.wasm is not built"), "{error}");
        std::fs::write(built.join("a.wasm"), "").unwrap();
        let copy = manifest.with_components(Some(&built), &aside).unwrap();
        assert_eq!(copy, aside.join("spin.toml"));
        let sources = Manifest::read(&copy).unwrap().sources();
        assert_eq!(sources, [built.join("a.wasm").display().to_string()]);

        std::fs::create_dir_all(folder.join("target/release")).unwrap();
        std::fs::write(folder.join("target/release/a.wasm"), "").unwrap();
        assert_eq!(manifest.with_components(None, &aside).unwrap(), path);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
