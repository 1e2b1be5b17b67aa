//! Definitions of projects, cached in Spin's key-value store. A version never changes, so an entry is never stale; one that
//! is lost or damaged is read from the database again.

use crate::context::Context;
use crate::problem::{self, Problem};
use mw_core::definition::Definition;
use mw_store::runs::ProjectVersion;
use spin_sdk::key_value::Store;

pub fn get(context: &mut Context, project: &ProjectVersion) -> Result<Definition, Problem> {
    let entry = format!("project/{}@{}", project.key, project.version);
    let store = Store::open_default().ok();
    let cached = store.as_ref().and_then(|store| store.get(&entry).ok().flatten());
    if let Some(definition) = cached.as_deref().and_then(|bytes| parse(bytes, &project.digest)) {
        return Ok(definition);
    }
    let stored = mw_store::projects::definition(context.database()?, &project.key, &project.version)?;
    let definition = stored.ok_or_else(|| problem::internal().because(format!("{entry} is not stored")))?;
    if let (Some(store), Ok(bytes)) = (store, serde_json::to_vec(&definition)) {
        // A cache that cannot be written costs a statement next time, nothing else.
        let _ = store.set(&entry, &bytes);
    }
    Ok(definition)
}

/// An entry, if it is what the digest says.
fn parse(bytes: &[u8], digest: &str) -> Option<Definition> {
    let definition: Definition = serde_json::from_slice(bytes).ok()?;
    (definition.digest() == digest).then_some(definition)
}
