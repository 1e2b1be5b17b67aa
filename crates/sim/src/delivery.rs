//! Callbacks on their way: held, doubled, reordered, dropped, late, and repeated as each provider repeats them.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::config::present;
use crate::fault::{Fault, Provider};
use crate::signer::Signer;
use crate::world::{App, Task, World};

/// A reordered callback waits so long for another one to overtake it.
const LONGEST_STASH: Duration = Duration::from_secs(1);
/// Callbacks that have an order leave so far apart.
const STEP: Duration = Duration::from_millis(50);

/// One callback.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    pub(crate) provider: Provider,
    pub(crate) task_id: String,
    pub(crate) url: String,
    pub(crate) body: Value,
    pub(crate) signer: Signer,
    /// A stranger's: sent once, and not counted among the provider's.
    pub(crate) is_forged: bool,
}

/// Sends a job's callbacks when it is finished, and what a stranger sends at half-time.
pub(crate) fn schedule(app: &App, task: &Task, real: Vec<Delivery>, forged: Vec<Delivery>) {
    let epoch = app.world().epoch;
    let late = task.quirk(Fault::CallbackLate).map_or(0, |quirk| quirk.delay_ms());
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
    match task.has(Fault::CallbackTwice) {
        true => vec![delivery.clone(), delivery],
        false => vec![delivery],
    }
}

fn meet_faults(app: &App, epoch: u64, task: &Task, delivery: Delivery) {
    if task.has(Fault::CallbackDropped) {
        if let Some(task) = app.world().task(delivery.provider, &delivery.task_id) {
            task.callbacks.dropped += 1;
        }
        return;
    }
    if task.has(Fault::CallbackReordered) {
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
    let attempts = match (delivery.is_forged, delivery.provider) {
        (false, Provider::Kieai) => 4,
        (false, Provider::Shotstack) => 10,
        // Retries of a single upload-post delivery are unknown, so there are none.
        _ => 1,
    };
    for attempt in 1..=attempts {
        if app.world().epoch != epoch || is_resting(&app, &delivery) {
            return;
        }
        let status = attempt_once(&app, &delivery).await;
        let delivered = status.is_some_and(|status| is_delivered(delivery.provider, status));
        record(&mut app.world(), &delivery, status, delivered, app.config.retry_scale);
        if delivered {
            return;
        }
        tokio::time::sleep(gap(delivery.provider, attempt).mul_f64(app.config.retry_scale)).await;
    }
}

/// The time between two attempts. kie.ai's is not documented; Shotstack's is `min(attempt³, 900)` seconds, from the second on.
fn gap(provider: Provider, attempt: u64) -> Duration {
    match provider {
        Provider::Shotstack => Duration::from_secs((attempt + 1).pow(3).min(900)),
        _ => Duration::from_secs(10),
    }
}

/// Shotstack takes every redirect for delivered, the others only 2xx.
fn is_delivered(provider: Provider, status: u16) -> bool {
    match provider {
        Provider::Shotstack => (200..400).contains(&status),
        _ => (200..300).contains(&status),
    }
}

/// After five failures upload-post's channel rests for half an hour, and what is skipped never comes back.
fn is_resting(app: &App, delivery: &Delivery) -> bool {
    if delivery.is_forged || delivery.provider != Provider::UploadPost {
        return false;
    }
    let mut world = app.world();
    let rests = world.channel_rests_until.is_some_and(|until| Instant::now() < until);
    if let (true, Some(task)) = (rests, world.task(delivery.provider, &delivery.task_id)) {
        task.callbacks.dropped += 1;
    }
    rests
}

fn record(world: &mut World, delivery: &Delivery, status: Option<u16>, delivered: bool, retry_scale: f64) {
    if delivery.is_forged {
        return;
    }
    if let Some(task) = world.task(delivery.provider, &delivery.task_id) {
        task.callbacks.attempts += 1;
        task.callbacks.delivered += u64::from(delivered);
        task.callbacks.failed += u64::from(!delivered);
        task.callbacks.last_status = status;
    }
    if delivery.provider == Provider::UploadPost {
        world.channel_failures = if delivered { 0 } else { world.channel_failures + 1 };
        if world.channel_failures >= 5 {
            world.channel_failures = 0;
            world.channel_rests_until = Some(Instant::now() + Duration::from_secs(1800).mul_f64(retry_scale));
        }
    }
}

async fn attempt_once(app: &App, delivery: &Delivery) -> Option<u16> {
    let (app, delivery) = (app.clone(), delivery.clone());
    let call = move || {
        let body = delivery.body.to_string();
        let mut request = app.agent.post(&delivery.url).header("content-type", "application/json");
        for (name, value) in delivery.signer.headers(&app.config, body.as_bytes()) {
            request = request.header(name, value);
        }
        request.send(body).ok().map(|response| response.status().as_u16())
    };
    tokio::task::spawn_blocking(call).await.ok().flatten()
}

/// Where a job's callbacks go: its own URL, or upload-post's one for the account.
pub(crate) fn target(app: &App, task: &Task) -> Option<String> {
    let url = match task.provider {
        Provider::UploadPost => app.world().upload_post_webhook_url.clone(),
        _ => task.callback_url.clone(),
    };
    present(&url).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shotstack_waits_as_documented() {
        let gaps: Vec<u64> = (1..10).map(|attempt| gap(Provider::Shotstack, attempt).as_secs()).collect();
        assert_eq!(gaps, [8, 27, 64, 125, 216, 343, 512, 729, 900]);
        assert_eq!(gaps.iter().sum::<u64>(), 48 * 60 + 44);
    }

    #[test]
    fn a_redirect_is_delivered_to_shotstack_only() {
        assert!(is_delivered(Provider::Shotstack, 303));
        assert!(!is_delivered(Provider::Shotstack, 404));
        assert!(!is_delivered(Provider::Kieai, 303));
        assert!(is_delivered(Provider::UploadPost, 204));
    }
}
