//! The time, asked for once per use and passed on as a value: rules never read a clock.

use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

/// `2025-11-14T12:00:00.000000Z`
const MICROS: &[BorrowedFormatItem<'static>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");
/// `2025-11-14T12:00:00.000000+00:00`, as the original wrote it in /health.
const MICROS_WITH_OFFSET: &[BorrowedFormatItem<'static>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]+00:00");

/// `2025-11-14 12:00 UTC`
const MINUTE: &[BorrowedFormatItem<'static>] = format_description!("[year]-[month]-[day] [hour]:[minute] UTC");

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

/// RFC 3339, UTC, microseconds.
pub fn rfc3339(at: OffsetDateTime) -> String {
    // Formatting a time between years 0 and 9999 cannot fail.
    at.format(MICROS).unwrap_or_default()
}

pub fn rfc3339_with_offset(at: OffsetDateTime) -> String {
    at.format(MICROS_WITH_OFFSET).unwrap_or_default()
}

/// For people.
pub fn minute(at: OffsetDateTime) -> String {
    at.to_offset(time::UtcOffset::UTC).format(MINUTE).unwrap_or_default()
}

/// Reads RFC 3339 with any offset; gives UTC.
pub fn parse(text: &str) -> Option<OffsetDateTime> {
    let time = OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339).ok()?;
    Some(time.to_offset(time::UtcOffset::UTC))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_microseconds_and_say_utc() {
        let at = OffsetDateTime::from_unix_timestamp(1_763_121_600).unwrap();
        assert_eq!(rfc3339(at), "2025-11-14T12:00:00.000000Z");
        assert_eq!(rfc3339_with_offset(at), "2025-11-14T12:00:00.000000+00:00");
        assert_eq!(minute(at), "2025-11-14 12:00 UTC");
    }
}
