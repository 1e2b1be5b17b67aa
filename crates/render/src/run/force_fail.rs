//! A person ends a job that is stuck, and why jobs fail at all.

use crate::run::body::Phase;
use crate::run::kind::Status;
use crate::run::{Event, Run};
use mw_kernel::run::{Common, Refusal, STEP_TIMEOUT, refuse_ended};
use mw_kernel::status::End;

/// What is said of a job where whoever ends it says nothing.
pub const ERROR_DEFAULT: &str = "Manual intervention: stuck job";
/// What is said of a job that did not end in time.
pub const JOB_DEADLINE: &str = "the job did not end in time";

mw_kernel::words! {
    /// Why a job failed; the label of a metric, and the type of its error.
    FailureReason {
        SegmentsIncomplete = "segments_incomplete",
        Crash = "crash",
        Cancelled = "cancelled",
        Forced = "forced",
        Deadline = "deadline",
        OutputInvalid = "output_invalid",
    }
}

/// Only a job that somebody has picked up can be stuck.
pub(super) fn decide(run: &Run, error: Option<&str>) -> Result<Vec<Event>, Refusal> {
    refuse_ended(run)?;
    match run.body.phase {
        Phase::Queued => Err(Refusal::WrongStatus {
            run_id: run.run_id.clone(),
            status: run.status.to_string(),
            needed: [Status::Planning, Status::RenderingSegments, Status::Assembling].map(|s| s.to_string()).into(),
        }),
        Phase::Planning | Phase::RenderingSegments | Phase::Assembling => {
            let error_message = error.map(str::trim).filter(|error| !error.is_empty()).unwrap_or(ERROR_DEFAULT);
            let (error_type, error_message) = (FailureReason::Forced.as_str().to_owned(), error_message.to_owned());
            Ok(vec![Common::RunFailed { error_type, error_message }.into()])
        }
    }
}

impl FailureReason {
    /// Why a run has failed; none where it has not.
    pub fn of(run: &Run) -> Option<FailureReason> {
        match run.end? {
            End::Done => None,
            End::Cancelled => Some(FailureReason::Cancelled),
            End::Expired => Some(FailureReason::Deadline),
            End::Rejected => Some(FailureReason::Forced),
            End::Failed => {
                let error_type = run.error.as_ref().map_or("", |error| error.error_type.as_str());
                let is_forced = matches!(error_type, mw_kernel::run::TERMINATED | mw_kernel::run::MARKED_FAILED);
                Some(match (is_forced, error_type) {
                    (true, _) => FailureReason::Forced,
                    (false, STEP_TIMEOUT) => FailureReason::Deadline,
                    (false, other) => FailureReason::parse(other).unwrap_or(FailureReason::Crash),
                })
            }
        }
    }
}
