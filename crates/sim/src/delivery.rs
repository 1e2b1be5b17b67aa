//! Callbacks on their way: held, doubled, reordered, dropped, late, and repeated as each provider repeats them.

use std::time::Duration;

use serde_json::Value;

use crate::config::Config;
use crate::fault::Fault;
use crate::guard::damaged;
use crate::player::{Jobs, Provider};
use crate::signer::Signer;
use crate::world::{App, Task, World};

/// A reordered callback waits so long for another one to overtake it.
const LONGEST_STASH: Duration = Duration::from_secs(1);
/// Callbacks that have an order leave so far apart.
const STEP: Duration = Duration::from_millis(50);

/// One callback.
#[derive(Clone)]
pub(crate) struct Delivery {
    pub(crate) provider: Provider,
    pub(crate) task_id: String,
    pub(crate) url: String,
    pub(crate) body: Value,
    pub(crate) signer: Signer,
    /// A stranger's: sent once, and not counted among the provider's.
    pub(crate) is_forged: bool,
    /// Its text is, in the way of [`damaged`].
    pub(crate) is_damaged: bool,
}

impl Delivery {
    /// What a task's provider sends.
    pub(crate) fn of(task: &Task, url: &str, body: Value, signer: Signer) -> Delivery {
        let (provider, task_id) = (task.provider, task.task_id.clone());
        let is_damaged = task.has(Fault::CALLBACK_DAMAGED);
        Delivery { provider, task_id, url: url.to_owned(), body, signer, is_forged: false, is_damaged }
    }

    /// The same from a stranger.
    pub(crate) fn forged(task: &Task, url: &str, body: Value, signer: Signer) -> Delivery {
        Delivery { is_forged: true, ..Delivery::of(task, url, body, signer) }
    }
}

/// Sends a job's callbacks when it is finished, and what a stranger sends at half-time.
pub(crate) fn schedule(app: &App, task: &Task, real: Vec<Delivery>, forged: Vec<Delivery>) {
    let epoch = app.world().epoch;
    let late = task.quirk(Fault::CALLBACK_LATE).map_or(0, |quirk| quirk.delay_ms());
    let half = task.latency / 2;
    let rest = task.latency - half + Duration::from_millis(late);
    let (app, task) = (app.clone(), task.clone());
    tokio::spawn(async move {
        tokio::time::sleep(half).await;
        for delivery in forged {
            depart(&app, epoch, delivery);
        }
        tokio::time::sleep(rest).await;
        for (position, delivery) in real.into_iter().enumerate() {
            if position > 0 {
                tokio::time::sleep(STEP).await;
            }
            for delivery in copies(&task, delivery) {
                meet_faults(&app, epoch, &task, delivery);
            }
        }
    });
}

fn copies(task: &Task, delivery: Delivery) -> Vec<Delivery> {
    match task.has(Fault::CALLBACK_TWICE) {
        true => vec![delivery.clone(), delivery],
        false => vec![delivery],
    }
}

fn meet_faults(app: &App, epoch: u64, task: &Task, delivery: Delivery) {
    if task.has(Fault::CALLBACK_DROPPED) {
        if let Some(task) = app.world().task(delivery.provider, &delivery.task_id) {
            task.callbacks.dropped += 1;
        }
        return;
    }
    if task.has(Fault::CALLBACK_REORDERED) {
        let provider = delivery.provider;
        app.world().stashed.entry(provider).or_default().push(delivery);
        overtaken_after(LONGEST_STASH, app, epoch, provider);
        return;
    }
    let provider = delivery.provider;
    depart(app, epoch, delivery);
    overtaken_after(STEP, app, epoch, provider);
}

/// Sends what has waited to be overtaken, a little later.
fn overtaken_after(delay: Duration, app: &App, epoch: u64, provider: Provider) {
    let app = app.clone();
    tokio::spawn(async move {
        tokio::time::sleep(delay).await;
        let stashed = app.world().stashed.remove(&provider).unwrap_or_default();
        for delivery in stashed {
            depart(&app, epoch, delivery);
        }
    });
}

/// Sends the callback now, unless callbacks are held.
fn depart(app: &App, epoch: u64, delivery: Delivery) {
    let mut world = app.world();
    if world.epoch != epoch {
        return;
    }
    match &mut world.held {
        Some(held) => held.push(delivery),
        None => {
            drop(world);
            tokio::spawn(send(app.clone(), epoch, delivery));
        }
    }
}

/// Sends all held callbacks at once; gives their number.
pub(crate) fn release(app: &App) -> usize {
    let mut world = app.world();
    let (held, epoch) = (world.held.take().unwrap_or_default(), world.epoch);
    drop(world);
    let count = held.len();
    for delivery in held {
        tokio::spawn(send(app.clone(), epoch, delivery));
    }
    count
}

/// Sends one callback, with the repetitions of its provider.
async fn send(app: App, epoch: u64, delivery: Delivery) {
    let Some(jobs) = delivery.provider.0.jobs else { return };
    let attempts = if delivery.is_forged { 1 } else { jobs.attempts() };
    for attempt in 1..=attempts {
        if app.world().epoch != epoch || is_resting(&app, jobs, &delivery) {
            return;
        }
        let status = attempt_once(&app, &delivery).await;
        let delivered = status.is_some_and(|status| jobs.is_delivered(status));
        record(&mut app.world(), jobs, &delivery, status, delivered, &app.config);
        if delivered {
            return;
        }
        tokio::time::sleep(jobs.gap(attempt).mul_f64(app.config.retry_scale)).await;
    }
}

/// Whether the provider rests; what it skips then is dropped.
fn is_resting(app: &App, jobs: &dyn Jobs, delivery: &Delivery) -> bool {
    let mut world = app.world();
    let rests = !delivery.is_forged && jobs.is_resting(&mut world);
    if let (true, Some(task)) = (rests, world.task(delivery.provider, &delivery.task_id)) {
        task.callbacks.dropped += 1;
    }
    rests
}

fn record(
    world: &mut World,
    jobs: &dyn Jobs,
    delivery: &Delivery,
    status: Option<u16>,
    delivered: bool,
    config: &Config,
) {
    if delivery.is_forged {
        return;
    }
    if let Some(task) = world.task(delivery.provider, &delivery.task_id) {
        task.callbacks.attempts += 1;
        task.callbacks.delivered += u64::from(delivered);
        task.callbacks.failed += u64::from(!delivered);
        task.callbacks.last_status = status;
    }
    jobs.note(world, delivered, config);
}

async fn attempt_once(app: &App, delivery: &Delivery) -> Option<u16> {
    let (app, delivery) = (app.clone(), delivery.clone());
    let call = move || {
        let mut body = delivery.body.to_string().into_bytes();
        if delivery.is_damaged {
            body = damaged(&body);
        }
        let mut request = app.agent.post(&delivery.url).header("content-type", "application/json");
        for (name, value) in delivery.signer.headers(&app.config, &body) {
            request = request.header(name, value);
        }
        request.send(body).ok().map(|response| response.status().as_u16())
    };
    tokio::task::spawn_blocking(call).await.ok().flatten()
}

/// Where a job's callbacks go.
pub(crate) fn target(app: &App, task: &Task) -> Option<String> {
    task.provider.0.jobs?.target(app, task).filter(|url| !url.trim().is_empty())
}
