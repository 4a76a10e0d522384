//! Days as people name them on the command line.

use chrono::{DateTime, Days, NaiveDate};

use crate::ledger::RowsPeriod;
use crate::time::{Clock, Millis, Zone};

/// From the first day up to the last, both included; None is open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Period {
    pub(crate) since: Option<NaiveDate>,
    pub(crate) until: Option<NaiveDate>,
}

/// The days that somebody types.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct DaysAsked {
    /// First day, as 2026-11-20, or 7d for the last seven days
    #[arg(long, value_name = "DAY")]
    pub(crate) since: Option<String>,
    /// Last day, included
    #[arg(long, value_name = "DAY")]
    pub(crate) until: Option<String>,
}

impl DaysAsked {
    /// The days that are meant; else what is wrong with them.
    pub(crate) fn period(&self, clock: Clock) -> Result<Period, String> {
        let today = clock.zone.day(clock.now);
        let day = |text: &Option<String>| text.as_ref().map(|text| day_asked(text, today));
        let period = Period {
            since: day(&self.since).transpose()?,
            until: day(&self.until).transpose()?,
        };
        period.fault(today).map_or(Ok(period), Err)
    }
}

impl Period {
    /// Why there can be nothing in it, if that is so.
    fn fault(self, today: NaiveDate) -> Option<String> {
        match (self.since, self.until) {
            (Some(since), Some(until)) if since > until => Some(format!(
                "--since {since} is later than --until {until}; swap them"
            )),
            (Some(since), _) if since > today => Some(format!(
                "--since {since} is in the future; today is {today}"
            )),
            _ => None,
        }
    }

    /// As many days before it, and how many. None where its beginning is open.
    pub(crate) fn before(self, today: NaiveDate) -> Option<(Self, i64)> {
        let since = self.since?;
        let until = self.until.unwrap_or(today).min(today);
        let days = (until - since).num_days() + 1;
        let begins = since.checked_sub_days(Days::new(days.unsigned_abs()))?;
        let before = Self {
            since: Some(begins),
            until: since.pred_opt(),
        };
        Some((before, days))
    }

    /// The same as rows of spend are asked for, by the midnights of a zone.
    pub(crate) fn of_rows(self, zone: Zone) -> RowsPeriod {
        let midnight = |day| zone.midnight(day).timestamp_millis();
        let after = self
            .until
            .and_then(|day| day.checked_add_days(Days::new(1)));
        self.since.map_or(Millis::MIN, midnight)..after.map_or(Millis::MAX, midnight)
    }
}

/// `2026-11-20`, `20261120`, `today`, `yesterday`, a moment, or with `7d` the first of seven days of
/// which today is the last.
fn parse_day(text: &str, today: NaiveDate) -> Option<NaiveDate> {
    let text = text.trim();
    let back = |days: u64| today.checked_sub_days(Days::new(days));
    match text {
        "today" => return Some(today),
        "yesterday" => return back(1),
        _ => {}
    }
    text.strip_suffix('d')
        .and_then(|days| days.parse::<u64>().ok()?.checked_sub(1))
        .and_then(back)
        .or_else(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok())
        .or_else(|| NaiveDate::parse_from_str(text, "%Y%m%d").ok())
        .or_else(|| Some(DateTime::parse_from_rfc3339(text).ok()?.date_naive()))
}

fn day_asked(text: &str, today: NaiveDate) -> Result<NaiveDate, String> {
    parse_day(text, today).ok_or_else(|| {
        format!("{text:?} is not a day; write it as 2026-11-20, today, yesterday or 7d")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        parse_day(text, NaiveDate::from_ymd_opt(2026, 11, 20).unwrap()).unwrap()
    }

    #[test]
    fn seven_days_are_seven_with_today() {
        assert_eq!(day("7d").to_string(), "2026-11-14");
        assert_eq!(day("1d"), day("today"));
        assert_eq!(parse_day("0d", day("today")), None);
        assert_eq!(parse_day("-1d", day("today")), None);
    }

    #[test]
    fn a_period_that_can_hold_nothing_says_why() {
        let fault = |since: &str, until: Option<&str>| {
            let period = Period {
                since: Some(day(since)),
                until: until.map(day),
            };
            period.fault(day("today"))
        };
        assert_eq!(fault("7d", Some("today")), None);
        assert_eq!(fault("today", Some("2026-12-31")), None);
        let reversed = fault("2026-11-20", Some("2026-11-10")).unwrap();
        assert!(reversed.ends_with("swap them"), "{reversed}");
        let future = fault("2026-11-21", None).unwrap();
        assert!(future.contains("in the future"), "{future}");
    }
}
