//! What is done about a provider's error, and when an effect is tried again. Pure: the caller brings the attempt and a
//! random number. What an error means is a table of rules: [`RULES`] holds for every provider, and each provider's own come
//! before (crates/integrations). docs/effects.md shows them all.

use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;

/// Attempts of a submission or a persona before it is given up.
pub const ATTEMPTS_MAX: u32 = 5;
/// Longest wait between attempts.
const WAIT_SECONDS_MAX: u32 = 32;
/// Longest wait between two questions to a provider.
const POLL_SECONDS_MAX: u32 = 15;
/// Longest time that a circuit breaker stays open before a probe goes: each wait is twice the one before.
pub const BREAKER_SECONDS_MAX: u32 = 600;
/// A provider's Retry-After is believed up to this; the step's deadline ends the wait anyway.
pub const RETRY_AFTER_SECONDS_MAX: u64 = 3600;

/// What can be done about a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultClass {
    /// The provider is not there: ask again later. In a row, these open its circuit breaker.
    Unavailable,
    /// The provider is well and wants fewer requests: ask again later, not before its Retry-After.
    RateLimited,
    /// The provider is well; the same request may succeed another time.
    Retryable,
    /// Asking again gives the same answer.
    Final,
}

/// An error as it looks on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble<'a> {
    /// Surely never reached the provider: refused, unknown host.
    NotSent,
    /// Time-out, reset, cut-off answer.
    NoAnswer,
    /// Says success and cannot be understood.
    Unreadable,
    /// A task that we were given is not listed.
    NotListed,
    /// The HTTP status decides.
    Status(u16),
    /// The provider's own number for an error, whatever the status; also that of a failed task.
    Code(i64),
    /// The provider's own word for an error, with HTTP 200.
    Word(&'a str),
    /// A task that ended without a result, in the provider's words.
    Failed(&'a str),
}

/// Which errors a rule is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pattern {
    NotSent,
    NoAnswer,
    Unreadable,
    NotListed,
    Status(RangeInclusive<u16>),
    Code(RangeInclusive<i64>),
    /// One of these; none means any.
    Word(&'static [&'static str]),
    /// The words contain one of these, in any case; none means any.
    Failed(&'static [&'static str]),
}

/// What an error means.
#[derive(Debug)]
pub struct Rule {
    pub pattern: Pattern,
    pub class: FaultClass,
    /// For people, in docs/effects.md.
    pub meaning: &'static str,
}

pub const fn rule(pattern: Pattern, class: FaultClass, meaning: &'static str) -> Rule {
    Rule { pattern, class, meaning }
}

/// What holds for every provider, unless its own rules say otherwise. The first match wins, and what matches none is final.
pub static RULES: [Rule; 12] = {
    use FaultClass::{Final, RateLimited, Retryable, Unavailable};
    use Pattern::{NoAnswer, NotListed, NotSent, Status, Unreadable};
    [
        rule(NotSent, Unavailable, "connection refused, unknown host: surely not received"),
        rule(NoAnswer, Unavailable, "time-out, reset, cut-off answer: a submission may have been received"),
        rule(Unreadable, Retryable, "says success and cannot be understood; as a submission it counts as no answer"),
        rule(NotListed, Retryable, "a task of a moment ago may not be listed yet"),
        rule(Status(429..=429), RateLimited, "too many requests"),
        rule(Status(529..=529), RateLimited, "overloaded"),
        rule(Status(408..=408), Unavailable, "request time-out"),
        rule(Status(425..=425), Unavailable, "too early"),
        rule(Status(500..=999), Unavailable, "server error"),
        rule(Status(401..=401), Final, "our key is refused; a question waits for an operator instead"),
        rule(Status(403..=403), Final, "not allowed; a question waits for an operator instead"),
        rule(Status(0..=999), Final, "any other status that is no success"),
    ]
};

impl Pattern {
    pub fn fits(&self, trouble: &Trouble<'_>) -> bool {
        match (self, trouble) {
            (Pattern::NotSent, Trouble::NotSent)
            | (Pattern::NoAnswer, Trouble::NoAnswer)
            | (Pattern::Unreadable, Trouble::Unreadable)
            | (Pattern::NotListed, Trouble::NotListed) => true,
            (Pattern::Status(statuses), Trouble::Status(status)) => statuses.contains(status),
            (Pattern::Code(codes), Trouble::Code(code)) => codes.contains(code),
            (Pattern::Word(words), Trouble::Word(word)) => words.is_empty() || words.contains(word),
            (Pattern::Failed(words), Trouble::Failed(message)) => {
                let message = message.to_ascii_lowercase();
                words.is_empty() || words.iter().any(|word| message.contains(word))
            }
            _ => false,
        }
    }
}

/// What can be done about an error of a provider with these rules of its own.
pub fn class_of(own: &[Rule], trouble: &Trouble<'_>) -> FaultClass {
    let fits = |rule: &&Rule| rule.pattern.fits(trouble);
    own.iter().chain(&RULES).find(fits).map_or(FaultClass::Final, |rule| rule.class)
}

/// Seconds until the next attempt after `attempt` failed ones (from 1): 1, 2, 4, 8, then given up. The provider's
/// Retry-After wins when it asks for more; up to a quarter is added as jitter (`random` in 0..=255).
pub fn retry_wait_seconds(attempt: u32, retry_after_seconds: Option<u64>, random: u8) -> Option<f64> {
    (attempt < ATTEMPTS_MAX).then(|| backoff_seconds(attempt, retry_after_seconds, random))
}

/// The wait of an attempt that is not counted, because the provider is down for everybody: never given up.
pub fn outage_wait_seconds(attempt: u32, random: u8) -> f64 {
    backoff_seconds(attempt, None, random)
}

fn backoff_seconds(attempt: u32, retry_after_seconds: Option<u64>, random: u8) -> f64 {
    let doubled = 2_u32.saturating_pow(attempt.saturating_sub(1)).min(WAIT_SECONDS_MAX);
    let asked = retry_after_seconds.unwrap_or(0).min(RETRY_AFTER_SECONDS_MAX) as f64;
    let base = f64::from(doubled).max(asked);
    base + base * 0.25 * f64::from(random) / 255.0
}

/// Seconds until the `attempt`-th question (from 1) to a provider about a job: 2, 3, 4, 6, 8, 12, then every 15.
pub fn poll_wait_seconds(attempt: u32) -> u32 {
    let waits = [2, 3, 4, 6, 8, 12];
    waits.get(attempt.saturating_sub(1) as usize).copied().unwrap_or(POLL_SECONDS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_and_end() {
        let waits: Vec<_> = (1..=5).map(|attempt| retry_wait_seconds(attempt, None, 0)).collect();
        assert_eq!(waits, [Some(1.0), Some(2.0), Some(4.0), Some(8.0), None]);
        let outage: Vec<_> = [1, 5, 6, 7, 4_000_000_000].map(|attempt| outage_wait_seconds(attempt, 0)).into();
        assert_eq!(outage, [1.0, 16.0, 32.0, 32.0, 32.0]);
    }

    #[test]
    fn retry_after_wins_within_an_hour() {
        assert_eq!(retry_wait_seconds(1, Some(20), 0), Some(20.0));
        assert_eq!(retry_wait_seconds(4, Some(2), 0), Some(8.0));
        assert_eq!(retry_wait_seconds(1, Some(1_000_000), 0), Some(3600.0));
    }

    #[test]
    fn jitter_adds_at_most_a_quarter() {
        for random in 0..=255 {
            let wait = retry_wait_seconds(3, None, random).unwrap();
            assert!((4.0..=5.0).contains(&wait));
        }
    }

    #[test]
    fn polls_slow_down_and_never_stop() {
        assert_eq!((1..=8).map(poll_wait_seconds).collect::<Vec<_>>(), [2, 3, 4, 6, 8, 12, 15, 15]);
    }
}
