//! Project definitions: reading them from files, and storing them in the database.

use crate::error::{Error, Result};
use mw_integrations::jobs::JobProvider;
use mw_integrations::registry::{job_provider, job_providers};
use mw_media::definition::{Definition, DefinitionError, Fault, Work, faults::sentences};
use mw_store::{Database, DbError, native::Client, projects::Applied};
use std::path::Path;

mod schema;

/// The valid definitions of a folder's `*.json`, by file name; the first bad one is the error.
pub fn from_folder(folder: &Path) -> Result<Vec<Definition>> {
    let entries = std::fs::read_dir(folder)
        .map_err(|error| Error::misuse(format!("cannot read the projects in {}: {error}", folder.display())))?;
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json") && !is_schema(path));
    paths.sort();
    if paths.is_empty() {
        return Err(Error::misuse(format!("there is no project (*.json) in {}", folder.display())));
    }
    paths.iter().map(|path| from_file(path)).collect()
}

/// Whether it is the published schema, which lies beside the definitions.
pub fn is_schema(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == "schema.json")
}

fn from_file(path: &Path) -> Result<Definition> {
    check(path)?.map_err(|faults| Error::failed(format!("{}: {}", path.display(), sentences(&faults))))
}

/// The definition of a file, or everything that is wrong with it: first its shape, then its rules.
pub fn check(path: &Path) -> Result<std::result::Result<Definition, Vec<Fault>>> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Error::misuse(format!("cannot read {}: {error}", path.display())))?;
    let mut faults = match serde_json::from_str(&text) {
        Ok(file) => schema::faults(&file)?,
        Err(error) => return Ok(Err(vec![Fault::at("", format!("not JSON: {error}"))])),
    };
    let read = Definition::from_json(&text);
    faults.extend(read.iter().flat_map(unknown_providers));
    match read {
        Ok(definition) if faults.is_empty() => return Ok(Ok(definition)),
        Ok(_) => {}
        Err(DefinitionError::Faults(broken)) => faults.extend(broken),
        // The schema has named the place.
        Err(DefinitionError::Shape(_)) if !faults.is_empty() => {}
        Err(DefinitionError::Shape(error)) => faults.push(Fault::at("", error)),
    }
    Ok(Err(faults))
}

/// Where a definition orders something of a provider that does not make it.
fn unknown_providers(definition: &Definition) -> Vec<Fault> {
    let places = definition.steps.iter().enumerate().filter_map(|(index, step)| Some((index, step.work()?)));
    let makes = |provider: &dyn JobProvider, kind| provider.makes().contains(&kind);
    let unknown = places.filter(|(_, work)| !job_provider(work.provider).is_some_and(|found| makes(found, work.kind)));
    unknown
        .map(|(index, Work { kind, provider, .. })| {
            let known: Vec<&str> =
                job_providers().filter(|(_, found)| makes(*found, kind)).map(|(system, _)| system.name).collect();
            let detail = format!("{provider} is no provider that can {kind}; there is {}", known.join(", "));
            Fault::at(format!("/steps/{index}/provider"), detail)
        })
        .collect()
}

/// Stores a definition; says what came of it. A stored version never changes.
pub fn apply(database: &mut dyn Database, definition: &Definition) -> Result<&'static str> {
    match mw_store::projects::apply(database, definition).map_err(|error| unreadable(&error))? {
        Applied::Added => Ok("added"),
        Applied::Unchanged => Ok("unchanged"),
        Applied::Current => Ok("current again"),
        Applied::Conflict => Err(Error::failed(format!(
            "project {} changed, but its version {} did not: give it a new version (a stored version never changes)",
            definition.key, definition.version
        ))),
    }
}

/// The current definitions.
pub fn stored(database: &mut dyn Database) -> Result<Vec<Definition>> {
    mw_store::projects::list(database, None).map_err(|error| unreadable(&error))
}

/// Connects to the database that `url` names.
pub fn connect(url: &str) -> Result<Client> {
    crate::migrations::connect(url).map(Client::from)
}

fn unreadable(error: &DbError) -> Error {
    Error::failed(format!("cannot reach the projects in the database ({error}): is it migrated? mw db migrate"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mw_media::definition::Step;

    #[test]
    fn the_shipped_projects_are_valid() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../projects");
        let keys: Vec<String> = from_folder(&folder).unwrap().into_iter().map(|definition| definition.key).collect();
        assert_eq!(keys, ["aismr", "general", "test_video_gen"]);
    }

    #[test]
    fn a_provider_that_does_not_make_it_is_named_with_its_place() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../projects");
        let mut definition = from_folder(&folder).unwrap().remove(0);
        assert_eq!(unknown_providers(&definition), []);
        let mut other = "nobody".to_owned();
        for step in &mut definition.steps {
            match step {
                Step::Generate { provider, .. } | Step::Render { provider, .. } => std::mem::swap(provider, &mut other),
                Step::Publish { .. } | Step::Gate { .. } | Step::Persona { .. } => {}
            }
        }
        let faults = unknown_providers(&definition);
        let places: Vec<&str> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
        assert_eq!(places, ["/steps/4/provider", "/steps/6/provider"]);
        assert!(faults[0].detail.starts_with("nobody is no provider that can generate; there is "), "{faults:?}");
    }

    #[test]
    fn a_bad_file_is_named() {
        let folder = std::env::temp_dir().join(format!("mw-projects-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&folder).unwrap();
        assert_eq!(from_folder(&folder).unwrap_err().exit_code(), 2);
        std::fs::write(folder.join("bad.json"), "{}").unwrap();
        let refused = from_folder(&folder).unwrap_err().to_string();
        assert!(refused.contains("bad.json: /key: add it"), "{refused}");
        std::fs::remove_dir_all(folder).unwrap();
    }
}
