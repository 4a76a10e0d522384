//! Converts and formats times and durations, and determines the user's time zone.
//!
//! This module never reads the clock. Callers pass the current time, usually as part of a [`Clock`].

mod clock;
mod duration;
mod named_zone;
mod rfc3339;
mod zone;

use std::time::SystemTime;

use chrono::{DateTime, Datelike, Days, NaiveDate, TimeDelta, Utc};

pub use clock::{Clock, HourFormat};
pub use duration::format_duration;
pub(crate) use duration::parse_duration;
pub(crate) use rfc3339::format_rfc3339;
pub use rfc3339::parse_millis;
pub use zone::Zone;

/// A time in milliseconds since the Unix epoch.
pub type Millis = i64;

/// The length of the plan's short usage window, which starts with the first request.
pub const FIVE_HOURS: TimeDelta = TimeDelta::hours(5);

/// The length of the plan's long usage window.
pub const WEEK: TimeDelta = TimeDelta::days(7);

/// A quarter hour. In every time zone that is used today, midnight falls on a quarter-hour boundary in UTC. Totals for
/// quarter hours therefore add up to exact totals for local days.
pub const QUARTER_HOUR: Millis = 15 * 60 * 1000;

/// An hour.
pub(crate) const HOUR: Millis = 4 * QUARTER_HOUR;

/// Returns the Monday of the week that contains `day`.
pub fn monday_of(day: NaiveDate) -> NaiveDate {
    let days_since_monday = u64::from(day.weekday().num_days_from_monday());
    day.checked_sub_days(Days::new(days_since_monday))
        .unwrap_or(day)
}

/// Converts milliseconds since the Unix epoch to a time. Returns the Unix epoch if the time is outside the supported
/// range (`is_in_supported_range`).
pub fn datetime_from_millis(at: Millis) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(at)
        .filter(|at| is_in_supported_range(*at))
        .unwrap_or_default()
}

/// Returns true if a time is between the years 1900 and 9999, so adding a duration cannot overflow. Timestamps from
/// machines with an incorrect clock can be close to the limits of the calendar.
pub(crate) fn is_in_supported_range(at: DateTime<Utc>) -> bool {
    (1900..10_000).contains(&at.year())
}

/// Converts a system time. Returns the Unix epoch if the time is outside the [supported range](is_in_supported_range).
pub(crate) fn datetime_from_system(at: SystemTime) -> DateTime<Utc> {
    let millis = match at.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after_epoch) => i64::try_from(after_epoch.as_millis()),
        Err(before_epoch) => {
            i64::try_from(before_epoch.duration().as_millis()).map(|millis| -millis)
        }
    };
    datetime_from_millis(millis.unwrap_or_default())
}

/// Returns true if a usage window or a limit may end at this time. Any other time is a mistake or an attempt to cause
/// an overflow.
pub fn is_plausible_reset(at: DateTime<Utc>) -> bool {
    (2000..2200).contains(&at.year())
}

/// Converts a reset time from the server, in seconds since the Unix epoch. Returns `None` if the time is not
/// [plausible](is_plausible_reset).
pub fn reset_from_epoch_seconds(seconds: f64) -> Option<DateTime<Utc>> {
    #[expect(clippy::cast_possible_truncation, reason = "the cast saturates")]
    DateTime::from_timestamp(seconds as i64, 0).filter(|at| is_plausible_reset(*at))
}
