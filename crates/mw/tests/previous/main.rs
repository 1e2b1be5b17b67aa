//! The release before this one runs on this schema: the statements that its components sent, in order, are sent again to a
//! database with all migrations of now, and each answer must have everything that the recorded one had.
//!
//! `statements.jsonl` holds them: one line each with the statement, its arguments and the answer of that release's own schema.
//! The last lines look at the tables themselves. Members that differ between two such answers (ids, times of the server) are null there and not compared. What this proves:
//! that release's writes are accepted by the new functions and CHECKs, and its reads find every member with its value. It does
//! not prove requests that the recorded journey lacks: the test names the statements that it covers.
//!
//! A new release records its own: `record.rs`. `upgrade.rs` takes a database of that release through the migrations.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

mod record;
mod upgrade;

use mw::{folder, migrations, migrations::Migration};
use mw_stack::database::Database;
use mw_store::{Database as _, Param, native::Client};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{collections::BTreeSet, path::PathBuf};

/// One statement as a component sent it.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Call {
    sql: String,
    request: Value,
    /// The second argument, of the statements that take bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    #[serde(default)]
    answer: Value,
}

fn fixture() -> PathBuf {
    folder::root().unwrap().join("crates/mw/tests/previous/statements.jsonl")
}

fn calls() -> Vec<Call> {
    let text = std::fs::read_to_string(fixture()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The answers of a fresh database with these migrations.
fn replay(calls: &[Call], migrations: &[Migration]) -> Vec<Value> {
    let given = std::env::var("DATABASE_URL").ok();
    let database = Database::scratch(&folder::root().unwrap(), given.as_deref(), true).unwrap();
    migrations::migrate(&mut migrations::connect(database.url()).unwrap(), migrations).unwrap();
    ask(&mut Client::connect(database.url()).unwrap(), calls, "all migrations")
}

/// The answers of this database, which stands after that migration.
fn ask(client: &mut Client, calls: &[Call], after: &str) -> Vec<Value> {
    calls
        .iter()
        .enumerate()
        .map(|(number, call)| {
            let text = call.request.to_string();
            let mut arguments = vec![Param::Json(&text)];
            arguments.extend(call.body.as_ref().map(|body| Param::Bytes(body.as_bytes())));
            let sql = &call.sql;
            if sql.starts_with("SELECT jsonb_agg(") {
                return client.driver().query_one(sql, &[&call.request]).unwrap().get(0);
            }
            let function = sql.strip_prefix("SELECT ").and_then(|call| call.split_once('(')).unwrap().0;
            // Functions are constants in the product.
            let answer = client.query(function.to_owned().leak(), &arguments);
            let answer =
                answer.unwrap_or_else(|error| panic!("after {after}: call {number}, {sql} of {text}: {error}"));
            serde_json::from_str(&answer).unwrap()
        })
        .collect()
}

/// Where `now` lacks what `before` has, or has another value; null is not compared.
fn missing(before: &Value, now: &Value, at: &str, found: &mut Vec<String>) {
    match (before, now) {
        (Value::Null, _) => {}
        (Value::Object(before), Value::Object(now)) => {
            for (name, value) in before {
                match now.get(name) {
                    Some(other) => missing(value, other, &format!("{at}.{name}"), found),
                    None if value.is_null() => {}
                    None => found.push(format!("{at}.{name} is gone")),
                }
            }
        }
        (Value::Array(before), Value::Array(now)) if before.len() == now.len() => {
            for (number, (value, other)) in before.iter().zip(now).enumerate() {
                missing(value, other, &format!("{at}[{number}]"), found);
            }
        }
        // Some lists grow (metrics); what was in them stays.
        (Value::Array(before), Value::Array(now)) if before.len() < now.len() => {
            for value in before {
                let is_there = |other: &Value| {
                    let mut differences = Vec::new();
                    missing(value, other, "", &mut differences);
                    differences.is_empty()
                };
                if !now.iter().any(is_there) {
                    found.push(format!("{at} lacks {value}"));
                }
            }
        }
        (before, now) if before == now => {}
        (before, now) => found.push(format!("{at} was {before} and is {now}")),
    }
}

#[test]
fn the_release_before_runs_on_this_schema() {
    let calls = calls();
    let answers = replay(&calls, &migrations::embedded().unwrap());
    let mut found = Vec::new();
    for (number, (call, answer)) in calls.iter().zip(&answers).enumerate() {
        // Which migration is newest is what changes; and observations wait for a sweep of this release, which knows how.
        if !matches!(call.sql.as_str(), "SELECT readiness($1)" | "SELECT metrics_fold($1)") {
            missing(&call.answer, answer, &format!("call {number}, {}", call.sql), &mut found);
        }
    }
    assert!(found.is_empty(), "{} of {}: {:#?}", found.len(), calls.len(), &found[..found.len().min(20)]);

    let covered: BTreeSet<&str> = calls.iter().map(|call| call.sql.as_str()).collect();
    for name in ["start_load", "run_load", "run_commit", "run_view", "effects_claim", "webhook_accept", "sweep_begin"] {
        assert!(
            covered.iter().any(|sql| sql.contains(&format!("SELECT {name}("))),
            "{name} is not recorded: {covered:?}"
        );
    }
    println!("{} calls of {} statements: {covered:?}", calls.len(), covered.len());
}

#[test]
fn a_member_that_is_gone_or_another_is_found() {
    let before = serde_json::json!({"a": 1, "b": [{"c": "x"}], "volatile": null});
    let differs = |now: Value| {
        let mut found = Vec::new();
        missing(&before, &now, "", &mut found);
        found.len()
    };
    assert_eq!(differs(serde_json::json!({"a": 1, "b": [{"c": "x", "new": 1}], "volatile": 7, "new": 2})), 0);
    assert_eq!(differs(serde_json::json!({"a": 1, "b": [{"c": "y"}]})), 1);
    assert_eq!(differs(serde_json::json!({"a": 1, "b": []})), 1);
    assert_eq!(differs(serde_json::json!({"b": [{}]})), 2);
}
