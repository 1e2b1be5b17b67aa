//! `mw db purge-runs`: whole runs go, straight in the database, a page per statement.

use super::Context;
use crate::{
    error::{Error, Result},
    projects, signals,
};
use clap::Args;
use mw_media::Timestamp;
use mw_store::{
    Database, DbError,
    upkeep::{Kept, Purged, Why, purge_runs, purge_runs_before},
};
use serde_json::json;
use std::time::{Duration, SystemTime};

/// Runs per statement.
const PAGE: u32 = 100;

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("which").required(true).args(["run_ids", "older_than_days"]))]
pub(crate) struct Options {
    /// This run; may be repeated.
    #[arg(long = "run-id", value_name = "RUN")]
    run_ids: Vec<String>,
    /// All runs that ended more days ago than this.
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..36500))]
    older_than_days: Option<u32>,
    /// Only say which would go.
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(context: &Context, options: &Options) -> Result<u8> {
    let mut database = projects::connect(&context.settings.database_url()?)?;
    let purged = match options.older_than_days {
        None => by_id(&mut database, options)?,
        Some(days) => by_age(&mut database, days, options.dry_run)?,
    };
    let is_whole = purged.kept.is_empty() || options.older_than_days.is_some();
    let report = json!({ "purged": purged.purged, "kept": purged.kept, "dry_run": options.dry_run });
    context.print(&report, |_| {
        let verb = if options.dry_run { "would go" } else { "gone" };
        purged.purged.iter().for_each(|run| println!("{run}  {verb}"));
        purged.kept.iter().for_each(|kept| println!("{}  stays: {}", kept.run_id, reason(kept)));
        println!("{} runs {verb}", purged.purged.len());
    })?;
    Ok(u8::from(!is_whole))
}

fn reason(kept: &Kept) -> &'static str {
    match kept.why {
        Why::Open => "it has not ended (mw runs terminate)",
        Why::OpenSuccessor => "an open run goes on from it",
        Why::Missing => "there is no such run",
    }
}

fn by_id(database: &mut dyn Database, options: &Options) -> Result<Purged> {
    purge_runs(database, &options.run_ids, options.dry_run).map_err(failed)
}

fn by_age(database: &mut dyn Database, days: u32, dry_run: bool) -> Result<Purged> {
    let age = Duration::from_secs(u64::from(days) * 86_400);
    let before = SystemTime::now().checked_sub(age).unwrap_or(SystemTime::UNIX_EPOCH);
    let before = Timestamp::from(before);
    let mut all = Purged { purged: Vec::new(), kept: Vec::new(), after: None };
    loop {
        let page = purge_runs_before(database, before, all.after.as_ref(), PAGE, dry_run).map_err(failed)?;
        all.purged.extend(page.purged);
        all.kept.extend(page.kept);
        all.after = page.after;
        if all.after.is_none() {
            return Ok(all);
        }
        signals::go_on()?;
    }
}

fn failed(error: DbError) -> Error {
    Error::failed(format!("cannot purge ({error}): is the database migrated? mw db migrate"))
}
