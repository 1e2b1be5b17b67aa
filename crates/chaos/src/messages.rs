//! Webhooks that we send in a provider's place.

use crate::api::Api;
use crate::fault::Message;
use crate::ledger::Ledger;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
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

/// The message, about a task that is known where it must be.
pub(crate) fn made(message: Message, known: &KnownTask, secret: &str) -> Signed {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let kieai = |task_id: &str, secret: &str, at: u64| {
        let body = json!({"code": 200, "msg": "ok", "data": {
            "taskId": task_id, "info": {"resultUrls": [format!("{STRANGER}{}.mp4", uuid::Uuid::new_v4())]},
        }});
        let signature = STANDARD.encode(hmac(secret, &format!("{task_id}.{at}")));
        Signed {
            path: format!("/v1/webhooks/kieai?run_id={}&job={}", known.run_id, known.job_id),
            headers: vec![("x-webhook-timestamp", at.to_string()), ("x-webhook-signature", signature)],
            body: body.to_string(),
        }
    };
    match message {
        Message::Lie => kieai(&known.task_id, secret, now),
        Message::Forged => kieai(&known.task_id, "a guess", now),
        Message::Late => kieai(&known.task_id, secret, now.saturating_sub(86_400)),
        Message::Unknown => {
            let mut signed = kieai(&uuid::Uuid::new_v4().to_string(), secret, now);
            signed.path = "/v1/webhooks/kieai".to_owned();
            signed
        }
        Message::Unsigned => Signed {
            path: format!("/v1/webhooks/shotstack?run_id={}&job={}", known.run_id, known.job_id),
            headers: Vec::new(),
            body: json!({
                "type": "edit", "action": "render", "id": known.task_id, "owner": "stranger", "status": "done",
                "url": format!("{STRANGER}{}.mp4", uuid::Uuid::new_v4()),
            })
            .to_string(),
        },
        Message::Garbage => {
            Signed { path: "/v1/webhooks/shotstack".to_owned(), headers: Vec::new(), body: "{\"type\": ".to_owned() }
        }
    }
}

fn hmac(secret: &str, text: &str) -> Vec<u8> {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return Vec::new() };
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
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
