//! Moments, durations and the user's clock: how they are read, reckoned with and written.

mod zone;

use std::time::{Duration, SystemTime};

use chrono::{DateTime, Datelike, Days, NaiveDate, SecondsFormat, TimeDelta, Utc};
use jiff::{Span, SpanRelativeTo};

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

/// A length of time as people write it: `90s`, `30m`, `1h30m`, or seconds.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, &'static str> {
    let text = text.trim();
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    let unit = if is_number { "s" } else { "" };
    let span = format!("{text}{unit}").parse::<Span>().ok();
    let lasts = span.and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()).ok());
    let lasts = lasts.and_then(|lasts| Duration::try_from(lasts).ok());
    let lasts = lasts.filter(|lasts| !lasts.is_zero());
    lasts.ok_or("write 90s, 30m, 2h or 1h30m")
}

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
    Some(DateTime::parse_from_rfc3339(text).ok()?.timestamp_millis())
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
    let millis = match at.duration_since(SystemTime::UNIX_EPOCH) {
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
    #[expect(clippy::cast_possible_truncation, reason = "saturates")]
    DateTime::from_timestamp(seconds as i64, 0).filter(|at| is_plausible(*at))
}

/// How the hours of a day are counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Hours {
    /// "14:30".
    #[default]
    TwentyFour,
    /// "2:30pm", as Claude Code itself writes.
    Twelve,
}

impl Hours {
    /// Those of a locale, as `en_US.UTF-8`.
    pub fn of_locale(name: &str) -> Self {
        // Where people who read English write "2:30pm" (CLDR's preferred hours of these regions).
        let twelve = "en_US en_CA en_AU en_NZ en_IN en_PH en_PK en_PR";
        let region = name.split(['.', '@']).next();
        let is_twelve = twelve.split(' ').any(|twelve| region == Some(twelve));
        if is_twelve {
            Self::Twelve
        } else {
            Self::TwentyFour
        }
    }
}

/// So soon nobody takes a time past midnight for that of another day: "back 00:12", read at 22:20.
const TONIGHT: TimeDelta = TimeDelta::hours(12);

/// A clock and a zone to tell times by.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    /// The present.
    pub now: DateTime<Utc>,
    /// The reader's zone.
    pub zone: Zone,
    /// How the reader counts hours.
    pub hours: Hours,
}

impl Clock {
    /// "14:30" today and tonight, "Mon 23 Nov 14:30" on another day, with the year in another year.
    pub fn time(self, at: DateTime<Utc>) -> String {
        let today = self.zone.day(self.now);
        let is_tonight = at > self.now && at - self.now < TONIGHT;
        let day = match self.zone.day(at) {
            day if is_tonight || day == today => "",
            day if day.year() == today.year() => "%a %-d %b ",
            _ => "%a %-d %b %Y ",
        };
        self.time_after(day, at)
    }

    /// "at 14:30" or "on Tue 24 Nov 14:30".
    pub(crate) fn at_time(self, at: DateTime<Utc>) -> String {
        let time = self.time(at);
        let is_today = time.starts_with(|c: char| c.is_ascii_digit());
        format!("{} {time}", if is_today { "at" } else { "on" })
    }

    /// The time of day behind a day in this pattern (of `strftime`): "Tue 14:30" behind "%a ".
    pub(crate) fn time_after(self, day: &str, at: DateTime<Utc>) -> String {
        let time = match self.hours {
            Hours::TwentyFour => "%H:%M",
            Hours::Twelve => "%-I:%M%P",
        };
        self.zone.at(at).format(&format!("{day}{time}")).to_string()
    }

    /// "14:30, in 1 h 52 m" or "14:30, 5 m ago".
    pub fn time_and_distance(self, at: DateTime<Utc>) -> String {
        format!("{}, {}", self.time(at), self.distance(at))
    }

    /// "in 1 h 52 m", "5 m ago", "now".
    pub fn distance(self, at: DateTime<Utc>) -> String {
        let left = at - self.now;
        match left.num_seconds() {
            -59..=0 => "just now".to_owned(),
            ..-59 => format!("{} ago", in_words(left)),
            _ => format!("in {}", in_words(left)),
        }
    }
}

/// A duration in its two largest units, rounded down: "3 d 11 h", "1 h 52 m", "2 h", "12 m", "40 s".
/// Its sign is left out.
pub fn in_words(duration: TimeDelta) -> String {
    let seconds = duration.num_seconds().unsigned_abs();
    let (large, unit, small, small_unit) = match seconds {
        0..60 => return format!("{seconds} s"),
        60..3_600 => return format!("{} m", seconds / 60),
        3_600..86_400 => (seconds / 3_600, "h", seconds / 60 % 60, "m"),
        _ => (seconds / 86_400, "d", seconds / 3_600 % 24, "h"),
    };
    match small {
        0 => format!("{large} {unit}"),
        _ => format!("{large} {unit} {small} {small_unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, seconds) in [
            ("90s", 90),
            ("30m", 1_800),
            ("1h30m", 5_400),
            ("45", 45),
            ("2d", 172_800),
        ] {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::from_secs(seconds)),
                "{text}"
            );
        }
        for text in ["", "0", "soon", "5x", "-3m", "99999999999999999999d", "1h "] {
            let read = parse_duration(text);
            assert!(read.is_err() || text == "1h ", "{text}: {read:?}");
        }
    }

    #[test]
    fn times_are_read_with_and_without_milliseconds() {
        assert_eq!(millis("2026-11-20T06:26:56.016Z"), Some(1_795_156_016_016));
        assert_eq!(millis("2026-11-20T07:26:56+01:00"), Some(1_795_156_016_000));
        assert_eq!(millis("2026-13-20T06:26:56.016Z"), None);
        assert_eq!(millis("now"), None);
    }
}

#[cfg(test)]
mod clock_tests {
    use super::*;

    #[test]
    fn another_day_is_named_but_for_tonight() {
        let clock = Clock {
            now: "2026-11-20T22:30:00Z".parse().unwrap(),
            zone: Zone::named("Europe/Berlin").unwrap(),
            hours: Hours::TwentyFour,
        };
        let at = |text: &str| clock.time_and_distance(text.parse().unwrap());
        assert_eq!(at("2026-11-20T22:40:00Z"), "23:40, in 10 m");
        assert_eq!(at("2026-11-20T23:40:00Z"), "00:40, in 1 h 10 m");
        assert_eq!(at("2026-11-21T10:30:00Z"), "Sat 21 Nov 11:30, in 12 h");
        assert_eq!(at("2026-11-20T22:25:00Z"), "23:25, 5 m ago");
        assert_eq!(at("2026-11-19T22:25:00Z"), "Thu 19 Nov 23:25, 1 d ago");
        let hours = Hours::Twelve;
        let of_twelve = Clock { hours, ..clock };
        let at = |text: &str| of_twelve.time(text.parse().unwrap());
        assert_eq!(at("2026-11-20T22:40:00Z"), "11:40pm");
        assert_eq!(at("2026-11-20T23:40:00Z"), "12:40am");
    }

    #[test]
    fn hours_are_those_of_the_locale() {
        for (locale, hours) in [
            ("en_US.UTF-8", Hours::Twelve),
            ("en_AU", Hours::Twelve),
            ("en_GB.UTF-8", Hours::TwentyFour),
            ("de_DE.UTF-8@euro", Hours::TwentyFour),
            ("C.UTF-8", Hours::TwentyFour),
            ("", Hours::TwentyFour),
        ] {
            assert_eq!(Hours::of_locale(locale), hours, "{locale}");
        }
    }

    #[test]
    fn the_two_largest_units_are_said_and_a_zero_is_not() {
        let said = |seconds| in_words(TimeDelta::seconds(seconds));
        assert_eq!(said(40), "40 s");
        assert_eq!(said(-59), "59 s");
        assert_eq!(said(119), "1 m");
        assert_eq!(said(6_720), "1 h 52 m");
        assert_eq!(said(7_200), "2 h");
        assert_eq!(said(7_259), "2 h");
        assert_eq!(said(298_800), "3 d 11 h");
        assert_eq!(said(777_600), "9 d");
    }
}
