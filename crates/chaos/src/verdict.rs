//! After the chaos: everything comes to its end, every invariant holds, and what was acknowledged is true.

use crate::messages::STRANGER;
use crate::population::{decide, order};
use crate::scene::Scene;
use mw::error::{Error, Result};
use mw::signals::pause;
use mw_integrations::registry::job_provider;
use mw_kinds::KINDS;
use mw_media::Timestamp;
use mw_media::status::Verb;
use mw_store::doctor::{Scope, examine};
use postgres::Row;
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// A dead dispatcher's lease takes 45 s, a lost answer three waits, retries up to 15 s.
const QUIET_WITHIN: Duration = Duration::from_secs(240);
/// Leases, deadlines and dead letters older than this count as overdue for the doctor only after its own slack.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Something that must not be.
#[derive(Debug)]
pub(crate) struct Broken {
    pub(crate) run_id: Option<String>,
    pub(crate) what: String,
}

fn broken(run_id: &str, what: impl Into<String>) -> Broken {
    Broken { run_id: Some(run_id.to_owned()), what: what.into() }
}

/// Approves and resumes whatever waits for a person, until no run is open and no effect is left; tells what stays open.
pub(crate) fn bring_to_rest(scene: &mut Scene<'_>) -> Result<Vec<Broken>> {
    let began = Instant::now();
    loop {
        let waiting =
            scene.rows("SELECT run_id, awaiting_gate FROM runs WHERE awaiting_gate IS NOT NULL LIMIT 200", &[])?;
        for row in &waiting {
            let host = scene.random.usize(..scene.hosts);
            let (run_id, gate): (String, String) = (row.get(0), row.get(1));
            decide(scene.api, scene.ledger, host, &run_id, &gate, "approve");
        }
        for row in &scene.rows("SELECT run_id FROM runs WHERE status = 'paused' LIMIT 200", &[])? {
            let host = scene.random.usize(..scene.hosts);
            order(scene.api, scene.ledger, host, row.get(0), Verb::Resume);
        }
        let open = scene.rows(
            "SELECT run_id, status FROM runs WHERE finished_at IS NULL
              UNION SELECT run_id, 'effect ' || key || ' ' || state FROM outbox WHERE state IN ('due', 'leased', 'held') LIMIT 100",
            &[],
        )?;
        if open.is_empty() {
            return Ok(Vec::new());
        }
        if began.elapsed() > QUIET_WITHIN {
            let stays = |row: &Row| {
                broken(row.get(0), format!("still open after {QUIET_WITHIN:?}: {}", row.get::<_, String>(1)))
            };
            return Ok(open.iter().map(stays).collect());
        }
        pause(LOOK_EVERY)?;
    }
}

pub(crate) fn judge(scene: &mut Scene<'_>) -> Result<Vec<Broken>> {
    let mut found = ask_the_doctor(scene)?;
    found.extend(acknowledged_starts(scene)?);
    found.extend(acknowledged_decisions(scene)?);
    found.extend(acknowledged_orders(scene)?);
    found.extend(acknowledged_deliveries(scene)?);
    found.extend(submitted_twice(scene)?);
    found.extend(strangers_believed(scene)?);
    let errors = &scene.ledger.lock().errors;
    found.extend(errors.iter().take(20).map(|error| Broken { run_id: None, what: format!("answered 500: {error}") }));
    Ok(found)
}

fn ask_the_doctor(scene: &Scene<'_>) -> Result<Vec<Broken>> {
    let failed = |error: mw_store::DbError| Error::failed(error.to_string());
    let mut db = mw_store::native::Client::connect(scene.stack.database().url()).map_err(failed)?;
    let checkup = examine(&mut db, KINDS, Timestamp::now_utc(), &Scope::default(), &mut |_| {}).map_err(failed)?;
    let findings = checkup.findings.into_iter();
    Ok(findings
        .map(|found| Broken { what: format!("doctor: {}: {}", found.invariant, found.detail), run_id: found.run_id })
        .collect())
}

/// Every run whose start was answered is there.
fn acknowledged_starts(scene: &Scene<'_>) -> Result<Vec<Broken>> {
    let there: BTreeSet<String> = scene.rows("SELECT run_id FROM runs", &[])?.iter().map(|row| row.get(0)).collect();
    let entries = scene.ledger.lock();
    Ok(entries
        .started
        .difference(&there)
        .map(|run_id| broken(run_id, "its start was acknowledged, it is not there"))
        .collect())
}

/// Every decision that was answered 2xx is the one in the timeline.
fn acknowledged_decisions(scene: &Scene<'_>) -> Result<Vec<Broken>> {
    let sql =
        "SELECT run_id, data->'data'->>'gate', data->'data'->>'verdict' FROM run_events WHERE type = 'gate.decided'";
    let there: BTreeSet<(String, String, String)> =
        scene.rows(sql, &[])?.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect();
    let entries = scene.ledger.lock();
    Ok(entries
        .decided
        .difference(&there)
        .map(|(run_id, gate, verdict)| {
            broken(run_id, format!("{verdict} at {gate} was acknowledged and is not in the timeline"))
        })
        .collect())
}

/// Every verb that was answered as carried out is in the timeline.
fn acknowledged_orders(scene: &Scene<'_>) -> Result<Vec<Broken>> {
    let rows = scene.rows("SELECT DISTINCT run_id, type FROM run_events WHERE actor = 'chaos'", &[])?;
    let there: BTreeSet<(String, String)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    let entries = scene.ledger.lock();
    let lost = entries.ordered.iter().filter(|(run_id, event)| !there.contains(&(run_id.clone(), (*event).to_owned())));
    Ok(lost
        .map(|(run_id, event)| broken(run_id, format!("{event} was acknowledged and is not in the timeline")))
        .collect())
}

/// Every delivery that was answered `dlq` has its receipt, under the hash of its body.
fn acknowledged_deliveries(scene: &Scene<'_>) -> Result<Vec<Broken>> {
    let receipts = scene.rows("SELECT idempotency_key FROM webhook_events WHERE outcome <> 'refused'", &[])?;
    let there: BTreeSet<String> = receipts.iter().map(|row| row.get(0)).collect();
    let entries = scene.ledger.lock();
    let lost = entries.received.difference(&there);
    Ok(lost
        .map(|hash| Broken { run_id: None, what: format!("an acknowledged webhook has no receipt: body {hash}") })
        .collect())
}

/// No provider has more tasks of a job than the timeline says; one that can be asked by our own ids never more than one.
fn submitted_twice(scene: &Scene<'_>) -> Result<Vec<Broken>> {
    let state = scene.api.simulator("GET", "state", &Value::Null).filter(crate::api::Answer::is_acknowledged);
    let state = state.ok_or_else(|| Error::failed("the simulator does not tell its state"))?.body;
    let repeated = scene.rows(
        "SELECT data->'data'->>'job_id', count(*) FROM run_events WHERE type = 'job.submission_repeated' GROUP BY 1",
        &[],
    )?;
    let mut found = Vec::new();
    for job in state.get("submitted_twice").and_then(Value::as_array).into_iter().flatten() {
        let text = |name: &str| job.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (provider, job_id) = (text("provider"), text("job_id"));
        let tasks = job.get("task_ids").and_then(Value::as_array).map_or(0, Vec::len);
        let told = repeated.iter().find(|row| row.get::<_, String>(0) == job_id).map_or(0, |row| row.get::<_, i64>(1));
        let allowed = if remembers_ours(&provider) { 0 } else { usize::try_from(told).unwrap_or(0) };
        if tasks > 1 + allowed {
            let owner = scene.rows("SELECT run_id FROM provider_jobs WHERE job_id = $1", &[&job_id])?;
            let run_id = owner.first().map(|row| row.get(0));
            let what =
                format!("{provider} has {tasks} tasks of job {job_id}, the timeline tells of {told} repetitions");
            found.push(Broken { run_id, what });
        }
    }
    Ok(found)
}

fn remembers_ours(provider: &str) -> bool {
    let nowhere = mw_integrations::Settings { base_url: String::new(), api_key: String::new() };
    job_provider(provider).is_some_and(|jobs| jobs.find(&nowhere, "").is_some())
}

fn strangers_believed(scene: &Scene<'_>) -> Result<Vec<Broken>> {
    let sql = "SELECT run_id FROM runs WHERE position($1 IN state::text) > 0 OR position($1 IN coalesce(result::text, '')) > 0";
    let rows = scene.rows(sql, &[&STRANGER])?;
    Ok(rows.iter().map(|row| broken(row.get(0), "a stranger's video was believed")).collect())
}
