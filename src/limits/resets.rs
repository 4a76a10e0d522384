//! When a limit ends, and when the words of a message say so.
//!
//! A time that cannot be read whole is no time, for half of one would be another.

use std::ops::RangeInclusive;

use chrono::{DateTime, Datelike, Month, NaiveDate, NaiveTime, TimeDelta, Utc, Weekday};

use super::kind::Window;
use super::named_limit::window_in;
use super::vocabulary::{VOCABULARY, bare, normalize};
use crate::time::{FIVE_HOURS, Zone, is_plausible};

/// Where a reset time comes from, in the order in which they are believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResetSource {
    /// `quotaLimits` of the error line.
    Server,
    /// The client's meter.
    Meter,
    /// The message's own words.
    Text,
}

/// A reset time and where it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reset {
    /// The moment.
    pub at: DateTime<Utc>,
    /// Who says so.
    pub source: ResetSource,
}

impl Reset {
    /// When the limit is over for certain: texts are rounded to the minute, and clocks differ.
    pub(crate) fn surely_over(self) -> DateTime<Utc> {
        let slack = match self.source {
            ResetSource::Text => TimeDelta::seconds(60),
            ResetSource::Server | ResetSource::Meter => TimeDelta::seconds(5),
        };
        self.at + slack
    }
}

/// The reset time to go by, and any that disagree with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resets {
    /// The most reliable one.
    pub chosen: Option<Reset>,
    /// Others, where they say something else.
    pub others: Vec<Reset>,
}

/// Something about a time that nobody should guess at: "11/23", "3pm IST", "Monday at 9".
#[derive(Debug)]
struct Unreadable;

/// The reset time that a message names, seen at `seen`. A date that is missing is the next such
/// time, or the last one if no window of `kind` can be that long.
pub(super) fn in_text(
    message: &str,
    seen: DateTime<Utc>,
    kind: Option<Window>,
    zone: Zone,
) -> Option<DateTime<Utc>> {
    let text = normalize(message);
    let read = |rest| -> Result<Option<DateTime<Utc>>, Unreadable> {
        if let Some(distance) = distance(rest)? {
            return Ok(seen.checked_add_signed(distance));
        }
        let named = NamedTime::read(rest, message)?;
        let zone = named.zone.or_else(|| named_zone(message)).unwrap_or(zone);
        Ok(named.instant.or_else(|| named.at(seen, kind, zone)))
    };
    let starts = VOCABULARY.before_resets.iter();
    let found = starts.flat_map(|start| text.match_indices(start));
    // A text that says so more often than this is no message.
    let mut phrases = found.take(32).filter_map(|(at, start)| {
        let (before, rest) = text.split_at_checked(at)?;
        is_own(before, kind).then_some(rest.strip_prefix(start)?)
    });
    epoch_after_bar(&text)
        .or_else(|| phrases.find_map(|rest| read(rest).transpose())?.ok())
        .filter(|at| is_plausible(*at))
}

/// Whether what stands before "resets" speaks of no other window: "… · your weekly limit resets 3pm".
fn is_own(before: &str, kind: Option<Window>) -> bool {
    let subject = before.rsplit(['·', '.', ',', ':', ';', '|', '(']).next();
    let named = subject.and_then(window_in);
    named.zip(kind).is_none_or(|(named, kind)| named == kind)
}

/// `Claude AI usage limit reached|1755615600`, as clients 1.0.8x had it.
fn epoch_after_bar(text: &str) -> Option<DateTime<Utc>> {
    let (_, after) = text.split_once("limit reached|")?;
    epoch(split_where(after, |c| !c.is_ascii_digit()).0)
}

/// Seconds or milliseconds since 1970.
fn epoch(digits: &str) -> Option<DateTime<Utc>> {
    let number = digits.parse().ok()?;
    match digits.len() {
        10 => DateTime::from_timestamp(number, 0),
        13 => DateTime::from_timestamp_millis(number),
        _ => None,
    }
}

/// The IANA zone in parentheses, or one with a slash wherever it stands.
fn named_zone(message: &str) -> Option<Zone> {
    let in_parentheses = message.split('(').skip(1);
    let in_parentheses = in_parentheses.filter_map(|rest| rest.split(')').next());
    let words = message.split([' ', '\n', ',', ';']);
    let words = words.filter(|word| word.contains('/'));
    let words = words.map(|word| word.trim_matches(['.', '"', '\'', '`']));
    in_parentheses.chain(words).find_map(Zone::named)
}

/// The zone that a word after a time names: "utc", "pst", "gmt+2", "(europe/berlin)". None for a word
/// that is none.
fn zone_after(word: &str, message: &str) -> Result<Option<Zone>, Unreadable> {
    let word = word.trim_matches(|c: char| !c.is_ascii_alphanumeric() && !['+', '-'].contains(&c));
    let of_utc = ["utc", "gmt"].iter().find_map(|utc| word.strip_prefix(utc));
    let offset = of_utc.unwrap_or(word);
    if offset.starts_with(['+', '-']) && offset.len() > 1 {
        let (sign, hours) = offset.split_at(1);
        let hours = hours.replace(':', "");
        let whole = hours.strip_suffix("00").filter(|whole| !whole.is_empty());
        // POSIX counts them the other way round.
        let sign = if sign == "+" { '-' } else { '+' };
        let hours: u8 = whole.unwrap_or(&hours).parse().map_err(|_| Unreadable)?;
        let zone = Zone::named(&format!("Etc/GMT{sign}{hours}"));
        return zone.map(Some).ok_or(Unreadable);
    }
    if let Some(name) = VOCABULARY.zones.get(word) {
        return Ok(Zone::named(name));
    }
    let is_letters = |word: &str| word.bytes().all(|byte| byte.is_ascii_uppercase());
    let mut written = message.split(|c: char| !c.is_ascii_alphanumeric());
    let is_shortened = (2..=5).contains(&word.len())
        && written.any(|written| is_letters(written) && written.eq_ignore_ascii_case(word));
    let is_place = word.contains('/') && named_zone(message).is_none();
    if is_shortened || is_place {
        return Err(Unreadable);
    }
    Ok(None)
}

/// "in 2 hours", "in 3h 20m", "4hr 10min", "in 4 days, 23 hours".
fn distance(rest: &str) -> Result<Option<TimeDelta>, Unreadable> {
    let mut rest = rest.strip_prefix("in ").unwrap_or(rest);
    let mut total = TimeDelta::zero();
    loop {
        rest = rest.trim_start_matches([' ', ',']);
        let (number, after) = split_where(rest, |c| !c.is_ascii_digit());
        let (unit, after) = split_where(after.trim_start(), |c| !c.is_ascii_alphabetic());
        let step = match unit {
            "d" | "day" | "days" => TimeDelta::days(1),
            "h" | "hr" | "hrs" | "hour" | "hours" => TimeDelta::hours(1),
            "m" | "min" | "mins" | "minute" | "minutes" => TimeDelta::minutes(1),
            "s" | "sec" | "second" | "seconds" => TimeDelta::seconds(1),
            _ => break,
        };
        let Ok(count) = number.parse() else { break };
        // "15h30" is a time of day.
        if unit == "h" && after.starts_with(|c: char| c.is_ascii_digit()) && !after.contains('m') {
            return Err(Unreadable);
        }
        let more = step.checked_mul(count).ok_or(Unreadable)?;
        total = total.checked_add(&more).ok_or(Unreadable)?;
        rest = after;
    }
    Ok(Some(total).filter(|total| *total > TimeDelta::zero()))
}

fn split_where(text: &str, end: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(end).unwrap_or(text.len()))
}

/// What a phrase such as "nov 22, 3:33pm" or "2026-12-01 at 00:00 utc" is made of.
#[derive(Debug, Default)]
struct NamedTime {
    date: Option<NaiveDate>,
    month: Option<u32>,
    day: Option<u32>,
    year: Option<i32>,
    weekday: Option<Weekday>,
    tomorrow: bool,
    time: Option<NaiveTime>,
    zone: Option<Zone>,
    /// A moment that needs no zone: RFC 3339, or seconds since 1970.
    instant: Option<DateTime<Utc>>,
}

impl NamedTime {
    /// Reads words as long as they belong to a time.
    fn read(rest: &str, message: &str) -> Result<Self, Unreadable> {
        let mut words = Self::default();
        // "1 pm" is one word.
        let halves = ["am ", "am.", "am,", "am)", "pm ", "pm.", "pm,", "pm)"];
        let rest = halves.iter().fold(format!("{rest} "), |rest, half| {
            rest.replace(&format!(" {half}"), half)
        });
        let mut before = "";
        let parts = rest.split([' ', ',', ';', ']']);
        for whole in parts.filter(|word| !word.is_empty()) {
            // "8am." and "00:00)" end a sentence; "9:30 AM" has its half of the day apart.
            let ends = whole.ends_with(['.', ')', '"']);
            let word = bare(whole);
            words.instant = instant(word);
            if words.instant.is_some() {
                break;
            }
            let is_taken = words.take(word);
            let is_figure = word.starts_with(|c: char| c.is_ascii_digit());
            let is_hour = before == "at" && word.bytes().all(|byte| byte.is_ascii_digit());
            if is_figure && (is_hour || !is_taken && words.time.is_none()) {
                return Err(Unreadable);
            }
            if !is_taken && words.time.is_some() {
                words.zone = zone_after(whole, message)?;
            }
            if !is_taken || (ends && words.time.is_some() && word != "at") {
                break;
            }
            before = word;
        }
        Ok(words)
    }

    /// Whether the word belongs to a time, and more may follow.
    fn take(&mut self, word: &str) -> bool {
        let is_year = |year: &i32| (2000..2200).contains(year);
        let number = word.trim_end_matches(['s', 't', 'n', 'd', 'r', 'h']);
        let date = word.parse().ok();
        let date = date.filter(|date: &NaiveDate| is_year(&date.year()));
        let day = number.parse().ok().filter(|day| (1..=31).contains(day));
        self.tomorrow |= word == "tomorrow";
        matches!(word, "at" | "on" | "today" | "tomorrow")
            || set(&mut self.date, date)
            || set(&mut self.month, month(word))
            || set(&mut self.weekday, word.parse().ok())
            || self.day.is_none() && set(&mut self.day, day)
            || self.day.is_some() && set(&mut self.year, number.parse().ok().filter(is_year))
            || self.time.is_none() && set(&mut self.time, clock(word))
    }

    fn at(&self, seen: DateTime<Utc>, kind: Option<Window>, zone: Zone) -> Option<DateTime<Utc>> {
        let today = zone.day(seen);
        let on = |day: NaiveDate| zone.moment(day.and_time(self.time.unwrap_or_default()));
        let day = |days: i64| today.checked_add_signed(TimeDelta::days(days));
        let days = |ahead: RangeInclusive<i64>| ahead.filter_map(day);
        if let Some(date) = self.date {
            return Some(on(date));
        }
        if let (Some(month), Some(day)) = (self.month, self.day) {
            // The year that puts the date nearest: a December text may name a day in January.
            let near = today.year() - 1..=today.year() + 1;
            let years = self.year.map_or(near, |year| year..=year);
            let days = years.filter_map(|year| NaiveDate::from_ymd_opt(year, month, day));
            return days.map(on).min_by_key(|at| (*at - seen).abs());
        }
        if let Some(weekday) = self.weekday {
            let mut days = days(0..=7).filter(|day| day.weekday() == weekday).map(on);
            return days.find(|at| *at > seen);
        }
        self.time?;
        if self.tomorrow {
            return day(1).map(on);
        }
        let next = days(0..=1).map(on).find(|at| *at > seen)?;
        let last = days(-1..=0).map(on).rfind(|at| *at <= seen)?;
        // Clients print a reset that has passed as it is. A five-hour window cannot end tomorrow,
        // so such a time lies behind; further back than a few hours nothing is plausible.
        let too_far = next - seen > FIVE_HOURS + TimeDelta::minutes(5);
        let ago = seen - last;
        let just_passed = match kind {
            Some(Window::FiveHour) => ago <= TimeDelta::hours(3),
            Some(_) => false,
            None => ago <= TimeDelta::hours(1),
        };
        Some(if too_far && just_passed { last } else { next })
    }
}

/// Sets what is known now, and tells whether it is.
fn set<T>(part: &mut Option<T>, known: Option<T>) -> bool {
    let is_known = known.is_some();
    *part = known.or(part.take());
    is_known
}

fn instant(word: &str) -> Option<DateTime<Utc>> {
    let date = || DateTime::parse_from_rfc3339(&word.to_ascii_uppercase()).ok();
    epoch(word).or_else(|| Some(date()?.to_utc()))
}

fn month(word: &str) -> Option<u32> {
    let month = word.parse::<Month>();
    let month = month.or_else(|_| word.trim_end_matches('t').parse());
    Some(month.ok()?.number_from_month())
}

/// `8am`, `3:33pm`, `14:30`, `00:00`, `9:30`. A bare number without am or pm is no time.
fn clock(word: &str) -> Option<NaiveTime> {
    let (digits, half) = split_where(word, |c| c == 'a' || c == 'p');
    match (digits.split_once(':'), half) {
        (Some((hour, minute)), "") => {
            NaiveTime::from_hms_opt(hour.parse().ok()?, minute.get(..2)?.parse().ok()?, 0)
        }
        (Some(_), _) => NaiveTime::parse_from_str(word, "%I:%M%p").ok(),
        (None, "") => None,
        (None, half) => NaiveTime::parse_from_str(&format!("{digits}:00{half}"), "%I:%M%p").ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utc(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn read(text: &str, seen: &str, kind: Option<Window>) -> Option<DateTime<Utc>> {
        in_text(text, utc(seen), kind, Zone::named("Europe/Berlin").unwrap())
    }

    const FRIDAY: &str = "2026-11-20T05:55:00Z";

    #[test]
    fn texts_of_all_client_generations_are_read() {
        for (text, expected) in [
            (
                "You've hit your 5-hour limit · resets 7:59am (UTC)",
                "2026-11-20T07:59:00Z",
            ),
            (
                "You've hit your 5-hour limit · resets 7:59am",
                "2026-11-20T06:59:00Z",
            ),
            (
                "You've hit your weekly limit · resets Nov 22, 3:33pm (UTC)",
                "2026-11-22T15:33:00Z",
            ),
            (
                "weekly limit · resets Nov 22 at 7pm (Asia/Jakarta)",
                "2026-11-22T12:00:00Z",
            ),
            (
                "You've hit your weekly limit · resets Mon 12:00am (UTC)",
                "2026-11-23T00:00:00Z",
            ),
            (
                "You've hit your Fable limit · resets 8am (UTC). Switch to another model to continue.",
                "2026-11-20T08:00:00Z",
            ),
            (
                "Claude usage limit reached. Your limit will reset at 1pm (Etc/GMT+5)",
                "2026-11-20T18:00:00Z",
            ),
            (
                "You’ve hit your limit for Claude messages. Limits will reset at 9:30 AM.",
                "2026-11-20T08:30:00Z",
            ),
            (
                "Claude AI usage limit reached|1755615600",
                "2025-08-19T15:00:00Z",
            ),
            (
                "You will regain access on 2026-12-01 at 00:00 UTC.",
                "2026-12-01T00:00:00Z",
            ),
            (
                "spend limit reached (daily; resets 2026-11-21 00:00 UTC)",
                "2026-11-21T00:00:00Z",
            ),
            (
                "You've hit your monthly spend limit · your session limit resets 2:40pm (Asia/Jakarta)",
                "2026-11-20T07:40:00Z",
            ),
            ("limit reached · resets in 2 hours", "2026-11-20T07:55:00Z"),
            ("limit reached · resets in 3h 20m", "2026-11-20T09:15:00Z"),
            ("limit reached. Resets 4hr 10min.", "2026-11-20T10:05:00Z"),
            (
                "Usage limit reached · continuing automatically at 8:04am · esc to cancel",
                "2026-11-20T07:04:00Z",
            ),
            ("limit reached, resets 1795161302", "2026-11-20T07:55:02Z"),
            (
                "rate limited, resets 2026-11-20T17:00:00+01:00",
                "2026-11-20T16:00:00Z",
            ),
            (
                "You've hit your weekly limit · resets Jan 2, 8pm (UTC)",
                "2027-01-02T20:00:00Z",
            ),
            (
                "You've hit your limit · resets 14:30 (UTC)",
                "2026-11-20T14:30:00Z",
            ),
            (
                "Claude AI usage limit reached|1755615600000",
                "2025-08-19T15:00:00Z",
            ),
            (
                "stderr: \"hit your limit · resets 3:45pm\"",
                "2026-11-20T14:45:00Z",
            ),
            ("weekly limit · resets 1 Dec, 09:00", "2026-12-01T08:00:00Z"),
            ("weekly limit · resets 3pm PST", "2026-11-20T23:00:00Z"),
            ("resets at 15:30 UTC+2", "2026-11-20T13:30:00Z"),
            ("limit reached, resets 15:30 +0200", "2026-11-20T13:30:00Z"),
            (
                "limit · resets 9:30 AM ET (New York)",
                "2026-11-20T14:30:00Z",
            ),
            (
                "hit your session limit, try again in 45m",
                "2026-11-20T06:40:00Z",
            ),
        ] {
            assert_eq!(read(text, FRIDAY, None), Some(utc(expected)), "{text}");
        }
    }

    #[test]
    fn a_five_hour_window_that_ends_tomorrow_ended_today() {
        let text = "You've hit your 5-hour limit · resets 5:50am (UTC)";
        assert_eq!(
            read(text, FRIDAY, Some(Window::FiveHour)),
            Some(utc("2026-11-20T05:50:00Z"))
        );
        assert_eq!(
            read(
                &text.replace("5-hour", "weekly"),
                FRIDAY,
                Some(Window::Weekly)
            ),
            Some(utc("2026-11-21T05:50:00Z"))
        );
    }

    #[test]
    fn texts_without_a_time_have_none() {
        for text in [
            "You've hit your org's monthly usage limit",
            "You've hit your limit · resets soon",
            "reset your password at 14 Main Street",
            "Your limit resets ",
            "regain access on the 99th",
            // Half of a time would be another one.
            "weekly limit · resets 11/23 3pm",
            "weekly limit · resets 23.11. 15:00",
            "weekly limit · resets Monday at 9",
            "weekly limit · resets 15h30",
            "weekly limit · resets in 2-3 hours",
            "weekly limit · resets 3pm IST",
            "weekly limit · resets 3pm (Asia/Nowhere)",
            "weekly limit · resets 3pm UTC+5:30",
        ] {
            assert_eq!(read(text, FRIDAY, None), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_is_too_odd_to_be_read(
            tail in "[ -~’∙·äé0-9:,.+()|-]{0,60}",
            number in proptest::num::i64::ANY,
        ) {
            for text in [
                format!("resets {tail}"),
                format!("resets in {number} days {tail}"),
                format!("limit reached|{number}"),
                format!("resets +{number}-12-31 at {tail}"),
                format!("hit your limit · resets {number} {tail} (Europe/Berlin)"),
            ] {
                let read = read(&text, FRIDAY, Some(Window::FiveHour));
                assert!(read.is_none_or(is_plausible));
            }
        }
    }

    #[test]
    fn in_the_hour_that_daylight_saving_skips_the_reset_is_the_end_of_the_gap() {
        assert_eq!(
            read(
                "You've hit your limit · resets 2:30am (Europe/Berlin)",
                "2026-03-29T00:10:00Z",
                None
            ),
            Some(utc("2026-03-29T01:00:00Z"))
        );
    }
}
