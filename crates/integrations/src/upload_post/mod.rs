//! upload-post: publishes the final video.
//!
//! * [`JOBS`]: the calls, with our key (`multipart`, `wire`). [`SYSTEM`]: its names, limits and errors.
//! * [`WEBHOOK`]: signed over its body and so believed.
//!
//! Every upload carries an `Idempotency-Key`, so that a repeat answers with the first job, and our job's id as
//! `request_id`, so that a lost answer is found again. A refusal is believed where upload-post itself speaks: an HTTP 4xx,
//! or its own error object. Any other 5xx is unanswered: to look costs nothing, a second post cannot be taken back.

mod multipart;
mod system;
mod webhook;
mod wire;

use http::Method;
use mw_media::job::{JobKind, JobSpec};

use crate::answer::{Answer, Authorization, Call, joined, percent_encoded};
use crate::jobs::{JobProvider, unmakeable};
use crate::outcome::{Fault, JobContext, Progress, Recovery, Settings, Submission};

pub use system::SYSTEM;
pub use webhook::{WEBHOOK, delivery_id, parse_callback, verify};

/// Posts, each on all platforms of its spec. A task's id is our job's id, unless upload-post insists on its own.
pub struct Jobs;

pub static JOBS: Jobs = Jobs;

impl JobProvider for Jobs {
    fn makes(&self) -> &'static [JobKind] {
        &[JobKind::Publish]
    }

    fn submit(&self, to: &Settings, context: &JobContext, spec: &JobSpec) -> Result<Call, Fault> {
        let JobSpec::Publish(post) = spec else { return Err(unmakeable(spec)) };
        let (content_type, body) = multipart::encoded(&wire::fields(context, post));
        Ok(Call {
            system: &SYSTEM,
            method: Method::POST,
            url: joined(&to.base_url, "/upload"),
            authorization: authorization(to),
            headers: vec![("content-type", content_type), ("idempotency-key", context.idempotency_key.clone())],
            body,
        })
    }

    fn read_submission(&self, to: &Settings, context: &JobContext, answer: &Answer) -> Submission {
        wire::submission(answer, to, &context.job_id)
    }

    fn query(&self, to: &Settings, _spec: &JobSpec, task_id: &str) -> Result<Call, Fault> {
        Ok(status(to, task_id))
    }

    fn read_progress(&self, to: &Settings, _spec: &JobSpec, task_id: &str, answer: &Answer) -> Result<Progress, Fault> {
        wire::progress(answer, to, task_id)
    }

    /// By the `request_id` that we gave it.
    fn find(&self, to: &Settings, job_id: &str) -> Option<Call> {
        Some(status(to, job_id))
    }

    fn read_finding(&self, to: &Settings, job_id: &str, answer: &Answer) -> Recovery {
        wire::recovery(answer, to, job_id)
    }
}

fn status(to: &Settings, request_id: &str) -> Call {
    let path = format!("/uploadposts/status?request_id={}", percent_encoded(request_id));
    Call::get(&SYSTEM, joined(&to.base_url, &path), authorization(to))
}

/// The scheme is `Apikey`; the same key as `Bearer` is refused.
fn authorization(to: &Settings) -> Authorization {
    Authorization::Header("authorization", format!("Apikey {}", to.api_key))
}
