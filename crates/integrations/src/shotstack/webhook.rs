//! Shotstack's callbacks. They are not signed, and several kinds come to one URL.

use http::HeaderMap;
use serde_json::Value;

use super::SYSTEM;
use crate::answer::{id, web_url};
use crate::callback::{self, Callback, CallbackError, Hint};
use crate::lenient::Lenient;
use crate::outcome::Output;
use crate::signature::SignatureStatus;
use crate::webhook::Webhook;

pub static WEBHOOK: Webhook = Webhook {
    system: &SYSTEM,
    path: "/v1/webhooks/shotstack",
    operation: "webhook_shotstack",
    summary: "Accept a callback of Shotstack",
    more: "Unsigned: a callback only makes its job due for a look, and its body is not kept. 429: it matches nothing, and strangers have used up what is kept of them in a minute.",
    secret: None,
    signs_body: false,
    headers: &[],
    verify,
    parse: parse_callback,
    answer: &[],
};

/// Shotstack signs nothing, so nothing that a stranger adds makes a difference.
pub fn verify(_headers: &HeaderMap, _body: &[u8], _secrets: &[&str], _now_unix: u64) -> SignatureStatus {
    SignatureStatus::Unsigned
}

/// Reads a callback. Only `edit` and `render` together tell about a render; the copies made for destinations do not.
pub fn parse_callback(body: &[u8]) -> Result<Callback, CallbackError> {
    let Lenient { value: body, repaired } = callback::object(body)?;
    let text = |name: &'static str| body.get(name).and_then(Value::as_str);
    let kind = text("type").ok_or(CallbackError::Missing("type"))?;
    let action = text("action").unwrap_or_default();
    let is_render = kind == "edit" && action == "render";
    // A copy names its render beside its own id.
    let task = if is_render { "id" } else { "render" };
    Ok(Callback {
        event: format!("{kind}.{action}"),
        job_id: None,
        task_id: body.get(task).and_then(id),
        run_id: None,
        video_index: None,
        profile: None,
        platform: None,
        hint: if is_render { hint(&body) } else { Hint::Unrelated },
        repaired,
    })
}

fn hint(body: &Value) -> Hint {
    match body.get("status").and_then(Value::as_str) {
        Some("done") => {
            Hint::Done(Output { url: body.get("url").and_then(web_url).unwrap_or_default(), raw: body.clone() })
        }
        Some("failed") => Hint::Failed(super::render_fault(body)),
        _ => Hint::Running,
    }
}
