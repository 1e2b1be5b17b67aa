//! The words of a run: its status, its gates, the providers' mode. Each is an enum here and a CHECK in the schema.

/// Declares an enum of words with their wire names, so that each word is written once.
#[macro_export]
#[doc(hidden)]
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[$vmeta])* #[serde(rename = $word)] $variant),+ }

        impl $name {
            /// Every word, in the order of the declaration.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];

            /// The word as it stands on the wire and in the database.
            pub fn as_str(self) -> &'static str {
                match self { $($name::$variant => $word),+ }
            }

            /// The value of a word; `None` for an unknown one, never a default.
            pub fn parse(word: &str) -> Option<Self> {
                match word { $($word => Some($name::$variant),)+ _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words! {
    /// Where a run stands (the production runbook's words, and `rejected`, `expired`, `paused`).
    Status {
        /// Waits at the workflow gate.
        PendingWorkflow = "pending_workflow",
        /// Personas or providers are at work.
        Running = "running",
        /// Waits at the ideate gate.
        AwaitingIdeate = "awaiting_ideate",
        /// Waits at the prepublish gate.
        AwaitingPrepublish = "awaiting_prepublish",
        /// The final video is on its way to the platforms.
        Publishing = "publishing",
        /// An operator holds the run.
        Paused = "paused",
        /// Terminal: the post is out.
        Published = "published",
        /// Terminal: a step failed for good.
        Failed = "failed",
        /// Terminal: somebody cancelled it.
        Cancelled = "cancelled",
        /// Terminal: a gate said no.
        Rejected = "rejected",
        /// Terminal: nobody decided in time.
        Expired = "expired",
    }
}

impl Status {
    /// Terminal states are absorbing: nothing moves a run out of them.
    pub fn is_terminal(self) -> bool {
        match self {
            Status::Published | Status::Failed | Status::Cancelled | Status::Rejected | Status::Expired => true,
            Status::PendingWorkflow
            | Status::Running
            | Status::AwaitingIdeate
            | Status::AwaitingPrepublish
            | Status::Publishing
            | Status::Paused => false,
        }
    }
}

words! {
    /// What an operator may do to a run by name: the routes `POST /v1/runs/:id/<verb>`, `mw runs <verb>`, and in bulk.
    Verb {
        /// The owner no longer wants it.
        Cancel = "cancel",
        /// Hold it: nothing new is sent, nothing is decided; what is in flight is still collected.
        Pause = "pause",
        /// Let a paused run go on where it was.
        Resume = "resume",
        /// End it, whatever it is doing.
        Terminate = "terminate",
        /// Give it more time.
        Extend = "extend",
        /// Try again what failed; of an ended run, in a successor.
        Retry = "retry",
        /// Open a successor at a named step.
        Rerun = "rerun",
    }
}

words! {
    /// The three gates at which a person decides.
    GateName {
        Workflow = "workflow",
        Ideate = "ideate",
        Prepublish = "prepublish",
    }
}

impl GateName {
    /// The status of a run that waits at this gate.
    pub fn waiting_status(self) -> Status {
        match self {
            GateName::Workflow => Status::PendingWorkflow,
            GateName::Ideate => Status::AwaitingIdeate,
            GateName::Prepublish => Status::AwaitingPrepublish,
        }
    }
}

words! {
    /// What a person says at a gate.
    Verdict {
        Approve = "approve",
        Reject = "reject",
        /// Back to the persona before the gate, with a comment.
        RequestChanges = "request_changes",
    }
}

impl Verdict {
    /// The past tense, as it stands in answers and rows.
    pub fn outcome(self) -> &'static str {
        match self {
            Verdict::Approve => "approved",
            Verdict::Reject => "rejected",
            Verdict::RequestChanges => "changes_requested",
        }
    }
}

words! {
    /// The path by which a decision came.
    Channel {
        /// A signed link.
        Link = "link",
        /// A caller with an API key.
        Api = "api",
        /// A signed-in person in the console.
        Console = "console",
        /// A button under the bot's message.
        Telegram = "telegram",
        /// A button in a Slack message.
        Slack = "slack",
    }
}

words! {
    /// Who makes the clips; fixed at run start.
    ProvidersMode {
        /// No network: our own mock answers.
        Mock = "mock",
        /// The real clients against the simulator.
        Sim = "sim",
        /// The real clients against the real providers.
        Live = "live",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_parses_to_itself_and_nothing_else_parses() {
        for status in Status::ALL {
            assert_eq!(Status::parse(status.as_str()), Some(*status));
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
        for unknown in ["", "Published", "done", "pending", "published "] {
            assert_eq!(Status::parse(unknown), None);
        }
    }

    #[test]
    fn no_gate_waits_in_a_terminal_state() {
        for gate in GateName::ALL {
            assert!(!gate.waiting_status().is_terminal());
        }
    }
}
