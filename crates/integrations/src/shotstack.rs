//! Shotstack: renders the final video.
//!
//! * [`submit`], [`query`], [`adopt`]: the calls, with our key. [`timeline`] builds the edit (`shotstack/timeline.rs`).
//! * [`verify`], [`parse_callback`]: the webhook (`shotstack/webhook.rs`), which is not signed: always a poke.
//!
//! Shotstack documents no idempotency key and renders every POST. A refusal is therefore believed only where Shotstack
//! itself speaks: an HTTP 4xx, or its own envelope (`"success": false`). Any other 5xx may hide a queued render.

mod timeline;
mod webhook;

use http::Method;
use mw_media::job::RenderSpec;
use mw_media::retry::{FaultClass, Provider, Trouble, class_of};
use serde_json::{Value, json};

use crate::answer::{Answer, Authorization, Call, NoAnswer, id, joined, text_of, web_url};
use crate::outcome::{Adoption, Fault, JobContext, Output, Progress, Settings, Submission};
use crate::port::HttpClient;

pub use timeline::timeline;
pub use webhook::{parse_callback, verify};

/// Asks for one render.
pub async fn submit(
    client: &impl HttpClient,
    settings: &Settings,
    context: &JobContext,
    spec: &RenderSpec,
) -> Submission {
    let mut body = timeline(spec);
    if let (Some(url), Some(fields)) = (&context.callback_url, body.as_object_mut()) {
        fields.insert("callback".into(), json!(url));
    }
    let call = Call {
        provider: Provider::Shotstack,
        method: Method::POST,
        url: joined(&settings.base_url, "/render"),
        authorization: Authorization::Header("x-api-key", settings.api_key.clone()),
        headers: &[("content-type", "application/json"), ("idempotency-key", &context.idempotency_key)],
        body: body.to_string().into_bytes(),
    };
    match call.send(client).await {
        Ok(answer) => read_submission(&answer, settings),
        Err(NoAnswer::NotSent(fault)) => Submission::Refused(fault),
        Err(NoAnswer::Unanswered(_, message)) => Submission::Unanswered(message),
    }
}

fn read_submission(answer: &Answer, settings: &Settings) -> Submission {
    let succeeded = answer.status.is_success();
    let says_no = answer.body.get("success") == Some(&json!(false));
    if says_no || !(succeeded || answer.status.is_server_error()) {
        return Submission::Refused(fault_of(answer, settings));
    }
    match answer.body.get("response").and_then(|response| id(response.get("id")?)) {
        Some(task_id) if succeeded => Submission::Accepted { task_id },
        _ => {
            let message = answer.unreadable.unwrap_or("the answer names no render");
            Submission::Unanswered(format!("HTTP {}: {message}", answer.status.as_u16()))
        }
    }
}

/// Asks what became of a render. `Err` says nothing about the render.
pub async fn query(client: &impl HttpClient, settings: &Settings, task_id: &str) -> Result<Progress, Fault> {
    let answer = render(client, settings, task_id, false).await?;
    let response = response_of(&answer, settings).map_err(|fault| match fault.code.as_str() {
        // A render of a moment ago may not be listed yet; the job's deadline ends one that never is.
        "404" => Fault { class: class_of(Provider::Shotstack, &Trouble::NotListed), ..fault },
        _ => fault,
    })?;
    match response.get("status").and_then(Value::as_str) {
        Some("done" | "success" | "completed") => match response.get("url").and_then(web_url) {
            Some(url) => Ok(Progress::Done(Output { url, raw: answer.body.clone() })),
            None => Err(answer.malformed("the render is done and names no URL")),
        },
        Some("failed" | "error") => Ok(Progress::Failed(render_fault(response))),
        // An unknown status counts as still running: the job's deadline ends it, never a word that we don't know.
        Some(_) => Ok(Progress::Running),
        None => Err(answer.malformed("the answer has no status")),
    }
}

/// Whether the render was submitted for our job: Shotstack shows the edit of a render, our callback URL in it.
pub async fn adopt(client: &impl HttpClient, settings: &Settings, task_id: &str, job_id: &str) -> Adoption {
    if !is_render_id(task_id) {
        return Adoption::NotOurs;
    }
    let answer = match render(client, settings, task_id, true).await {
        Ok(answer) => answer,
        Err(fault) => return Adoption::Unknown(fault),
    };
    match response_of(&answer, settings) {
        Ok(response) if carries(response, job_id) => Adoption::Ours,
        Ok(_) => Adoption::NotOurs,
        Err(fault) if matches!(answer.status.as_u16(), 400 | 404) && fault.is_final() => Adoption::NotOurs,
        Err(fault) => Adoption::Unknown(fault),
    }
}

fn carries(response: &Value, job_id: &str) -> bool {
    let callback = response.get("data").and_then(|data| data.get("callback")?.as_str());
    !job_id.is_empty() && callback.is_some_and(|url| url.contains(job_id))
}

async fn render(
    client: &impl HttpClient,
    settings: &Settings,
    task_id: &str,
    with_data: bool,
) -> Result<Answer, Fault> {
    if !is_render_id(task_id) {
        return Err(Fault::new(FaultClass::Final, "invalid_task_id", "not an id of a render"));
    }
    let call = Call {
        provider: Provider::Shotstack,
        method: Method::GET,
        url: joined(&settings.base_url, &format!("/render/{task_id}?data={with_data}")),
        authorization: Authorization::Header("x-api-key", settings.api_key.clone()),
        headers: &[],
        body: Vec::new(),
    };
    call.send(client).await.map_err(NoAnswer::into_fault)
}

/// The id goes into the path, and may come from a callback that anybody can send.
fn is_render_id(task_id: &str) -> bool {
    (1..=64).contains(&task_id.len()) && task_id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn response_of<'a>(answer: &'a Answer, settings: &Settings) -> Result<&'a Value, Fault> {
    if !answer.status.is_success() || answer.body.get("success") == Some(&json!(false)) {
        return Err(fault_of(answer, settings));
    }
    let response = answer.body.get("response").filter(|response| response.is_object());
    response.ok_or_else(|| answer.malformed("the answer has no response"))
}

/// Shotstack's general word ("Bad Request") says little, so the envelope's `response` is added where it is a text.
fn fault_of(answer: &Answer, settings: &Settings) -> Fault {
    let mut fault = answer.http_fault(&settings.api_key);
    if answer.status.is_success() {
        fault.code = "refused".to_owned();
    }
    let detail = answer.body.get("response").and_then(text_of);
    if let Some(detail) = detail.filter(|detail| *detail != fault.message) {
        let detail = crate::answer::redacted(&detail, &settings.api_key);
        return Fault::new(fault.class, fault.code, format!("{}: {detail}", fault.message))
            .after(fault.retry_after_seconds);
    }
    fault
}

/// Why a render has failed; its words say whether in passing.
fn render_fault(response: &Value) -> Fault {
    let message = response.get("error").and_then(text_of).unwrap_or_else(|| "render failed".to_owned());
    Fault::new(class_of(Provider::Shotstack, &Trouble::RenderFailed(&message)), "failed", message)
}
