//! Signatures as the providers make them. Written apart from the checks in `mw-integrations`, so that one tests the other.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::config::{Config, present};
use crate::world::unix_ms;

/// How a callback is signed. The time is that of the attempt.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Signer {
    Unsigned,
    /// Over the task's id and the time, never over the body.
    Kieai {
        task_id: String,
    },
    /// Over the time and the body.
    UploadPost {
        event: &'static str,
        delivery: String,
    },
    /// Headers that look right, made by somebody without the secret.
    ForgedKieai,
    ForgedUploadPost,
}

impl Signer {
    /// The headers for one attempt.
    pub(crate) fn headers(&self, config: &Config, body: &[u8]) -> Vec<(&'static str, String)> {
        let timestamp = (unix_ms() / 1000).to_string();
        match self {
            Signer::Unsigned => Vec::new(),
            Signer::Kieai { task_id } => match present(&config.kieai_signing_secret) {
                Some(secret) => kieai_headers(secret, task_id, timestamp),
                None => Vec::new(),
            },
            Signer::UploadPost { event, delivery } => {
                let secret = present(&config.upload_post_signing_secret);
                let mut headers = secret.map(|secret| upload_post_headers(secret, timestamp, body)).unwrap_or_default();
                headers.push(("x-upload-post-event", (*event).to_owned()));
                headers.push(("x-upload-post-delivery", delivery.clone()));
                headers
            }
            Signer::ForgedKieai => kieai_headers("not the secret", "some task", timestamp),
            Signer::ForgedUploadPost => upload_post_headers("not the secret", timestamp, body),
        }
    }
}

fn kieai_headers(secret: &str, task_id: &str, timestamp: String) -> Vec<(&'static str, String)> {
    let signature = STANDARD.encode(hmac(secret, format!("{task_id}.{timestamp}").as_bytes()));
    vec![("x-webhook-timestamp", timestamp), ("x-webhook-signature", signature)]
}

/// Slack's, over the time and the body.
pub(crate) fn slack_headers(secret: &str, body: &[u8]) -> Vec<(&'static str, String)> {
    let timestamp = (unix_ms() / 1000).to_string();
    let signed = [b"v0:", timestamp.as_bytes(), b":", body].concat();
    let hex: String = hmac(secret, &signed).iter().map(|byte| format!("{byte:02x}")).collect();
    vec![("x-slack-request-timestamp", timestamp), ("x-slack-signature", format!("v0={hex}"))]
}

fn upload_post_headers(secret: &str, timestamp: String, body: &[u8]) -> Vec<(&'static str, String)> {
    let signed = [timestamp.as_bytes(), b".", body].concat();
    let hex: String = hmac(secret, &signed).iter().map(|byte| format!("{byte:02x}")).collect();
    vec![("x-upload-post-timestamp", timestamp), ("x-upload-post-signature", format!("sha256={hex}"))]
}

fn hmac(secret: &str, message: &[u8]) -> Vec<u8> {
    // HMAC takes keys of any length; the error type is there for other algorithms.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
        return Vec::new();
    };
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_vectors() {
        let headers = kieai_headers("test-hmac-key", "bd8f4b1a52048d0f17a38b49591abfa1", "1787567409".into());
        assert_eq!(headers[1].1, "6sSlfWgiUUHoxYfa+JmQexhTXd7JRR+gMaYDX9CBlnQ=");
        let body = r#"{"event":"upload_completed","job_id":"j1","platform":"tiktok","result":{"success":true,"url":"https://example.com/p/1"}}"#;
        let headers = upload_post_headers("test-secret", "1787567409".into(), body.as_bytes());
        assert_eq!(headers[1].1, "sha256=7ee56e1f6f40fb16fd365f5cf407a37cdc8e5f44d2a6176d130d784a3832b8b8");
    }
}
