//! The operator command `mw`.
//!
//! - `cli`         the commands: arguments, help, one file per command
//! - `api`         the HTTP API as the command uses it
//! - `exposition`  /metrics as the command reads it
//! - `folder`      the clone and its `.mw/` folder
//! - `settings`    where settings come from: environment, `.env`, `.mw/env`
//! - `mode`        which providers are asked, and the secrets of the real ones
//! - `outbound`    the providers' port over a client that blocks
//! - `migrations`  the schema that is built in, applying it, and the page that shows it
//! - `postgresql`  PostgreSQL's own programs on this machine
//! - `knowledge`   the knowledge: files → database, and measuring searches
//! - `projects`    project definitions: files → database
//! - `release`     what a release must be, judged from texts
//! - `progress`, `signals`  what a person sees while something takes long, and how it is stopped
//! - `error`       what a command can end with, and its exit code

mod api;
pub mod cli;
pub mod error;
pub mod exposition;
pub mod folder;
pub mod knowledge;
pub mod migrations;
pub mod mode;
mod outbound;
pub mod postgresql;
pub mod progress;
pub mod projects;
pub mod release;
pub mod settings;
pub mod signals;

pub use error::{Error, Result};
