//! Times as people read them: in their zone, with the distance.

use chrono::{DateTime, Datelike, Utc};

use super::{Zone, in_words};

/// A clock and a zone to tell times by.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    /// The present.
    pub now: DateTime<Utc>,
    /// The reader's zone.
    pub zone: Zone,
}

impl Clock {
    /// "14:30" today, "Mon 23 Nov 14:30" on another day, with the year in another year.
    pub fn time(self, at: DateTime<Utc>) -> String {
        let local = self.zone.at(at);
        let today = self.zone.day(self.now);
        let pattern = if local.date_naive() == today {
            "%H:%M"
        } else if local.year() == today.year() {
            "%a %-d %b %H:%M"
        } else {
            "%a %-d %b %Y %H:%M"
        };
        local.format(pattern).to_string()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_day_is_named() {
        let clock = Clock {
            now: "2026-11-20T22:30:00Z".parse().unwrap(),
            zone: Zone::named("Europe/Berlin").unwrap(),
        };
        let at = |text: &str| clock.time_and_distance(text.parse().unwrap());
        assert_eq!(at("2026-11-20T22:40:00Z"), "23:40, in 10 m");
        assert_eq!(at("2026-11-20T23:40:00Z"), "Sat 21 Nov 00:40, in 1 h 10 m");
        assert_eq!(at("2026-11-20T22:25:00Z"), "23:25, 5 m ago");
    }
}
