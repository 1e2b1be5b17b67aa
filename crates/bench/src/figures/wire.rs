//! From the click that approves to the provider's wire, and where the time goes: the request is sent when it is sent, the decision
//! and the claim carry the clock of their instance, and the simulator says when the first submission arrived. One run after
//! the other, on one machine and one clock: nobody asks for anything while the request is on its way, and the next run begins
//! when the one before waits for a person again.

use crate::aims::Measure;
use crate::fixture::Fixture;
use crate::report::{Report, Row};
use anyhow::{Context, Result, ensure};
use std::collections::HashSet;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const RUNS: usize = 100;
/// Until every connection of the pools has planned what it runs.
const WARM_UP_RUNS: usize = 30;
/// Between two looks at what happened: longer than what is measured.
const LOOK: Duration = Duration::from_millis(100);

/// Microseconds since 1970.
struct Passage {
    clicked: i64,
    decided: i64,
    claimed: i64,
    arrived: i64,
}

pub(super) fn measure(fixture: &Fixture, report: &mut Report) -> Result<()> {
    report.section("Approval to wire, simulated providers");
    let mut passages = (0..WARM_UP_RUNS + RUNS).map(|_| one(fixture)).collect::<Result<Vec<_>>>()?;
    let passages = passages.split_off(WARM_UP_RUNS);
    let load = format!("{RUNS} runs in turn");
    type Part = fn(&Passage) -> i64;
    let parts: [(&str, Part); 4] = [
        ("approve the plan → the first request to the provider", |passage| passage.arrived - passage.clicked),
        ("of it: click → decided", |passage| passage.decided - passage.clicked),
        ("decided → claimed: commit, answer, kick", |passage| passage.claimed - passage.decided),
        ("claimed → on the wire: claim, request", |passage| passage.arrived - passage.claimed),
    ];
    for (index, (what, part)) in parts.into_iter().enumerate() {
        let mut took: Vec<i64> = passages.iter().map(part).collect();
        took.sort_unstable();
        let at = |percent: usize| took.get((took.len() - 1) * percent / 100).map(|took| *took as f64 / 1000.0);
        if index == 0 {
            report.measure(Measure::WireP50, at(50));
            report.measure(Measure::WireP99, at(99));
        }
        report.add(Row { p50: at(50), p95: at(95), p99: at(99), load: load.clone(), ..Row::said(what, String::new()) });
    }
    Ok(())
}

fn one(fixture: &Fixture) -> Result<Passage> {
    let run_id = fixture.start_run("test_video_gen")?;
    fixture.approve(&run_id, "workflow")?;
    let clicked = SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros() as i64;
    fixture.approve(&run_id, "ideate")?;
    let mut database = fixture.database()?;
    let waits = "SELECT FROM runs WHERE run_id = $1 AND awaiting_gate = 'prepublish'";
    let begun = Instant::now();
    loop {
        std::thread::sleep(LOOK);
        if database.query_opt(waits, &[&run_id])?.is_some() {
            break;
        }
        ensure!(begun.elapsed() < Duration::from_secs(30), "run {run_id} does not get to its next gate");
    }
    let jobs = database.query("SELECT job_id FROM provider_jobs WHERE run_id = $1", &[&run_id])?;
    let jobs: HashSet<String> = jobs.iter().map(|row| row.get(0)).collect();
    let seen = fixture.simulated()?;
    let own = seen["tasks"].as_array().into_iter().flatten();
    let own = own.filter(|task| task["job_id"].as_str().is_some_and(|job| jobs.contains(job)));
    let arrived = own.filter_map(|task| task["created_unix_us"].as_i64()).min();
    let arrived = arrived.context("no request reached the provider")?;
    let times = "SELECT (extract(epoch FROM min(provider_jobs.created_at)) * 1000000)::bigint,
                        (extract(epoch FROM min(outbox.sent_at)) * 1000000)::bigint
                   FROM provider_jobs JOIN outbox USING (job_id) WHERE provider_jobs.run_id = $1";
    let times = database.query_one(times, &[&run_id])?;
    Ok(Passage { clicked, decided: times.get(0), claimed: times.get(1), arrived })
}
