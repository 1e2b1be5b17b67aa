//! The cron trigger, as Spin's plugin 0.3 has it: six fields (seconds first), UTC, ticks may overlap, a failed call is
//! logged and forgotten, no service chaining.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use chrono::Utc;
use croner::Cron;

use crate::bindings::cron::Metadata;
use crate::engine::Entry;
use crate::logs;
use crate::manifest::CronTrigger;
use crate::runtime::{App, Component};

pub struct Job {
    component: String,
    schedule: Cron,
}

/// Checks the expressions, so that a wrong one is reported at start.
pub fn plan(triggers: &[CronTrigger]) -> Result<Vec<Job>> {
    let job =
        |trigger: &CronTrigger| Ok(Job { component: trigger.component.clone(), schedule: parse(&trigger.expression)? });
    triggers.iter().map(job).collect()
}

pub fn parse(expression: &str) -> Result<Cron> {
    Cron::new(expression).with_seconds_required().with_dom_and_dow().parse().with_context(|| {
        format!("cron_expression {expression:?}: needs six fields: second minute hour day month weekday")
    })
}

/// Rings every job at its times; never returns.
pub async fn run(app: Arc<App>, jobs: Vec<Job>) {
    let jobs = jobs.into_iter().map(|job| run_job(Arc::clone(&app), job));
    futures::future::join_all(jobs).await;
    // A job whose schedule has no more times ends; the process stays, as Spin's does.
    std::future::pending().await
}

async fn run_job(app: Arc<App>, job: Job) {
    let mut last = Utc::now();
    while let Ok(next) = job.schedule.find_next_occurrence(&last, false) {
        tokio::time::sleep((next - Utc::now()).to_std().unwrap_or_default()).await;
        // On from the planned time, so that none is triggered twice; but ticks missed while the machine slept are gone.
        last = next.max(Utc::now() - chrono::TimeDelta::seconds(1));
        let (app, component) = (Arc::clone(&app), app.component(&job.component));
        tokio::spawn(async move {
            let Some(component) = component else { return };
            if let Err(error) = trigger(&app, &component).await {
                logs::note(&format!("component {} failed: {error:#}", component.id));
            }
        });
    }
}

async fn trigger(app: &Arc<App>, component: &Arc<Component>) -> Result<()> {
    let Entry::Cron(_) = &component.entry else { bail!("is no cron component") };
    let timestamp = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let mut store = app.new_store(component);
    let component = Arc::clone(component);
    let call = app.start(async move {
        let Entry::Cron(entry) = &component.entry else {
            return Ok(());
        };
        let instance = entry.instantiate_async(&mut store).await?;
        let outcome = instance.call_handle_cron_event(&mut store, Metadata { timestamp }).await?;
        outcome.map_err(|error| wasmtime::Error::msg(format!("{error:?}")))
    });
    call.await.context("the call panicked")??;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_fields_are_asked_for() {
        for good in ["*/5 * * * * *", "1/2 * * * * *", "0 30 9 * * MON-FRI"] {
            assert!(parse(good).is_ok(), "{good}");
        }
        for bad in ["", "* * * * *", "61 * * * * *", "often"] {
            let error = parse(bad).unwrap_err().to_string();
            assert!(error.contains("six fields"), "{bad}: {error}");
        }
    }

    #[test]
    fn times_follow_each_other() {
        let schedule = parse("*/5 * * * * *").unwrap();
        let start = chrono::DateTime::from_timestamp(1_000_000_001, 0).unwrap();
        let next = schedule.find_next_occurrence(&start, false).unwrap();
        assert_eq!(next.timestamp(), 1_000_000_005);
        assert_eq!(schedule.find_next_occurrence(&next, false).unwrap().timestamp(), 1_000_000_010);
    }
}
