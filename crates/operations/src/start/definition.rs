//! Definitions of projects, cached in Spin's key-value store. A version never changes, so an entry is never stale; one that
//! is lost or damaged is read from the database again.

use mw_edge::cache::Cache;
use mw_edge::{Context, Problem, problem};
use mw_media::definition::Definition;
use mw_store::runs::ProjectVersion;

/// The definition of a project's version.
pub fn get(context: &mut Context, project: &ProjectVersion) -> Result<Definition, Problem> {
    let entry = format!("project/{}@{}", project.key, project.version);
    let cache = Cache::open();
    if let Some(definition) = cache.get(&entry).as_deref().and_then(|bytes| parse(bytes, &project.digest)) {
        return Ok(definition);
    }
    let stored = mw_store::projects::definition(context.database()?, &project.key, &project.version)?;
    let definition = stored.ok_or_else(|| problem::internal().because(format!("{entry} is not stored")))?;
    if let Ok(bytes) = serde_json::to_vec(&definition) {
        cache.set(&entry, &bytes);
    }
    Ok(definition)
}

/// An entry, if it is what the digest says.
fn parse(bytes: &[u8], digest: &str) -> Option<Definition> {
    let definition: Definition = serde_json::from_slice(bytes).ok()?;
    (definition.digest() == digest).then_some(definition)
}
