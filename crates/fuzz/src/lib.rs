//! A fuzz target for every parser of bytes that others send, each with the promise that it keeps for any bytes.
//!
//! ```text
//! targets    the table: a target, the parsers and components that it feeds, its check
//! edge       where the checks find the product's edge: handlers and parsers, named once
//! routes     whole HTTP requests through the components' handlers, with a database that only listens
//! requests, channels, webhooks     bodies, cursors, headers; Telegram, Slack; signed deliveries
//! provider_answers, rules, operator     what providers and models answer; what core reads; what `mw` reads
//! corpus     the seeds: real messages in corpus/<target>/      message     a seed as an HTTP message
//! mutation   spoils a seed where it hurts: the fuzzer's mutator, and that of the ordinary tests
//! ```
//!
//! A check is a plain function that panics where its promise is broken. It runs in two ways:
//!
//! * `cargo test`: over every seed and a fixed number of mutations of them (`tests/fuzz`);
//! * `./dev fuzz`: under libFuzzer, guided by what the instrumented crates run (`tests/libfuzzer.rs`).
//!
//! What is found is moved into the corpus, and is tested for ever after.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod channels;
pub mod corpus;
mod edge;
mod message;
pub mod mutation;
mod operator;
mod provider_answers;
mod requests;
mod routes;
mod rules;
pub mod targets;
mod webhooks;

use serde_json::Value;

/// What a parser made of the bytes; either is fine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    Taken,
    Refused,
}

impl From<bool> for Seen {
    fn from(taken: bool) -> Seen {
        if taken { Seen::Taken } else { Seen::Refused }
    }
}

/// PostgreSQL stores every character but U+0000: a fact that holds one could never be committed.
fn storable(fact: &Value) {
    let clean = match fact {
        Value::String(text) => !text.contains('\0'),
        Value::Array(items) => {
            items.iter().for_each(storable);
            true
        }
        Value::Object(members) => {
            members.values().for_each(storable);
            members.keys().all(|name| !name.contains('\0'))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
    };
    assert!(clean, "U+0000 in {fact}");
}
