//! Waiting for what must come, with a bound.

use std::time::{Duration, Instant};

const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Asks again and again until there is a value; panics after half a minute.
pub(crate) fn eventually<T>(what: &str, ask: impl FnMut() -> Option<T>) -> T {
    eventually_within(LONGEST_WAIT, what, ask)
}

pub(crate) fn eventually_within<T>(limit: Duration, what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    let mut pause = Duration::from_millis(10);
    loop {
        if let Some(value) = ask() {
            return value;
        }
        assert!(began.elapsed() < limit, "{what}: not within {limit:?}");
        std::thread::sleep(pause);
        pause = (pause * 3 / 2).min(Duration::from_millis(250));
    }
}
