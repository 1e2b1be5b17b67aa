//! kie.ai's callbacks: the signature over task and time, and what the body claims.

use http::HeaderMap;
use serde_json::Value;

use super::SYSTEM;
use super::wire::{self, State};
use crate::answer::{id, integer, text_of};
use crate::callback::{self, Callback, CallbackError, Hint};
use crate::lenient::{self, Lenient};
use crate::outcome::{Fault, Output};
use crate::signature::{self, SignatureStatus, generic_header, generic_is_valid, header, hmac_base64, is_fresh, same};
use crate::webhook::{Code, Webhook};
use mw_media::retry::FaultClass;

const SIGNATURE: &str = "x-webhook-signature";
const TIMESTAMP: &str = "x-webhook-timestamp";

pub static WEBHOOK: Webhook = Webhook {
    system: &SYSTEM,
    path: "/v1/webhooks/kieai",
    operation: "webhook_kieai",
    summary: "Accept a callback of kie.ai",
    more: "Signed over `taskId.timestamp` (`X-Webhook-Signature`, base64), which does not cover the body: a callback only makes its job due for a look. The generic scheme, hex HMAC-SHA256 of the body in `X-Signature`, is taken too.",
    secret: Some("kieai_signing_secret"),
    signs_body: false,
    headers: &[SIGNATURE, TIMESTAMP],
    verify,
    parse: parse_callback,
    answer: &[("code", Code::Number(200)), ("msg", Code::Text("success"))],
};

/// Checks `base64(HMAC(taskId.timestamp))`, then the generic scheme over the body.
pub fn verify(headers: &HeaderMap, body: &[u8], secrets: &[&str], now_unix: u64) -> SignatureStatus {
    let secrets = signature::usable(secrets);
    if secrets.is_empty() {
        return SignatureStatus::Unsigned;
    }
    if generic_header(headers).is_none() {
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
    // The id is signed as whoever signs reads it, be the text around it damaged.
    let Some(Lenient { value: body, .. }) = lenient::read(body) else {
        return false;
    };
    // The guide signs `data.task_id`, most bodies carry `data.taskId`.
    let task_ids = ["taskId", "task_id"].map(|name| body.get("data")?.get(name)?.as_str());
    is_fresh(timestamp, now_unix)
        && task_ids.into_iter().flatten().any(|task_id| {
            secrets.iter().any(|secret| {
                let parts = [task_id.as_bytes(), b".", timestamp.as_bytes()];
                same(given, &hmac_base64(secret, &parts))
            })
        })
}

/// Reads a callback of any family, and of the original system.
pub fn parse_callback(body: &[u8]) -> Result<Callback, CallbackError> {
    let Lenient { value: body, repaired } = callback::object(body)?;
    let data = body.get("data").filter(|data| data.is_object());
    let data = data.ok_or(CallbackError::Missing("data"))?;
    Ok(Callback {
        event: data.get("state").and_then(Value::as_str).unwrap_or("callback").to_owned(),
        job_id: None,
        task_id: wire::task_id(&body),
        run_id: run_id(&body, data),
        video_index: video_index(&body, data),
        profile: None,
        platform: None,
        hint: hint(&body, data),
        repaired,
    })
}

fn run_id(body: &Value, data: &Value) -> Option<String> {
    let homes = [body.get("metadata"), Some(data), data.get("metadata")];
    homes.into_iter().flatten().find_map(|home| id(home.get("runId")?))
}

fn video_index(body: &Value, data: &Value) -> Option<u32> {
    let homes = [body.get("metadata"), data.get("metadata"), Some(data)];
    let index = homes.into_iter().flatten().find_map(|home| integer(home.get("videoIndex")?))?;
    u32::try_from(index).ok()
}

/// Failure words come first, then success by state, code or a result; anything else is still running.
fn hint(body: &Value, data: &Value) -> Hint {
    let code = body.get("code").and_then(integer).unwrap_or(200);
    let state = wire::named_state(data);
    if code != 200 || state == Some(State::Failed) || data.get("error").and_then(text_of).is_some() {
        return Hint::Failed(failure(code, body, data));
    }
    match (state, wire::result_url(data)) {
        (_, Some(url)) => Hint::Done(Output { url, raw: body.clone() }),
        (Some(State::Success), None) => Hint::Done(Output { url: String::new(), raw: body.clone() }),
        _ => Hint::Running,
    }
}

fn failure(code: i64, body: &Value, data: &Value) -> Fault {
    let fault = wire::task_fault(data);
    if fault.class != FaultClass::Final || fault.code != "failed" || code == 200 {
        return fault;
    }
    let message = body.get("msg").and_then(text_of).unwrap_or(fault.message);
    Fault::new(wire::class_of_code(code), code.to_string(), message)
}
