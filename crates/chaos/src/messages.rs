//! Webhooks that we send in a provider's place.

use crate::api::Api;
use crate::fault::Message;
use crate::ledger::Ledger;
use mw_integrations::Webhook;
use mw_integrations::registry::webhooks;
use mw_sim::Provider;
use sha2::{Digest, Sha256};
use std::time::{SystemTime, UNIX_EPOCH};

/// No video of ours is ever there: whoever shows it believed a lie.
pub(crate) const STRANGER: &str = "https://stranger.example/";

/// A job that a provider knows.
#[derive(Debug, Clone)]
pub(crate) struct KnownTask {
    pub(crate) run_id: String,
    pub(crate) job_id: String,
    pub(crate) task_id: String,
}

pub(crate) struct Signed {
    path: String,
    headers: Vec<(&'static str, String)>,
    body: String,
}

/// The message, about a task that is known where it must be. `secret`: that of a variable.
pub(crate) fn made(message: Message, known: &KnownTask, secret: impl Fn(&str) -> String) -> Signed {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let job = format!("?run_id={}&job={}", known.run_id, known.job_id);
    // A signature that does not cover the body stays valid over a lie.
    let captured = || of(|webhook| webhook.secret.is_some() && !webhook.signs_body);
    let unsigned = || of(|webhook| webhook.secret.is_none());
    let secret_of = |webhook: &Webhook| secret(webhook.secret.unwrap_or_default());
    match message {
        Message::Lie => lie(captured(), &job, &known.task_id, secret_of, now),
        Message::Forged => lie(captured(), &job, &known.task_id, |_| "a guess".to_owned(), now),
        Message::Late => lie(captured(), &job, &known.task_id, secret_of, now.saturating_sub(86_400)),
        Message::Unknown => lie(captured(), "", &uuid::Uuid::new_v4().to_string(), secret_of, now),
        Message::Unsigned => lie(unsigned(), &job, &known.task_id, secret_of, now),
        Message::Garbage => Signed { body: "{\"type\": ".to_owned(), ..lie(unsigned(), "", "", secret_of, now) },
    }
}

/// The first webhook of that nature, else any.
fn of(nature: impl Fn(&Webhook) -> bool) -> Option<&'static Webhook> {
    webhooks().find(|webhook| nature(webhook)).or_else(|| webhooks().next())
}

/// A result of a stranger, as the provider would tell of it.
fn lie(
    webhook: Option<&'static Webhook>,
    query: &str,
    task_id: &str,
    secret: impl Fn(&Webhook) -> String,
    at_unix: u64,
) -> Signed {
    let url = format!("{STRANGER}{}.mp4", uuid::Uuid::new_v4());
    let name = webhook.map_or("", |webhook| webhook.system.name);
    let told = Provider::named(name)
        .and_then(|player| player.lie(task_id, &url, &webhook.map(&secret).unwrap_or_default(), at_unix));
    let (headers, body) = told.unwrap_or_default();
    Signed { path: format!("/v1/webhooks/{name}{query}"), headers, body: body.to_string() }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Delivers it, and notes what was acknowledged as a dead letter. These are strangers' deliveries: of one that names a job
/// only the poke need be kept, since strangers have a budget of receipts.
pub(crate) fn deliver(api: &Api, ledger: &Ledger, host: usize, signed: &Signed) {
    let headers: Vec<(&str, &str)> = signed.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let answer = api.send(ledger, host, &signed.path, Some(&signed.body), &headers);
    if answer.is_some_and(|answer| answer.is_acknowledged() && answer.text("status") == "dlq") {
        ledger.lock().received.insert(hex(&Sha256::digest(signed.body.as_bytes())));
    }
}
