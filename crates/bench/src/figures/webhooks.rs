//! Webhooks about a job that has ended: verified, deduplicated, committed, answered; nothing is left to do, so no dispatcher
//! wakes. They are of a provider that signs the body, so that each delivery gets its receipt: others have a budget. Beside them
//! the floor and the limit with the same statement, in turns.

use super::{CONNECTIONS, median};
use crate::aims::Measure;
use crate::fixture::Fixture;
use crate::limit;
use crate::load::{self, Body, Measured, Pace};
use crate::report::{Report, Row};
use crate::statement::{self, Statement};
use anyhow::{Context, Result};
use http::Request;
use mw_media::Timestamp;
use mw_store::webhooks::{Delivery, Match, accept};
use serde_json::{Value, json};
use std::time::Duration;

/// Stands in a body or a key for what is unique in each.
const UNIQUE: &str = "TASK";
const ROUNDS: usize = 3;
const RATE: u32 = 1000;
const WARM_UP: Duration = Duration::from_secs(2);

pub(super) fn measure(fixture: &Fixture, during: Duration, report: &mut Report) -> Result<()> {
    report.section("Webhooks");
    let job = ended_job(fixture)?;
    let signed = |label: &str| deliveries(fixture, &job, label);
    let floor_statement = the_statement(fixture, &job)?;

    let closed =
        |base: &str, make: Box<dyn Fn(u64) -> Request<Body>>| load::run(base, CONNECTIONS, Pace::Closed, during, make);
    let mut product = Vec::new();
    let mut floor = Vec::new();
    for round in 0..ROUNDS {
        product.push(closed(&fixture.base, Box::new(signed(&format!("closed{round}"))))?);
        if let Some(base) = &fixture.floor {
            floor.push(closed(base, Box::new(floors(&floor_statement, round)))?);
        }
    }
    let limit = limit::per_second(&fixture.database_url, &floor_statement, UNIQUE, CONNECTIONS, during)?;
    let loads = format!("{CONNECTIONS} connections");
    let (of_product, of_floor) = (rate(&product), rate(&floor));
    let of_limit = |rate: f64| format!("{:.0} % of the limit", 100.0 * rate / limit);
    let ours = whole("signed, unique", &loads, &product);
    if floor.is_empty() {
        report.add(ours.noting(of_limit(of_product)));
    } else {
        let percent = 100.0 * of_product / of_floor;
        report.measure(Measure::WebhooksOfFloor, Some(percent));
        let ratio = format!("{percent:.0} % of the floor");
        report.add(ours.noting(ratio).noting(of_limit(of_product)));
        report.add(whole("the floor: only the statement", &loads, &floor).noting(of_limit(of_floor)));
    }
    report.add(Row { what: "the limit: pgbench".into(), load: loads.clone(), rate: Some(limit), ..Row::default() });

    let paced = Pace::PerSecond(RATE);
    let at = format!("{RATE}/s");
    // As many connections as a burst takes are made and have planned their statement before anything is measured.
    load::run(&fixture.base, 64, Pace::Closed, WARM_UP, signed("warm"))?;
    let measured = load::run(&fixture.base, 64, paced, during, signed("paced"))?;
    report.measure(Measure::WebhooksP50, Some(measured.milliseconds(50)));
    report.measure(Measure::WebhooksP99, Some(measured.milliseconds(99)));
    report.add(Row::of("signed, unique", &at, &measured, 200));
    if let Some(base) = &fixture.floor {
        load::run(base, 64, Pace::Closed, WARM_UP, floors(&floor_statement, ROUNDS + 1))?;
        let measured = load::run(base, 64, paced, during, floors(&floor_statement, ROUNDS))?;
        report.measure(Measure::FloorPaced, Some(measured.rate()));
        report.add(Row::of("the floor", &at, &measured, 200));
    }

    let one = signed("repeated");
    let measured = fixture.load(CONNECTIONS, Pace::Closed, during, move |_| one(0))?;
    report.add(Row::of("the same one again", &loads, &measured, 200));
    let forged = signed("forged");
    let measured = fixture.load(CONNECTIONS, Pace::Closed, during, move |number| {
        let mut request = forged(number);
        // Another body than was signed.
        *request.body_mut() = format!("{{\"forged\": {number}}}").into();
        request
    })?;
    report.add(Row::of("forged, each another", &loads, &measured, 403));
    Ok(())
}

fn rate(rounds: &[Measured]) -> f64 {
    median(rounds.iter().map(Measured::rate).collect())
}

/// The middle round.
fn whole(what: &str, load: &str, rounds: &[Measured]) -> Row {
    let middle = rate(rounds);
    let round = rounds.iter().find(|round| round.rate() == middle);
    round.map_or_else(Row::default, |round| Row::of(what, load, round, 200))
}

/// Signed events about a job, each another.
fn deliveries(fixture: &Fixture, job: &str, label: &str) -> impl Fn(u64) -> Request<Body> + use<> + 'static {
    let prefix = format!("{}-{label}", uuid::Uuid::new_v4().simple());
    let (path, sender) = (fixture.signing.path(job), fixture.signing.clone());
    move |number| {
        let task = format!("{prefix}-{number}");
        sender.delivery(&path, &task, &url(&task))
    }
}

/// The job of a published run about which the deliveries are.
fn ended_job(fixture: &Fixture) -> Result<String> {
    let run_id = fixture.start_run("test_video_gen")?;
    super::throughput::publish(fixture, std::slice::from_ref(&run_id))?;
    let sql = "SELECT job_id FROM provider_jobs WHERE run_id = $1 AND provider = $2 LIMIT 1";
    let provider = fixture.signing.player.name();
    Ok(fixture.database()?.query_one(sql, &[&run_id, &provider]).context("the run made no such job")?.get(0))
}

fn url(task: &str) -> String {
    format!("https://www.tiktok.com/@aismr/video/{task}")
}

/// What the product runs for such a delivery.
fn the_statement(fixture: &Fixture, job: &str) -> Result<Statement> {
    let (signed, text) = fixture.signing.told(UNIQUE, &url(UNIQUE));
    let headers = [("content-type", "application/json".to_owned())].into_iter().chain(signed);
    let headers = headers.map(|(name, value)| (name.to_owned(), value.into())).collect();
    let delivery = Delivery {
        provider: fixture.signing.player.name(),
        key: UNIQUE,
        headers: Value::Object(headers),
        query: &format!("job={job}"),
        signature_status: "valid",
        trusted: true,
        ignore: false,
        matching: Match { job_id: Some(job.to_owned()), task_id: Some(UNIQUE.to_owned()), account: None },
        hint: json!({"task_id": UNIQUE, "url": url(UNIQUE)}),
    };
    statement::of(|db| accept(db, Timestamp::now_utc(), &delivery, text.as_bytes()))
}

/// The statement for the floor, unique each time.
fn floors(statement: &Statement, round: usize) -> impl Fn(u64) -> Request<Body> + use<> + 'static {
    let statement = statement.clone();
    let prefix = uuid::Uuid::new_v4().simple().to_string();
    move |number| {
        let task = format!("{prefix}-{round}-{number}");
        let bytes =
            statement.bytes.as_deref().map(|bytes| String::from_utf8_lossy(bytes).replace(UNIQUE, &task).into_bytes());
        Statement { sql: statement.sql.clone(), json: statement.json.replace(UNIQUE, &task), bytes }.request()
    }
}
