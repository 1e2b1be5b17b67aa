//! What the pages of the console read: one statement each, which also says who the visitor is by now.

use crate::drain::Left;
use crate::metrics::Sample;
use crate::runs::{Filter, Listed};
use crate::{Database, DbError, Limit, Param, Readable, Taken, call, read, text, write};
use mw_kernel::Timestamp;
use mw_kernel::principal::Principal;
use mw_kernel::run::{AnyRun, CommonName, Facts, Kinds};
use mw_kernel::status::{GateName, StatusWord};
use mw_media::definition::Definition;
use mw_media::metrics;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

/// What stands on every page.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Shell {
    /// Whose key the session was opened with; `None` ends the session, unless it is the environment's key.
    pub principal: Option<Principal>,
    /// Runs that wait for a person; counted to 100.
    pub waiting: u32,
    /// Counted to 100.
    pub dead_letters: u32,
    /// Set while no new run may start.
    pub draining: Option<Draining>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Draining {
    pub reason: Option<String>,
}

/// A page's own part beside the shell.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen<P> {
    pub shell: Shell,
    pub page: P,
}

/// Reads both from one answer. Not by `serde(flatten)`, which would bring a second copy of every reader into the component.
fn seen<P: DeserializeOwned>(
    db: &mut dyn Database,
    function: &'static str,
    visit: Visit<'_>,
    request: Value,
) -> Result<Seen<P>, DbError> {
    #[derive(Deserialize)]
    struct InShell {
        shell: Shell,
    }
    let answer = db.query(function, &[Param::Json(&write(&visit.with(request))?)])?;
    let InShell { shell } = read(&answer)?;
    Ok(Seen { shell, page: read(&answer)? })
}

/// Who looks, and when.
#[derive(Debug, Clone, Copy)]
pub struct Visit<'a> {
    pub now: Timestamp,
    /// SHA-256 of the key, in hex; `None` for the environment's key, which is in no table.
    pub key_hash: Option<&'a str>,
}

impl Visit<'_> {
    fn with(&self, mut request: Value) -> Value {
        if let Value::Object(members) = &mut request {
            members.insert("now".to_owned(), text(self.now).into());
            members.insert("key_hash".to_owned(), self.key_hash.into());
        }
        request
    }
}

/// Reads who the visitor is, before an action.
pub fn shell(db: &mut dyn Database, visit: Visit<'_>) -> Result<Shell, DbError> {
    call(db, "console_shell", &visit.with(json!({})))
}

/// Who holds a key, with what is left of the caller's tries.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Login {
    pub limit: Option<Taken>,
    pub principal: Option<Principal>,
}

/// Looks a key up by its hash and takes one from the limit of tries.
pub fn login(db: &mut dyn Database, now: Timestamp, key_hash: &str, limit: &Limit<'_>) -> Result<Login, DbError> {
    call(db, "console_login", &json!({"now": text(now), "key_hash": key_hash, "limit": limit}))
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Inbox {
    pub runs: Vec<Listed>,
    pub more: bool,
}

/// Reads runs that wait for a person, the most urgent first, after the given deadline and run.
pub fn inbox(
    db: &mut dyn Database,
    visit: Visit<'_>,
    after: Option<(&str, &str)>,
    limit: u32,
) -> Result<Seen<Inbox>, DbError> {
    let after = after.map(|(at, run_id)| json!({"at": at, "run_id": run_id}));
    seen(db, "console_inbox", visit, json!({"after": after, "limit": limit}))
}

/// A project to choose.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ProjectName {
    pub key: String,
    pub title: String,
}

/// A run of a list; the title is missing where the state cannot be read.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct RunRow {
    pub run_id: String,
    pub project: String,
    /// A word of its kind.
    pub status: StatusWord,
    pub title: Option<String>,
    pub user_id: String,
    /// Times are as PostgreSQL writes them.
    pub created_at: String,
    pub deadline: Option<String>,
    #[serde(default)]
    pub finished_at: Option<String>,
    #[serde(default)]
    pub parent_run_id: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Runs {
    pub projects: Vec<ProjectName>,
    pub runs: Vec<RunRow>,
    pub more: bool,
}

/// Lists runs, newest first, one page by key.
pub fn runs(db: &mut dyn Database, visit: Visit<'_>, filter: &Filter, limit: u32) -> Result<Seen<Runs>, DbError> {
    seen(db, "console_runs", visit, json!({"filter": filter.to_json(limit)}))
}

/// A run with a page of its timeline.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct RunShown {
    pub row: RunRow,
    /// The run, where this version can read what every run has; its body is another question.
    #[serde(rename = "state", deserialize_with = "if_readable")]
    pub run: Option<AnyRun>,
    pub facts: Facts,
    pub successors: Vec<String>,
    /// Newest first.
    pub events: Vec<Value>,
    pub more: bool,
    /// The newest, newest first.
    pub receipts: Vec<Receipt>,
    /// When it worked, waited and tried again, oldest first.
    pub marks: Vec<Mark>,
}

/// How the types of events end by which a run tries something again.
const TRIED_AGAIN: [&str; 3] = ["retried", "replaced", "repeated"];

/// An event that a picture of the run over time is made of.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Mark {
    #[serde(rename = "type")]
    pub event: String,
    #[serde(with = "time::serde::rfc3339")]
    pub at: Timestamp,
    pub begins_step: bool,
    /// Of the step or the gate.
    pub name: Option<String>,
}

impl Mark {
    /// Whether something was tried again then.
    #[must_use]
    pub fn is_again(&self) -> bool {
        TRIED_AGAIN.iter().any(|end| self.event.ends_with(end))
    }
}

fn if_readable<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<AnyRun>, D::Error> {
    Ok(Readable::deserialize(deserializer)?.0.ok())
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct RunPage {
    /// `None` when unknown.
    pub run: Option<RunShown>,
}

/// Reads a run with the events before a sequence number, newest first.
pub fn run(
    db: &mut dyn Database,
    kinds: Kinds,
    visit: Visit<'_>,
    run_id: &str,
    before: Option<u64>,
    limit: u32,
) -> Result<Seen<RunPage>, DbError> {
    let mut marks = vec!["gate.%".to_owned()];
    marks.extend([CommonName::RunPaused, CommonName::RunResumed].map(|name| name.as_str().to_owned()));
    marks.extend(TRIED_AGAIN.map(|end| format!("%{end}")));
    let request = json!({
        "run_id": run_id,
        "step_events": kinds.step_events(),
        "marks": marks,
        "before": before,
        "limit": limit,
    });
    seen(db, "console_run", visit, request)
}

/// What a provider sent, as it was received.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Receipt {
    pub id: String,
    pub provider: String,
    /// `valid`, `invalid`, `missing` or `unsigned`.
    pub signature: String,
    /// `accepted`, `dlq`, `discarded`, `ignored` or `refused`.
    pub outcome: String,
    /// Size of the body that came; how much of it is kept is another thing.
    pub bytes: u64,
    pub received_at: String,
    /// Refused deliveries of one body are one row.
    pub count: u64,
    pub run_id: Option<String>,
    pub settled_by: Option<String>,
    pub settled_reason: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Webhooks {
    pub receipts: Vec<Receipt>,
    pub more: bool,
    /// The newest, beside the first page only.
    pub letters: Vec<Value>,
}

/// Lists receipts, newest first, one page by key, all or only the refused ones.
pub fn webhooks(
    db: &mut dyn Database,
    visit: Visit<'_>,
    refused: bool,
    before: Option<(&str, &str)>,
    limit: u32,
) -> Result<Seen<Webhooks>, DbError> {
    let before = before.map(|(created_at, id)| json!({"created_at": created_at, "id": id}));
    let request = json!({"refused": refused, "before": before, "limit": limit});
    seen(db, "console_webhooks", visit, request)
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Letter {
    /// `None` when unknown.
    pub letter: Option<Value>,
}

/// Reads one dead letter, also a settled one, its payload cut.
pub fn letter(
    db: &mut dyn Database,
    visit: Visit<'_>,
    id: &str,
    payload_bytes: usize,
) -> Result<Seen<Letter>, DbError> {
    seen(db, "console_letter", visit, json!({"id": id, "payload_bytes": payload_bytes}))
}

/// A provider's limits, and what is used of them.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct ProviderRow {
    pub provider: String,
    /// `closed`, `open` or `half_open`.
    pub breaker: String,
    /// In a row.
    pub failures: u32,
    /// So many in a row open the breaker.
    pub breaker_failures: u32,
    pub retry_at: Option<String>,
    pub window_seconds: u32,
    pub starts_max: Option<u32>,
    /// In the last window.
    pub starts: u32,
    pub open_jobs_max: Option<u32>,
    pub open_jobs: u32,
    pub in_flight_max: Option<u32>,
    pub in_flight: u32,
    /// Effects that wait although their time has come.
    pub due: u32,
    pub oldest_due_at: Option<String>,
    /// The provider asked to be left alone until then.
    pub held_until: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Providers {
    pub providers: Vec<ProviderRow>,
    pub totals: Vec<Sample>,
    pub series: Vec<Point>,
}

/// A minute of the last hour, or an hour of the last day, in which there was something.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Point {
    /// 1 or 60.
    pub minutes: u32,
    /// So many minutes or hours back.
    pub ago: u32,
    /// Of [`metrics::SERIES`](mw_media::metrics::SERIES).
    pub name: String,
    /// Empty where it is nobody's.
    pub provider: String,
    pub count: u64,
    pub sum: f64,
}

/// Reads how every provider is met.
pub fn providers(db: &mut dyn Database, visit: Visit<'_>) -> Result<Seen<Providers>, DbError> {
    seen(db, "console_providers", visit, json!({"series": [metrics::PROVIDER_ANSWERS, metrics::PROVIDER_ERRORS]}))
}

/// The sweep's last success.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Sweep {
    /// `None` before the first one.
    pub last_success_at: Option<String>,
    pub lag_seconds: Option<f64>,
    /// What the last sweep that had work did.
    pub report: Option<Value>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct DecisionRow {
    pub run_id: String,
    pub gate: GateName,
    /// `approved` or `rejected`.
    pub decision: String,
    pub approver: String,
    pub channel: String,
    pub at: String,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct System {
    pub left: Left,
    pub sweep: Sweep,
    /// The newest that is applied.
    pub migration: u64,
    pub oldest_due_at: Option<String>,
    /// The newest decisions at gates.
    pub decisions: Vec<DecisionRow>,
    pub series: Vec<Point>,
}

/// Reads how the service is.
pub fn system(db: &mut dyn Database, visit: Visit<'_>) -> Result<Seen<System>, DbError> {
    let series = [metrics::RUNS_STARTED, metrics::RUNS_FAILED, metrics::GATE_WAITS, metrics::ANSWERS, metrics::ERRORS];
    seen(db, "console_system", visit, json!({"series": series}))
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Projects {
    pub projects: Vec<Definition>,
}

/// Reads what runs can be started from.
pub fn start(db: &mut dyn Database, visit: Visit<'_>) -> Result<Seen<Projects>, DbError> {
    seen(db, "console_start", visit, json!({}))
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Message {
    /// `user`, `brendan` or `notice`.
    pub role: String,
    pub content: String,
    pub at: String,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Conversation {
    /// Oldest first.
    pub messages: Vec<Message>,
    /// The user's newest runs.
    pub runs: Vec<String>,
}

/// Reads the newest messages of a user's conversation.
pub fn chat(db: &mut dyn Database, visit: Visit<'_>, user_id: &str, limit: u32) -> Result<Seen<Conversation>, DbError> {
    seen(db, "console_chat", visit, json!({"user_id": user_id, "limit": limit}))
}
