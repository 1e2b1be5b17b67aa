//! What the product costs while nobody asks for anything: the scheduled sweep, and that is all.

use super::host::{children, cpu_seconds};
use crate::report::{Report, Row};
use crate::scene::Scene;
use anyhow::Result;
use std::time::{Duration, Instant};

const SETTLE: Duration = Duration::from_secs(6);
const WATCHED: Duration = Duration::from_secs(20);

pub(super) fn measure(scene: &Scene, report: &mut Report) -> Result<()> {
    report.section("Idle");
    let mut database = scene.database()?;
    mw::dev::signals::pause(SETTLE)?;
    let mut state = || -> Result<(i64, f64, Instant)> {
        // Each statement of ours is a transaction of its own; this one is one, too.
        let sql = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()";
        let statements = database.query_one(sql, &[])?.get(0);
        Ok((statements, children("mw-host").into_iter().map(cpu_seconds).sum(), Instant::now()))
    };
    let (statements, cpu, since) = state()?;
    mw::dev::signals::pause(WATCHED)?;
    let (statements_after, cpu_after, _) = state()?;
    let seconds = since.elapsed().as_secs_f64();
    let note = format!(
        "{:.2} statements/s, {:.2} % of a core for the host and its schedule",
        (statements_after - statements - 1).max(0) as f64 / seconds,
        100.0 * (cpu_after - cpu) / seconds
    );
    report.add(Row::said("sweep every 5 s", note));
    Ok(())
}
