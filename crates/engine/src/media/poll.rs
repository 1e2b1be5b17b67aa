//! Asks a provider how a job stands. What a callback said is only a hint; this answer, got with our key, decides.

use super::{JobEffect, command};
use crate::perform::{Again, Met, Performed};
use mw_integrations::{Fault, HttpClient, Progress, jobs, mock};
use mw_kernel::status::ProvidersMode;
use mw_media::retry::{RETRY_AFTER_SECONDS_MAX, poll_wait_seconds};
use mw_media::run::{JobPhase, MediaCommand};
use mw_store::effects::Claimed;

pub(super) async fn perform(task: &JobEffect<'_, impl HttpClient>) -> (Performed, Met) {
    let JobEffect { http, effect, job_id, job, .. } = *task;
    let JobPhase::Submitted { task_id } = &job.phase else { return (Performed::Stale, Met::NOBODY) };
    let progress = match task.run.mode {
        ProvidersMode::Mock => Ok(mock::query(&task.context(), &job.spec)),
        ProvidersMode::Sim | ProvidersMode::Live => match task.provider() {
            Ok((provider, to)) => jobs::query(http, provider, to, &job.spec, task_id).await,
            Err(fault) => Err(fault),
        },
    };
    let met = match (task.run.mode, &progress) {
        (ProvidersMode::Mock, _) => Met::NOBODY,
        (ProvidersMode::Sim | ProvidersMode::Live, Ok(_)) => Met::ANSWER,
        (ProvidersMode::Sim | ProvidersMode::Live, Err(fault)) => Met::fault(fault),
    };
    let performed = match progress {
        Ok(Progress::Running) => again(effect, None),
        Ok(Progress::Done(output)) => {
            let hinted = effect.hint.as_ref().and_then(|hint| hint.url.clone());
            let url = if output.url.is_empty() { hinted.unwrap_or_default() } else { output.url };
            Performed::Tell(command(MediaCommand::FinishJob { job_id: job_id.to_owned(), url }))
        }
        Ok(Progress::Failed(fault)) if fault.is_final() => failed(job_id, fault),
        Ok(Progress::Failed(fault)) => Performed::Tell(command(MediaCommand::ReplaceJob {
            job_id: job_id.to_owned(),
            code: fault.code,
            message: fault.message,
        })),
        // A refused key is an operator's to mend; the step's deadline bounds the wait.
        Err(fault) if fault.is_final() && !["401", "403"].contains(&fault.code.as_str()) => failed(job_id, fault),
        Err(fault) => again(effect, Some(fault)),
    };
    (performed, met)
}

fn again(effect: &Claimed, fault: Option<Fault>) -> Performed {
    let asked = fault.as_ref().and_then(|fault| fault.retry_after_seconds).unwrap_or(0);
    let asked = asked.min(RETRY_AFTER_SECONDS_MAX) as f64;
    Performed::Again(Again {
        wait_seconds: f64::from(poll_wait_seconds(effect.attempt + 1)).max(asked),
        uncounted: false,
        not_sent: false,
        error: fault.map(|fault| fault.to_string()),
    })
}

fn failed(job_id: &str, fault: Fault) -> Performed {
    Performed::Tell(command(MediaCommand::FailJob {
        job_id: job_id.to_owned(),
        code: fault.code,
        message: fault.message,
    }))
}
