//! Days as people name them on the command line.

use chrono::{DateTime, Days, NaiveDate};

use crate::time::{Millis, Zone};

/// From the first day up to the last, both included; None is open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Period {
    pub(crate) since: Option<NaiveDate>,
    pub(crate) until: Option<NaiveDate>,
}

impl Period {
    /// When it begins and ends, by the midnights of a zone.
    pub(crate) fn bounds(self, zone: Zone) -> (Option<Millis>, Option<Millis>) {
        let midnight = |day| zone.midnight(day).timestamp_millis();
        let day_after = self
            .until
            .and_then(|day| day.checked_add_days(Days::new(1)));
        (self.since.map(midnight), day_after.map(midnight))
    }
}

/// `2026-11-20`, `20261120`, `today`, `yesterday`, a moment, or a number of days back as `7d`.
pub(crate) fn parse_day(text: &str, today: NaiveDate) -> Option<NaiveDate> {
    let text = text.trim();
    let back = |days: u64| today.checked_sub_days(Days::new(days));
    match text {
        "today" => return Some(today),
        "yesterday" => return back(1),
        _ => {}
    }
    text.strip_suffix('d')
        .and_then(|days| days.parse().ok())
        .and_then(back)
        .or_else(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok())
        .or_else(|| NaiveDate::parse_from_str(text, "%Y%m%d").ok())
        .or_else(|| Some(DateTime::parse_from_rfc3339(text).ok()?.date_naive()))
}
