//! A run is ended from outside, whatever it is doing: by an operator's order, or because somebody wrote `failed` into its row.
//! Whatever is in flight is fenced by the commit.

use crate::run::Refusal;
use crate::run::event::{Common, Event};
use crate::run::kind::Kind;
use crate::run::refuse_ended;
use crate::run::state::{Run, RunError};

/// The error type of a terminated run.
pub const TERMINATED: &str = "terminated";
/// The error type of a run whose status somebody set to failed in SQL.
pub const MARKED_FAILED: &str = "marked_failed";

/// The error of a run that an operator ends, or the sweep.
pub fn terminated(reason: &str, actor: &str) -> RunError {
    RunError { error_type: TERMINATED.to_owned(), error_message: format!("terminated by {actor}: {reason}") }
}

/// The error of a run that a role of the database marked as failed.
pub fn marked_failed(role: &str) -> RunError {
    RunError { error_type: MARKED_FAILED.to_owned(), error_message: format!("marked failed by {role}") }
}

pub(super) fn decide<B: Kind>(run: &Run<B>, error: RunError) -> Result<Vec<Event<B>>, Refusal> {
    if run.error.as_ref().is_some_and(|known| known.error_type == error.error_type) {
        return Ok(Vec::new());
    }
    refuse_ended(run)?;
    Ok(vec![failed(error).into()])
}

/// The event of such an end.
pub(super) fn failed(error: RunError) -> Common {
    Common::RunFailed { error_type: error.error_type, error_message: error.error_message }
}
