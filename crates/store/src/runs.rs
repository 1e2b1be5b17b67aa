//! What requests read of runs.

use crate::{Database, DbError, Limit, Taken, call, text};
use mw_core::Timestamp;
use mw_core::run::Run;
use mw_core::status::Status;
use serde::Deserialize;
use serde_json::{Value, json};

/// A loaded run with what is left of the caller's limit.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Loaded {
    pub limit: Option<Taken>,
    /// `None` when unknown, and when the limit is used up.
    pub run: Option<Run>,
}

/// Loads a run's state and takes one from a limit.
pub fn load(db: &mut dyn Database, now: Timestamp, run_id: &str, limit: Option<&Limit<'_>>) -> Result<Loaded, DbError> {
    call(db, "SELECT run_load($1)", &json!({"now": text(now), "run_id": run_id, "limit": limit}))
}

/// What a run start needs to know.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct StartLoaded {
    pub limit: Option<Taken>,
    pub project: Option<ProjectVersion>,
    /// Keys of all projects with runs, for the error of an unknown one.
    pub known: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ProjectVersion {
    pub key: String,
    pub version: String,
    pub digest: String,
}

/// Loads a project's current version and takes one from a limit.
pub fn start_load(
    db: &mut dyn Database,
    now: Timestamp,
    project: &str,
    limit: &Limit<'_>,
) -> Result<StartLoaded, DbError> {
    call(db, "SELECT start_load($1)", &json!({"now": text(now), "project": project, "limit": limit}))
}

/// Reads a run as the API shows it, artifacts included; `None` when unknown.
pub fn view(db: &mut dyn Database, run_id: &str) -> Result<Option<Value>, DbError> {
    call(db, "SELECT run_view($1)", &json!({"run_id": run_id}))
}

/// Filters of a list; all of them must match.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    pub status: Option<Status>,
    pub project: Option<String>,
    pub user_id: Option<String>,
    /// Creation time and id of the last run of the page before.
    pub before: Option<(String, String)>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Page {
    pub runs: Vec<Value>,
    pub more: bool,
}

/// Lists runs, newest first, one page by key.
pub fn list(db: &mut dyn Database, filter: &Filter, limit: u32) -> Result<Page, DbError> {
    let before = filter.before.as_ref().map(|(created_at, run_id)| json!({"created_at": created_at, "run_id": run_id}));
    let request = json!({
        "status": filter.status, "project": filter.project, "user_id": filter.user_id, "before": before, "limit": limit,
    });
    call(db, "SELECT run_list($1)", &request)
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Timeline {
    pub events: Vec<Value>,
    pub more: bool,
}

/// Reads a page of a run's timeline after a sequence number; `None` for an unknown run.
pub fn timeline(db: &mut dyn Database, run_id: &str, after: u64, limit: u32) -> Result<Option<Timeline>, DbError> {
    call(db, "SELECT run_timeline($1)", &json!({"run_id": run_id, "after": after, "limit": limit}))
}
