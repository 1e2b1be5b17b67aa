//! `mw doctor`: are all invariants kept? Each finding explains itself and its repair.

use super::Context;
use crate::{
    error::{Error, Result},
    progress::Step,
    projects,
};
use clap::Args;
use mw_kinds::KINDS;
use mw_media::Timestamp;
use mw_store::{
    DbError,
    doctor::{Checkup, Finding, Invariant, Rebuilt, Scope, examine, rebuild},
    native::Client,
};
use serde_json::{Value, json};

#[derive(Debug, Args)]
#[command(after_help = "\
Needs DATABASE_URL. Looks at runs and receipts by key, a page per statement, while the product may be running. Something
overdue is a finding after a minute: the sweep may be that late.

Exit codes: 0 healthy; 1 findings; 2 no database.

Examples:
  mw doctor                         everything
  mw doctor --run RUN               one run
  mw doctor --limit 10000           the first 10,000 runs; says where to go on
  mw doctor --after RUN             the runs after that one
  mw doctor --rebuild RUN           write a run's state anew from its timeline
  mw doctor --explain               all invariants, what they mean and how they are repaired")]
pub(crate) struct Options {
    /// Only this run.
    #[arg(long, value_name = "RUN")]
    run: Option<String>,
    /// At most so many runs.
    #[arg(long, value_name = "RUNS")]
    limit: Option<u64>,
    /// Go on after this run of an earlier look.
    #[arg(long, value_name = "RUN", conflicts_with = "run")]
    after: Option<String>,
    /// Write this run's state anew from its timeline, if that is whole.
    #[arg(long, value_name = "RUN", conflicts_with_all = ["run", "limit", "after"])]
    rebuild: Option<String>,
    /// Print all invariants and look at nothing.
    #[arg(long, conflicts_with_all = ["run", "limit", "after", "rebuild"])]
    explain: bool,
}

pub(crate) fn run(context: &Context, options: Options) -> Result<u8> {
    if options.explain {
        return explain(context);
    }
    let mut db = projects::connect(&context.settings.database_url()?).map_err(no_database)?;
    if let Some(run_id) = &options.rebuild {
        return rebuild_run(context, &mut db, run_id);
    }
    let scope = Scope { run_id: options.run, after: options.after, runs_max: options.limit };
    let step = Step::begin("looking", context.json);
    let progress = |so_far: &Checkup| {
        step.note(&format!("{}, {} findings", looked_at(so_far), so_far.findings.len()));
    };
    let checkup = examine(&mut db, KINDS, Timestamp::now_utc(), &scope, &mut { progress }).map_err(failed)?;
    step.done(&looked_at(&checkup));
    if let (Some(run_id), 0) = (&scope.run_id, checkup.runs) {
        return Err(Error::misuse(format!("there is no run {run_id}")));
    }
    context.print(&as_json(&checkup), |_| print_checkup(&checkup))?;
    Ok(u8::from(!checkup.findings.is_empty()))
}

fn looked_at(checkup: &Checkup) -> String {
    format!("{} runs, {} receipts", checkup.runs, checkup.webhooks)
}

fn as_json(checkup: &Checkup) -> Value {
    let findings: Vec<Value> = checkup
        .findings
        .iter()
        .map(|found| {
            json!({
                "invariant": found.invariant, "run_id": found.run_id, "detail": found.detail,
                "meaning": found.invariant.meaning(), "repair": found.invariant.repair(found.run_id.as_deref()),
            })
        })
        .collect();
    json!({
        "healthy": findings.is_empty(), "runs": checkup.runs, "webhooks": checkup.webhooks, "next": checkup.next,
        "findings": findings,
    })
}

fn print_checkup(checkup: &Checkup) {
    checkup.findings.iter().for_each(print_finding);
    match checkup.findings.len() {
        0 => println!("healthy: {}", looked_at(checkup)),
        count => println!("{count} findings in {}", looked_at(checkup)),
    }
    if let Some(next) = &checkup.next {
        println!("there is more: mw doctor --after {next}");
    }
}

fn print_finding(found: &Finding) {
    let run = found.run_id.as_deref();
    println!("{}{}", found.invariant, run.map(|run| format!("  run {run}")).unwrap_or_default());
    println!("  {}: {}", found.invariant.meaning(), found.detail);
    println!("  repair: {}", found.invariant.repair(run));
}

fn explain(context: &Context) -> Result<u8> {
    let all: Vec<Value> = Invariant::ALL
        .iter()
        .map(|invariant| {
            json!({"invariant": invariant, "meaning": invariant.meaning(), "repair": invariant.repair(None)})
        })
        .collect();
    context.print(&Value::Array(all), |_| {
        for invariant in Invariant::ALL {
            println!("{invariant}\n  {}\n  repair: {}", invariant.meaning(), invariant.repair(None));
        }
    })
}

fn rebuild_run(context: &Context, db: &mut Client, run_id: &str) -> Result<u8> {
    match rebuild(db, KINDS, Timestamp::now_utc(), run_id).map_err(failed)? {
        Rebuilt::Done => {
            context.print(&json!({"rebuilt": run_id}), |_| println!("{run_id} is what its timeline says again"))
        }
        Rebuilt::Moved => Err(Error::failed(format!("run {run_id} moved meanwhile: try again"))),
        Rebuilt::Unknown => Err(Error::misuse(format!("there is no run {run_id}"))),
        Rebuilt::Untrusted(findings) => {
            findings.iter().for_each(print_finding);
            Err(Error::failed(format!("the timeline of run {run_id} is not whole: nothing was written")))
        }
    }
}

fn no_database(error: Error) -> Error {
    Error::misuse(format!("{error} (see DATABASE_URL)"))
}

fn failed(error: DbError) -> Error {
    match error {
        DbError::Failed(text) if text.starts_with("42883") => {
            Error::misuse(format!("the database is older than this command ({text}): mw db migrate"))
        }
        error => Error::failed(error.to_string()),
    }
}
