//! `mw db`: the database migrations.

use super::Context;
use crate::{
    error::{Result, While},
    migrations::{self, Migration},
};
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Apply the migrations that the database lacks; may be repeated and run twice at once.
    #[command(after_help = "Example:\n  DATABASE_URL=postgresql://user:password@host/database mw db migrate")]
    Migrate(Source),
    /// Show which migrations are applied; exit code 1 when some are not.
    Status(Source),
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
