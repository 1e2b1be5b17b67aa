//! What a webhook's body claims. Whether it is believed depends on the provider, see the crate's page.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use crate::lenient::{self, Lenient};
use crate::outcome::{Fault, Output};

/// A callback, read tolerantly. Every id in it is the sender's claim.
#[derive(Debug, Clone, PartialEq)]
pub struct Callback {
    /// `render`, `copy`, `upload_completed`, …: what the sender calls this event.
    pub event: String,
    /// Our own job id, where the body names it (Standard Webhooks only).
    pub job_id: Option<String>,
    /// The provider's task id, in the form that a submission answered with.
    pub task_id: Option<String>,
    /// The run that the body names; the callback URL's `run_id` comes first.
    pub run_id: Option<String>,
    /// The clip's position, where the body names one.
    pub video_index: Option<u32>,
    /// The account, for matching where the job id is missing.
    pub profile: Option<String>,
    /// The platform, where events come one per platform.
    pub platform: Option<String>,
    pub hint: Hint,
    /// Its text was damaged: what could not be read is U+FFFD.
    pub repaired: bool,
}

/// The outcome that a callback claims.
#[derive(Debug, Clone, PartialEq)]
pub enum Hint {
    /// Not about the outcome of a task of ours.
    Unrelated,
    Running,
    /// Where events come one per platform, both outcomes speak for one platform only: query the whole.
    /// The output's URL may be empty: a query fills it.
    Done(Output),
    Failed(Fault),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallbackError {
    #[error("not a JSON object")]
    NotAnObject,
    #[error("{0} is missing")]
    Missing(&'static str),
}

/// The JSON object that a delivery is, and whether it had to be repaired.
pub(crate) fn object(body: &[u8]) -> Result<Lenient, CallbackError> {
    lenient::read(body).filter(|body| body.value.is_object()).ok_or(CallbackError::NotAnObject)
}

/// The key of a delivery among those of its provider: the SHA-256 of its body.
///
/// Only Standard Webhooks sign an id ([`crate::standard::delivery_id`]). No provider here does: one signs the task and the time,
/// and where another sends an id in a header, its signature does not cover that. A header that anybody can set is never the key.
pub fn dedup_key(body: &[u8]) -> String {
    hex(&Sha256::digest(body))
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_the_hash_of_the_body() {
        assert_eq!(dedup_key(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_ne!(dedup_key(b"abc"), dedup_key(b"abd"));
    }
}
