//! The operator command `mw` and the development stack.
//!
//! - `cli`         the commands: arguments, help, one file per command
//! - `api`         the HTTP API as the command uses it
//! - `exposition`  /metrics as the command reads it
//! - `outbound`    the providers' port over a client that blocks
//! - `settings`    where settings come from: environment, `.env`, `.mw/env`
//! - `migrations`  the schema that is built in, applying it, and the page that shows it
//! - `knowledge`   the knowledge: files → database, and measuring searches
//! - `projects`    project definitions: files → database
//! - `release`     what a release must be, judged from texts
//! - `dev`         the development stack: private PostgreSQL, simulator, hosts (also a library for tests)
//! - `error`       what a command can end with, and its exit code

mod api;
pub mod cli;
pub mod dev;
pub mod error;
pub mod exposition;
pub mod knowledge;
pub mod migrations;
mod outbound;
pub mod projects;
pub mod release;
pub mod settings;

pub use error::{Error, Result};
