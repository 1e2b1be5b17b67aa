//! `mw validate`: is it fit to start with? `config` and `personas` look at files, `env` at settings, `providers` asks the
//! providers something harmless.

mod config;
mod dialect;
mod env;
mod personas;
mod providers;

use super::Context;
use crate::{error::Result, mode::Mode, settings::Settings};
use clap::Subcommand;
use serde_json::Value;
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check project definitions, migrations and settings; prints the providers' mode and hosts. Calls nobody.
    Config {
        /// The folder with one JSON file for each project.
        #[arg(long, default_value = "projects")]
        dir: PathBuf,
    },
    /// Check every variable: known, set, plausible, no development value in staging or production. Calls nobody.
    #[command(after_help = "\
Prints the mode, the providers' hosts and which variables are set, never a secret's value. The rules are those of /ready.

Exit codes: 0 fine; 2 something must be changed.

Examples:
  mw validate env
  mw validate env --file /etc/myloware/env     what a host will be started with (NAME= or SPIN_VARIABLE_NAME=)")]
    Env {
        /// Check this file of NAME=VALUE lines, and nothing else, instead of the environment.
        #[arg(long)]
        file: Option<PathBuf>,
    },
    /// Ask each provider something that makes nothing: is it reachable, does it take our key, what does its model's server do otherwise?
    #[command(after_help = "\
Outside mock mode only: there nobody is asked. A language model with OpenAI's API is asked two short questions, to say which dialect
it speaks. Exit codes: 0 all answer; 1 one does not, or refuses the key; 2 a key is missing.

Example:
  mw validate providers --dry-run     only says what would be asked")]
    Providers {
        /// Only say what would be asked.
        #[arg(long)]
        dry_run: bool,
    },
    /// Show a project's personas and who speaks for them.
    #[command(after_help = "\
Exit codes: 0 a language model speaks for them; 1 they work by rules, since no key of a model is set; 2 no such project.

Example:
  mw validate personas --project aismr")]
    Personas {
        /// A project's key; the default project, unless it is given.
        #[arg(long)]
        project: Option<String>,
        /// The folder with one JSON file for each project.
        #[arg(long, default_value = "projects")]
        dir: PathBuf,
    },
}

/// The providers' hosts by name, as a development stack in this mode asks them.
pub(super) fn provider_hosts(settings: &Settings, mode: Mode) -> Result<Value> {
    providers::hosts(settings, providers::Of::Stack(mode))
}

pub(crate) fn run(context: &Context, command: &Command) -> Result<u8> {
    match command {
        Command::Config { dir } => config::run(context, dir),
        Command::Env { file } => env::run(context, file.as_deref()),
        Command::Providers { dry_run } => providers::run(context, *dry_run),
        Command::Personas { project, dir } => personas::run(context, project.as_deref(), dir),
    }
}
