//! upload-post's webhook: one delivery per platform, signed over time and body.

use http::HeaderMap;
use serde_json::Value;

use super::SYSTEM;
use super::wire::{Row, failed};
use crate::answer::id;
use crate::callback::{self, Callback, CallbackError, Hint};
use crate::lenient::Lenient;
use crate::outcome::Output;
use crate::signature::{self, SignatureStatus, generic_header, generic_is_valid, header, hmac_hex, is_fresh, same};
use crate::webhook::Webhook;

const SIGNATURE: &str = "x-upload-post-signature";
const TIMESTAMP: &str = "x-upload-post-timestamp";
const DELIVERY: &str = "x-upload-post-delivery";

pub static WEBHOOK: Webhook = Webhook {
    system: &SYSTEM,
    path: "/v1/webhooks/upload-post",
    operation: "webhook_upload_post",
    summary: "Accept a callback of upload-post",
    more: "Signed over `timestamp.body` (`X-Upload-Post-Signature`, `sha256=` and hex), not older than 5 minutes.",
    secret: Some("upload_post_signing_secret"),
    signs_body: true,
    headers: &[SIGNATURE, TIMESTAMP, DELIVERY, "x-upload-post-event"],
    verify,
    parse: parse_callback,
    answer: &[],
};

/// Checks `sha256=<hex HMAC(timestamp.body)>`, then the generic scheme over the body.
pub fn verify(headers: &HeaderMap, body: &[u8], secrets: &[&str], now_unix: u64) -> SignatureStatus {
    let secrets = signature::usable(secrets);
    if secrets.is_empty() {
        return SignatureStatus::Unsigned;
    }
    if !headers.contains_key(SIGNATURE) && generic_header(headers).is_none() {
        return SignatureStatus::Missing;
    }
    match own_is_valid(headers, body, &secrets, now_unix) || generic_is_valid(headers, body, &secrets) {
        true => SignatureStatus::Valid,
        false => SignatureStatus::Invalid,
    }
}

fn own_is_valid(headers: &HeaderMap, body: &[u8], secrets: &[&str], now_unix: u64) -> bool {
    let (Some(given), Some(timestamp)) = (header(headers, SIGNATURE), header(headers, TIMESTAMP)) else {
        return false;
    };
    let Some(given) = given.strip_prefix("sha256=") else {
        return false;
    };
    is_fresh(timestamp, now_unix)
        && secrets.iter().any(|secret| same(given, &hmac_hex(secret, &[timestamp.as_bytes(), b".", body])))
}

/// upload-post's id of the delivery: good for a log, not a key, because the signature does not cover it.
pub fn delivery_id(headers: &HeaderMap) -> Option<&str> {
    header(headers, DELIVERY).filter(|id| !id.is_empty())
}

/// Reads an event. Only `upload_completed` tells about a post.
pub fn parse_callback(body: &[u8]) -> Result<Callback, CallbackError> {
    let Lenient { value: body, repaired } = callback::object(body)?;
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
    let event = text("event").ok_or(CallbackError::Missing("event"))?;
    let task_id = ["job_id", "request_id", "external_id"].into_iter().find_map(|name| id(body.get(name)?));
    let hint = match event.as_str() {
        "upload_completed" => hint(&body, task_id.as_deref().unwrap_or_default())?,
        _ => Hint::Unrelated,
    };
    Ok(Callback {
        event,
        job_id: None,
        task_id,
        run_id: None,
        video_index: None,
        profile: text("profile_username"),
        platform: text("platform"),
        hint,
        repaired,
    })
}

fn hint(body: &Value, task_id: &str) -> Result<Hint, CallbackError> {
    let result = body.get("result").filter(|result| result.is_object());
    let result = result.ok_or(CallbackError::Missing("result"))?;
    let platform = body.get("platform").and_then(Value::as_str).unwrap_or_default();
    let row = Row::new(platform, result);
    if row.went_to_inbox() {
        return Ok(Hint::Failed(failed("inbox_fallback", "not published, sent to inbox")));
    }
    Ok(match row.is_published(false) {
        true => Hint::Done(Output {
            url: row.url(task_id).unwrap_or_else(|| format!("upload-post://{task_id}")),
            raw: body.clone(),
        }),
        false => Hint::Failed(failed("failed", &row.error().unwrap_or_default())),
    })
}
