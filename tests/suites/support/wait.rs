//! Waiting for what must come, with a bound.

use std::time::{Duration, Instant};

const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Asks again and again until there is a value; panics after half a minute.
#[track_caller]
pub(crate) fn eventually<T>(what: &str, ask: impl FnMut() -> Option<T>) -> T {
    within(LONGEST_WAIT, ask).unwrap_or_else(|| panic!("{what}: not within {LONGEST_WAIT:?}"))
}

/// Asks again and again, for so long at most.
pub(crate) fn within<T>(limit: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let began = Instant::now();
    let mut pause = Duration::from_millis(10);
    loop {
        let found = ask();
        if found.is_some() || began.elapsed() >= limit {
            return found;
        }
        std::thread::sleep(pause);
        pause = (pause * 3 / 2).min(Duration::from_millis(250));
    }
}
