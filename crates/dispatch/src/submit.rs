//! Hands a job to its provider. A submission without an answer is first reconciled: a callback may have told us the
//! task, which the provider must confirm as ours; upload-post can be asked by our own id. Only when the waiting time
//! has passed is it sent once more.

use crate::Settings;
use crate::perform::{Again, Performed, job_context};
use mw_core::Timestamp;
use mw_core::job::JobSpec;
use mw_core::run::{Command, Job, JobPhase, Run, SUBMISSION_UNANSWERED};
use mw_core::status::ProvidersMode;
use mw_providers::{Adoption, FaultClass, HttpClient, Recovery, Submission, kieai, mock, shotstack, upload_post};
use mw_store::effects::Claimed;
use time::Duration;

/// Sends of one job: the first, and two repetitions.
const SENDS_MAX: u32 = 3;
/// Between two looks at an unanswered submission; a callback ends the wait at once.
const LOOK_SECONDS: f64 = 5.0;

#[allow(clippy::too_many_arguments)]
pub(crate) async fn perform(
    http: &impl HttpClient,
    settings: &Settings,
    effect: &Claimed,
    run: &Run,
    job_id: &str,
    job: &Job,
    now: Timestamp,
    resend: bool,
) -> Performed {
    match job.phase {
        JobPhase::Requested => {}
        JobPhase::Submitted { .. }
        | JobPhase::Succeeded { .. }
        | JobPhase::Failed { .. }
        | JobPhase::Replaced { .. } => return Performed::Stale,
    }
    match run.mode {
        // The mock has no memory and no cost: asking again is asking for the first time.
        ProvidersMode::Mock => {
            let submission = mock::submit(&job_context(settings, run, job_id, job), &job.spec);
            answered(submission, job_id)
        }
        ProvidersMode::Sim | ProvidersMode::Live => match effect.sent_before {
            Some(sent_at) if !resend => reconcile(http, settings, effect, job_id, job, sent_at, now).await,
            Some(_) | None => answered(send(http, settings, run, job_id, job).await, job_id),
        },
    }
}

async fn send(http: &impl HttpClient, settings: &Settings, run: &Run, job_id: &str, job: &Job) -> Submission {
    let context = job_context(settings, run, job_id, job);
    match &job.spec {
        JobSpec::Generate(spec) => kieai::submit(http, &settings.kieai, &context, spec).await,
        JobSpec::Render(spec) => shotstack::submit(http, &settings.shotstack, &context, spec).await,
        JobSpec::Publish(spec) => upload_post::submit(http, &settings.upload_post, &context, spec).await,
    }
}

fn answered(submission: Submission, job_id: &str) -> Performed {
    match submission {
        Submission::Accepted { task_id } => submitted(job_id, task_id, false),
        Submission::Refused(fault) => {
            let give_up = Command::FailJob {
                job_id: job_id.to_owned(),
                code: fault.code.clone(),
                message: fault.message.clone(),
            };
            match fault.class {
                FaultClass::Final => Performed::Tell(give_up),
                FaultClass::Retryable | FaultClass::RateLimited => Performed::Retry { fault, not_sent: true, give_up },
            }
        }
        Submission::Unanswered(error) => {
            Performed::Again(Again { wait_seconds: LOOK_SECONDS, uncounted: false, error: Some(error) })
        }
    }
}

fn submitted(job_id: &str, task_id: String, adopted: bool) -> Performed {
    Performed::Tell(Command::SubmitJob { job_id: job_id.to_owned(), task_id, adopted })
}

async fn reconcile(
    http: &impl HttpClient,
    settings: &Settings,
    effect: &Claimed,
    job_id: &str,
    job: &Job,
    sent_at: Timestamp,
    now: Timestamp,
) -> Performed {
    let hinted = effect.hint.as_ref().and_then(|hint| hint.task_id.as_deref());
    let adoption = match (&job.spec, hinted) {
        (JobSpec::Generate(spec), Some(task_id)) => {
            Some((task_id, kieai::adopt(http, &settings.kieai, &spec.model, task_id, job_id).await))
        }
        (JobSpec::Render(_), Some(task_id)) => {
            Some((task_id, shotstack::adopt(http, &settings.shotstack, task_id, job_id).await))
        }
        (JobSpec::Publish(_), _) => return recover(http, settings, effect, job_id).await,
        (JobSpec::Generate(_) | JobSpec::Render(_), None) => None,
    };
    match adoption {
        Some((task_id, Adoption::Ours)) => submitted(job_id, task_id.to_owned(), true),
        Some((_, Adoption::Unknown(fault))) => wait(LOOK_SECONDS, Some(fault.to_string())),
        Some((_, Adoption::NotOurs)) | None => {
            let over = sent_at + Duration::seconds(i64::from(settings.adopt_wait_seconds));
            if now < over {
                let left = (over - now).as_seconds_f64();
                return wait(left.min(LOOK_SECONDS), None);
            }
            repeat(effect, job_id, "no answer, and no callback within the waiting time")
        }
    }
}

/// upload-post answers by our own request id, and takes a repeated idempotency key as the same job.
async fn recover(http: &impl HttpClient, settings: &Settings, effect: &Claimed, job_id: &str) -> Performed {
    match upload_post::recover(http, &settings.upload_post, job_id).await {
        Recovery::Found(task_id) => submitted(job_id, task_id, true),
        Recovery::NotFound => repeat(effect, job_id, "no answer, and the provider does not know the job"),
        Recovery::Unknown(fault) => wait(LOOK_SECONDS, Some(fault.to_string())),
    }
}

fn wait(wait_seconds: f64, error: Option<String>) -> Performed {
    Performed::Again(Again { wait_seconds, uncounted: true, error })
}

fn repeat(effect: &Claimed, job_id: &str, reason: &str) -> Performed {
    if effect.attempt > SENDS_MAX {
        return Performed::Tell(Command::FailJob {
            job_id: job_id.to_owned(),
            code: SUBMISSION_UNANSWERED.to_owned(),
            message: format!("the provider did not answer {SENDS_MAX} submissions"),
        });
    }
    Performed::Repeat { job_id: job_id.to_owned(), reason: reason.to_owned() }
}
