//! What the calls to a provider can say, in the caller's words.

use std::fmt;

use mw_media::retry::FaultClass;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Where a provider is and how it knows us. `Debug` hides the key.
#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    /// Without the path of a single call, with or without a trailing slash.
    pub base_url: String,
    pub api_key: String,
}

impl fmt::Debug for Settings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Settings").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}

/// Which of our jobs a submission is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobContext {
    pub run_id: String,
    /// Random: by this id a provider that remembers ours knows the job.
    pub job_id: String,
    pub callback_url: Option<String>,
    pub idempotency_key: String,
}

/// What became of a submission.
#[derive(Debug, Clone, PartialEq)]
pub enum Submission {
    /// The provider has the job.
    Accepted { task_id: String },
    /// The provider surely does not have the job; the fault's class says whether asking again can help.
    Refused(Fault),
    /// The provider may or may not have the job: find out before submitting again.
    Unanswered(String),
}

/// What the provider says about a task.
#[derive(Debug, Clone, PartialEq)]
pub enum Progress {
    /// Not finished, or in a state that we do not know.
    Running,
    Done(Output),
    /// The task has ended without a result; unless the fault is final, a new submission may succeed.
    Failed(Fault),
}

/// Whether a task that somebody named belongs to our job.
#[derive(Debug, Clone, PartialEq)]
pub enum Adoption {
    Ours,
    NotOurs,
    /// The provider could not be asked.
    Unknown(Fault),
}

/// What the provider knows of a submission whose answer was lost.
#[derive(Debug, Clone, PartialEq)]
pub enum Recovery {
    Found(String),
    NotFound,
    /// The provider could not be asked.
    Unknown(Fault),
}

/// The result of a finished task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Output {
    pub url: String,
    /// The provider's own words, for the artifact.
    pub raw: Value,
}

/// Why something did not work. Holds no key and no more than a short text of the provider's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Fault {
    pub class: FaultClass,
    /// The provider's code, else the HTTP status, else one of our own words.
    pub code: String,
    pub message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_seconds: Option<u64>,
    /// Where whoever was written to is now, where that is why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved_to: Option<String>,
}

/// Texts of providers are cut here before they are stored or shown.
const LONGEST_MESSAGE_CHARS: usize = 500;

impl Fault {
    pub fn new(class: FaultClass, code: impl Into<String>, message: impl AsRef<str>) -> Fault {
        let message = message.as_ref().trim();
        Fault {
            class,
            code: code.into(),
            message: message.chars().take(LONGEST_MESSAGE_CHARS).collect(),
            retry_after_seconds: None,
            moved_to: None,
        }
    }

    pub fn after(mut self, seconds: Option<u64>) -> Fault {
        self.retry_after_seconds = seconds;
        self
    }

    pub fn is_final(&self) -> bool {
        self.class == FaultClass::Final
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_hide_the_key() {
        let settings = Settings { base_url: "https://x".into(), api_key: "topsecret".into() };
        assert!(!format!("{settings:?}").contains("topsecret"));
    }

    #[test]
    fn messages_are_cut_and_trimmed() {
        let fault = Fault::new(FaultClass::Final, "400", format!("  {}", "é".repeat(900)));
        assert_eq!(fault.message.chars().count(), LONGEST_MESSAGE_CHARS);
        assert!(fault.is_final());
        assert!(fault.to_string().starts_with("400: é"));
    }
}
