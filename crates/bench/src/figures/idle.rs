//! What the product costs while nobody asks for anything: the scheduled sweep, and that is all.

use super::host::cpu_seconds;
use crate::aims::Measure;
use crate::fixture::Fixture;
use crate::report::{Report, Row};
use anyhow::{Context, Result};
use mw_stack::process::Process;
use mw_stack::statements::Statements;
use std::time::{Duration, Instant};

const SETTLE: Duration = Duration::from_secs(6);
const WATCHED: Duration = Duration::from_secs(20);

pub(super) fn measure(fixture: &Fixture, report: &mut Report) -> Result<()> {
    report.section("Idle");
    let stack = fixture.stack.as_ref().context("only a stack of our own is known to be idle")?;
    mw::signals::pause(SETTLE)?;
    let mut statements = Statements::begin(stack.database())?;
    let cpu = || stack.serving().flat_map(Process::members).map(cpu_seconds).sum::<f64>();
    let (before, since) = (cpu(), Instant::now());
    mw::signals::pause(WATCHED)?;
    let seconds = since.elapsed().as_secs_f64();
    let counted = statements.counted()?;
    let per_second = counted.values().sum::<i64>() as f64 / seconds;
    let percent = 100.0 * (cpu() - before) / seconds;
    report.measure(Measure::IdleStatements, Some(per_second));
    report.measure(Measure::IdleProcessor, Some(percent));
    let names = counted.into_keys().collect::<Vec<_>>().join(", ");
    let note =
        format!("{per_second:.2} statements/s ({names}), {percent:.2} % of a core for the host and its schedule");
    report.add(Row::said("sweep every 5 s", note));
    Ok(())
}
