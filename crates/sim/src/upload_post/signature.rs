//! upload-post's signature: over the time and the body.

use super::SIGNING_SECRET;
use crate::signer::{Signer, hex, hmac, now_unix};

pub(super) fn of(event: &'static str, delivery: String) -> Signer {
    Signer::new(move |config, body| {
        let secret = config.setting(SIGNING_SECRET);
        let mut headers = secret.map(|secret| headers(secret, now_unix(), body)).unwrap_or_default();
        headers.push(("x-upload-post-event", event.to_owned()));
        headers.push(("x-upload-post-delivery", delivery.clone()));
        headers
    })
}

/// Headers that look right, made by somebody without the secret.
pub(super) fn forged() -> Signer {
    Signer::new(|_config, body| headers("not the secret", now_unix(), body))
}

pub(super) fn headers(secret: &str, at_unix: u64, body: &[u8]) -> Vec<(&'static str, String)> {
    let signed = [at_unix.to_string().as_bytes(), b".", body].concat();
    let signature = format!("sha256={}", hex(&hmac(secret, &signed)));
    vec![("x-upload-post-timestamp", at_unix.to_string()), ("x-upload-post-signature", signature)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_vector() {
        let body = r#"{"event":"upload_completed","job_id":"j1","platform":"tiktok","result":{"success":true,"url":"https://example.com/p/1"}}"#;
        let headers = headers("test-secret", 1_787_567_409, body.as_bytes());
        assert_eq!(headers[1].1, "sha256=7ee56e1f6f40fb16fd365f5cf407a37cdc8e5f44d2a6176d130d784a3832b8b8");
    }
}
