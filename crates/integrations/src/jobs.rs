//! Providers that make jobs. A provider writes requests and reads answers; how they travel is the same for all of them, and
//! stands here.
//!
//! A refusal of a submission is believed only where the provider itself speaks; else it may have the job, and is
//! [`confirm`]ed or [`find`]ed before anything is sent again.

use crate::answer::{Answer, Call, NoAnswer};
use crate::outcome::{Adoption, Fault, JobContext, Progress, Recovery, Settings, Submission};
use crate::port::HttpClient;
use mw_media::job::{JobKind, JobSpec};
use mw_media::retry::FaultClass;

/// What a provider of jobs knows. `to` is where it is and how it knows us.
pub trait JobProvider: Sync {
    /// What it can be asked for.
    fn makes(&self) -> &'static [JobKind];

    /// The request for one job. An error is final: nothing was sent.
    fn submit(&self, to: &Settings, context: &JobContext, spec: &JobSpec) -> Result<Call, Fault>;
    fn read_submission(&self, to: &Settings, context: &JobContext, answer: &Answer) -> Submission;

    /// The question what became of a task.
    fn query(&self, to: &Settings, spec: &JobSpec, task_id: &str) -> Result<Call, Fault>;
    /// `Err` says nothing about the task.
    fn read_progress(&self, to: &Settings, spec: &JobSpec, task_id: &str, answer: &Answer) -> Result<Progress, Fault>;

    /// The question whether a task that a callback named was submitted for our job; `None` where there is nothing to ask.
    fn confirm(&self, _to: &Settings, _spec: &JobSpec, _task_id: &str) -> Option<Call> {
        None
    }
    fn read_confirmation(&self, _to: &Settings, _job_id: &str, _answer: &Answer) -> Adoption {
        Adoption::NotOurs
    }

    /// The question for a submission by our own id; `None` where the provider remembers none. One that does takes a repeated
    /// idempotency key as the same job.
    fn find(&self, _to: &Settings, _job_id: &str) -> Option<Call> {
        None
    }
    fn read_finding(&self, _to: &Settings, _job_id: &str, _answer: &Answer) -> Recovery {
        Recovery::NotFound
    }
}

/// Asks for one job.
pub async fn submit(
    client: &impl HttpClient,
    provider: &dyn JobProvider,
    to: &Settings,
    context: &JobContext,
    spec: &JobSpec,
) -> Submission {
    let call = match provider.submit(to, context, spec) {
        Ok(call) => call,
        Err(fault) => return Submission::Refused(fault),
    };
    match call.send(client).await {
        Ok(answer) => provider.read_submission(to, context, &answer),
        Err(NoAnswer::NotSent(fault)) => Submission::Refused(fault),
        Err(NoAnswer::Unanswered(_, message)) => Submission::Unanswered(message),
    }
}

/// Asks what became of a task. `Err` says nothing about the task.
pub async fn query(
    client: &impl HttpClient,
    provider: &dyn JobProvider,
    to: &Settings,
    spec: &JobSpec,
    task_id: &str,
) -> Result<Progress, Fault> {
    let answer = provider.query(to, spec, task_id)?.send(client).await.map_err(NoAnswer::into_fault)?;
    provider.read_progress(to, spec, task_id, &answer)
}

/// Whether a task that a callback named was submitted for our job; `None` where the provider is not asked for that.
pub async fn confirm(
    client: &impl HttpClient,
    provider: &dyn JobProvider,
    to: &Settings,
    spec: &JobSpec,
    task_id: &str,
    job_id: &str,
) -> Option<Adoption> {
    let call = provider.confirm(to, spec, task_id)?;
    Some(match call.send(client).await {
        Ok(answer) => provider.read_confirmation(to, job_id, &answer),
        Err(error) => Adoption::Unknown(error.into_fault()),
    })
}

/// Looks for a submission whose answer was lost by our own id; `None` where the provider remembers none.
pub async fn find(
    client: &impl HttpClient,
    provider: &dyn JobProvider,
    to: &Settings,
    job_id: &str,
) -> Option<Recovery> {
    let call = provider.find(to, job_id)?;
    Some(match call.send(client).await {
        Ok(answer) => provider.read_finding(to, job_id, &answer),
        Err(error) => Recovery::Unknown(error.into_fault()),
    })
}

/// The fault of a job that the provider does not make. A definition that asks for one is refused before.
pub(crate) fn unmakeable(spec: &JobSpec) -> Fault {
    Fault::new(FaultClass::Final, "cannot_make", format!("the provider makes no {}", spec.kind()))
}
