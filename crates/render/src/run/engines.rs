//! What is known of the engines at the moment of a decision. It comes in with the command: the rules ask nobody.

use crate::engine::{Engine, Policy};
use std::collections::BTreeSet;

/// Which engines are there, and what operators say of all jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Engines {
    /// Those whose breaker is closed and, of local ones, that a worker offers who is heard of.
    pub healthy: BTreeSet<Engine>,
    /// Whether a worker is there that can make templates.
    pub has_template: bool,
    /// The override of all jobs' policies, while it is on.
    pub over: Option<Policy>,
    /// How long a segment waits for a busy local engine before it goes to one on the network, where its policy lets it.
    pub hop_after_seconds: Option<u32>,
}

impl Engines {
    /// What is believed where nobody was asked: whoever claims or looks next knows better, and is asked again then.
    pub fn assumed() -> Engines {
        Engines {
            healthy: Engine::ALL.iter().copied().collect(),
            has_template: true,
            over: None,
            hop_after_seconds: None,
        }
    }

    pub fn is_healthy(&self, engine: Engine) -> bool {
        self.healthy.contains(&engine)
    }
}
