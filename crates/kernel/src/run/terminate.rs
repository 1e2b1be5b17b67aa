//! An operator ends a run, whatever it is doing. Whatever is in flight is fenced by the commit.

use crate::run::Refusal;
use crate::run::event::{Common, Event};
use crate::run::kind::Kind;
use crate::run::refuse_ended;
use crate::run::state::Run;

/// The error type of a terminated run.
pub const TERMINATED: &str = "terminated";

pub(super) fn decide<B: Kind>(run: &Run<B>, reason: &str, actor: &str) -> Result<Vec<Event<B>>, Refusal> {
    if run.error.as_ref().is_some_and(|error| error.error_type == TERMINATED) {
        return Ok(Vec::new());
    }
    refuse_ended(run)?;
    let error_message = format!("terminated by {actor}: {reason}");
    Ok(vec![Common::RunFailed { error_type: TERMINATED.to_owned(), error_message }.into()])
}
