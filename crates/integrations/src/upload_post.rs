//! upload-post: publishes the final video.
//!
//! * [`submit`], [`query`], [`recover`]: the calls, with our key (`upload_post/{multipart,wire}.rs`).
//! * [`verify`], [`parse_callback`]: the webhook (`upload_post/webhook.rs`), signed over its body and so believed.
//!
//! Every upload carries an `Idempotency-Key`, so that a repeat answers with the first job, and our job's id as
//! `request_id`, so that a lost answer is found again. A refusal is believed where upload-post itself speaks: an HTTP 4xx,
//! or its own error object. Any other 5xx is unanswered: [`recover`] costs nothing, a second post cannot be taken back.

mod multipart;
mod webhook;
mod wire;

use http::Method;
use mw_media::job::PublishSpec;
use mw_media::retry::Provider;

use crate::answer::{Answer, Authorization, Call, NoAnswer, joined, percent_encoded};
use crate::outcome::{Fault, JobContext, Progress, Recovery, Settings, Submission};
use crate::port::HttpClient;

pub use webhook::{HEADERS, delivery_id, parse_callback, verify};

/// Asks for one post on all platforms of the spec; the task's id is our job's id, unless upload-post insists on its own.
pub async fn submit(
    client: &impl HttpClient,
    settings: &Settings,
    context: &JobContext,
    spec: &PublishSpec,
) -> Submission {
    let (content_type, body) = multipart::encoded(&wire::fields(context, spec));
    let call = Call {
        provider: Provider::UploadPost,
        method: Method::POST,
        url: joined(&settings.base_url, "/upload"),
        authorization: authorization(settings),
        headers: &[("content-type", &content_type), ("idempotency-key", &context.idempotency_key)],
        body,
    };
    match call.send(client).await {
        Ok(answer) => wire::submission(&answer, settings, &context.job_id),
        Err(NoAnswer::NotSent(fault)) => Submission::Refused(fault),
        Err(NoAnswer::Unanswered(_, message)) => Submission::Unanswered(message),
    }
}

/// Asks what became of a post. `Err` says nothing about the post.
pub async fn query(client: &impl HttpClient, settings: &Settings, task_id: &str) -> Result<Progress, Fault> {
    let answer = status(client, settings, task_id).await?;
    wire::progress(&answer, settings, task_id)
}

/// Looks for a submission whose answer was lost, by the `request_id` that we gave it.
pub async fn recover(client: &impl HttpClient, settings: &Settings, job_id: &str) -> Recovery {
    match status(client, settings, job_id).await {
        Ok(answer) => wire::recovery(&answer, settings, job_id),
        Err(fault) => Recovery::Unknown(fault),
    }
}

async fn status(client: &impl HttpClient, settings: &Settings, request_id: &str) -> Result<Answer, Fault> {
    let path = format!("/uploadposts/status?request_id={}", percent_encoded(request_id));
    let call = Call {
        provider: Provider::UploadPost,
        method: Method::GET,
        url: joined(&settings.base_url, &path),
        authorization: authorization(settings),
        headers: &[],
        body: Vec::new(),
    };
    call.send(client).await.map_err(NoAnswer::into_fault)
}

/// The scheme is `Apikey`; the same key as `Bearer` is refused.
fn authorization(settings: &Settings) -> Authorization {
    Authorization::Header("authorization", format!("Apikey {}", settings.api_key))
}
