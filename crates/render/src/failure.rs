//! Why a piece of work failed, in a word that the worker says, and what follows from it.

mw_kernel::words! {
    /// What went wrong.
    FailureCode {
        /// Nobody heard of the worker any more.
        LeaseLost = "lease_lost",
        /// The worker was told to stop and gave the work back.
        HandedBack = "handed_back",
        /// It took longer than this kind of work may.
        TimedOut = "timed_out",
        /// The program that makes pictures died.
        Crashed = "crashed",
        /// The engine has too much to do.
        EngineBusy = "engine_busy",
        EngineUnreachable = "engine_unreachable",
        StorageUnreachable = "storage_unreachable",
        /// The worker has no room for its files.
        DiskFull = "disk_full",
        /// The engine says that it cannot make this.
        EngineFailed = "engine_failed",
        /// The engine will not make this.
        EngineRefused = "engine_refused",
        /// The worker lacks something that this work needs, or does not know the version of its spec.
        Unsupported = "unsupported",
        InputUnreadable = "input_unreadable",
        /// What was made is not what was asked for.
        OutputInvalid = "output_invalid",
    }
}

impl FailureCode {
    /// Whether the same engine may well succeed at the next try.
    pub fn is_transient(self) -> bool {
        match self {
            FailureCode::LeaseLost
            | FailureCode::HandedBack
            | FailureCode::TimedOut
            | FailureCode::Crashed
            | FailureCode::EngineBusy
            | FailureCode::EngineUnreachable
            | FailureCode::StorageUnreachable
            | FailureCode::DiskFull => true,
            FailureCode::EngineFailed
            | FailureCode::EngineRefused
            | FailureCode::Unsupported
            | FailureCode::InputUnreadable
            | FailureCode::OutputInvalid => false,
        }
    }

    /// How long to wait before the next try, given how many there were; none where the fault was the worker's own.
    pub fn wait_seconds(self, tries: usize) -> u32 {
        match self {
            FailureCode::LeaseLost | FailureCode::HandedBack => 0,
            FailureCode::TimedOut
            | FailureCode::Crashed
            | FailureCode::EngineBusy
            | FailureCode::EngineUnreachable
            | FailureCode::StorageUnreachable
            | FailureCode::DiskFull
            | FailureCode::EngineFailed
            | FailureCode::EngineRefused
            | FailureCode::Unsupported
            | FailureCode::InputUnreadable
            | FailureCode::OutputInvalid => {
                if tries <= 1 {
                    2
                } else {
                    10
                }
            }
        }
    }

    /// Whether it speaks against the worker: three of a kind in a row, and the worker gets no more of that kind. What lies with
    /// an engine on the network, with storage or with the files of the request does not.
    pub fn is_of_the_worker(self) -> bool {
        match self {
            FailureCode::LeaseLost
            | FailureCode::TimedOut
            | FailureCode::Crashed
            | FailureCode::DiskFull
            | FailureCode::EngineFailed
            | FailureCode::Unsupported
            | FailureCode::OutputInvalid => true,
            FailureCode::HandedBack
            | FailureCode::EngineBusy
            | FailureCode::EngineUnreachable
            | FailureCode::StorageUnreachable
            | FailureCode::EngineRefused
            | FailureCode::InputUnreadable => false,
        }
    }

    /// The failure in words, for people.
    pub fn words(self) -> &'static str {
        match self {
            FailureCode::LeaseLost => "its worker was no longer heard of",
            FailureCode::HandedBack => "its worker stopped and gave it back",
            FailureCode::TimedOut => "it took too long",
            FailureCode::Crashed => "the renderer crashed",
            FailureCode::EngineBusy => "the engine was busy",
            FailureCode::EngineUnreachable => "the engine was not reachable",
            FailureCode::StorageUnreachable => "storage was not reachable",
            FailureCode::DiskFull => "the worker's disk was full",
            FailureCode::EngineFailed => "the engine failed",
            FailureCode::EngineRefused => "the engine refused it",
            FailureCode::Unsupported => "the worker could not do this",
            FailureCode::InputUnreadable => "a file could not be read",
            FailureCode::OutputInvalid => "what came out was not valid",
        }
    }
}
