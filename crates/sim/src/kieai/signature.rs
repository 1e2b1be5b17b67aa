//! kie.ai's signature: over the task's id and the time, never over the body.

use super::SIGNING_SECRET;
use crate::signer::{Signer, hmac, now_unix};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

pub(super) fn of(task_id: &str) -> Signer {
    let task_id = task_id.to_owned();
    Signer::new(move |config, _body| {
        config.setting(SIGNING_SECRET).map(|secret| headers(secret, &task_id, now_unix())).unwrap_or_default()
    })
}

/// Headers that look right, made by somebody without the secret.
pub(super) fn forged() -> Signer {
    Signer::new(|_config, _body| headers("not the secret", "some task", now_unix()))
}

pub(super) fn headers(secret: &str, task_id: &str, at_unix: u64) -> Vec<(&'static str, String)> {
    let signature = STANDARD.encode(hmac(secret, format!("{task_id}.{at_unix}").as_bytes()));
    vec![("x-webhook-timestamp", at_unix.to_string()), ("x-webhook-signature", signature)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_vector() {
        let headers = headers("test-hmac-key", "bd8f4b1a52048d0f17a38b49591abfa1", 1_787_567_409);
        assert_eq!(headers[1].1, "6sSlfWgiUUHoxYfa+JmQexhTXd7JRR+gMaYDX9CBlnQ=");
    }
}
