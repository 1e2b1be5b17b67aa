//! `mw db`: the database's schema, its seed, and the deletion of whole runs.

use super::{Context, purge};
use crate::{
    error::{Error, Result, While},
    folder,
    migrations::{self, Changes, Schema},
    projects,
};
use clap::{Args, Subcommand};
use mw_media::Timestamp;
use mw_media::definition::{Definition, Work};
use mw_media::job::JobKind;
use mw_store::upkeep::{Seeded, seed_social};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Apply what the database lacks of the schema; may be repeated and run twice at once.
    #[command(after_help = "\
Examples:
  DATABASE_URL=postgresql://user:password@host/database mw db migrate
  mw db migrate --dry-run

Versions of the tables run once; functions are applied again when their text changes, and dropped when their file is gone, in one
transaction. Refuses a database that a newer release has migrated, and before the first change a server that does not fit: older than
PostgreSQL 15, another encoding than UTF8, one that only reads, a role that may not create, a pooler in transaction mode.")]
    Migrate {
        #[command(flatten)]
        source: Source,
        /// Show what would be applied, and change nothing.
        #[arg(long)]
        dry_run: bool,
    },
    /// Show which parts of the schema are applied; exit code 1 when some are not, or when a pooler before it loses prepared statements.
    Status(Source),
    /// Print the schema of this database with its map: the text of migrations/schema.sql.
    #[command(after_help = "Example:\n  mw-stack db --fast -- mw db schema --to migrations/schema.sql")]
    Schema {
        /// Write it to this file instead.
        #[arg(long)]
        to: Option<PathBuf>,
    },
    /// Make the account through which the default project publishes its primary one; may be repeated.
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
    /// Read the schema from this folder instead of the one built in.
    #[arg(long)]
    dir: Option<PathBuf>,
}

impl Source {
    fn schema(&self) -> Result<Schema> {
        self.dir.as_deref().map_or_else(migrations::embedded, migrations::from_folder)
    }
}

pub(crate) fn run(context: &Context, command: Command) -> Result<u8> {
    match command {
        Command::Migrate { source, dry_run } => migrate(context, &source.schema()?, dry_run),
        Command::Status(source) => status(context, &source.schema()?),
        Command::Schema { to } => schema(context, to),
        Command::Seed => seed(context),
        Command::PurgeRuns(options) => purge::run(context, &options),
    }
}

fn migrate(context: &Context, schema: &Schema, dry_run: bool) -> Result<u8> {
    let url = context.settings.database_url()?;
    migrations::refuse_pooler(&url)?;
    let mut client = migrations::connect(&url)?;
    let changes =
        if dry_run { migrations::pending(&mut client, schema)? } else { migrations::migrate(&mut client, schema)? };
    context.print(&serde_json::json!({ "dry_run": dry_run, "changes": changes }), |_| {
        if changes.is_empty() {
            let (tables, functions) = (schema.tables.len(), schema.functions.len());
            println!("nothing to do: all {tables} versions of the tables and all {functions} functions are applied");
        }
        print_changes(&changes, dry_run);
    })
}

fn print_changes(changes: &Changes, dry_run: bool) {
    let (applied, dropped) = if dry_run { ("would apply", "would drop") } else { ("applied", "dropped") };
    changes.tables.iter().for_each(|name| println!("{applied} {name}"));
    // Of a new database nobody wants to read all names.
    match changes.functions.len() {
        many @ 21.. => println!("{applied} {many} functions"),
        _ => changes.functions.iter().for_each(|name| println!("{applied} the function {name}")),
    }
    changes.dropped_functions.iter().for_each(|name| println!("{dropped} the function {name}"));
}

fn status(context: &Context, schema: &Schema) -> Result<u8> {
    let url = context.settings.database_url()?;
    if let Some(problem) = migrations::pooler_problem(&url)? {
        return Err(Error::failed(problem));
    }
    let mut client = migrations::connect(&url)?;
    let standings = migrations::status(&mut client, schema)?;
    context.print(&serde_json::to_value(&standings).while_doing("print the schema's state")?, |_| {
        let is_applied_function = |kind, state| kind == "function" && state == "applied";
        for standing in standings.iter().filter(|standing| !is_applied_function(standing.kind, standing.state)) {
            let at = standing.applied_at.as_deref().unwrap_or("-");
            println!("{:<8}  {:<8}  {:<32}  {at}", standing.state, standing.kind, standing.name);
        }
        let applied = standings.iter().filter(|standing| is_applied_function(standing.kind, standing.state)).count();
        println!("{applied} of {} functions are applied", schema.functions.len());
    })?;
    Ok(u8::from(standings.iter().any(|standing| standing.state != "applied")))
}

/// Of the clone's files, not of those built in: whoever changes them need not build first.
fn schema(context: &Context, to: Option<PathBuf>) -> Result<u8> {
    let root = folder::root()?;
    let source = migrations::from_folder(&root.join("migrations"))?;
    let mut client = migrations::connect(&context.settings.database_url()?)?;
    if !migrations::pending(&mut client, &source)?.is_empty() {
        return Err(Error::misuse("this database has not all of migrations/: mw db migrate --dir migrations"));
    }
    let page = migrations::page(&mut client, &source, &root)?;
    match to {
        Some(file) => std::fs::write(&file, page).while_doing(format!("write {}", file.display()))?,
        None => print!("{page}"),
    }
    Ok(0)
}

fn seed(context: &Context) -> Result<u8> {
    let mut database = projects::connect(&context.settings.database_url()?)?;
    let default = projects::stored(&mut database)?.into_iter().find(|definition| definition.is_default);
    let missing = || Error::misuse("there is no default project in the database: mw projects apply");
    let default = default.ok_or_else(missing)?;
    let publishes = |work: &Work<'_>| work.kind == JobKind::Publish;
    let publisher = default.works().find(publishes).ok_or_else(missing)?.provider.to_owned();
    let Definition { key, settings, .. } = default;
    let account = settings.ok_or_else(missing)?.publish.account;
    let seeded = seed_social(&mut database, Timestamp::now_utc(), &publisher, &account, &key);
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
