//! Whether the database is reachable and current.

use crate::{Database, DbError, MIGRATION, call};
use serde::Deserialize;
use serde_json::json;

/// What was applied to the database.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Readiness {
    /// The newest version of the tables.
    pub migration: u64,
    /// An older release than this one was the last to migrate it, so its functions are older.
    pub is_older: bool,
    pub sweep_last_success_at: Option<String>,
}

impl Readiness {
    /// Whether this code can work on the database, which may be that of a newer release.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.migration >= MIGRATION && !self.is_older
    }
}

/// Asks whether the database is reachable and current.
pub fn readiness(db: &mut dyn Database) -> Result<Readiness, DbError> {
    call(db, "readiness", &json!({ "release": env!("CARGO_PKG_VERSION") }))
}
