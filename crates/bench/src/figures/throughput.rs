//! Whole runs in mock mode: started beforehand, every gate approved as soon as it opens, until all are published.

use crate::aims::Measure;
use crate::fixture::Fixture;
use crate::report::{Report, Row};
use anyhow::{Context, Result, ensure};
use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::mpsc;
use std::time::{Duration, Instant};

const APPROVERS: usize = 8;
const WARM_UP_RUNS: usize = 20;

pub(super) fn measure(fixture: &Fixture, report: &mut Report) -> Result<()> {
    report.section("Whole runs, mock providers");
    for (project, clips, count) in [("test_video_gen", 2, 150), ("aismr", 12, 40)] {
        // Every connection has planned what it runs before anything is measured.
        publish(fixture, &(0..WARM_UP_RUNS).map(|_| fixture.start_run(project)).collect::<Result<Vec<_>>>()?)?;
        let mut database = fixture.database()?;
        let mut number = |sql: &str, runs: &[String]| -> Result<i64> { Ok(database.query_one(sql, &[&runs])?.get(0)) };
        let size = "SELECT pg_database_size(current_database()) FROM (SELECT $1::text[]) AS runs";
        let before = number(size, &[])?;
        let runs = (0..count).map(|_| fixture.start_run(project)).collect::<Result<Vec<_>>>()?;
        let took = publish(fixture, &runs)?;
        let transitions = number("SELECT sum(version)::bigint FROM runs WHERE run_id = ANY ($1)", &runs)?;
        let effects = number("SELECT count(*) FROM outbox WHERE run_id = ANY ($1)", &runs)?;
        let per_second = transitions as f64 / took.as_secs_f64();
        if clips == 2 {
            report.measure(Measure::Transitions, Some(per_second));
        }
        let note = format!(
            "{per_second:.0} transitions/s; each run: {} transitions, {} effects, {} KiB of database",
            transitions / count,
            effects / count,
            (number(size, &[])? - before) / count / 1024
        );
        let rate = Some(count as f64 / took.as_secs_f64());
        let load = format!("{count} at once");
        report.add(Row { what: format!("published, {clips} clips each"), load, rate, note, ..Row::default() });
    }
    Ok(())
}

/// Approves whatever gate of these runs opens, until all are published; how long that took.
pub(super) fn publish(fixture: &Fixture, runs: &[String]) -> Result<Duration> {
    let begun = Instant::now();
    let (gates, waiting) = mpsc::channel::<(String, String)>();
    let waiting = Mutex::new(waiting);
    std::thread::scope(|scope| {
        for _ in 0..APPROVERS {
            scope.spawn(|| {
                while let Ok((run_id, gate)) =
                    { waiting.lock().map_err(drop).and_then(|next| next.recv().map_err(drop)) }
                {
                    if let Err(error) = fixture.approve(&run_id, &gate) {
                        eprintln!("mw-bench: {error:#}");
                    }
                }
            });
        }
        let outcome = watch(fixture, runs, &gates);
        // The approvers end with it.
        drop(gates);
        outcome
    })?;
    Ok(begun.elapsed())
}

/// Hands every gate that opens to the approvers, once.
fn watch(fixture: &Fixture, runs: &[String], gates: &mpsc::Sender<(String, String)>) -> Result<()> {
    let mut database = fixture.database()?;
    let mut told = HashSet::new();
    let sql = "SELECT run_id, status, awaiting_gate FROM runs WHERE run_id = ANY ($1)";
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        let rows = database.query(sql, &[&runs])?;
        let status = |row: &postgres::Row| -> String { row.get(1) };
        let ended =
            rows.iter().find(|row| ["failed", "cancelled", "rejected", "expired"].contains(&status(row).as_str()));
        ensure!(
            ended.is_none(),
            "run {} ended as {}",
            ended.map_or("", |row| row.get(0)),
            ended.map(status).unwrap_or_default()
        );
        if rows.iter().all(|row| status(row) == "published") {
            return Ok(());
        }
        for row in &rows {
            let open: Option<String> = row.get(2);
            if let Some(gate) = open
                && told.insert((row.get::<_, String>(0), gate.clone()))
            {
                gates.send((row.get(0), gate)).context("nobody approves")?;
            }
        }
        ensure!(Instant::now() < deadline, "not every run was published within two minutes");
        std::thread::sleep(Duration::from_millis(5));
    }
}
