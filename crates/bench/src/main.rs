//! `mw-bench` (`./dev bench`): how fast the product is. Two references stand beside what it does: the floor (a component
//! that runs the same statement and nothing else) and the limit (pgbench with that statement).
//!
//! - `fixture`      what is measured: a stack of our own, or a host elsewhere
//! - `load`       requests in a closed or an open loop
//! - `statement`, `limit`  the store's own statement, for the floor and for pgbench
//! - `figures/`   one file for each part of the table
//! - `report`     the tables, printed under the name of their host
//! - `aims`       which aims that host meets
//! - `document`   the places of the docs where the tables go

#![allow(clippy::indexing_slicing, reason = "a measurement may stop, and indexing JSON gives null")]

mod aims;
mod document;
mod figures;
mod fixture;
mod limit;
mod load;
mod report;
mod statement;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use figures::Part;
use fixture::Fixture;
use mw::mode::Mode;
use mw_stack::host::Kind;
use report::Report;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Measures how fast the product is, and prints a table.
///
/// Starts stacks of its own: PostgreSQL with fsync, the host, and the load from this process. The ratio of two rates is of one run
/// and taken in turns; the times of another machine are other times.
#[derive(Parser)]
#[command(
    name = "mw-bench",
    version,
    after_help = "\
Examples:
  ./dev bench --host spin                everything on the spin on PATH, without history
  ./dev bench --host spin --write        the same, and the tables go into docs/performance.md and README.md
  ./dev bench --history 1000000          the same beside a million finished runs
  ./dev bench --only webhooks --seconds 10
  API_KEY=… DATABASE_URL=… ./dev bench --against http://127.0.0.1:3000    with the signing secrets of webhooks

Against a host that runs already (a real `spin up`), its rate limits must be raised first; parts that need a stack of their own are left out.
Exit codes: 0 measured, 1 something failed."
)]
struct Options {
    /// What serves the components: the spin on PATH (the default where there is one) or the local host
    #[arg(long, env = mw_stack::host::VARIABLE)]
    host: Option<Kind>,
    /// Measure what runs there instead of a stack of our own
    #[arg(long, value_name = "BASE_URL")]
    against: Option<String>,
    /// Where crates/bench/floor runs, beside --against
    #[arg(long, value_name = "BASE_URL", requires = "against")]
    floor: Option<String>,
    /// Finished runs in the database before anything is measured
    #[arg(long, default_value_t = 0, value_name = "RUNS", conflicts_with = "against")]
    history: u32,
    /// How long each load lasts
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,
    /// Only these parts of the table
    #[arg(long, value_delimiter = ',')]
    only: Vec<Part>,
    /// Write the tables into docs/performance.md, and those of Spin into README.md, in place of those that are there
    #[arg(long, conflicts_with_all = ["only", "against"])]
    write: bool,
    /// Write the figures here as JSON, too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

impl Options {
    /// Whether everything is measured that is there to be measured.
    fn is_whole(&self) -> bool {
        self.only.is_empty() && self.against.is_none()
    }
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mw-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<()> {
    mw::signals::listen()?;
    let during = Duration::from_secs(options.seconds);
    let start = |mode, stack| match &options.against {
        Some(base) => Fixture::elsewhere(base, options.floor.as_deref()),
        None => Fixture::start(options.host, mode, stack),
    };
    let parts = |stack: figures::Stack| {
        let wanted = move |part: &&Part| options.only.is_empty() || options.only.contains(part);
        Part::ALL.iter().filter(move |part| part.stack() == stack).filter(wanted).copied().collect::<Vec<_>>()
    };
    let fixture = start(Mode::Mock, figures::Stack::Mock)?;
    let kind = fixture.stack.as_ref().map(|stack| stack.kind_of_host().kind());
    let mut report = Report::begin(&fixture.host, &report::about(&fixture.host, &mut fixture.database()?));
    if options.history > 0 {
        let run_id = fixture.start_run("test_video_gen")?;
        mw_stack::history::fill(&mut fixture.database()?, &run_id, options.history).context("make the history")?;
        report.line(&format!("{} finished and 10,000 open runs in the database.", options.history));
    }
    for part in parts(figures::Stack::Mock) {
        part.measure(&fixture, during, &mut report)?;
    }
    drop(fixture);
    for stack in [figures::Stack::Sim, figures::Stack::Model, figures::Stack::Idle] {
        let parts = parts(stack);
        if parts.is_empty() || (options.against.is_some() && stack != figures::Stack::Sim) {
            continue;
        }
        let fixture = start(Mode::Sim, stack)?;
        for part in parts {
            part.measure(&fixture, during, &mut report)?;
        }
    }
    report.aims();
    let missing = aims::without_a_figure(report.measures(), options.history > 0);
    ensure!(!options.is_whole() || missing.is_empty(), "no figure for: {}", missing.join("; "));
    if options.write {
        write(&report, kind.context("only a stack of our own is written about")?, options.history > 0)?;
    }
    if let Some(file) = &options.json {
        std::fs::write(file, format!("{:#}\n", report.json())).with_context(|| format!("write {}", file.display()))?;
    }
    Ok(())
}

/// Puts the tables where the docs have a place for their host, the figures of Spin on the front page, too.
fn write(report: &Report, kind: Kind, has_history: bool) -> Result<()> {
    let root = mw::folder::root()?;
    let place = if has_history { format!("{} with a history", kind.name()) } else { kind.name().to_owned() };
    document::write(&root.join("docs/performance.md"), &place, report.text())?;
    if kind == Kind::Spin && !has_history {
        let summary = aims::summary(report.host(), report.measures()).join("\n");
        document::write(&root.join("README.md"), kind.name(), &summary)?;
    }
    Ok(())
}
