//! Hands a job to its provider. A submission without an answer is first reconciled: a provider that remembers our ids is
//! asked by ours; else a callback may have told us the task, which the provider must confirm as ours. Only when the waiting
//! time has passed is it sent once more.

use super::{JobEffect, command};
use crate::perform::{Again, Met, Performed};
use mw_integrations::{Adoption, Fault, FaultClass, HttpClient, Recovery, Submission, jobs, mock};
use mw_kernel::Timestamp;
use mw_kernel::status::ProvidersMode;
use mw_media::run::{JobPhase, MediaCommand, SUBMISSION_UNANSWERED};
use time::Duration;

/// Sends of one job: the first, and two repetitions.
const SENDS_MAX: u32 = 3;
/// Between two looks at an unanswered submission; a callback ends the wait at once.
const LOOK_SECONDS: f64 = 5.0;

pub(super) async fn perform(task: &JobEffect<'_, impl HttpClient>) -> (Performed, Met) {
    match task.job.phase {
        JobPhase::Requested => {}
        JobPhase::Submitted { .. }
        | JobPhase::Succeeded { .. }
        | JobPhase::Failed { .. }
        | JobPhase::Replaced { .. } => return (Performed::Stale, Met::NOBODY),
    }
    match task.run.mode {
        // The mock has no memory and no cost: asking again is asking for the first time.
        ProvidersMode::Mock => (answered(mock::submit(&task.context(), &task.job.spec), task.job_id).0, Met::NOBODY),
        ProvidersMode::Sim | ProvidersMode::Live => match task.effect.sent_before {
            Some(sent_at) => reconcile(task, sent_at).await,
            None => start(task).await,
        },
    }
}

/// A callback may have come while a repetition waited for its provider's limits: then there is a task already.
async fn start(task: &JobEffect<'_, impl HttpClient>) -> (Performed, Met) {
    match adoption(task).await {
        Some((task_id, Adoption::Ours)) => (submitted(task.job_id, task_id, true), Met::ANSWER),
        Some((_, Adoption::Unknown(fault))) => (wait(LOOK_SECONDS, true, Some(&fault)), Met::fault(&fault)),
        Some((_, Adoption::NotOurs)) | None => answered(send(task).await, task.job_id),
    }
}

async fn send(task: &JobEffect<'_, impl HttpClient>) -> Submission {
    match task.provider() {
        Ok((provider, to)) => jobs::submit(task.http, provider, to, &task.context(), &task.job.spec).await,
        Err(fault) => Submission::Refused(fault),
    }
}

fn answered(submission: Submission, job_id: &str) -> (Performed, Met) {
    match submission {
        Submission::Accepted { task_id } => (submitted(job_id, task_id, false), Met::ANSWER),
        Submission::Refused(fault) => {
            let met = Met::fault(&fault);
            let give_up = command(MediaCommand::FailJob {
                job_id: job_id.to_owned(),
                code: fault.code.clone(),
                message: fault.message.clone(),
            });
            let performed = match fault.class {
                FaultClass::Final => Performed::Tell(give_up),
                FaultClass::Unavailable | FaultClass::Retryable | FaultClass::RateLimited => {
                    Performed::Retry { fault, not_sent: true, give_up: Some(give_up) }
                }
            };
            (performed, met)
        }
        // Counted, also in an outage: whatever may have arrived is sent only so often.
        Submission::Unanswered(error) => {
            let again = Again { wait_seconds: LOOK_SECONDS, uncounted: false, not_sent: false, error: Some(error) };
            (Performed::Again(again), Met::SILENCE)
        }
    }
}

fn submitted(job_id: &str, task_id: String, adopted: bool) -> Performed {
    Performed::Tell(command(MediaCommand::SubmitJob { job_id: job_id.to_owned(), task_id, adopted }))
}

/// The task that a callback named, and whether its provider confirms it as this job's; `None` without one, or where the
/// provider is not asked for that.
async fn adoption(task: &JobEffect<'_, impl HttpClient>) -> Option<(String, Adoption)> {
    let task_id = task.hinted_task_id()?;
    let (provider, to) = task.provider().ok()?;
    let adoption = jobs::confirm(task.http, provider, to, &task.job.spec, task_id, task.job_id).await?;
    Some((task_id.to_owned(), adoption))
}

async fn reconcile(task: &JobEffect<'_, impl HttpClient>, sent_at: Timestamp) -> (Performed, Met) {
    if let Some(recovery) = recovery(task).await {
        return recovered(task, recovery);
    }
    let met = match adoption(task).await {
        Some((task_id, Adoption::Ours)) => return (submitted(task.job_id, task_id, true), Met::ANSWER),
        Some((_, Adoption::Unknown(fault))) => {
            return (wait(LOOK_SECONDS, false, Some(&fault)), Met::fault(&fault));
        }
        Some((_, Adoption::NotOurs)) => Met::ANSWER,
        None => Met::NOBODY,
    };
    let over = sent_at + Duration::seconds(i64::from(task.settings.adopt_wait_seconds));
    if task.now < over {
        let left = (over - task.now).as_seconds_f64();
        return (wait(left.min(LOOK_SECONDS), false, None), met);
    }
    (repeat(task, "no answer, and no callback within the waiting time"), met)
}

/// What a provider that remembers our ids knows of the job.
async fn recovery(task: &JobEffect<'_, impl HttpClient>) -> Option<Recovery> {
    let (provider, to) = task.provider().ok()?;
    jobs::find(task.http, provider, to, task.known_as()).await
}

fn recovered<H>(task: &JobEffect<'_, H>, recovery: Recovery) -> (Performed, Met) {
    match recovery {
        Recovery::Found(task_id) => (submitted(task.job_id, task_id, true), Met::ANSWER),
        Recovery::NotFound => (repeat(task, "no answer, and the provider does not know the job"), Met::ANSWER),
        Recovery::Unknown(fault) => (wait(LOOK_SECONDS, false, Some(&fault)), Met::fault(&fault)),
    }
}

fn wait(wait_seconds: f64, not_sent: bool, fault: Option<&Fault>) -> Performed {
    Performed::Again(Again { wait_seconds, uncounted: true, not_sent, error: fault.map(Fault::to_string) })
}

fn repeat<H>(task: &JobEffect<'_, H>, reason: &str) -> Performed {
    let job_id = task.job_id.to_owned();
    // This look is an attempt too.
    if task.effect.attempt > SENDS_MAX {
        return Performed::Tell(command(MediaCommand::FailJob {
            job_id,
            code: SUBMISSION_UNANSWERED.to_owned(),
            message: format!("the provider did not answer {SENDS_MAX} submissions"),
        }));
    }
    let reason = reason.to_owned();
    Performed::Repeat { command: command(MediaCommand::RepeatSubmission { job_id, reason: reason.clone() }), reason }
}
