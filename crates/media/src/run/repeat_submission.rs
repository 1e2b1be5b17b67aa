//! A submission without an answer, and without a callback within the waiting time, goes out once more. The timeline
//! says so, because the provider may then make two.

use crate::run::{Event, JobPhase, MediaEvent, Refusal, Run};
use mw_kernel::run::refuse_ended;

pub(super) fn decide(run: &Run, job_id: &str, reason: &str) -> Result<Vec<Event>, Refusal> {
    refuse_ended(run)?;
    match run.body.jobs.get(job_id).map(|job| &job.phase) {
        Some(JobPhase::Requested) => Ok(vec![Event::Own(MediaEvent::JobSubmissionRepeated {
            job_id: job_id.to_owned(),
            reason: reason.to_owned(),
        })]),
        Some(
            JobPhase::Submitted { .. }
            | JobPhase::Succeeded { .. }
            | JobPhase::Failed { .. }
            | JobPhase::Replaced { .. },
        )
        | None => Err(Refusal::StaleJob { run_id: run.run_id.clone(), job_id: job_id.to_owned() }),
    }
}
