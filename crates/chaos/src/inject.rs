//! Makes one fault happen.

use crate::fault::Fault;
use crate::messages::{deliver, made};
use crate::population::{decide, order};
use crate::scene::Scene;
use mw::error::{Error, Result, While};
use mw::signals::pause;
use mw_media::status::Verb;
use serde_json::{Value, json};
use std::time::Duration;

pub(crate) fn inject(scene: &mut Scene<'_>, fault: &Fault) -> Result<()> {
    *scene.ledger.lock().faults.entry(fault.name()).or_default() += 1;
    match fault {
        Fault::KillHost { host, down_ms } => {
            scene.stack.host(*host)?.kill();
            pause(Duration::from_millis(*down_ms))?;
            scene.bring_back(*host)
        }
        Fault::RestartPostgres { crash } => scene.cluster()?.restart(if *crash { "immediate" } else { "fast" }),
        Fault::KillBackends { count } => kill_backends(scene, *count),
        Fault::ExhaustConnections { left, ms } => exhaust(scene, *left, *ms),
        Fault::LockRuns { count, ms } => lock_runs(scene, *count, *ms),
        Fault::Provider(rule) => {
            let mut rule = json!(rule);
            // The simulator counts that itself.
            rule.as_object_mut().and_then(|rule| rule.remove("struck"));
            steer(scene, "POST", "faults", &rule)
        }
        Fault::HoldCallbacks { ms } => {
            steer(scene, "POST", "callbacks/hold", &Value::Null)?;
            pause(Duration::from_millis(*ms))?;
            steer(scene, "POST", "callbacks/release", &Value::Null)
        }
        Fault::SlowProviders { ms } => steer(scene, "POST", "latency", &json!(mw_sim::Latency::all(*ms))),
        Fault::Message { message, hosts } => {
            let known = scene.some_task()?;
            let signed = made(*message, &known, |name| scene.setting(&name.to_ascii_uppercase()).to_owned());
            at_once(hosts, |host| deliver(scene.api, scene.ledger, host, &signed));
            Ok(())
        }
        Fault::TwoSweeps { hosts } => {
            let headers = [("x-sweep-key", scene.api.sweep_key.as_str())];
            at_once(hosts, |host| {
                scene.api.ask_with(scene.ledger, host, "/v1/sweep", Some(&json!({})), &headers);
            });
            Ok(())
        }
        Fault::Cancel { host } => {
            if let Some((run_id, _)) = scene.some_open_run("true")? {
                order(scene.api, scene.ledger, *host, &run_id, Verb::Cancel);
            }
            Ok(())
        }
        Fault::RaceAtGate { hosts } => race(scene, hosts),
    }
}

/// Puts right whatever is still wrong.
pub(crate) fn heal(scene: &mut Scene<'_>) -> Result<()> {
    steer(scene, "DELETE", "faults", &Value::Null)?;
    steer(scene, "POST", "callbacks/release", &Value::Null)?;
    steer(scene, "POST", "latency", &json!(mw_sim::Latency::all(100)))?;
    limit_connections(scene, -1)?;
    for host in 0..scene.hosts {
        if scene.stack.host(host)?.ended().is_some() {
            scene.bring_back(host)?;
        }
    }
    Ok(())
}

/// The simulator never fails by itself.
pub(crate) fn steer(scene: &Scene<'_>, method: &str, path: &str, body: &Value) -> Result<()> {
    match scene.api.simulator(method, path, body) {
        Some(answer) if answer.is_acknowledged() => Ok(()),
        answer => Err(Error::failed(format!("the simulator refused {method} {path} {body}: {answer:?}"))),
    }
}

fn at_once(hosts: &[usize; 2], act: impl Fn(usize) + Sync) {
    std::thread::scope(|scope| {
        for host in hosts {
            let act = &act;
            scope.spawn(move || act(*host));
        }
    });
}

fn race(scene: &mut Scene<'_>, hosts: &[usize; 2]) -> Result<()> {
    let Some((run_id, Some(gate))) = scene.some_open_run("awaiting_gate IS NOT NULL")? else { return Ok(()) };
    std::thread::scope(|scope| {
        for (host, verdict) in hosts.iter().zip(["approve", "reject"]) {
            let (api, ledger, run_id, gate) = (scene.api, scene.ledger, &run_id, &gate);
            scope.spawn(move || decide(api, ledger, *host, run_id, gate, verdict));
        }
    });
    Ok(())
}

fn kill_backends(scene: &mut Scene<'_>, count: usize) -> Result<()> {
    let salt = scene.random.u64(..).to_string();
    let sql = "SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM pg_stat_activity
                WHERE datname = $1 AND pid <> pg_backend_pid() ORDER BY md5(pid::text || $2) LIMIT $3::bigint) AS victims";
    let count = i64::try_from(count).unwrap_or(1);
    scene.rows(sql, &[&scene.database(), &salt, &count]).map(drop)
}

fn exhaust(scene: &mut Scene<'_>, left: u32, ms: u64) -> Result<()> {
    limit_connections(scene, i64::from(left))?;
    kill_backends(scene, 1000)?;
    let waited = pause(Duration::from_millis(ms));
    limit_connections(scene, -1)?;
    waited
}

fn limit_connections(scene: &Scene<'_>, limit: i64) -> Result<()> {
    let sql = format!("ALTER DATABASE {} CONNECTION LIMIT {limit}", scene.database());
    scene.admin()?.batch_execute(&sql).while_doing("limit the database's connections")
}

/// A deadlock with the product is possible, and then one of the two is cut off: part of the fault.
fn lock_runs(scene: &mut Scene<'_>, count: usize, ms: u64) -> Result<()> {
    let salt = scene.random.u64(..).to_string();
    let sql =
        "SELECT run_id FROM runs WHERE finished_at IS NULL ORDER BY md5(run_id || $1) LIMIT $2::bigint FOR UPDATE";
    let mut admin = scene.admin()?;
    let mut transaction = admin.transaction().while_doing("begin")?;
    if transaction.query(sql, &[&salt, &i64::try_from(count).unwrap_or(1)]).is_ok() {
        pause(Duration::from_millis(ms))?;
    }
    Ok(())
}
