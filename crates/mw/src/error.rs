//! What a command can end with. The kind decides the exit code: 1 failure or time-out, 2 something the caller must change.

use std::fmt::Display;

/// Every failure of the command: one sentence for a person, with the cure where there is one.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A key, setting, program or port is missing, or an argument is wrong: the caller must change something (exit 2).
    #[error("{0}")]
    Misuse(String),
    /// It was tried and did not work, or took too long (exit 1).
    #[error("{0}")]
    Failed(String),
}

pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub fn misuse(sentence: impl Into<String>) -> Self {
        Self::Misuse(sentence.into())
    }

    pub fn failed(sentence: impl Into<String>) -> Self {
        Self::Failed(sentence.into())
    }

    /// The process exit code, as documented in `mw --help`.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Misuse(_) => 2,
            Self::Failed(_) => 1,
        }
    }
}

/// Says what was being done when a lower-level error came up.
pub trait While<T> {
    fn while_doing(self, doing: impl Display) -> Result<T>;
}

impl<T, E: Display> While<T> for std::result::Result<T, E> {
    fn while_doing(self, doing: impl Display) -> Result<T> {
        self.map_err(|error| Error::Failed(format!("{doing}: {error}")))
    }
}
