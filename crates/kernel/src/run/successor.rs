//! A run that ended never moves again; going on means a successor: a new run that starts at a step of its parent, with the
//! approvals before that step and whatever was finished. What that is, the kind knows.

/// What a successor is asked to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Succession {
    pub run_id: String,
    /// The step to start at; `None` for the one at which the parent stopped.
    pub from: Option<String>,
    /// Makes anew what is there already.
    pub fresh: bool,
    /// Tells successors of one parent and step apart; the same key means the same successor.
    pub key: String,
}
