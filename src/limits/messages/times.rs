//! The time at which a message says that a limit ends.

use std::sync::LazyLock;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc, Weekday};
use regex_lite::{Captures, Regex};

use super::regex;
use crate::time::{Zone, is_plausible_reset};

/// If a stated time of day is at most this long before the message, it refers to the same day and not to the next one.
const DELAY: TimeDelta = TimeDelta::minutes(30);

/// Seconds or milliseconds since the Unix epoch.
static EPOCH: LazyLock<Regex> =
    LazyLock::new(|| regex(r"(?:\||resets?_?at\D{1,4})(1\d{9})(?:\d{3})?\b"));

/// The words that introduce a time.
static PHRASE: LazyLock<Regex> = LazyLock::new(|| {
    regex(concat!(
        r"(?:resets?|regain access|continu(?:ing|es?) automatically|try again|retry|please wait|until|",
        r"available again|将在)(?: (?:at|on|in|after))?:? ",
    ))
});

/// A date with or without a time of day, as in RFC 3339.
static MOMENT: LazyLock<Regex> = LazyLock::new(|| {
    regex(concat!(
        r"^(?:at |on )?(?P<date>\d{4}-\d\d-\d\d)(?:(?:[t ]| at )(?P<time>\d\d:\d\d)(?::\d\d)?(?:\.\d+)?",
        r" ?(?:(?P<utc>z|utc)|(?P<sign>[+-])(?P<hours>\d\d):?(?P<minutes>\d\d))?)?",
    ))
});

static DURATION: LazyLock<Regex> = LazyLock::new(|| {
    regex(concat!(
        r"^(?:in |about |~)*(\d{1,6}) ?",
        r"(days?|d|hours?|hrs?|h|minutes?|mins?|m|seconds?|secs?|s)\b,? ?(?:and )?",
    ))
});

/// The words for a day. All of them are optional.
static DAY: LazyLock<Regex> = LazyLock::new(|| {
    const MONTH: &str = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec";
    regex(&format!(
        "{}{}{}",
        r"^(?:on |at )?(?:(?P<tomorrow>tomorrow)|(?P<weekday>mon|tue|wed|thu|fri|sat|sun)[a-z]*,? ?)? ?",
        format_args!(
            r"(?:(?P<month>{MONTH})[a-z]*\.? (?P<day>\d{{1,2}})(?:st|nd|rd|th)?|(?P<day_first>\d{{1,2}}) (?P<month_last>{MONTH})[a-z]*)?"
        ),
        r"(?:,? (?P<year>20\d\d))?(?:,| at)? ?",
    ))
});

static CLOCK: LazyLock<Regex> = LazyLock::new(|| {
    regex(concat!(
        r"^(?:at )?(?:(?P<hour12>\d{1,2})(?:[:.](?P<minute12>\d\d))?(?::\d\d)? ?(?P<half>[ap])\.?m\b",
        r"|(?P<hour>\d{1,2}):(?P<minute>\d\d))",
    ))
});

static OFFSET: LazyLock<Regex> =
    LazyLock::new(|| regex(r"^[.\s]*\(?(?:utc|gmt) ?([+-])(\d{1,2})\b"));

static ZONE: LazyLock<Regex> =
    LazyLock::new(|| regex(r"^[.\s]*\(?([a-z]+(?:/[a-z0-9_+-]+)+|[a-z]{2,4})\b\)?"));

/// The time zones that abbreviations stand for.
const ZONES: [(&str, &str); 14] = [
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

/// Returns the first time at which a text in lower case says that a limit ends. A time without a zone is in `own_zone`.
pub(super) fn find(text: &str, at: DateTime<Utc>, own_zone: Zone) -> Option<DateTime<Utc>> {
    let stated = if let Some(captures) = EPOCH.captures(text) {
        DateTime::from_timestamp(captures[1].parse().ok()?, 0)
    } else {
        PHRASE.find_iter(text).find_map(|phrase| {
            let text = &text[phrase.end()..];
            moment(text, own_zone)
                .or_else(|| at.checked_add_signed(duration(text)?))
                .or_else(|| calendar_time(text, at, own_zone))
        })
    };
    stated.filter(|stated| is_plausible_reset(*stated))
}

/// Reads a date with or without a time of day, such as "2026-12-01 at 00:00 UTC".
fn moment(text: &str, own_zone: Zone) -> Option<DateTime<Utc>> {
    let captures = MOMENT.captures(text)?;
    let date: NaiveDate = captures["date"].parse().ok()?;
    let time = match captures.name("time") {
        Some(time) => NaiveTime::parse_from_str(time.as_str(), "%H:%M").ok()?,
        None => NaiveTime::MIN,
    };
    let wall = date.and_time(time);
    if captures.name("utc").is_some() {
        return Some(wall.and_utc());
    }
    let (Some(hours), Some(minutes)) = (number(&captures, "hours"), number(&captures, "minutes"))
    else {
        let rest = &text[captures.get(0)?.end()..];
        return Some(named_zone(rest).unwrap_or(own_zone).to_utc(wall));
    };
    let distance = TimeDelta::minutes(i64::from(hours) * 60 + i64::from(minutes));
    let is_behind = &captures["sign"] == "-";
    wall.and_utc()
        .checked_add_signed(if is_behind { distance } else { -distance })
}

/// Reads a duration such as "2h 4m".
fn duration(text: &str) -> Option<TimeDelta> {
    let mut rest = text;
    let mut total = None;
    while let Some(captures) = DURATION.captures(rest) {
        let amount = captures[1].parse().ok()?;
        let part = match captures[2].chars().next()? {
            'd' => TimeDelta::days(amount),
            'h' => TimeDelta::hours(amount),
            'm' => TimeDelta::minutes(amount),
            _ => TimeDelta::seconds(amount),
        };
        total = Some(total.unwrap_or_default() + part);
        rest = &rest[captures.get(0)?.end()..];
    }
    total
}

/// Reads a day, a time of day, or both, such as "Dec 1 at 3pm (Europe/Berlin)".
fn calendar_time(text: &str, at: DateTime<Utc>, own_zone: Zone) -> Option<DateTime<Utc>> {
    let day = DAY.captures(text)?;
    let after_day = &text[day.get(0)?.end()..];
    let clock = CLOCK.captures(after_day);
    let end_of_clock = clock
        .as_ref()
        .and_then(|clock| clock.get(0))
        .map_or(0, |clock| clock.end());
    let zone = named_zone(&after_day[end_of_clock..]).unwrap_or(own_zone);
    let local = zone.at(at).naive_local();
    let time = match &clock {
        Some(clock) => time_of_day(clock)?,
        None => NaiveTime::MIN,
    };

    let wall = if let Some(date) = date(&day, local.date()) {
        date.and_time(time)
    } else if day.name("tomorrow").is_some() {
        local.date().succ_opt()?.and_time(time)
    } else if let Some(weekday) = day.name("weekday") {
        let weekday: Weekday = weekday.as_str().parse().ok()?;
        let days = weekday.days_since(local.weekday());
        let distance = TimeDelta::days(i64::from(days));
        let wall = local
            .date()
            .and_time(time)
            .checked_add_signed(distance)?;
        next_after(local, wall, TimeDelta::days(7))?
    } else {
        clock?;
        let today = local.date().and_time(time);
        next_after(local - DELAY, today, TimeDelta::days(1))?
    };
    Some(zone.to_utc(wall))
}

/// Returns a time, or the time one period later if it is before `earliest`.
fn next_after(
    earliest: NaiveDateTime,
    wall: NaiveDateTime,
    period: TimeDelta,
) -> Option<NaiveDateTime> {
    if wall < earliest {
        wall.checked_add_signed(period)
    } else {
        Some(wall)
    }
}

fn time_of_day(clock: &Captures<'_>) -> Option<NaiveTime> {
    if let Some(hour) = number(clock, "hour12") {
        let is_afternoon = &clock["half"] == "p";
        let hour = hour % 12 + if is_afternoon { 12 } else { 0 };
        return NaiveTime::from_hms_opt(hour, number(clock, "minute12").unwrap_or(0), 0);
    }
    NaiveTime::from_hms_opt(number(clock, "hour")?, number(clock, "minute")?, 0)
}

/// Returns the date that a text names. If the text does not name a year, returns the matching date that is closest to
/// `today`.
fn date(captures: &Captures<'_>, today: NaiveDate) -> Option<NaiveDate> {
    let name = captures
        .name("month")
        .or(captures.name("month_last"))?;
    let month: chrono::Month = name.as_str().parse().ok()?;
    let day = number(captures, "day").or(number(captures, "day_first"))?;
    let years = match captures.name("year") {
        Some(year) => {
            let year = year.as_str().parse().ok()?;
            year..=year
        }
        None => today.year() - 1..=today.year() + 1,
    };
    years
        .filter_map(|year| NaiveDate::from_ymd_opt(year, month.number_from_month(), day))
        .min_by_key(|date| (*date - today).num_days().abs())
}

fn number(captures: &Captures<'_>, name: &str) -> Option<u32> {
    captures.name(name)?.as_str().parse().ok()
}

/// Returns the zone at the start of a text, or `None` if the text does not name one.
fn named_zone(text: &str) -> Option<Zone> {
    if let Some(captures) = OFFSET.captures(text) {
        // In the names of these zones, the sign is reversed.
        let sign = if &captures[1] == "+" { '-' } else { '+' };
        return Zone::named(&format!("Etc/GMT{sign}{}", &captures[2]));
    }
    let captures = ZONE.captures(text)?;
    let name = &captures[1];
    match ZONES
        .iter()
        .find(|(abbreviation, _)| *abbreviation == name)
    {
        Some((_, zone)) => Zone::named(zone),
        None if name.contains('/') => Zone::named(name),
        None => None,
    }
}
