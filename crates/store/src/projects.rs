//! Definitions of projects. A stored version never changes.

use crate::{Database, DbError, call};
use mw_media::definition::Definition;
use serde::Deserialize;
use serde_json::json;

/// What applying a definition did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Applied {
    /// The version is new and now current.
    Added,
    /// The version was current already.
    Unchanged,
    /// The version was known and is current again.
    Current,
    /// The version is known with another content: the file needs a new version.
    Conflict,
}

#[derive(Deserialize)]
struct ApplyAnswer {
    result: Applied,
}

/// Stores a definition's version and makes it current.
pub fn apply(db: &mut dyn Database, definition: &Definition) -> Result<Applied, DbError> {
    let request = json!({"definition": definition, "digest": definition.digest()});
    call::<ApplyAnswer>(db, "project_apply", &request).map(|answer| answer.result)
}

/// Reads one version of a definition; `None` when unknown.
pub fn definition(db: &mut dyn Database, key: &str, version: &str) -> Result<Option<Definition>, DbError> {
    call(db, "project_definition", &json!({"key": key, "version": version}))
}

#[derive(Deserialize)]
struct ListAnswer {
    projects: Vec<Definition>,
}

/// Lists the current version of every project, or of one, by key.
pub fn list(db: &mut dyn Database, key: Option<&str>) -> Result<Vec<Definition>, DbError> {
    call::<ListAnswer>(db, "project_list", &json!({"key": key})).map(|answer| answer.projects)
}
