//! When an effect is tried again. Pure: the caller brings the attempt and a random number.

/// Attempts of a submission or a persona before it is given up.
pub const ATTEMPTS_MAX: u32 = 5;
/// Longest wait between attempts.
const WAIT_SECONDS_MAX: u32 = 32;
/// Longest wait between two questions to a provider.
const POLL_SECONDS_MAX: u32 = 15;

/// Seconds until the next attempt after `attempt` failed ones (from 1): 1, 2, 4, 8, then given up. The provider's
/// Retry-After wins when it asks for more; up to a quarter is added as jitter (`random` in 0..=255).
pub fn retry_wait_seconds(attempt: u32, retry_after_seconds: Option<u64>, random: u8) -> Option<f64> {
    if attempt >= ATTEMPTS_MAX {
        return None;
    }
    let doubled = 2_u32.saturating_pow(attempt.saturating_sub(1)).min(WAIT_SECONDS_MAX);
    // An hour bounds a provider's wish; the step's deadline ends it anyway.
    let asked = retry_after_seconds.unwrap_or(0).min(3600) as f64;
    let base = f64::from(doubled).max(asked);
    Some(base + base * 0.25 * f64::from(random) / 255.0)
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
