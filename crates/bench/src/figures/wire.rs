//! From the click that approves to the provider's wire: the request is sent when it is sent, and the simulator says when the first
//! submission arrived. One run after the other, on one machine and one clock.

use crate::report::{Report, Row};
use crate::scene::Scene;
use anyhow::{Context, Result};
use std::collections::HashSet;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const RUNS: usize = 100;

pub(super) fn measure(scene: &Scene, report: &mut Report) -> Result<()> {
    report.section("Approval to wire, simulated providers");
    let mut took = (0..RUNS).map(|_| one(scene)).collect::<Result<Vec<f64>>>()?;
    took.sort_by(f64::total_cmp);
    let at = |percent: usize| took.get((took.len() - 1) * percent / 100).copied();
    let what = "approve the plan → the first request to kie.ai".to_owned();
    report.add(Row {
        what,
        load: format!("{RUNS} runs in turn"),
        p50: at(50),
        p95: at(95),
        p99: at(99),
        ..Row::default()
    });
    Ok(())
}

/// Milliseconds.
fn one(scene: &Scene) -> Result<f64> {
    let run_id = scene.start_run("test_video_gen")?;
    scene.approve(&run_id, "workflow")?;
    let sent = SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros();
    scene.approve(&run_id, "ideate")?;
    let jobs = scene.database()?.query("SELECT job_id FROM jobs WHERE run_id = $1", &[&run_id])?;
    let jobs: HashSet<String> = jobs.iter().map(|row| row.get(0)).collect();
    let begun = Instant::now();
    loop {
        let seen = scene.simulated()?;
        let arrived = seen["tasks"].as_array().into_iter().flatten();
        let own = arrived.filter(|task| task["job_id"].as_str().is_some_and(|job| jobs.contains(job)));
        if let Some(first) = own.filter_map(|task| task["created_unix_us"].as_u64()).min() {
            return Ok((u128::from(first).saturating_sub(sent)) as f64 / 1000.0);
        }
        if begun.elapsed() > Duration::from_secs(10) {
            return Err(anyhow::anyhow!("no request reached the provider")).context(run_id);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}
