//! The current time, with the time zone and hour format for displaying times to the user.

use chrono::{DateTime, Datelike, TimeDelta, Utc};

use super::{Zone, format_duration};

/// The format for hours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum HourFormat {
    /// "14:30".
    #[default]
    TwentyFour,
    /// "2:30pm", as in Claude Code.
    Twelve,
}

impl HourFormat {
    /// Returns the usual format for a locale such as `en_US.UTF-8`.
    pub fn for_locale(name: &str) -> Self {
        /// The English locales with a 12-hour clock, according to CLDR.
        const TWELVE_HOUR_LOCALES: [&str; 8] = [
            "en_US", "en_CA", "en_AU", "en_NZ", "en_IN", "en_PH", "en_PK", "en_PR",
        ];

        match name.split(['.', '@']).next() {
            Some(region) if TWELVE_HOUR_LOCALES.contains(&region) => Self::Twelve,
            _ => Self::TwentyFour,
        }
    }
}

/// A time after midnight is displayed without a date if it is at most this far away. At 22:20, a reader who sees
/// "00:12" knows that it means tonight.
const TONIGHT: TimeDelta = TimeDelta::hours(12);

/// The current time, with the time zone and hour format for displaying times to the user.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    /// The current time.
    pub now: DateTime<Utc>,
    /// The user's time zone.
    pub zone: Zone,
    /// The user's hour format.
    pub hours: HourFormat,
}

impl Clock {
    /// Formats a time. If it is today or within the next 12 hours, there is no date, as in "14:30". Otherwise, there is
    /// a date, as in "Mon Nov 23 14:30", and a year unless it is the current one.
    pub fn format_time(self, at: DateTime<Utc>) -> String {
        self.format_with_day(self.date_format(at), at)
    }

    /// Formats a time like [`Self::format_time`], but with seconds.
    pub(crate) fn format_time_with_seconds(self, at: DateTime<Utc>) -> String {
        let time_format = match self.hours {
            HourFormat::TwentyFour => "%H:%M:%S",
            HourFormat::Twelve => "%-I:%M:%S%P",
        };
        let format = format!("{}{time_format}", self.date_format(at));
        self.zone.at(at).format(&format).to_string()
    }

    /// Returns the `strftime` format of the date to display before a time, or "" to display none.
    fn date_format(self, at: DateTime<Utc>) -> &'static str {
        if !self.shows_date(at) {
            return "";
        }
        let is_this_year = self.zone.day(at).year() == self.zone.day(self.now).year();
        if is_this_year {
            "%a %b %-d "
        } else {
            "%a %b %-d, %Y "
        }
    }

    /// Returns true if a time is displayed with a date.
    fn shows_date(self, at: DateTime<Utc>) -> bool {
        let is_today = self.zone.day(at) == self.zone.day(self.now);
        let is_tonight = at > self.now && at - self.now < TONIGHT;
        !is_today && !is_tonight
    }

    /// Formats a time with a preposition: "at 14:30" or "on Tue Nov 24 14:30".
    pub(crate) fn format_time_with_preposition(self, at: DateTime<Utc>) -> String {
        let preposition = if self.shows_date(at) { "on" } else { "at" };
        format!("{preposition} {}", self.format_time(at))
    }

    /// Formats an approximate time: "about 14:30" or "about Tue Nov 24 14:30".
    pub(crate) fn format_approximate_time(self, at: DateTime<Utc>) -> String {
        format!("about {}", self.format_time(at))
    }

    /// Formats a day and a time of day. `day_format` is a `strftime` format. For example, "%a " produces "Tue 14:30".
    pub(crate) fn format_with_day(self, day_format: &str, at: DateTime<Utc>) -> String {
        let time_format = match self.hours {
            HourFormat::TwentyFour => "%H:%M",
            HourFormat::Twelve => "%-I:%M%P",
        };
        self.zone
            .at(at)
            .format(&format!("{day_format}{time_format}"))
            .to_string()
    }

    /// Formats a future time as briefly as possible: with the weekday if it is more than 20 hours away, as in "Tue 14:30",
    /// and as a date without a time if it is more than a week away.
    pub(crate) fn format_briefly(self, at: DateTime<Utc>) -> String {
        match at - self.now {
            left if left < TimeDelta::hours(20) => self.format_with_day("", at),
            left if left < TimeDelta::days(7) => self.format_with_day("%a ", at),
            _ => self.zone.at(at).format("%b %-d").to_string(),
        }
    }

    /// Formats a time and its distance from now: "14:30, in 1 h 52 m" or "14:30, 5 m ago".
    pub fn format_time_and_distance(self, at: DateTime<Utc>) -> String {
        format!("{}, {}", self.format_time(at), self.format_distance(at))
    }

    /// Formats the distance of a time from now: "in 1 h 52 m", "5 m ago", or "just now". A time that is less than a
    /// second ahead is "in 1 s", because "just now" would mean that it has passed.
    pub fn format_distance(self, at: DateTime<Utc>) -> String {
        let distance = at - self.now;
        match distance.num_seconds() {
            0 if distance > TimeDelta::zero() => "in 1 s".to_owned(),
            -59..=0 => "just now".to_owned(),
            ..-59 => format!("{} ago", format_duration(distance)),
            _ => format!("in {}", format_duration(distance)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock(hours: HourFormat) -> Clock {
        Clock {
            now: "2026-11-20T22:30:00Z".parse().unwrap(),
            zone: Zone::named("Europe/Berlin").unwrap(),
            hours,
        }
    }

    #[test]
    fn a_time_of_another_day_has_its_date_unless_it_is_tonight() {
        for (at, formatted) in [
            ("2026-11-20T22:40:00Z", "23:40, in 10 m"),
            ("2026-11-20T23:40:00Z", "00:40, in 1 h 10 m"),
            ("2026-11-21T10:30:00Z", "Sat Nov 21 11:30, in 12 h"),
            ("2026-11-20T22:25:00Z", "23:25, 5 m ago"),
            ("2026-11-19T22:25:00Z", "Thu Nov 19 23:25, 1 d ago"),
            ("2027-01-02T22:30:00Z", "Sat Jan 2, 2027 23:30, in 43 d"),
        ] {
            assert_eq!(
                clock(HourFormat::TwentyFour).format_time_and_distance(at.parse().unwrap()),
                formatted
            );
        }
    }

    /// A reset half a second ahead was "23:30, just now", as if the limit had ended.
    #[test]
    fn the_future_is_never_just_now() {
        let clock = clock(HourFormat::TwentyFour);
        for (milliseconds, formatted) in [
            (20_000, "in 20 s"),
            (500, "in 1 s"),
            (0, "just now"),
            (-500, "just now"),
            (-59_000, "just now"),
            (-60_000, "1 m ago"),
        ] {
            let at = clock.now + TimeDelta::milliseconds(milliseconds);
            assert_eq!(clock.format_distance(at), formatted, "{milliseconds} ms");
        }
    }

    #[test]
    fn a_twelve_hour_clock_shows_am_or_pm() {
        for (at, formatted) in [
            ("2026-11-20T22:40:00Z", "at 11:40pm"),
            ("2026-11-20T23:40:00Z", "at 12:40am"),
            ("2026-11-22T11:05:00Z", "on Sun Nov 22 12:05pm"),
        ] {
            assert_eq!(
                clock(HourFormat::Twelve).format_time_with_preposition(at.parse().unwrap()),
                formatted
            );
        }
    }

    #[test]
    fn the_hour_format_follows_the_locale() {
        for (locale, hours) in [
            ("en_US.UTF-8", HourFormat::Twelve),
            ("en_AU", HourFormat::Twelve),
            ("en_GB.UTF-8", HourFormat::TwentyFour),
            ("de_DE.UTF-8@euro", HourFormat::TwentyFour),
            ("C.UTF-8", HourFormat::TwentyFour),
            ("", HourFormat::TwentyFour),
        ] {
            assert_eq!(HourFormat::for_locale(locale), hours, "{locale}");
        }
    }
}
