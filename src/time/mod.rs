//! Moments, durations and the user's clock: how they are read, reckoned with and written.

mod clock;
mod zone;

use std::time::SystemTime;

use chrono::{DateTime, Datelike, Days, NaiveDate, SecondsFormat, TimeDelta, Utc};

pub use clock::{Clock, Hours, in_words};
pub use zone::Zone;

/// Milliseconds since 1970, UTC.
pub type Millis = i64;

/// The plan's short window: the server counts it from the first request.
pub const FIVE_HOURS: TimeDelta = TimeDelta::hours(5);

/// The plan's long window.
pub const WEEK: TimeDelta = TimeDelta::days(7);

/// A quarter of an hour. Every time zone of our days begins its days on one, so sums by quarter
/// are exact sums by local day.
pub const QUARTER: Millis = 15 * 60 * 1000;
/// An hour.
pub(crate) const HOUR: Millis = 4 * QUARTER;

/// The first day of a week.
pub fn monday_of(day: NaiveDate) -> NaiveDate {
    let since_monday = u64::from(day.weekday().num_days_from_monday());
    day.checked_sub_days(Days::new(since_monday)).unwrap_or(day)
}

/// `2026-11-20T06:26:56Z`.
pub(crate) fn rfc3339(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Milliseconds of an RFC 3339 time.
pub fn millis(text: &str) -> Option<Millis> {
    let at = DateTime::parse_from_rfc3339(text).ok()?;
    Some(at.timestamp_millis())
}

/// The moment that `at` stands for; 1970 where no clock has ever shown it.
pub fn moment(at: Millis) -> DateTime<Utc> {
    let at = DateTime::from_timestamp_millis(at);
    at.filter(|at| is_reckonable(*at)).unwrap_or_default()
}

/// Whether a moment leaves room to reckon with. Dates of files, and what was kept on a machine
/// whose clock stood elsewhere, can lie at the very ends of the calendar.
pub(crate) fn is_reckonable(at: DateTime<Utc>) -> bool {
    (1900..10_000).contains(&at.year())
}

/// The moment of a machine's clock or a file's date; 1970 for one that cannot be reckoned with.
pub(crate) fn of_machine(at: SystemTime) -> DateTime<Utc> {
    let since = at.duration_since(SystemTime::UNIX_EPOCH);
    let millis = match since {
        Ok(after) => i64::try_from(after.as_millis()),
        Err(before) => i64::try_from(before.duration().as_millis()).map(|millis| -millis),
    };
    moment(millis.unwrap_or_default())
}

/// Whether a window or a limit could end at this moment. Anything else is a mistake, or meant to
/// break arithmetic.
pub fn is_plausible(at: DateTime<Utc>) -> bool {
    (2000..2200).contains(&at.year())
}

/// A moment in seconds since 1970, as servers give their reset times; None if it is implausible.
pub fn plausible_epoch(seconds: f64) -> Option<DateTime<Utc>> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "saturates; a date out of range is dropped"
    )]
    DateTime::from_timestamp(seconds as i64, 0).filter(|at| is_plausible(*at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_and_without_milliseconds() {
        assert_eq!(millis("2026-11-20T06:26:56.016Z"), Some(1_795_156_016_016));
        assert_eq!(millis("2026-11-20T07:26:56+01:00"), Some(1_795_156_016_000));
        assert_eq!(millis("2026-13-20T06:26:56.016Z"), None);
        assert_eq!(millis("now"), None);
    }
}
