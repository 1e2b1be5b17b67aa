//! kie.ai: one clip per task, in three API families that differ in paths, field names and states.
//!
//! * [`submit`], [`query`], [`adopt`]: the calls, with our key. `kieai/wire.rs` reads and writes their bodies.
//! * [`verify`], [`parse_callback`]: the webhook (`kieai/webhook.rs`). Its signature covers only the task's id and the
//!   time, so a callback is a poke and [`query`] decides.
//!
//! kie.ai has no idempotency key. A refusal is therefore believed only where kie.ai itself speaks: an HTTP 4xx, or any
//! answer with its own `code`. A 5xx without a `code` comes from something in between and may hide an accepted task.

mod webhook;
mod wire;

use http::Method;
use mw_media::job::GenerateSpec;
use mw_media::retry::{Provider, Trouble, class_of};
use serde_json::Value;

use crate::answer::{Answer, Authorization, Call, NoAnswer, joined, percent_encoded};
use crate::outcome::{Adoption, Fault, JobContext, Progress, Settings, Submission};
use crate::port::HttpClient;

pub use webhook::{HEADERS, parse_callback, verify};
pub use wire::Family;

/// Asks for one clip.
pub async fn submit(
    client: &impl HttpClient,
    settings: &Settings,
    context: &JobContext,
    spec: &GenerateSpec,
) -> Submission {
    let family = Family::of_model(&spec.model);
    let body = wire::create_body(family, context, spec);
    let url = joined(&settings.base_url, family.create_path());
    match call(settings, Method::POST, url, Some(&body)).send(client).await {
        Ok(answer) => read_submission(&answer, settings),
        Err(NoAnswer::NotSent(fault)) => Submission::Refused(fault),
        Err(NoAnswer::Unanswered(_, message)) => Submission::Unanswered(message),
    }
}

fn read_submission(answer: &Answer, settings: &Settings) -> Submission {
    if let Some(fault) = wire::refusal(answer, settings) {
        return Submission::Refused(fault);
    }
    match wire::task_id(&answer.body) {
        Some(task_id) if answer.status.is_success() => Submission::Accepted { task_id },
        _ if answer.status.is_success() || answer.status.is_server_error() => {
            let message = answer.unreadable.unwrap_or("the answer names no task");
            Submission::Unanswered(format!("HTTP {}: {message}", answer.status.as_u16()))
        }
        _ => Submission::Refused(answer.http_fault(&settings.api_key)),
    }
}

/// Asks what became of a task. `model` is the job's, because it chooses the family. `Err` says nothing about the task.
pub async fn query(
    client: &impl HttpClient,
    settings: &Settings,
    model: &str,
    task_id: &str,
) -> Result<Progress, Fault> {
    let family = Family::of_model(model);
    let answer = record(client, settings, family, task_id).await?;
    wire::progress(family, &answer, settings).map_err(|fault| match fault.code.as_str() {
        // A task of a moment ago may not be listed yet; the job's deadline ends one that never is.
        "404" | "422" => Fault { class: class_of(Provider::Kieai, &Trouble::NotListed), ..fault },
        _ => fault,
    })
}

/// Whether the task was submitted for our job: kie.ai shows the parameters of a task, our callback URL among them.
pub async fn adopt(
    client: &impl HttpClient,
    settings: &Settings,
    model: &str,
    task_id: &str,
    job_id: &str,
) -> Adoption {
    let answer = match record(client, settings, Family::of_model(model), task_id).await {
        Ok(answer) => answer,
        Err(fault) => return Adoption::Unknown(fault),
    };
    if answer.status.is_success() && wire::belongs_to(&answer.body, job_id) {
        return Adoption::Ours;
    }
    match wire::record_fault(&answer, settings) {
        // kie.ai knows no such task, so it cannot be ours.
        Some(fault) if matches!(fault.code.as_str(), "404" | "422") => Adoption::NotOurs,
        Some(fault) => Adoption::Unknown(fault),
        None => Adoption::NotOurs,
    }
}

async fn record(client: &impl HttpClient, settings: &Settings, family: Family, task_id: &str) -> Result<Answer, Fault> {
    let path = format!("{}?taskId={}", family.query_path(), percent_encoded(task_id));
    let url = joined(&settings.base_url, &path);
    call(settings, Method::GET, url, None).send(client).await.map_err(NoAnswer::into_fault)
}

fn call(settings: &Settings, method: Method, url: String, body: Option<&Value>) -> Call<'static> {
    Call {
        provider: Provider::Kieai,
        method,
        url,
        authorization: Authorization::Header("authorization", format!("Bearer {}", settings.api_key)),
        headers: match body {
            Some(_) => &[("content-type", "application/json")],
            None => &[],
        },
        body: body.map(|body| body.to_string().into_bytes()).unwrap_or_default(),
    }
}
