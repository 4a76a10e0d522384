//! Defines periods of whole days, and parses them from arguments.

use chrono::{DateTime, Days, NaiveDate, TimeDelta};

use crate::ledger::RowsPeriod;
use crate::time::{Clock, Millis, Zone};

/// A period from the first day through the last day, inclusive. A missing day means that the period is unbounded on
/// that side.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Period {
    pub since: Option<NaiveDate>,
    pub until: Option<NaiveDate>,
}

/// The command-line arguments that select a period.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct RequestedDays {
    /// First day: 2026-11-20, today, yesterday, 7d, 2w, or 12h
    #[arg(long, value_name = "DAY")]
    pub since: Option<String>,
    /// Last day, inclusive: 2026-11-20, today, yesterday
    #[arg(long, value_name = "DAY")]
    pub until: Option<String>,
}

impl RequestedDays {
    /// Parses the arguments. The error is a sentence for the user.
    pub(crate) fn period(&self, clock: Clock) -> Result<Period, String> {
        let period = Period {
            since: parse_optional_day(self.since.as_deref(), clock)?,
            until: parse_optional_day(self.until.as_deref(), clock)?,
        };
        period.check(clock.zone.day(clock.now))?;
        Ok(period)
    }
}

impl Period {
    /// Fails if the period cannot contain any spend. The error is a sentence for the user.
    fn check(self, today: NaiveDate) -> Result<(), String> {
        match (self.since, self.until) {
            (Some(since), Some(until)) if since > until => Err(format!(
                "--since {since} is later than --until {until}; swap the two dates"
            )),
            (Some(since), _) if since > today => Err(format!(
                "--since {since} is in the future; today is {today}"
            )),
            _ => Ok(()),
        }
    }

    /// Returns the period as a range of milliseconds, from midnight to midnight in the given time zone.
    pub(crate) fn of_rows(self, zone: Zone) -> RowsPeriod {
        let start = match self.since {
            Some(day) => zone.midnight(day).timestamp_millis(),
            None => Millis::MIN,
        };
        let end = match self.until.and_then(|day| day.succ_opt()) {
            Some(day) => zone.midnight(day).timestamp_millis(),
            None => Millis::MAX,
        };
        start..end
    }
}

fn parse_optional_day(text: Option<&str>, clock: Clock) -> Result<Option<NaiveDate>, String> {
    text.map(|text| parse_day(text, clock)).transpose()
}

/// Parses a day: `2026-11-20`, `20261120`, `today`, `yesterday`, an RFC 3339 time, `7d` or `1w` for the first of the last
/// seven days, including today, or `12h` for the day that it was 12 hours ago. A time is converted to a day in the clock's
/// time zone. The error is a sentence for the user.
fn parse_day(text: &str, clock: Clock) -> Result<NaiveDate, String> {
    let today = clock.zone.day(clock.now);
    let trimmed = text.trim();
    days_before_today(trimmed)
        .and_then(|days| today.checked_sub_days(Days::new(days)))
        .or_else(|| day_hours_ago(trimmed, clock))
        .or_else(|| NaiveDate::parse_from_str(trimmed, "%Y-%m-%d").ok())
        .or_else(|| NaiveDate::parse_from_str(trimmed, "%Y%m%d").ok())
        .or_else(|| {
            let time = DateTime::parse_from_rfc3339(trimmed).ok()?;
            Some(clock.zone.day(time.to_utc()))
        })
        .ok_or_else(|| {
            format!("{text:?} is not a valid day; use a date such as 2026-11-20, or today, yesterday, 7d, 2w, or 12h")
        })
}

/// Returns the number of days between a relative day and today. Returns `None` if the text is not a relative day.
fn days_before_today(text: &str) -> Option<u64> {
    match text {
        "today" => Some(0),
        "yesterday" => Some(1),
        _ => {
            let days = match text.strip_suffix('w') {
                Some(weeks) => weeks.parse::<u64>().ok()?.checked_mul(7)?,
                None => text.strip_suffix('d')?.parse().ok()?,
            };
            days.checked_sub(1)
        }
    }
}

/// Returns the day of the time that lies a number of hours before now. Returns `None` if the text is not a number of hours.
fn day_hours_ago(text: &str, clock: Clock) -> Option<NaiveDate> {
    let hours = text.strip_suffix('h')?.parse::<u32>().ok()?;
    let ago = clock
        .now
        .checked_sub_signed(TimeDelta::hours(hours.into()))?;
    Some(clock.zone.day(ago))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::HourFormat;

    fn parse(text: &str) -> Result<NaiveDate, String> {
        let clock = Clock {
            now: "2026-11-20T12:00:00Z".parse().unwrap(),
            zone: Zone::UTC,
            hours: HourFormat::TwentyFour,
        };
        parse_day(text, clock)
    }

    fn day(text: &str) -> NaiveDate {
        parse(text).unwrap()
    }

    #[test]
    fn the_last_seven_days_include_today() {
        assert_eq!(day("7d").to_string(), "2026-11-14");
        assert_eq!(day("1d"), day("today"));
        assert!(parse("0d").is_err());
        assert!(parse("-1d").is_err());
    }

    #[test]
    fn weeks_and_hours_are_converted_to_days() {
        assert_eq!(day("1w"), day("7d"));
        assert_eq!(day("2w").to_string(), "2026-11-07");
        assert_eq!(day("12h"), day("today"));
        assert_eq!(day("13h"), day("yesterday"));
        assert_eq!(day("36h"), day("yesterday"));
        for wrong in [
            "0w",
            "-1h",
            "w",
            "h",
            "1.5h",
            "99999999999999999999w",
            "4294967295h",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_period_in_which_nothing_can_have_happened_is_refused() {
        let check = |since: &str, until: Option<&str>| {
            let period = Period {
                since: Some(day(since)),
                until: until.map(day),
            };
            period.check(day("today"))
        };
        assert_eq!(check("7d", Some("today")), Ok(()));
        assert_eq!(check("today", Some("2026-12-31")), Ok(()));
        let reversed = check("2026-11-20", Some("2026-11-10")).unwrap_err();
        assert!(reversed.ends_with("swap the two dates"), "{reversed}");
        let future = check("2026-11-21", None).unwrap_err();
        assert!(future.contains("in the future"), "{future}");
    }
}
