//! Callbacks about jobs that are at work, so that each one wakes a dispatcher which asks the provider: what that adds to a webhook,
//! and how many dispatchers come of it. Then the twelve callbacks of one run at once, which all want to move that run.

use crate::fixture::Fixture;
use crate::load::{Body, Pace};
use crate::report::{Report, Row};
use anyhow::{Context, Result, ensure};
use http::Request;
use mw_stack::statements::Statements;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

const RATE: u32 = 200;
const CONNECTIONS: usize = 16;
const CLIPS: i64 = 12;
const RUNS: i64 = 10;

pub(super) fn measure(fixture: &Fixture, during: Duration, report: &mut Report) -> Result<()> {
    let Some(stack) = &fixture.stack else { return Ok(()) };
    report.section("Callbacks of jobs at work, simulated providers");
    let mut statements = Statements::begin(stack.database())?;
    poked(fixture, during, report, &mut statements)?;
    twelve_at_once(fixture, report, &mut statements)
}

/// A clip that never gets done is poked at a steady rate.
fn poked(fixture: &Fixture, during: Duration, report: &mut Report, statements: &mut Statements) -> Result<()> {
    fixture.clips_take(3_600_000)?;
    let run_id = generating(fixture, "test_video_gen")?;
    let sql = "SELECT job_id FROM provider_jobs WHERE run_id = $1 AND state = 'submitted' LIMIT 1";
    let mut database = fixture.database()?;
    let job = wait_for(|| Ok(database.query_opt(sql, &[&run_id])?.map(|row| row.get::<_, String>(0))))?;
    fixture.load(CONNECTIONS, Pace::PerSecond(RATE), during, callbacks(fixture, &job, "warm"))?;
    let before = statements.counted()?;
    let measured = fixture.load(CONNECTIONS, Pace::PerSecond(RATE), during, callbacks(fixture, &job, "poke"))?;
    let counted = since(&before, statements.counted()?);
    let accepted = measured.took.len() as f64;
    let each = |name: &str| counted.get(name).copied().unwrap_or_default() as f64 / accepted;
    let note = format!("a webhook: {:.2} claims, {:.2} commits", each("effects_lease"), each("runs_commit"));
    report.add(Row::of("signed, wakes a dispatcher", &format!("{RATE}/s"), &measured, 200).noting(note));
    fixture.cancel(&run_id)?;
    fixture.clips_take(300)
}

/// Callbacks about a job, each another: only the first ones of a minute get a receipt, all of them poke.
fn callbacks(fixture: &Fixture, job: &str, label: &str) -> impl Fn(u64) -> Request<Body> + use<> + 'static {
    let prefix = format!("{}-{label}", uuid::Uuid::new_v4().simple());
    let (path, sender) = (fixture.poking.path(job), fixture.poking.clone());
    move |number| {
        let task = format!("{prefix}-{number}");
        sender.delivery(&path, &task, &format!("https://files.example.com/{task}.mp4"))
    }
}

/// Runs whose clips are all done in the same moment.
fn twelve_at_once(fixture: &Fixture, report: &mut Report, statements: &mut Statements) -> Result<()> {
    let before = statements.counted()?;
    let mut database = fixture.database()?;
    for _ in 0..RUNS {
        let run_id = generating(fixture, "aismr")?;
        let done = "SELECT count(*) FROM provider_jobs WHERE run_id = $1 AND kind = 'generate' AND state = 'succeeded'";
        wait_for(|| Ok((database.query_one(done, &[&run_id])?.get::<_, i64>(0) == CLIPS).then_some(())))?;
        fixture.cancel(&run_id)?;
    }
    let counted = since(&before, statements.counted()?);
    let each = |name: &str| counted.get(name).copied().unwrap_or_default() as f64 / RUNS as f64;
    let note = format!(
        "{:.1} webhooks, {:.1} claims, {:.1} commits a run, from its start to its last clip",
        each("webhook_accept"),
        each("effects_lease"),
        each("runs_commit")
    );
    report.add(Row::said("12 clips that are done at once", note));
    Ok(())
}

/// A run whose clips are asked for.
fn generating(fixture: &Fixture, project: &str) -> Result<String> {
    let run_id = fixture.start_run(project)?;
    fixture.approve(&run_id, "workflow")?;
    fixture.approve(&run_id, "ideate")?;
    Ok(run_id)
}

fn since(before: &BTreeMap<String, i64>, after: BTreeMap<String, i64>) -> BTreeMap<String, i64> {
    after.into_iter().map(|(name, calls)| (name.clone(), calls - before.get(&name).unwrap_or(&0))).collect()
}

fn wait_for<T>(mut look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let begun = Instant::now();
    loop {
        if let Some(found) = look().context("look at the database")? {
            return Ok(found);
        }
        ensure!(begun.elapsed() < Duration::from_secs(60), "the jobs did not come as far within a minute");
        std::thread::sleep(Duration::from_millis(10));
    }
}
