//! Whether the database is reachable and current.

use crate::{Database, DbError, call};
use serde::Deserialize;
use serde_json::Value;

/// The newest migration that is applied.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Readiness {
    pub migration: u64,
    pub sweep_last_success_at: Option<String>,
}

/// Asks whether the database is reachable and current.
pub fn readiness(db: &mut dyn Database) -> Result<Readiness, DbError> {
    call(db, "readiness", &Value::Object(serde_json::Map::new()))
}
