//! Webhooks: verified as each provider really signs, stored once, believed only as far as the signature reaches.

mod effects;
mod receipts;
mod signatures;
mod standard;

use crate::support::{Call, service, signing};
use serde_json::{Value, json};

/// kie.ai's callback of a finished Veo task.
pub(crate) fn kieai_body(task_id: &str, url: &str) -> Value {
    json!({"code": 200, "msg": "Veo3.1 video generated successfully.",
           "data": {"taskId": task_id, "fallbackFlag": false, "info": {"resultUrls": [url], "resolution": "720p"}}})
}

/// The callback, signed as kie.ai signs.
pub(crate) fn kieai(query: &str, task_id: &str, body: &Value) -> Call {
    let call = deliver_to(&format!("kieai{query}")).json(body);
    signed(call, signing::kieai(&service().kieai_secret, task_id, signing::unix_now()))
}

/// An event of upload-post, signed as upload-post signs.
fn upload_post(body: &Value) -> Call {
    let text = body.to_string();
    let call = deliver_to("upload-post").body("application/json", text.clone());
    signed(call, signing::upload_post(&service().upload_post_secret, text.as_bytes(), signing::unix_now()))
}

/// An event of Shotstack, which nobody signs.
fn shotstack(query: &str, body: &Value) -> Call {
    deliver_to(&format!("shotstack{query}")).json(body)
}

/// A delivery of a moment in which strangers have used up nothing: the suites share their budget.
fn deliver_to(provider: &str) -> Call {
    service().database().execute("DELETE FROM rate_limits WHERE name = 'strangers'", &[]);
    service().call("POST", &format!("/v1/webhooks/{provider}"))
}

fn signed(call: Call, headers: [(&'static str, String); 2]) -> Call {
    headers.into_iter().fold(call, |call, (name, value)| call.header(name, value))
}

/// The receipts that mention a text in what is kept of their body.
pub(crate) fn receipts(text: &str) -> Vec<Value> {
    let sql = "SELECT id, provider, signature_status, outcome, count, run_id, job_id, headers, length(payload) AS size
               FROM webhook_events WHERE position(convert_to($1, 'UTF8') IN payload) > 0 ORDER BY received_at";
    service().database().rows(sql, &[&text])
}

/// The receipts of a body, which itself need not be kept.
fn receipts_of(body: &Value) -> Vec<Value> {
    let sql = "SELECT provider, outcome, run_id, length(payload) AS size, payload_bytes FROM webhook_events
               WHERE idempotency_key = encode(sha256(convert_to($1, 'UTF8')), 'hex') ORDER BY received_at";
    service().database().rows(sql, &[&body.to_string()])
}
