//! The time, asked for once per use and passed on as a value: rules never read a clock.

use serde_json::Value;
use time::{OffsetDateTime, UtcOffset};

/// Whole microseconds, which is what PostgreSQL keeps: a stored time and its column are equal.
pub fn now() -> OffsetDateTime {
    let now = OffsetDateTime::now_utc();
    now.replace_nanosecond(now.nanosecond() / 1000 * 1000).unwrap_or(now)
}

pub fn unix_seconds() -> i64 {
    now().unix_timestamp()
}

/// The same as signatures have it.
pub fn unix_now() -> u64 {
    u64::try_from(unix_seconds()).unwrap_or_default()
}

/// RFC 3339, UTC, microseconds: `2025-11-14T12:00:00.000000Z`
pub fn rfc3339(at: OffsetDateTime) -> String {
    micros(at) + "Z"
}

/// The same as the original wrote it in /health: `2025-11-14T12:00:00.000000+00:00`
pub fn rfc3339_with_offset(at: OffsetDateTime) -> String {
    micros(at) + "+00:00"
}

/// For people: `2025-11-14 12:00 UTC`
pub fn minute(at: OffsetDateTime) -> String {
    let at = at.to_offset(UtcOffset::UTC);
    format!("{} {:02}:{:02} UTC", at.date(), at.hour(), at.minute())
}

/// Always six digits, which the library's own RFC 3339 does not write; its descriptions of formats would be a hundredth of
/// each component.
fn micros(at: OffsetDateTime) -> String {
    let at = at.to_offset(UtcOffset::UTC);
    format!("{}T{:02}:{:02}:{:02}.{:06}", at.date(), at.hour(), at.minute(), at.second(), at.microsecond())
}

/// Reads RFC 3339 with any offset; gives UTC.
pub fn parse(text: &str) -> Option<OffsetDateTime> {
    let time = OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339).ok()?;
    let time = time.checked_to_offset(UtcOffset::UTC)?;
    // PostgreSQL has no year 0.
    (time.year() > 0).then_some(time)
}

/// PostgreSQL writes times with its own offset and without trailing zeros; clients get one form.
pub fn normalise_times(object: &mut Value) {
    for name in [
        "createdAt",
        "updatedAt",
        "deadline",
        "finishedAt",
        "nextRetryAt",
        "lastErrorAt",
        "settledAt",
        "since",
        "disabledAt",
        "expiresAt",
        "revokedAt",
    ] {
        if let Some(Value::String(text)) = object.get_mut(name)
            && let Some(time) = parse(text)
        {
            *text = rfc3339(time);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn times_have_microseconds_and_say_utc() {
        let at = OffsetDateTime::from_unix_timestamp(1_763_121_600).unwrap();
        assert_eq!(rfc3339(at), "2025-11-14T12:00:00.000000Z");
        assert_eq!(rfc3339_with_offset(at), "2025-11-14T12:00:00.000000+00:00");
        assert_eq!(minute(at), "2025-11-14 12:00 UTC");
        let elsewhere = at.replace_microsecond(45).unwrap().to_offset(time::macros::offset!(+2));
        assert_eq!(rfc3339(elsewhere), "2025-11-14T12:00:00.000045Z");
    }

    #[test]
    fn times_get_one_form() {
        let mut run = json!({"createdAt": "2025-11-14T13:00:00.5+01:00", "deadline": null, "finishedAt": "soon"});
        normalise_times(&mut run);
        assert_eq!(run["createdAt"], "2025-11-14T12:00:00.500000Z");
        assert_eq!(run["finishedAt"], "soon");
    }
}
