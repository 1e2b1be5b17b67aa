//! Black-box suites over HTTP. They take a base URL and its secrets from the environment and run against the local host
//! or a real `spin up`:
//!
//! ```sh
//! mw-stack with --mode sim -- cargo test --test suites -- --include-ignored --skip mock_only::
//! mw-stack with --mode mock -- cargo test --test suites
//! ```
//!
//! What needs simulated providers is ignored without `--include-ignored`, and says so; what cannot have them is in modules
//! `mock_only`. So the summary of a run counts what it left out.
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
mod proxied;
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
