//! Times and durations as people read them: in their zone, with the distance.

use chrono::{DateTime, Datelike, TimeDelta, Utc};

use super::Zone;

/// How the hours of a day are counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Hours {
    /// "14:30".
    #[default]
    TwentyFour,
    /// "2:30pm", as Claude Code itself writes.
    Twelve,
}

/// Where people who read English write "2:30pm" (CLDR's preferred hours of these regions).
const TWELVE: [&str; 8] = [
    "en_US", "en_CA", "en_AU", "en_NZ", "en_IN", "en_PH", "en_PK", "en_PR",
];

impl Hours {
    /// Those of a locale, as `en_US.UTF-8`.
    pub fn of_locale(name: &str) -> Self {
        let region = name.split(['.', '@']).next().unwrap_or_default();
        if TWELVE.contains(&region) {
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
        let local = self.zone.at(at);
        let today = self.zone.day(self.now);
        let is_tonight = at > self.now && at - self.now < TONIGHT;
        let day = if is_tonight || local.date_naive() == today {
            ""
        } else if local.year() == today.year() {
            "%a %-d %b "
        } else {
            "%a %-d %b %Y "
        };
        self.time_after(day, at)
    }

    /// The time of day behind a day in this pattern (of `strftime`): "Tue 14:30" behind "%a ".
    pub(crate) fn time_after(self, day: &str, at: DateTime<Utc>) -> String {
        let time = match self.hours {
            Hours::TwentyFour => "%H:%M",
            Hours::Twelve => "%-I:%M%P",
        };
        let local = self.zone.at(at);
        local.format(&format!("{day}{time}")).to_string()
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
