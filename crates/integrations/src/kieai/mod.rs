//! kie.ai: one clip per task, in three API families that differ in paths, field names and states.
//!
//! * [`JOBS`]: the calls, with our key. `wire` reads and writes their bodies.
//! * [`WEBHOOK`]: its signature covers only the task's id and the time, so a callback is a poke and a query decides.
//! * [`SYSTEM`]: its names, limits and errors.
//!
//! kie.ai has no idempotency key. A refusal is therefore believed only where kie.ai itself speaks: an HTTP 4xx, or any
//! answer with its own `code`. A 5xx without a `code` comes from something in between and may hide an accepted task.

mod system;
mod webhook;
mod wire;

use mw_media::job::{JobKind, JobSpec};
use mw_media::retry::Trouble;

use crate::answer::{Answer, Authorization, Call, joined, percent_encoded};
use crate::jobs::{JobProvider, unmakeable};
use crate::outcome::{Adoption, Fault, JobContext, Progress, Settings, Submission};

pub use system::SYSTEM;
pub use webhook::{WEBHOOK, parse_callback, verify};
pub use wire::Family;

/// Clips.
pub struct Jobs;

pub static JOBS: Jobs = Jobs;

impl JobProvider for Jobs {
    fn makes(&self) -> &'static [JobKind] {
        &[JobKind::Generate]
    }

    fn submit(&self, to: &Settings, context: &JobContext, spec: &JobSpec) -> Result<Call, Fault> {
        let JobSpec::Generate(clip) = spec else { return Err(unmakeable(spec)) };
        let family = Family::of_model(&clip.model);
        let url = joined(&to.base_url, family.create_path());
        Ok(Call::post_json(&SYSTEM, url, authorization(to), &wire::create_body(family, context, clip)))
    }

    fn read_submission(&self, to: &Settings, _context: &JobContext, answer: &Answer) -> Submission {
        if let Some(fault) = wire::refusal(answer, to) {
            return Submission::Refused(fault);
        }
        match wire::task_id(&answer.body) {
            Some(task_id) if answer.status.is_success() => Submission::Accepted { task_id },
            _ if answer.status.is_success() || answer.status.is_server_error() => {
                let message = answer.unreadable.unwrap_or("the answer names no task");
                Submission::Unanswered(format!("HTTP {}: {message}", answer.status.as_u16()))
            }
            _ => Submission::Refused(answer.http_fault(&to.api_key)),
        }
    }

    fn query(&self, to: &Settings, spec: &JobSpec, task_id: &str) -> Result<Call, Fault> {
        Ok(record(to, spec, task_id))
    }

    fn read_progress(&self, to: &Settings, spec: &JobSpec, _task_id: &str, answer: &Answer) -> Result<Progress, Fault> {
        wire::progress(family(spec), answer, to).map_err(|fault| match fault.code.as_str() {
            // A task of a moment ago may not be listed yet; the job's deadline ends one that never is.
            "404" | "422" => Fault { class: SYSTEM.class_of(&Trouble::NotListed), ..fault },
            _ => fault,
        })
    }

    fn confirm(&self, to: &Settings, spec: &JobSpec, task_id: &str) -> Option<Call> {
        Some(record(to, spec, task_id))
    }

    /// kie.ai shows the parameters of a task, our callback URL among them.
    fn read_confirmation(&self, to: &Settings, job_id: &str, answer: &Answer) -> Adoption {
        if answer.status.is_success() && wire::belongs_to(&answer.body, job_id) {
            return Adoption::Ours;
        }
        match wire::record_fault(answer, to) {
            // kie.ai knows no such task, so it cannot be ours.
            Some(fault) if matches!(fault.code.as_str(), "404" | "422") => Adoption::NotOurs,
            Some(fault) => Adoption::Unknown(fault),
            None => Adoption::NotOurs,
        }
    }
}

/// The model of a clip chooses the family.
fn family(spec: &JobSpec) -> Family {
    match spec {
        JobSpec::Generate(clip) => Family::of_model(&clip.model),
        JobSpec::Render(_) | JobSpec::Publish(_) => Family::Market,
    }
}

fn record(to: &Settings, spec: &JobSpec, task_id: &str) -> Call {
    let path = format!("{}?taskId={}", family(spec).query_path(), percent_encoded(task_id));
    Call::get(&SYSTEM, joined(&to.base_url, &path), authorization(to))
}

fn authorization(to: &Settings) -> Authorization {
    Authorization::Header("authorization", format!("Bearer {}", to.api_key))
}
