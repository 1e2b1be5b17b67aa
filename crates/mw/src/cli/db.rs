//! `mw db`: the database's migrations, its seed, and the deletion of whole runs.

use super::{Context, purge};
use crate::{
    error::{Error, Result, While},
    migrations::{self, Migration},
    projects,
};
use clap::{Args, Subcommand};
use mw_core::Timestamp;
use mw_core::definition::Definition;
use mw_store::upkeep::{Seeded, seed_social};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Apply the migrations that the database lacks; may be repeated and run twice at once.
    #[command(after_help = "Example:\n  DATABASE_URL=postgresql://user:password@host/database mw db migrate")]
    Migrate(Source),
    /// Show which migrations are applied; exit code 1 when some are not.
    Status(Source),
    /// Make the default project's account on upload-post its primary one; may be repeated.
    Seed,
    /// Delete ended runs with their timelines, gates, jobs, artifacts and receipts, for good.
    #[command(after_help = "\
Examples:
  mw db purge-runs --run-id RUN --run-id OTHER
  mw db purge-runs --older-than-days 365 --dry-run

Open runs stay (mw runs terminate ends one), and so does a run from which an open successor goes on.
Exit codes: 0 done; 1 a run that was named stays; 2 no database.")]
    PurgeRuns(purge::Options),
}

#[derive(Debug, Args)]
pub(crate) struct Source {
    /// Read the migrations from this folder instead of those built in.
    #[arg(long)]
    dir: Option<PathBuf>,
}

impl Source {
    fn migrations(&self) -> Result<Vec<Migration>> {
        self.dir.as_deref().map_or_else(migrations::embedded, migrations::from_folder)
    }
}

pub(crate) fn run(context: &Context, command: Command) -> Result<u8> {
    match command {
        Command::Migrate(source) => migrate(context, &source.migrations()?),
        Command::Status(source) => status(context, &source.migrations()?),
        Command::Seed => seed(context),
        Command::PurgeRuns(options) => purge::run(context, &options),
    }
}

fn migrate(context: &Context, list: &[Migration]) -> Result<u8> {
    let mut client = migrations::connect(&context.settings.database_url()?)?;
    let applied = migrations::migrate(&mut client, list)?;
    if context.json {
        println!("{}", serde_json::json!({ "applied": applied }));
    } else if applied.is_empty() {
        println!("nothing to do: all {} migrations are applied", list.len());
    } else {
        applied.iter().for_each(|name| println!("applied {name}"));
    }
    Ok(0)
}

fn status(context: &Context, list: &[Migration]) -> Result<u8> {
    let mut client = migrations::connect(&context.settings.database_url()?)?;
    let standings = migrations::status(&mut client, list)?;
    if context.json {
        println!("{}", serde_json::to_string(&standings).while_doing("print the migrations")?);
    } else {
        for standing in &standings {
            println!("{:<8}  {:<40}  {}", standing.state, standing.name, standing.applied_at.as_deref().unwrap_or("-"));
        }
    }
    Ok(u8::from(standings.iter().any(|standing| standing.state != "applied")))
}

fn seed(context: &Context) -> Result<u8> {
    let mut database = projects::connect(&context.settings.database_url()?)?;
    let default = projects::stored(&mut database)?.into_iter().find(|definition| definition.is_default);
    let missing = || Error::misuse("there is no default project in the database: mw projects apply");
    let Definition { key, settings, .. } = default.ok_or_else(missing)?;
    let account = settings.ok_or_else(missing)?.publish.account;
    let seeded = seed_social(&mut database, Timestamp::now_utc(), &account, &key);
    let seeded = seeded.while_doing("seed the database (is it migrated? mw db migrate)")?;
    if seeded == Seeded::UnknownProject {
        return Err(missing());
    }
    let report = serde_json::json!({ "project": key, "account": account, "result": seeded });
    context.print(&report, |_| match seeded {
        Seeded::Unchanged => println!("{key} publishes through {account} already"),
        Seeded::Added | Seeded::UnknownProject => println!("{key} publishes through {account}"),
    })
}
