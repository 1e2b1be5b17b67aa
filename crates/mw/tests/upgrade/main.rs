//! The release before runs on the schema of now: its database is migrated version by version, and at each the statements that its
//! components sent, in order, are sent again. Each answer must have everything that the recorded one had.
//!
//! - `record`     what a release sends, read from PostgreSQL's log; by hand, once for each release
//! - `versions`   the proof that all this finds what it is for, on two small versions
//!
//! What this proves of a release: its writes are accepted by the new functions and CHECKs, and its reads find every member with its
//! value. It does not prove requests that the recorded journey lacks. The recording is `release/schema.json` and
//! `release/statements.jsonl` beside this file; there is none before the first release.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

mod record;
mod versions;

use mw::folder;
use mw::migrations::{self, Schema};
use mw_stack::database::Database;
use mw_store::{Database as _, Param, native::Client};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{collections::BTreeMap, path::PathBuf};

/// One statement as a component sent it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Call {
    function: String,
    request: Value,
    /// The second argument, of the statements that take bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    /// Null where two answers differ (ids, times of the server): that is not compared.
    #[serde(default)]
    answer: Value,
}

/// What an upgrade must not change for the release before: a release's schema, and what its components sent.
struct Release {
    schema: Schema,
    calls: Vec<Call>,
}

/// What there is in a database, a line each: columns, constraints, indexes, triggers, how tables are kept, functions.
const SHAPE: &str = "
    SELECT format('column %s.%s %s %s %s', attrelid::regclass, attname, format_type(atttypid, atttypmod), attnotnull,
                  pg_get_expr(adbin, adrelid))
      FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
      JOIN pg_class ON pg_class.oid = attrelid
     WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v') AND attnum > 0 AND NOT attisdropped
    UNION ALL
    SELECT format('constraint %s %s', conrelid::regclass, pg_get_constraintdef(oid)) FROM pg_constraint
     WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT format('index %s', indexdef) FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL SELECT format('trigger %s', pg_get_triggerdef(oid)) FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL
    SELECT format('kept %s %s %s', relname, relpersistence, reloptions) FROM pg_class
     WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
    UNION ALL
    SELECT pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prokind = 'f'
     ORDER BY 1";

fn scratch(schema: &Schema) -> (Database, Client) {
    let given = std::env::var("DATABASE_URL").ok();
    let database = Database::scratch(&folder::root().unwrap(), given.as_deref(), true).unwrap();
    let mut client = Client::connect(database.url()).unwrap();
    migrations::migrate(client.driver(), schema).unwrap();
    (database, client)
}

/// Answers of a database to these calls; what is refused answers with the refusal.
fn ask(client: &mut Client, calls: &[Call]) -> Vec<Value> {
    let answer = |call: &Call| {
        let text = call.request.to_string();
        let mut arguments = vec![Param::Json(&text)];
        arguments.extend(call.body.as_ref().map(|body| Param::Bytes(body.as_bytes())));
        // Functions are constants in the product.
        match client.query(call.function.clone().leak(), &arguments) {
            Ok(answer) => serde_json::from_str(&answer).unwrap(),
            Err(error) => Value::String(format!("refused: {error}")),
        }
    };
    calls.iter().map(answer).collect()
}

/// What the release before could not live with: at every version of the tables on the way to `now`, with its own functions until the
/// last, and in what its database becomes.
fn complaints(before: &Release, now: &Schema) -> Vec<String> {
    let mut found = Vec::new();
    let newer = now.tables.iter().filter(|file| file.version > before.schema.version());
    let mut steps = vec![before.schema.clone()];
    for file in newer {
        let mut step = steps.last().unwrap().clone();
        step.tables.push(file.clone());
        steps.push(step);
    }
    steps.push(now.clone());
    for step in steps {
        let (_database, mut client) = scratch(&before.schema);
        if let Err(error) = migrations::migrate(client.driver(), &step) {
            found.push(format!("at version {}: {error}", step.version()));
            continue;
        }
        // Which version is newest is what changes.
        let calls = before.calls.iter().zip(ask(&mut client, &before.calls)).enumerate();
        for (number, (call, answer)) in calls.filter(|(_, (call, _))| call.function != "readiness") {
            let at = format!("at version {}, call {number}, {}", step.version(), call.function);
            missing(&call.answer, &answer, &at, &mut found);
        }
    }
    let (_upgraded, mut upgraded) = scratch(&before.schema);
    if migrations::migrate(upgraded.driver(), now).is_ok() {
        let (_new, mut new) = scratch(now);
        let (upgraded, new) = (shape(&mut upgraded), shape(&mut new));
        found.extend(upgraded.iter().filter(|line| !new.contains(line)).map(|line| format!("only upgraded: {line}")));
        found.extend(new.iter().filter(|line| !upgraded.contains(line)).map(|line| format!("only new: {line}")));
    }
    found
}

fn shape(client: &mut Client) -> Vec<String> {
    client.driver().query(SHAPE, &[]).unwrap().iter().map(|row| row.get(0)).collect()
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

fn recording() -> PathBuf {
    folder::root().unwrap().join("crates/mw/tests/upgrade/release")
}

#[test]
#[ignore = "no release has been recorded yet"]
fn the_release_before_runs_on_this_schema() {
    let read = |name: &str| std::fs::read_to_string(recording().join(name)).unwrap();
    let files: BTreeMap<String, String> = serde_json::from_str(&read("schema.json")).unwrap();
    let calls = read("statements.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let schema = Schema::of(files.iter().map(|(path, text)| (path.as_str(), text.as_str()))).unwrap();
    let found = complaints(&Release { schema, calls }, &migrations::embedded().unwrap());
    assert!(found.is_empty(), "{} complaints: {:#?}", found.len(), &found[..found.len().min(20)]);
}
