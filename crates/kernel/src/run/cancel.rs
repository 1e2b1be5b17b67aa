//! The owner or an operator ends the run. Whatever is in flight is fenced by the commit.

use crate::run::event::{Common, Event};
use crate::run::kind::Kind;
use crate::run::state::Run;
use crate::run::{Refusal, refuse_ended};

pub(super) fn decide<B: Kind>(run: &Run<B>, reason: &str, actor: &str) -> Result<Vec<Event<B>>, Refusal> {
    refuse_ended(run)?;
    Ok(vec![Common::RunCancelled { reason: reason.to_owned(), actor: actor.to_owned() }.into()])
}
