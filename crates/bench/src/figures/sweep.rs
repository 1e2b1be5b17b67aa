//! The sweep when ten thousand runs are overdue beside a long history, call after call until nothing is left; then an idle one.

use crate::report::{Report, Row};
use crate::scene::Scene;
use anyhow::{Result, ensure};
use serde_json::json;
use std::time::{Duration, Instant};

pub(super) fn measure(scene: &Scene, report: &mut Report) -> Result<()> {
    let mut database = scene.database()?;
    let open = "SELECT count(*) FROM runs WHERE run_id LIKE 'open-%' AND finished_at IS NULL";
    let stuck: i64 = database.query_one(open, &[])?.get(0);
    if stuck == 0 {
        return Ok(());
    }
    report.section("Sweep");
    // Every open run of the history waits at an open gate. Its state has the deadline, too, and decides.
    let overdue = r#"
        UPDATE gates SET deadline = now() - interval '1 second' WHERE run_id LIKE 'open-%' AND state = 'open';
        UPDATE runs SET deadline = now() - interval '1 second', state = jsonb_set(state, '{deadline}',
               to_jsonb(to_char((now() - interval '1 second') AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')))
         WHERE run_id LIKE 'open-%' AND finished_at IS NULL"#;
    database.batch_execute(overdue)?;
    let mut took = Vec::new();
    let begun = Instant::now();
    loop {
        mw::dev::signals::go_on()?;
        let since = Instant::now();
        let swept = scene.post("/v1/sweep", &json!({}))?;
        took.push(since.elapsed());
        if database.query_one(open, &[])?.get::<_, i64>(0) == 0 {
            break;
        }
        ensure!(swept["deadlines"].as_u64().is_some_and(|ended| ended > 0), "the sweep ends nothing: {swept}");
    }
    let whole = begun.elapsed();
    let calls = took.len();
    report.add(row(&format!("{stuck} overdue runs, each call"), took).noting(format!(
        "{calls} calls, {:.1} s for all: {:.0} runs/s",
        whole.as_secs_f64(),
        stuck as f64 / whole.as_secs_f64()
    )));
    let mut idle = Vec::new();
    for _ in 0..20 {
        let since = Instant::now();
        scene.post("/v1/sweep", &json!({}))?;
        idle.push(since.elapsed());
    }
    report.add(row("nothing is overdue", idle));
    Ok(())
}

fn row(what: &str, mut took: Vec<Duration>) -> Row {
    took.sort();
    let at = |percent: usize| took.get((took.len() - 1) * percent / 100).map(|took| took.as_secs_f64() * 1000.0);
    Row {
        what: what.to_owned(),
        load: "one after the other".to_owned(),
        p50: at(50),
        p95: at(95),
        p99: at(99),
        ..Row::default()
    }
}
