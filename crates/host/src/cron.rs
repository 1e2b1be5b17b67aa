//! The cron trigger, as Spin's plugin 0.3 has it: six fields (seconds first), UTC, ticks may overlap, a failed call is
//! logged and forgotten, no service chaining.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use chrono::Utc;
use croner::Cron;

use crate::bindings::cron::Metadata;
use crate::logs;
use crate::manifest::CronTrigger;
use crate::runtime::{App, Component, Entry};

pub struct Job {
    component: Arc<Component>,
    schedule: Cron,
}

/// Checks the expressions, so that a wrong one is told at start.
pub fn plan(app: &App, triggers: &[CronTrigger]) -> Result<Vec<Job>> {
    triggers
        .iter()
        .map(|trigger| {
            let component = app
                .component(&trigger.component)
                .context("a trigger without its component")?;
            Ok(Job {
                component,
                schedule: parse(&trigger.expression)?,
            })
        })
        .collect()
}

pub fn parse(expression: &str) -> Result<Cron> {
    Cron::new(expression)
        .with_seconds_required()
        .with_dom_and_dow()
        .parse()
        .with_context(|| format!("cron_expression {expression:?}: needs six fields: second minute hour day month weekday"))
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
        // Sleeping stops a little early or late; the schedule goes on from the planned time, so none is rung twice.
        tokio::time::sleep((next - Utc::now()).to_std().unwrap_or_default()).await;
        last = next.max(Utc::now() - chrono::TimeDelta::seconds(1));
        let (app, component) = (Arc::clone(&app), Arc::clone(&job.component));
        tokio::spawn(async move {
            if let Err(error) = ring(&app, &component).await {
                logs::note(&format!("component {} failed: {error:#}", component.id));
            }
        });
    }
}

async fn ring(app: &Arc<App>, component: &Arc<Component>) -> Result<()> {
    let Entry::Cron(_) = &component.entry else {
        bail!("is no cron component")
    };
    let timestamp = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let mut store = app.new_store(component);
    let component = Arc::clone(component);
    let call = app.start(async move {
        let Entry::Cron(entry) = &component.entry else {
            return Ok(());
        };
        let instance = entry.instantiate_async(&mut store).await?;
        let outcome = instance
            .call_handle_cron_event(&mut store, Metadata { timestamp })
            .await?;
        outcome.map_err(|error| wasmtime::Error::msg(format!("{error:?}")))
    });
    call.await.context("the call panicked")??;
    Ok(())
}
