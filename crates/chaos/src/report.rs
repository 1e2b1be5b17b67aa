//! What is printed in the end, and what a failure leaves behind to look at.

use crate::scene::Scene;
use crate::verdict::Broken;
use mw::error::{Result, While};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

/// Runs whose whole story is written down.
const STORIES_MAX: usize = 20;

pub(crate) fn counts(scene: &Scene<'_>, lasted: Duration) -> Result<()> {
    let statuses = scene.rows("SELECT status, count(*) FROM runs GROUP BY status ORDER BY status", &[])?;
    let statuses: Vec<String> =
        statuses.iter().map(|row| format!("{} {}", row.get::<_, i64>(1), row.get::<_, String>(0))).collect();
    let repeated = scene.rows("SELECT count(*) FROM run_events WHERE type = 'job.submission_repeated'", &[])?;
    let repeated = repeated.first().map_or(0, |row| row.get::<_, i64>(0));
    let entries = scene.ledger.lock();
    println!("faults by kind:");
    for (kind, count) in &entries.faults {
        println!("  {count:>6}  {kind}");
    }
    let answers: Vec<String> = entries
        .statuses
        .iter()
        .map(|(status, count)| if *status == 0 { format!("{count} × none") } else { format!("{count} × {status}") })
        .collect();
    println!("answers: {}", answers.join(", "));
    println!("runs: {}", statuses.join(", "));
    println!(
        "acknowledged: {} starts, {} decisions, {} verbs, {} dead letters; {repeated} submissions repeated, as the timelines say",
        entries.started.len(),
        entries.decided.len(),
        entries.ordered.len(),
        entries.received.len()
    );
    println!("{} faults in {} s", entries.faults.values().sum::<u64>(), lasted.as_secs());
    Ok(())
}

pub(crate) fn findings(scene: &Scene<'_>, found: &[Broken]) -> Result<()> {
    for broken in found {
        println!("✗ {}{}", broken.what, broken.run_id.as_ref().map(|run| format!("  (run {run})")).unwrap_or_default());
    }
    let folder = scene.stack.log();
    let runs: BTreeSet<&String> = found.iter().filter_map(|broken| broken.run_id.as_ref()).collect();
    for run_id in runs.into_iter().take(STORIES_MAX) {
        story(scene, run_id, folder)?;
    }
    println!("logs of all programs, and run-*.json with the rows of each run: {}", folder.display());
    Ok(())
}

/// Everything that the database knows of a run.
fn story(scene: &Scene<'_>, run_id: &str, folder: &Path) -> Result<()> {
    let sql = "SELECT jsonb_pretty(jsonb_build_object(
        'run', (SELECT to_jsonb(r) FROM runs AS r WHERE run_id = $1),
        'events', (SELECT jsonb_agg(data ORDER BY seq) FROM run_events WHERE run_id = $1),
        'outbox', (SELECT jsonb_agg(to_jsonb(o) ORDER BY effect_id) FROM outbox AS o WHERE run_id = $1),
        'jobs', (SELECT jsonb_agg(to_jsonb(j)) FROM provider_jobs AS j WHERE run_id = $1),
        'gates', (SELECT jsonb_agg(to_jsonb(g)) FROM gates AS g WHERE run_id = $1),
        'webhooks', (SELECT jsonb_agg(to_jsonb(w) - 'payload' ORDER BY received_at) FROM webhook_events AS w WHERE run_id = $1)))";
    let rows = scene.rows(sql, &[&run_id])?;
    let text: String = rows.first().map(|row| row.get(0)).unwrap_or_default();
    std::fs::write(folder.join(format!("run-{run_id}.json")), text).while_doing("write a run's story")
}
