//! The only crate that knows SQL. One function = one statement = one sentence. The SQL itself is in `migrations/`:
//! each statement here calls one function there, hands over one JSON and gets one JSON back, in exactly one row.
//!
//! - [`commit`]: the only statement that changes runs, and [`commit::transition`], which decides and retries. `batch`: what that
//!   statement is told.
//! - [`unreadable`]: runs that this version cannot read, and their end.
//! - [`runs`], [`projects`], [`chat`], [`webhooks`], [`readiness`]: what requests need.
//! - [`console`]: what its pages show, a statement each.
//! - [`gates`]: the inbox.
//! - [`principals`]: who is who, by key and by channel.
//! - [`dead_letters`]: webhooks that match no job, and what operators do with them. [`drain`]: the switch.
//! - [`channels`]: where people are told what happens, and what bots have answered.
//! - [`knowledge`]: what was ingested, and what a search finds of it.
//! - [`effects`]: the dispatcher's claim, and what it learns about providers.
//! - [`sweep`], [`retention`]: the reconcilers' statements. [`metrics`]: what /metrics reads.
//! - [`upkeep`]: what operators put in and take out by hand.
//! - [`doctor`]: the invariants, for `mw doctor` and the tests.
//! - [`insight`]: what the report on the last days is made from.
//! - [`native`]: the same port over a native client, for `mw` and the tests.

mod batch;
pub mod channels;
pub mod chat;
pub mod commit;
pub mod console;
pub mod dead_letters;
#[cfg(not(target_family = "wasm"))]
pub mod doctor;
pub mod drain;
pub mod effects;
pub mod gates;
pub mod insight;
pub mod knowledge;
pub mod metrics;
#[cfg(not(target_family = "wasm"))]
pub mod native;
pub mod personas;
pub mod principals;
pub mod projects;
pub mod readiness;
pub mod retention;
pub mod runs;
pub mod sweep;
pub mod unreadable;
pub mod upkeep;
pub mod webhooks;

use mw_kernel::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

/// The newest version of the tables that this code needs; `/ready` is 503 while it is not applied. It is the number of the newest
/// file in migrations/tables.
pub const MIGRATION: u64 = include!(concat!(env!("OUT_DIR"), "/migration.rs"));

/// A statement's parameter.
#[derive(Debug, Clone, Copy)]
pub enum Param<'a> {
    Json(&'a str),
    Bytes(&'a [u8]),
    /// An observation ([`metrics::Observation`]) that the statement records beside its own work.
    Observation(&'a str),
}

/// The database, as components (over Spin) and native programs (over a driver) both have it.
pub trait Database {
    /// Calls a function of `migrations/` in one statement that answers with exactly one row of one JSON: its text.
    fn query(&mut self, function: &'static str, params: &[Param<'_>]) -> Result<String, DbError>;

    /// The same for a statement that writes, by which whoever serves a request may have it recorded.
    fn query_beside(
        &mut self,
        function: &'static str,
        params: &[Param<'_>],
        _beside: metrics::Beside<'_>,
    ) -> Result<String, DbError> {
        self.query(function, params)
    }
}

/// Why the database did not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DbError {
    /// No connection (refused, too many, shutting down): worth another try, 503 to a client.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// The statement failed: a bug or a broken schema, 500 to a client.
    #[error("the statement failed: {0}")]
    Failed(String),
}

/// A limit that a request takes one from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Limit<'a> {
    pub name: &'a str,
    /// Hash of the API key, or the client's address.
    pub caller: &'a str,
    pub limit: u32,
    /// 600 at most: the sweep forgets a window ten minutes after it began.
    pub window_seconds: u32,
}

/// What is left of a limit.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Taken {
    pub allowed: bool,
    pub limit: u32,
    pub remaining: u32,
    pub reset_seconds: u32,
}

/// The statement that calls a function, and beside it the one that records a request, where there is an observation. JSON goes
/// both ways as text: Spin parses and writes anew whatever is `jsonb` for it.
pub fn statement(function: &str, params: &[Param<'_>]) -> String {
    let (mut arguments, mut observation) = (Vec::new(), None);
    for (param, number) in params.iter().zip(1..) {
        match param {
            Param::Json(_) => arguments.push(format!("${number}::text::jsonb")),
            Param::Bytes(_) => arguments.push(format!("${number}")),
            Param::Observation(_) => observation = Some(number),
        }
    }
    let call = format!("{function}({})", arguments.join(", "));
    match observation {
        None => format!("SELECT {call}::text"),
        Some(number) => {
            format!("SELECT answer::text, request_observe(${number}::text::jsonb, answer) FROM {call} AS answer")
        }
    }
}

/// Calls an SQL function that takes one JSON.
fn call<A: DeserializeOwned>(
    db: &mut dyn Database,
    function: &'static str,
    request: &impl Serialize,
) -> Result<A, DbError> {
    read(&db.query(function, &[Param::Json(&write(request)?)])?)
}

fn write(request: &impl Serialize) -> Result<String, DbError> {
    serde_json::to_string(request).map_err(|error| DbError::Failed(format!("unwritable request: {error}")))
}

/// The text of a JSON object with one more member. In the place of `serde(flatten)`, which would bring a second copy of every
/// writer into the components.
fn with_member(object: &str, name: &str, value: &str) -> String {
    let members = object.strip_prefix('{').unwrap_or(object);
    let comma = if members == "}" { "" } else { "," };
    format!("{{\"{name}\":{value}{comma}{members}")
}

/// The same for one that writes, and so may record the request that is served.
fn call_beside<A: DeserializeOwned>(
    db: &mut dyn Database,
    function: &'static str,
    request: &impl Serialize,
    bytes: Option<&[u8]>,
    beside: metrics::Beside<'_>,
) -> Result<A, DbError> {
    let json = write(request)?;
    let params = [Some(Param::Json(&json)), bytes.map(Param::Bytes)];
    let params: Vec<Param<'_>> = params.into_iter().flatten().collect();
    read(&db.query_beside(function, &params, beside)?)
}

fn read<A: DeserializeOwned>(answer: &str) -> Result<A, DbError> {
    serde_json::from_str(answer).map_err(|error| DbError::Failed(format!("unexpected answer: {error}")))
}

/// Something that this version may be unable to read: one bad run must not hide the others.
struct Readable<T>(Result<T, String>);

impl<'de, T: DeserializeOwned> Deserialize<'de> for Readable<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Ok(Readable(serde_json::from_str(raw.get()).map_err(|error| error.to_string())))
    }
}

fn text(at: Timestamp) -> String {
    mw_kernel::run::rfc3339(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_has_one_more_member() {
        assert_eq!(with_member(r#"{"b":[{}]}"#, "a", "1"), r#"{"a":1,"b":[{}]}"#);
        assert_eq!(with_member("{}", "a", r#""x""#), r#"{"a":"x"}"#);
    }

    #[test]
    fn an_observation_is_a_second_call_in_the_same_statement() {
        let params = [Param::Json("{}"), Param::Bytes(b""), Param::Observation("{}")];
        assert_eq!(statement("f", &params[..2]), "SELECT f($1::text::jsonb, $2)::text");
        assert_eq!(
            statement("f", &params),
            "SELECT answer::text, request_observe($3::text::jsonb, answer) FROM f($1::text::jsonb, $2) AS answer"
        );
    }
}
