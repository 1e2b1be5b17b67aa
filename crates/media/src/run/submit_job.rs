//! A provider accepted a job, by its answer or (adopted) by a callback that its own query confirmed.

use crate::run::{Event, JobPhase, MediaEvent, Refusal, Run};
use mw_kernel::run::refuse_ended;

pub(super) fn decide(run: &Run, job_id: &str, task_id: &str, adopted: bool) -> Result<Vec<Event>, Refusal> {
    refuse_ended(run)?;
    let stale = || Refusal::StaleJob { run_id: run.run_id.clone(), job_id: job_id.to_owned() };
    let job = run.body.jobs.get(job_id).ok_or_else(stale)?;
    match &job.phase {
        JobPhase::Requested => Ok(vec![Event::Own(MediaEvent::JobSubmitted {
            job_id: job_id.to_owned(),
            task_id: task_id.to_owned(),
            adopted,
        })]),
        JobPhase::Submitted { task_id: known } if known == task_id => Ok(Vec::new()),
        JobPhase::Submitted { .. }
        | JobPhase::Succeeded { .. }
        | JobPhase::Failed { .. }
        | JobPhase::Replaced { .. } => Err(stale()),
    }
}
