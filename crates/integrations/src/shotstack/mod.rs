//! Shotstack: renders the final video.
//!
//! * [`JOBS`]: the calls, with our key. [`timeline()`] builds the edit.
//! * [`WEBHOOK`]: not signed, and so always a poke. [`SYSTEM`]: its names, limits and errors.
//!
//! Shotstack documents no idempotency key and renders every POST. A refusal is therefore believed only where Shotstack
//! itself speaks: an HTTP 4xx, or its own envelope (`"success": false`). Any other 5xx may hide a queued render.

mod system;
mod timeline;
mod webhook;

use mw_media::job::{JobKind, JobSpec};
use mw_media::retry::{FaultClass, Trouble};
use serde_json::{Value, json};

use crate::answer::{Answer, Authorization, Call, id, joined, text_of, web_url};
use crate::jobs::{JobProvider, unmakeable};
use crate::outcome::{Adoption, Fault, JobContext, Output, Progress, Settings, Submission};

pub use system::SYSTEM;
pub use timeline::timeline;
pub use webhook::{WEBHOOK, parse_callback, verify};

/// Renders.
pub struct Jobs;

pub static JOBS: Jobs = Jobs;

impl JobProvider for Jobs {
    fn makes(&self) -> &'static [JobKind] {
        &[JobKind::Render]
    }

    fn submit(&self, to: &Settings, context: &JobContext, spec: &JobSpec) -> Result<Call, Fault> {
        let JobSpec::Render(video) = spec else { return Err(unmakeable(spec)) };
        let mut body = timeline(video);
        if let (Some(url), Some(fields)) = (&context.callback_url, body.as_object_mut()) {
            fields.insert("callback".into(), json!(url));
        }
        let call = Call::post_json(&SYSTEM, joined(&to.base_url, "/render"), authorization(to), &body);
        Ok(call.with_header("idempotency-key", &context.idempotency_key))
    }

    fn read_submission(&self, to: &Settings, _context: &JobContext, answer: &Answer) -> Submission {
        let succeeded = answer.status.is_success();
        let says_no = answer.body.get("success") == Some(&json!(false));
        if says_no || !(succeeded || answer.status.is_server_error()) {
            return Submission::Refused(fault_of(answer, to));
        }
        match answer.body.get("response").and_then(|response| id(response.get("id")?)) {
            Some(task_id) if succeeded => Submission::Accepted { task_id },
            _ => {
                let message = answer.unreadable.unwrap_or("the answer names no render");
                Submission::Unanswered(format!("HTTP {}: {message}", answer.status.as_u16()))
            }
        }
    }

    fn query(&self, to: &Settings, _spec: &JobSpec, task_id: &str) -> Result<Call, Fault> {
        render(to, task_id, false)
            .ok_or_else(|| Fault::new(FaultClass::Final, "invalid_task_id", "not an id of a render"))
    }

    fn read_progress(
        &self,
        to: &Settings,
        _spec: &JobSpec,
        _task_id: &str,
        answer: &Answer,
    ) -> Result<Progress, Fault> {
        let response = response_of(answer, to).map_err(|fault| match fault.code.as_str() {
            // A render of a moment ago may not be listed yet; the job's deadline ends one that never is.
            "404" => Fault { class: SYSTEM.class_of(&Trouble::NotListed), ..fault },
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

    fn confirm(&self, to: &Settings, _spec: &JobSpec, task_id: &str) -> Option<Call> {
        render(to, task_id, true)
    }

    /// Shotstack shows the edit of a render, our callback URL in it.
    fn read_confirmation(&self, to: &Settings, job_id: &str, answer: &Answer) -> Adoption {
        match response_of(answer, to) {
            Ok(response) if carries(response, job_id) => Adoption::Ours,
            Ok(_) => Adoption::NotOurs,
            Err(fault) if matches!(answer.status.as_u16(), 400 | 404) && fault.is_final() => Adoption::NotOurs,
            Err(fault) => Adoption::Unknown(fault),
        }
    }
}

fn carries(response: &Value, job_id: &str) -> bool {
    let callback = response.get("data").and_then(|data| data.get("callback")?.as_str());
    !job_id.is_empty() && callback.is_some_and(|url| url.contains(job_id))
}

/// The question about a render; `None` where the id is none of Shotstack's.
fn render(to: &Settings, task_id: &str, with_data: bool) -> Option<Call> {
    let url = joined(&to.base_url, &format!("/render/{task_id}?data={with_data}"));
    is_render_id(task_id).then(|| Call::get(&SYSTEM, url, authorization(to)))
}

fn authorization(to: &Settings) -> Authorization {
    Authorization::Header("x-api-key", to.api_key.clone())
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
    Fault::new(SYSTEM.class_of(&Trouble::Failed(&message)), "failed", message)
}
