//! `mw retention`: delete what is old, straight in the database, in bounded batches.

use super::Context;
use crate::{
    error::{Error, Result},
    projects, signals,
};
use clap::{Args, Subcommand};
use mw_media::Timestamp;
use mw_store::retention::{ARTIFACTS_DAYS, WEBHOOKS_DAYS, count, prune, prune_artifacts};
use mw_store::{Database, DbError};
use serde_json::{Value, json};

/// Rows (or runs) per statement.
const BATCH: u32 = 500;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Delete old receipts of webhooks (never an open dead letter) and the artifacts of runs that ended long ago.
    #[command(after_help = "\
Example:
  mw retention prune --artifacts-days 90 --webhooks-days 14 --dry-run

The sweep deletes receipts after 14 days by itself; artifacts go only by this command. Timelines stay.")]
    Prune(Options),
}

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Artifacts of runs that ended more days ago than this.
    #[arg(long, default_value_t = ARTIFACTS_DAYS, value_parser = clap::value_parser!(u32).range(1..36500))]
    artifacts_days: u32,
    /// Receipts older than this many days.
    #[arg(long, default_value_t = WEBHOOKS_DAYS, value_parser = clap::value_parser!(u32).range(1..36500))]
    webhooks_days: u32,
    /// Only count.
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(context: &Context, command: &Command) -> Result<u8> {
    let Command::Prune(options) = command;
    let mut database = projects::connect(&context.settings.database_url()?)?;
    let now = Timestamp::now_utc();
    let report = if options.dry_run {
        json!(count(&mut database, now, options.webhooks_days, options.artifacts_days).map_err(unreachable)?)
    } else {
        json!({"webhook_events_and_refusals": webhooks(&mut database, now, options.webhooks_days)?,
               "artifacts": artifacts(&mut database, now, options.artifacts_days)?})
    };
    let verb = if options.dry_run { "would go" } else { "gone" };
    context.print(&report, |report| {
        for (name, rows) in report.as_object().into_iter().flatten() {
            println!("{rows:>10}  {} {verb}", name.replace('_', " "));
        }
    })
}

fn webhooks(database: &mut dyn Database, now: Timestamp, days: u32) -> Result<u64> {
    let mut gone = 0;
    loop {
        let batch = prune(database, now, days, BATCH).map_err(unreachable)?;
        gone += batch.receipts;
        if batch.acted == 0 {
            return Ok(gone);
        }
        signals::go_on()?;
    }
}

fn artifacts(database: &mut dyn Database, now: Timestamp, days: u32) -> Result<u64> {
    let (mut gone, mut after): (u64, Option<Value>) = (0, None);
    loop {
        let batch = prune_artifacts(database, now, days, after.as_ref(), BATCH).map_err(unreachable)?;
        gone += batch.acted;
        after = match batch.after {
            None => return Ok(gone),
            next => next,
        };
        signals::go_on()?;
    }
}

fn unreachable(error: DbError) -> Error {
    Error::failed(format!("cannot prune ({error}): is the database migrated? mw db migrate"))
}
