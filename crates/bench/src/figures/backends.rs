//! How many backends of PostgreSQL one process of the host has: while two hundred requests are under way at once, to every component
//! with a pool of its own, and when it rests afterwards, where idle sessions end as ops/postgres/roles.sql has it. Measured where
//! the floor has asked for nothing, so that it has no connection.

use crate::aims::Measure;
use crate::fixture::Fixture;
use crate::load::Pace;
use crate::report::{Report, Row};
use anyhow::{Context, Result};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

const REQUESTS: usize = 200;
const LOOK: Duration = Duration::from_millis(20);
/// The aim at rest, and how long a host may take to come to rest: the time of idle sessions and some more.
const AT_REST: i64 = 30;
const REST: Duration = Duration::from_secs(75);

pub(super) fn measure(fixture: &Fixture, during: Duration, report: &mut Report) -> Result<()> {
    report.section("Backends of PostgreSQL");
    let name = fixture.database_url.rsplit('/').next().context("no database")?;
    fixture.database()?.batch_execute(&format!("ALTER DATABASE {name} SET idle_session_timeout = '60s'"))?;
    let run_id = fixture.start_run("test_video_gen")?;
    let start = r#"{"project":"test_video_gen","input":{"topic":"candles"}}"#;
    let webhooks = mw_integrations::registry::webhooks().map(|webhook| ("POST", webhook.path.to_owned(), "{}"));
    let requests = [
        ("POST", "/v1/runs/start".to_owned(), start),
        ("GET", "/v1/runs?limit=50".to_owned(), ""),
        ("GET", format!("/v1/runs/{run_id}/why"), ""),
        ("GET", "/v1/gates".to_owned(), ""),
        ("GET", "/metrics".to_owned(), ""),
        ("GET", "/v1/chat/conversations/me".to_owned(), ""),
        ("POST", format!("/v1/hitl/approve/{run_id}/workflow"), "{}"),
        ("POST", format!("/v1/hitl/approve/{run_id}/ideate"), "{}"),
        ("POST", format!("/v1/hitl/approve/{run_id}/prepublish"), "{}"),
        ("POST", "/v1/webhooks/std/nobody".to_owned(), "{}"),
        ("POST", "/v1/sweep".to_owned(), "{}"),
    ];
    let requests: Vec<_> = requests
        .into_iter()
        .chain(webhooks)
        .map(|(method, path, body)| (fixture.request(method, &path, String::new()).into_parts().0, body.to_owned()))
        .collect();
    let routes = requests.len();
    let make = move |number: u64| {
        let (parts, body) = &requests[usize::try_from(number).unwrap_or_default() % requests.len()];
        http::Request::from_parts(parts.clone(), body.clone().into())
    };
    let (most, ended) = (AtomicI64::new(0), AtomicBool::new(false));
    let measured = std::thread::scope(|scope| -> Result<_> {
        let watch = scope.spawn(|| watch(fixture, &most, &ended));
        let measured = fixture.load(REQUESTS, Pace::Closed, during, make);
        ended.store(true, Ordering::Relaxed);
        watch.join().map_err(|_| anyhow::anyhow!("the watch of the backends broke"))??;
        measured
    })?;
    let unavailable = measured.statuses.get(&503).copied().unwrap_or_default();
    let most = most.into_inner();
    report.measure(Measure::BackendsMost, Some(most as f64));
    report.measure(Measure::Unavailable, Some(unavailable as f64));
    let note = format!("{most} backends at most, {unavailable} × 503");
    let what = format!("requests of {routes} routes, refused ones among them");
    report.add(Row { note, ..Row::of(&what, &format!("{REQUESTS} at once"), &measured, 200) });
    let (begun, mut database) = (Instant::now(), fixture.database()?);
    let mut rest = backends(&mut database)?;
    while rest > AT_REST && begun.elapsed() < REST {
        mw::signals::pause(Duration::from_secs(1))?;
        rest = backends(&mut database)?;
    }
    report.measure(Measure::BackendsAtRest, Some(rest as f64));
    let note = format!("{rest} backends, {} s after the last request", begun.elapsed().as_secs());
    report.add(Row::said("at rest", note));
    Ok(())
}

fn watch(fixture: &Fixture, most: &AtomicI64, ended: &AtomicBool) -> Result<()> {
    let mut database = fixture.database()?;
    while !ended.load(Ordering::Relaxed) {
        most.fetch_max(backends(&mut database)?, Ordering::Relaxed);
        std::thread::sleep(LOOK);
    }
    Ok(())
}

/// Sessions in this database, but not the one that asks.
fn backends(database: &mut postgres::Client) -> Result<i64> {
    let sql = "SELECT count(*) FROM pg_stat_activity
                WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()";
    Ok(database.query_one(sql, &[])?.get(0))
}
