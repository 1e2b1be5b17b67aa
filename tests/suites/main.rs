//! Black-box suites over HTTP. They take a base URL and its secrets from the environment and run against the local host
//! or a real `spin up`:
//!
//! ```sh
//! mw-stack with --mode sim -- cargo test -p mw-tests
//! ```
//!
//! Each module is a subject, each test is named after what it promises. Tests share one stack and run beside each other:
//! each uses users and runs of its own; time is moved in the database, never waited for. What needs hosts or limits of
//! its own starts a stack of its own (`support::stack`).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod attackers;
mod bad_input;
mod channels;
mod chat;
mod configuration;
mod connections;
mod console;
mod dlq;
mod drain;
mod effects;
mod exports;
mod faults;
mod gates;
mod journey;
mod logs;
mod mcp;
mod metrics;
mod personas;
mod principals;
mod readme;
mod resilience;
mod routes;
mod runbook;
mod sql;
mod statements;
mod support;
mod sweep;
mod verbs;
mod webhooks;
