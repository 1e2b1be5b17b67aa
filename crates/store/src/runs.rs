//! What requests read of runs.

use crate::principals::Named;
use crate::{Database, DbError, Limit, Readable, Taken, call, text};
use mw_kernel::Timestamp;
use mw_kernel::principal::Principal;
use mw_kernel::run::{AnyRun, Facts, Kinds};
use mw_kernel::status::StatusWord;
use serde::Deserialize;
use serde_json::{Value, json};

/// A loaded run with what is left of the caller's limit.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Loaded {
    /// Whose key was asked with; `None` when nobody's, and then nothing else is told.
    pub principal: Option<Principal>,
    pub limit: Option<Taken>,
    /// `None` when unknown, and when the limit is used up.
    pub run: Option<AnyRun>,
    /// What is known of the approver whom the link names.
    pub approver: Option<Named>,
}

/// Who asks for a run.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asking<'a> {
    /// SHA-256 of a key in hex, when whose it is has yet to be found out.
    pub key_hash: Option<&'a str>,
    /// The name in a link.
    pub approver: Option<&'a str>,
    pub limit: Option<&'a Limit<'a>>,
}

/// Loads a run's state, takes one from a limit, and finds out who asks.
pub fn load_for(db: &mut dyn Database, now: Timestamp, run_id: &str, by: Asking<'_>) -> Result<Loaded, DbError> {
    let Asking { key_hash, approver, limit } = by;
    let request = json!({
        "now": text(now), "run_id": run_id, "key_hash": key_hash, "approver": approver, "limit": limit,
    });
    call(db, "run_fetch", &request)
}

/// The same for somebody who is known.
pub fn load(db: &mut dyn Database, now: Timestamp, run_id: &str, limit: Option<&Limit<'_>>) -> Result<Loaded, DbError> {
    load_for(db, now, run_id, Asking { limit, ..Asking::default() })
}

/// What a run start needs to know.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct StartLoaded {
    /// Whose key was asked with.
    pub principal: Option<Principal>,
    pub limit: Option<Taken>,
    pub project: Option<ProjectVersion>,
    /// Keys of all projects with runs, for the error of an unknown one.
    pub known: Vec<String>,
    /// For whom the run is: behind a principal's key their own name or a part of it; `None` where nobody was named.
    pub user_id: Option<String>,
    /// The body named another than the caller; then nothing may start.
    pub is_somebody_else: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ProjectVersion {
    pub key: String,
    pub version: String,
    pub digest: String,
}

/// Loads a project's current version, decides for whom a run of it may be, takes one from a limit, and finds out whose key it is, where that is not known.
pub fn start_load(
    db: &mut dyn Database,
    now: Timestamp,
    key_hash: Option<&str>,
    project: &str,
    user_id: Option<&str>,
    limit: &Limit<'_>,
) -> Result<StartLoaded, DbError> {
    let request =
        json!({"now": text(now), "key_hash": key_hash, "project": project, "user_id": user_id, "limit": limit});
    call(db, "start_load", &request)
}

/// Reads a run as the API shows it, artifacts included; `None` when unknown.
pub fn view(db: &mut dyn Database, run_id: &str) -> Result<Option<Value>, DbError> {
    call(db, "run_view", &json!({"run_id": run_id}))
}

/// Filters of a list; all of them must match.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    pub status: Option<StatusWord>,
    pub project: Option<String>,
    pub user_id: Option<String>,
    /// Only runs made before this moment (RFC 3339).
    pub created_before: Option<String>,
    /// Only runs made at this moment or later (RFC 3339).
    pub created_after: Option<String>,
    /// Only runs whose deadline had passed at this moment (RFC 3339).
    pub overdue_at: Option<String>,
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
    call(db, "run_list", &filter.to_json(limit))
}

impl Filter {
    pub(crate) fn to_json(&self, limit: u32) -> Value {
        let before =
            self.before.as_ref().map(|(created_at, run_id)| json!({"created_at": created_at, "run_id": run_id}));
        json!({
            "status": self.status, "project": self.project, "user_id": self.user_id,
            "created_before": self.created_before, "created_after": self.created_after, "overdue_at": self.overdue_at,
            "before": before, "limit": limit,
        })
    }
}

/// A run of a list with its state; `Err` holds the reason when this version cannot read it.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    pub run_id: String,
    /// What the list is sorted by, for the next page's key.
    pub at: String,
    /// Who asked for the run's end in SQL, in a list of such runs.
    pub end_requested_by: Option<String>,
    pub run: Result<Box<AnyRun>, String>,
}

impl<'de> Deserialize<'de> for Listed {
    /// Reads a row whose run may be unreadable: one bad run must not hide the others.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Row {
            run_id: String,
            #[serde(alias = "created_at")]
            at: String,
            #[serde(default)]
            end_requested_by: Option<String>,
            run: Readable<Box<AnyRun>>,
        }
        let Row { run_id, at, end_requested_by, run: Readable(run) } = Row::deserialize(deserializer)?;
        Ok(Listed { run_id, at, end_requested_by, run })
    }
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct States {
    pub limit: Option<Taken>,
    pub runs: Vec<Listed>,
    pub more: bool,
}

/// Reads the states of a list of runs, newest first, one page by key, and takes one from a limit.
pub fn states(
    db: &mut dyn Database,
    now: Timestamp,
    filter: &Filter,
    page: u32,
    limit: &Limit<'_>,
) -> Result<States, DbError> {
    let request = json!({"now": text(now), "rate": limit, "filter": filter.to_json(page)});
    call(db, "run_states", &request)
}

/// A run with what is known of its work.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Explained {
    pub run: AnyRun,
    pub facts: Facts,
}

/// Reads what explains a run; `None` when unknown.
pub fn facts(db: &mut dyn Database, kinds: Kinds, run_id: &str) -> Result<Option<Explained>, DbError> {
    call(db, "run_facts", &json!({"run_id": run_id, "step_events": kinds.step_events()}))
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Timeline {
    pub events: Vec<Value>,
    pub more: bool,
}

/// Reads a page of a run's timeline after a sequence number; `None` for an unknown run.
pub fn timeline(db: &mut dyn Database, run_id: &str, after: u64, limit: u32) -> Result<Option<Timeline>, DbError> {
    call(db, "run_timeline", &json!({"run_id": run_id, "after": after, "limit": limit}))
}
