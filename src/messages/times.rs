//! The time at which a message says that a limit ends.

use std::sync::LazyLock;

use crate::time::Zone;
use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, TimeDelta, Utc, Weekday};
use regex_lite::{Captures, Regex};

use super::regex;

const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];

static EPOCH: LazyLock<Regex> = LazyLock::new(|| regex(r"(?:\||resets?_?at\D{1,4})(1\d{9})\b"));
static BEFORE: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"(?:resets?|regain access|continu(?:ing|es?) automatically|try again|retry|please wait|until|available again)(?: (?:at|on|in|after))?:? ",
    )
});
static MOMENT: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"^(?:at |on )?(\d{4})-(\d\d)-(\d\d)(?:[t ]| at )(\d\d):(\d\d)(?::\d\d)?(?:\.\d+)? ?(z|utc|[+-]\d\d:?\d\d)?",
    )
});
static DURATION: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"^(?:in |about |~)*(\d+) ?(days?|d|hours?|hrs?|h|minutes?|mins?|m|seconds?|secs?|s)\b,? ?(?:and )?",
    )
});
static DAY: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"^(?:on |at )?(?:(tomorrow)|(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*,? )?(?:(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.? (\d{1,2})(?:st|nd|rd|th)?|(\d{1,2}) (jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*)?(?:,? (20\d\d))?(?:,| at)? ?",
    )
});
static WEEKDAY: LazyLock<Regex> =
    LazyLock::new(|| regex(r"^(?:on )?(mon|tue|wed|thu|fri|sat|sun)[a-z]*\b"));
static CLOCK: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"^(?:at )?(\d{1,2})(?:[:.](\d\d))?(?::\d\d)?[ \u{202f}]?([ap])\.?m\b|^(?:at )?(\d{1,2}):(\d\d)",
    )
});
static ZONE: LazyLock<Regex> =
    LazyLock::new(|| regex(r"^[.\s]*\(?([a-z]+(?:/[a-z0-9_+-]+)+|[a-z]{2,4})\b\)?"));

/// The zones of abbreviations.
const ZONES: &[(&str, &str)] = &[
    ("utc", "UTC"),
    ("gmt", "UTC"),
    ("pt", "America/Los_Angeles"),
    ("pst", "America/Los_Angeles"),
    ("pdt", "America/Los_Angeles"),
    ("ct", "America/Chicago"),
    ("cdt", "America/Chicago"),
    ("et", "America/New_York"),
    ("est", "America/New_York"),
    ("edt", "America/New_York"),
    ("cet", "Europe/Berlin"),
    ("cest", "Europe/Berlin"),
    ("jst", "Asia/Tokyo"),
    ("kst", "Asia/Seoul"),
];

/// Returns the time at which the text says that a limit ends. `text` must be in lower case.
pub(super) fn find(text: &str, at: DateTime<Utc>, own_zone: Zone) -> Option<DateTime<Utc>> {
    if let Some(captures) = EPOCH.captures(text) {
        return DateTime::from_timestamp(captures[1].parse().ok()?, 0);
    }
    BEFORE
        .find_iter(text)
        .filter_map(|phrase| parse(&text[phrase.end()..], at, own_zone))
        .last()
}

fn parse(text: &str, at: DateTime<Utc>, own_zone: Zone) -> Option<DateTime<Utc>> {
    if let Some(captures) = MOMENT.captures(text) {
        return moment(&captures, own_zone);
    }
    if DURATION.is_match(text) {
        return Some(at + duration(text));
    }
    let captures = DAY.captures(text)?;
    let rest = &text[captures.get(0).map_or(0, |day| day.end())..];
    let clock = CLOCK.captures(rest);
    let after_clock = clock
        .as_ref()
        .and_then(|clock| clock.get(0))
        .map_or(rest, |clock| &rest[clock.end()..]);
    let zone = named_zone(after_clock).unwrap_or(own_zone);
    let local = zone.at(at).naive_local();
    let time = match &clock {
        Some(clock) => time_of_day(clock)?,
        None => NaiveTime::MIN,
    };
    let number = |index: usize| {
        captures
            .get(index)
            .and_then(|found| found.as_str().parse::<u32>().ok())
    };
    let month = captures
        .get(2)
        .or(captures.get(5))
        .and_then(|found| MONTHS.iter().position(|month| *month == found.as_str()));
    let wanted = if let (Some(month), Some(day)) = (month, number(3).or(number(4))) {
        let year = captures.get(6).and_then(|year| year.as_str().parse().ok());
        date_near(local.date(), year, u32::try_from(month).ok()? + 1, day)?.and_time(time)
    } else if captures.get(1).is_some() {
        local.date().succ_opt()?.and_time(time)
    } else if let Some(name) = WEEKDAY.captures(text) {
        let weekday: Weekday = name[1].parse().ok()?;
        let days =
            (7 + weekday.num_days_from_monday() - local.weekday().num_days_from_monday()) % 7;
        let next = local
            .date()
            .checked_add_days(Days::new(days.into()))?
            .and_time(time);
        if next < local {
            next + TimeDelta::days(7)
        } else {
            next
        }
    } else {
        clock?;
        let today = local.date().and_time(time);
        // A message can be a few minutes older than its reset.
        if today < local - TimeDelta::minutes(30) {
            today + TimeDelta::days(1)
        } else {
            today
        }
    };
    Some(zone.to_utc(wanted))
}

fn moment(captures: &Captures<'_>, own_zone: Zone) -> Option<DateTime<Utc>> {
    let number = |index: usize| captures[index].parse::<u32>().ok();
    let date = NaiveDate::from_ymd_opt(captures[1].parse().ok()?, number(2)?, number(3)?)?;
    let wanted = date.and_hms_opt(number(4)?, number(5)?, 0)?;
    let offset = match captures.get(6).map(|zone| zone.as_str()) {
        None => return Some(own_zone.to_utc(wanted)),
        Some("z" | "utc") => 0,
        Some(offset) => {
            let digits: i64 = offset[1..].replace(':', "").parse().ok()?;
            let minutes = digits / 100 * 60 + digits % 100;
            if offset.starts_with('-') {
                -minutes
            } else {
                minutes
            }
        }
    };
    Some(wanted.and_utc() - TimeDelta::minutes(offset))
}

fn duration(text: &str) -> TimeDelta {
    let mut rest = text;
    let mut total = TimeDelta::zero();
    while let Some(captures) = DURATION.captures(rest) {
        let amount: i64 = captures[1].parse().unwrap_or_default();
        total += match &captures[2][..1] {
            "d" => TimeDelta::days(amount),
            "h" => TimeDelta::hours(amount),
            "m" => TimeDelta::minutes(amount),
            _ => TimeDelta::seconds(amount),
        };
        rest = &rest[captures.get(0).map_or(rest.len(), |found| found.end())..];
    }
    total
}

fn time_of_day(captures: &Captures<'_>) -> Option<NaiveTime> {
    let number = |index: usize| {
        captures
            .get(index)
            .and_then(|found| found.as_str().parse::<u32>().ok())
    };
    let (hour, minute) = match number(1) {
        Some(hour) => {
            let is_afternoon = &captures[3] == "p";
            (
                hour % 12 + if is_afternoon { 12 } else { 0 },
                number(2).unwrap_or(0),
            )
        }
        None => (number(4)?, number(5)?),
    };
    NaiveTime::from_hms_opt(hour, minute, 0)
}

/// Returns the date with this month and day that is closest to `today`, if the year is not stated.
fn date_near(today: NaiveDate, year: Option<i32>, month: u32, day: u32) -> Option<NaiveDate> {
    if let Some(year) = year {
        return NaiveDate::from_ymd_opt(year, month, day);
    }
    (today.year() - 1..=today.year() + 1)
        .filter_map(|year| NaiveDate::from_ymd_opt(year, month, day))
        .min_by_key(|date| (*date - today).num_days().abs())
}

/// The zone at the start of the text, or `None` if the text does not name one.
fn named_zone(text: &str) -> Option<Zone> {
    let captures = ZONE.captures(text)?;
    let name = &captures[1];
    match ZONES.iter().find(|(abbreviation, _)| *abbreviation == name) {
        Some((_, zone)) => Zone::named(zone),
        None if name.contains('/') => Zone::named(name),
        None => None,
    }
}
