//! Signatures as the providers make them, written apart from the product's checks.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::time::{SystemTime, UNIX_EPOCH};

pub(crate) fn unix_now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

fn hmac(secret: impl AsRef<[u8]>, message: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_ref()).unwrap();
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The generic scheme of the original: bare hex over the body.
pub(crate) fn generic(secret: &str, body: &[u8]) -> String {
    hex(&hmac(secret, body))
}

/// kie.ai: over the task's id and the time, never over the body.
pub(crate) fn kieai(secret: &str, task_id: &str, timestamp: i64) -> [(&'static str, String); 2] {
    let signature = STANDARD.encode(hmac(secret, format!("{task_id}.{timestamp}").as_bytes()));
    [("x-webhook-timestamp", timestamp.to_string()), ("x-webhook-signature", signature)]
}

/// upload-post: over the time and the body.
pub(crate) fn upload_post(secret: &str, body: &[u8], timestamp: i64) -> [(&'static str, String); 2] {
    let signed = [timestamp.to_string().as_bytes(), b".", body].concat();
    [
        ("x-upload-post-timestamp", timestamp.to_string()),
        ("x-upload-post-signature", format!("sha256={}", hex(&hmac(secret, &signed)))),
    ]
}

/// Slack: over the time and the body.
pub(crate) fn slack(secret: &str, body: &[u8], timestamp: i64) -> [(&'static str, String); 2] {
    let signed = [format!("v0:{timestamp}:").as_bytes(), body].concat();
    [
        ("x-slack-request-timestamp", timestamp.to_string()),
        ("x-slack-signature", format!("v0={}", hex(&hmac(secret, &signed)))),
    ]
}

/// Standard Webhooks: over the id, the time and the body; `prefix` is `webhook` or `svix`.
pub(crate) fn standard(prefix: &str, secret: &str, id: &str, timestamp: i64, body: &[u8]) -> [(String, String); 3] {
    let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    let signed = [format!("{id}.{timestamp}.").as_bytes(), body].concat();
    let signature = format!("v1,{}", STANDARD.encode(hmac(key, &signed)));
    [("id", id.to_owned()), ("timestamp", timestamp.to_string()), ("signature", signature)]
        .map(|(name, value)| (format!("{prefix}-{name}"), value))
}
