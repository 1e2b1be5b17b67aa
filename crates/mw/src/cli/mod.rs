//! The commands: one file each. Here: the arguments they share, dispatch, and how a failure becomes an exit code.

pub mod backup;
mod channels;
mod chat;
mod db;
mod debug_persona;
mod demo;
mod dlq;
mod doctor;
mod drain;
mod gates;
mod ingest;
mod kb;
mod live_run;
mod principals;
mod projects;
mod purge;
mod release;
mod retention;
mod runs;
mod show;
mod slo;
mod smoke;
mod status;
mod sweep;
mod synthetic;
mod target;
mod telegram;
mod validate;
mod verbs;
mod why;

use crate::{error::Result, settings::Settings};
use clap::{CommandFactory, Parser, Subcommand};
use serde_json::Value;
use std::process::ExitCode;

const AFTER_HELP: &str = "\
Examples:
  mw db migrate                          bring the database up to date
  mw runs list --status awaiting_ideate  runs that wait for a person
  mw why RUN                             what it waits for, and what you can do
  mw gates link RUN ideate               the link with which a person decides
  mw status                              the whole system on one screen
  mw doctor                              is everything as it must be?
  mw demo test-video-gen                 watch one run from the message to the published video

Settings come from the environment, then .env, .env.development, and .mw/env (development secrets):
  API_BASE_URL (http://127.0.0.1:3000), API_KEY, SWEEP_KEY, DATABASE_URL

Exit codes: 0 done; 1 failed or took too long; 2 a key, setting or program is missing, or an argument is wrong.";

/// The operator command of MyloWare on Spin.
#[derive(Debug, Parser)]
#[command(name = "mw", version, after_help = AFTER_HELP, propagate_version = true)]
struct Arguments {
    /// Print JSON for programs instead of text for people.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Apply or look at the database migrations, seed it, delete whole runs.
    #[command(subcommand)]
    Db(db::Command),
    /// Load project definitions into the database, or list them.
    #[command(subcommand)]
    Projects(projects::Command),
    /// Load everything that the product works from: projects and knowledge.
    #[command(subcommand)]
    Ingest(ingest::Command),
    /// Ingest, search and measure the knowledge that Brendan, personas and agents answer from.
    #[command(subcommand)]
    Kb(kb::Command),
    /// Check the configuration before it is used.
    #[command(subcommand)]
    Validate(validate::Command),
    /// Look at runs, follow them, cancel, pause, retry them, one or many.
    #[command(subcommand)]
    Runs(runs::Command),
    /// Say what a run waits for, since when, until when, and what you can do.
    Why { run: String },
    /// See what waits for a person, and decide.
    #[command(subcommand)]
    Gates(gates::Command),
    /// Choose the chats and channels that are notified.
    #[command(subcommand)]
    Channels(channels::Command),
    /// Take along or delete what is kept of somebody's conversation with Brendan.
    #[command(subcommand)]
    Chat(chat::Command),
    /// Connect the Telegram bot.
    #[command(subcommand)]
    Telegram(telegram::Command),
    /// Look at webhooks that match no job, replay them, discard them.
    #[command(subcommand)]
    Dlq(dlq::Command),
    /// Say who may ask: people and programs, their roles and keys.
    #[command(subcommand)]
    Principals(principals::Command),
    /// Refuse new runs before a stop, and wait until nothing is running.
    #[command(subcommand)]
    Drain(drain::Command),
    /// Check what is to be released, and the way back.
    #[command(subcommand)]
    Release(release::Command),
    /// Delete what is old.
    #[command(subcommand)]
    Retention(retention::Command),
    /// Show the whole system on one screen.
    Status(status::Options),
    /// Ask a deployment for /health and /version, some times over.
    Smoke(smoke::Options),
    /// Ask one address, with a budget of milliseconds; leaves a JSON artefact.
    Synthetic(synthetic::Options),
    /// Take a run of two projects all the way and hold the service levels against it.
    Slo(slo::Options),
    /// Write the database to a file.
    Backup(backup::BackupOptions),
    /// Put a backup in the place of the database, and check it.
    Restore(backup::RestoreOptions),
    /// Call the sweep now: due retries, polls, deadlines.
    Sweep,
    /// Check every invariant: timelines, states, gates, jobs, effects, receipts; explain what is broken and its repair.
    Doctor(doctor::Options),
    /// Run one video from the message to the publication, visibly.
    Demo(demo::Options),
    /// Run one video of a project on a deployment; approves its gates as they open.
    LiveRun(live_run::Options),
    /// Print the completions for a shell.
    #[command(after_help = "Example:\n  mw completions bash > /etc/bash_completion.d/mw")]
    Completions { shell: clap_complete::Shell },
}

/// What every command can use.
pub(crate) struct Context {
    pub(crate) json: bool,
    pub(crate) settings: Settings,
}

impl Context {
    /// Prints JSON when asked to, else what `for_people` prints of the value it is given.
    pub(crate) fn print(&self, value: &Value, for_people: impl FnOnce(&Value)) -> Result<u8> {
        if self.json {
            println!("{value}");
        } else {
            for_people(&without_controls(value));
        }
        Ok(0)
    }
}

/// The value as a terminal may show it: a control character in somebody's text could move the cursor, hide what follows, or change
/// what was printed before, and whoever reads it decides by it.
fn without_controls(value: &Value) -> Value {
    let shown = |c: char| if c.is_control() && !matches!(c, '\n' | '\t') { '\u{fffd}' } else { c };
    match value {
        Value::String(text) => Value::String(text.chars().map(shown).collect()),
        Value::Array(items) => items.iter().map(without_controls).collect(),
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), without_controls(value))).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

/// The whole program.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("mw: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

fn run(arguments: Arguments) -> Result<u8> {
    let root = crate::folder::root().ok();
    let context = Context { json: arguments.json, settings: Settings::load(root.as_deref())? };
    match arguments.command {
        Command::Db(command) => db::run(&context, command),
        Command::Projects(command) => projects::run(&context, command),
        Command::Ingest(command) => ingest::run(&context, command),
        Command::Kb(command) => kb::run(&context, command),
        Command::Validate(command) => validate::run(&context, &command),
        Command::Runs(command) => runs::run(&context, command),
        Command::Why { run } => why::run(&context, &run),
        Command::Gates(command) => gates::run(&context, command),
        Command::Channels(command) => channels::run(&context, command),
        Command::Telegram(command) => telegram::run(&context, command),
        Command::Dlq(command) => dlq::run(&context, command),
        Command::Chat(command) => chat::run(&context, command),
        Command::Principals(command) => principals::run(&context, command),
        Command::Drain(command) => drain::run(&context, command),
        Command::Release(command) => release::run(&context, command),
        Command::Retention(command) => retention::run(&context, &command),
        Command::Status(options) => status::run(&context, &options),
        Command::Smoke(options) => smoke::run(&context, &options),
        Command::Synthetic(options) => synthetic::run(&context, &options),
        Command::Slo(options) => slo::run(&context, &options),
        Command::Backup(options) => backup::backup(&context, &options),
        Command::Restore(options) => backup::restore(&context, &options),
        Command::Sweep => sweep::run(&context),
        Command::Doctor(options) => doctor::run(&context, options),
        Command::Demo(options) => demo::run(&context, &options),
        Command::LiveRun(options) => live_run::run(&context, options),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Arguments::command(), "mw", &mut std::io::stdout());
            Ok(0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobodys_text_steers_the_terminal() {
        let value = serde_json::json!({"title": "a\u{1b}[8mb\u{9b}2J\r", "clips": ["line\n\tline\u{7}"], "n": 1});
        let shown =
            serde_json::json!({"title": "a\u{fffd}[8mb\u{fffd}2J\u{fffd}", "clips": ["line\n\tline\u{fffd}"], "n": 1});
        assert_eq!(without_controls(&value), shown);
    }

    #[test]
    fn the_arguments_are_consistent() {
        Arguments::command().debug_assert();
    }
}
