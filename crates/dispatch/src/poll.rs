//! Asks a provider how a job stands. What a callback said is only a hint; this answer, got with our key, decides.

use crate::Settings;
use crate::perform::{Again, Performed, job_context};
use mw_core::job::JobSpec;
use mw_core::retry::poll_wait_seconds;
use mw_core::run::{Command, Job, JobPhase, Run};
use mw_core::status::ProvidersMode;
use mw_providers::{Fault, HttpClient, Progress, kieai, mock, shotstack, upload_post};
use mw_store::effects::Claimed;

pub(crate) async fn perform(
    http: &impl HttpClient,
    settings: &Settings,
    effect: &Claimed,
    run: &Run,
    job_id: &str,
    job: &Job,
) -> Performed {
    let JobPhase::Submitted { task_id } = &job.phase else { return Performed::Stale };
    let progress = match run.mode {
        ProvidersMode::Mock => Ok(mock::query(&job_context(settings, run, job_id, job), &job.spec)),
        ProvidersMode::Sim | ProvidersMode::Live => match &job.spec {
            JobSpec::Generate(spec) => kieai::query(http, &settings.kieai, &spec.model, task_id).await,
            JobSpec::Render(_) => shotstack::query(http, &settings.shotstack, task_id).await,
            JobSpec::Publish(_) => upload_post::query(http, &settings.upload_post, task_id).await,
        },
    };
    match progress {
        Ok(Progress::Running) => again(effect, None),
        Ok(Progress::Done(output)) => {
            let hinted = effect.hint.as_ref().and_then(|hint| hint.url.clone());
            let url = if output.url.is_empty() { hinted.unwrap_or_default() } else { output.url };
            Performed::Tell(Command::FinishJob { job_id: job_id.to_owned(), url })
        }
        Ok(Progress::Failed(fault)) => failed(job_id, fault),
        // A refused key is an operator's to mend; the step's deadline bounds the wait.
        Err(fault) if fault.is_final() && !["401", "403"].contains(&fault.code.as_str()) => failed(job_id, fault),
        Err(fault) => again(effect, Some(fault)),
    }
}

fn again(effect: &Claimed, fault: Option<Fault>) -> Performed {
    let asked = fault.as_ref().and_then(|fault| fault.retry_after_seconds).unwrap_or(0).min(3600) as f64;
    Performed::Again(Again {
        wait_seconds: f64::from(poll_wait_seconds(effect.attempt + 1)).max(asked),
        uncounted: false,
        error: fault.map(|fault| fault.to_string()),
    })
}

fn failed(job_id: &str, fault: Fault) -> Performed {
    Performed::Tell(Command::FailJob { job_id: job_id.to_owned(), code: fault.code, message: fault.message })
}
