//! `Retry-After` in its two forms: seconds, or an HTTP date.

use std::time::UNIX_EPOCH;

use http::HeaderMap;
use http::header::{DATE, RETRY_AFTER};

/// Nobody is asked to wait longer than this, whatever a provider answers.
const LONGEST_WAIT_SECONDS: u64 = 24 * 60 * 60;

/// How long the value of a `Retry-After` header asks us to wait, counted from `now_unix`; `None` if it cannot be read.
pub fn seconds(value: &str, now_unix: u64) -> Option<u64> {
    let value = value.trim();
    let seconds = match value.parse::<f64>() {
        Ok(seconds) => ceil(seconds)?,
        Err(_) => unix(value)?.saturating_sub(now_unix),
    };
    Some(seconds.min(LONGEST_WAIT_SECONDS))
}

/// How long an answer asks us to wait. A date is counted from the answer's own `Date`, which needs no clock of ours and
/// no agreement between clocks; without one it cannot be read. `retry-after-ms`, which OpenAI's client honours, comes first.
pub(crate) fn of_answer(headers: &HeaderMap) -> Option<u64> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(milliseconds) = text("retry-after-ms").and_then(|value| value.trim().parse::<f64>().ok()) {
        return Some(ceil(milliseconds / 1000.0)?.min(LONGEST_WAIT_SECONDS));
    }
    let value = text(RETRY_AFTER.as_str())?;
    match text(DATE.as_str()).and_then(unix) {
        Some(now_unix) => seconds(value, now_unix),
        None => value.trim().parse::<f64>().is_ok().then(|| seconds(value, 0)).flatten(),
    }
}

fn ceil(seconds: f64) -> Option<u64> {
    // The cast saturates, and what is left is finite and not negative.
    (seconds.is_finite() && seconds >= 0.0).then(|| seconds.ceil() as u64)
}

fn unix(date: &str) -> Option<u64> {
    let time = httpdate::parse_http_date(date.trim()).ok()?;
    Some(time.duration_since(UNIX_EPOCH).ok()?.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use proptest::prelude::*;

    const NOON: u64 = 784_111_777; // Sun, 06 Nov 1994 08:49:37 GMT

    #[test]
    fn reads_both_forms() {
        for (value, expected) in [
            ("0", Some(0)),
            (" 120 ", Some(120)),
            ("1.2", Some(2)),
            ("Sun, 06 Nov 1994 08:49:47 GMT", Some(10)),
            ("Sunday, 06-Nov-94 08:49:47 GMT", Some(10)),
            ("Sun Nov  6 08:49:47 1994", Some(10)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("99999999999", Some(LONGEST_WAIT_SECONDS)),
            ("-5", None),
            ("NaN", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(seconds(value, NOON), expected, "{value:?}");
        }
    }

    #[test]
    fn an_answer_brings_its_own_clock() {
        let mut headers = HeaderMap::new();
        assert_eq!(of_answer(&headers), None);
        headers.insert(RETRY_AFTER, HeaderValue::from_static("Sun, 06 Nov 1994 08:49:47 GMT"));
        assert_eq!(of_answer(&headers), None);
        headers.insert(DATE, HeaderValue::from_static("Sun, 06 Nov 1994 08:49:37 GMT"));
        assert_eq!(of_answer(&headers), Some(10));
        headers.insert(RETRY_AFTER, HeaderValue::from_static("7"));
        assert_eq!(of_answer(&headers), Some(7));
        headers.insert("retry-after-ms", HeaderValue::from_static("1500"));
        assert_eq!(of_answer(&headers), Some(2));
    }

    proptest! {
        #[test]
        fn never_panics_and_never_waits_for_ever(value in ".{0,40}", now: u64) {
            prop_assert!(seconds(&value, now).is_none_or(|wait| wait <= LONGEST_WAIT_SECONDS));
        }
    }
}
