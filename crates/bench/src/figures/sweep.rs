//! The sweep when ten thousand runs are overdue beside a long history, until nothing is left; then an idle one.

use crate::aims::Measure;
use crate::fixture::Fixture;
use crate::report::{Report, Row};
use anyhow::{Result, ensure};
use serde_json::json;
use std::time::{Duration, Instant};

pub(super) fn measure(fixture: &Fixture, report: &mut Report) -> Result<()> {
    let mut database = fixture.database()?;
    let open = "SELECT count(*) FROM runs WHERE run_id LIKE 'open-%' AND finished_at IS NULL";
    let stuck: i64 = database.query_one(open, &[])?.get(0);
    if stuck == 0 {
        return Ok(());
    }
    report.section("Sweep");
    // Every open run of the history waits at an open gate. Its state has the deadline, too, and decides.
    let overdue = r#"
        UPDATE gates SET deadline = now() - interval '1 second' WHERE run_id LIKE 'open-%' AND state = 'open';
        UPDATE runs SET deadline = now() - interval '1 second', state = state || jsonb_build_object('deadline', moment.at)
               || CASE WHEN state ? 'work_deadline' THEN jsonb_build_object('work_deadline', moment.at) ELSE '{}' END
               || CASE WHEN state ? 'gates' THEN jsonb_build_object('gates', (
                      SELECT jsonb_agg(open || jsonb_build_object('deadline', moment.at)) FROM jsonb_array_elements(state->'gates') AS open))
                  ELSE '{}' END
          FROM to_char((now() - interval '1 second') AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS moment (at)
         WHERE run_id LIKE 'open-%' AND finished_at IS NULL"#;
    database.batch_execute(overdue)?;
    let begun = Instant::now();
    let swept = fixture.post("/v1/sweep", &json!({}))?;
    let answered = begun.elapsed();
    ensure!(swept["deadlines"].as_u64().is_some_and(|ended| ended > 0), "the sweep ends nothing: {swept}");
    // The others follow after the answer, for twenty seconds; then it takes another call.
    while database.query_one(open, &[])?.get::<_, i64>(0) > 0 {
        mw::signals::go_on()?;
        ensure!(begun.elapsed() < Duration::from_secs(300), "not all ended within five minutes");
        fixture.post("/v1/sweep", &json!({}))?;
        std::thread::sleep(Duration::from_millis(50));
    }
    let whole = begun.elapsed().as_secs_f64();
    report.measure(Measure::SweepSeconds, Some(whole));
    report.add(row(&format!("{stuck} overdue runs: the answer"), vec![answered]).noting(format!(
        "{} ended before it; all after {whole:.1} s: {:.0} runs/s",
        swept["deadlines"],
        stuck as f64 / whole
    )));
    let mut idle = Vec::new();
    for _ in 0..20 {
        let since = Instant::now();
        fixture.post("/v1/sweep", &json!({}))?;
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
