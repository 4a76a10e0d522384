//! Parses reset times in messages.

use std::collections::BTreeSet;

use chrono::{
    DateTime, Datelike, Days, FixedOffset, Month, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta,
    Utc, Weekday,
};

use crate::limits::kind::{LONGEST_LIMIT, Window};
use crate::limits::split::parse_reset;
use crate::limits::words::WORDS;
use crate::time::{FIVE_HOURS, Zone, is_plausible_reset, printed_duration};

/// The tolerance for reset times that seem too far in the future because of clock differences or rounding.
pub(crate) const RESET_TOLERANCE: TimeDelta = TimeDelta::minutes(5);
/// A message may arrive up to this long after the reset that it announces.
const LATE: TimeDelta = TimeDelta::hours(1);

/// Prefixes of Chinese and Japanese words for parts of the day, such as "afternoon", and for other days, such as
/// "tomorrow". Times that contain one of these words are not supported.
const CHINESE_DAY_PARTS: [&str; 15] = [
    "上午", "下午", "午", "中午", "正午", "早", "清晨", "凌晨", "傍晚", "晚", "夜", "今晚", "明",
    "后天", "後天",
];

/// The context for interpreting a time in a message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReadAt {
    /// The time at which the message appeared.
    pub(crate) seen: DateTime<Utc>,
    /// The time zone for times without an explicit zone.
    pub(crate) zone: Zone,
    /// The window that resets, if known.
    pub(crate) window: Option<Window>,
    /// True if the text may be older than `seen`.
    pub(crate) may_be_old: bool,
}

impl ReadAt {
    /// Returns true if the time is a plausible reset time and is not further away than the length of the window.
    pub(crate) fn may_be_reset(self, at: DateTime<Utc>) -> bool {
        let longest = self.window.map_or(LONGEST_LIMIT, Window::length);
        is_plausible_reset(at) && at - self.seen <= longest + RESET_TOLERANCE
    }
}

/// Returns the first reset time in the text.
///
/// Returns `None` if there is no time, if the time is ambiguous ("11/23"), or if it is further away than the length of
/// the window.
pub(crate) fn reset_in_text(text: &str, read_at: ReadAt) -> Option<DateTime<Utc>> {
    let epoch = epoch_behind_bar(text);
    let last = after_reset_words(text)
        .into_iter()
        .find_map(|after| NamedTime::read(text.get(after..)?)?.resolve(read_at));
    epoch.or(last).filter(|at| read_at.may_be_reset(*at))
}

/// Returns true if the first reset time in the text is a time of day without a date.
pub(crate) fn is_clock_time_alone(text: &str) -> bool {
    first_named_time(text).is_some_and(|named| named.has_no_day())
}

/// The two meanings of a time of day that has just passed: the reset was then, or it is a day later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PossibleResets {
    pub(crate) passed: DateTime<Utc>,
    pub(crate) next: DateTime<Utc>,
}

/// Returns the meanings of the first reset time in the text if it is a time of day without a date that has passed
/// within the length of the shortest usage window. Returns `None` if the text contains any other time.
pub(super) fn possible_resets(text: &str, read_at: ReadAt) -> Option<PossibleResets> {
    let named = first_named_time(text).filter(NamedTime::has_no_day)?;
    let times = named.times_around(read_at);
    let passed = times
        .iter()
        .copied()
        .rfind(|at| has_passed(*at, read_at.seen))?;
    let next = times
        .iter()
        .copied()
        .find(|at| !has_passed(*at, read_at.seen))?;
    (read_at.seen - passed <= FIVE_HOURS).then_some(PossibleResets { passed, next })
}

/// Returns true if the first reset time in the text needs a time zone, but does not include one.
pub(super) fn is_without_zone(text: &str) -> bool {
    first_named_time(text).is_some_and(|named| {
        named.ahead.is_none() && named.zone.is_none() && named.offset.is_none()
    })
}

/// Returns the first time in the text that follows a phrase such as "resets at".
fn first_named_time(text: &str) -> Option<NamedTime> {
    after_reset_words(text)
        .into_iter()
        .find_map(|after| NamedTime::read(text.get(after..)?))
}

/// The maximum number of bytes of a time with its zone.
const MOST_BYTES_OF_TIME: usize = 64;

/// Returns the words of the first reset time in the text, such as "3pm (Asia/Tokyo)", if they stand for `reset` and name a
/// time zone whose clocks differ from those in `own_zone` at that time. Otherwise, returns `None`.
pub(super) fn reset_in_other_zone(
    text: &str,
    reset: DateTime<Utc>,
    own_zone: Zone,
) -> Option<&str> {
    let start = after_reset_words(text).into_iter().find(|start| {
        text.get(*start..)
            .is_some_and(|after| NamedTime::read(after).is_some())
    })?;
    let after = text.get(start..)?.trim_start();
    let ends_of_words = after
        .match_indices(|c: char| c.is_whitespace() || ")）,.;".contains(c))
        .map(|(end, _)| end)
        .chain([after.len()])
        .take_while(|end| *end <= MOST_BYTES_OF_TIME);
    let (words, named, zone) = ends_of_words.into_iter().find_map(|end| {
        let words = after.get(..end)?;
        let named = NamedTime::read(words)?;
        let zone = named.zone?;
        Some((words, named, zone))
    })?;
    let is_reset = named.time.is_some()
        && named.offset.is_none()
        && named.on(zone, zone.day(reset)) == Some(reset);
    if !is_reset || zone.at(reset).offset() == own_zone.at(reset).offset() {
        return None;
    }
    match after.get(..words.len() + 1) {
        Some(with_parenthesis) if with_parenthesis.ends_with(')') => Some(with_parenthesis),
        _ => Some(words),
    }
}

/// Finds the time zone of the reset time in `message` by searching `texts` for the same time of day with a zone. Users
/// often quote a message without its zone but mention the time with the zone elsewhere.
pub(super) fn zone_of_same_time<'a>(
    message: &str,
    mut texts: impl Iterator<Item = &'a str>,
) -> Option<Zone> {
    let reset = first_named_time(message)?;
    texts.find_map(|text| {
        text.match_indices(|c: char| c.is_ascii_digit())
            .filter_map(|(start, _)| NamedTime::read(text.get(start..)?))
            .find(|named| named.time == reset.time)
            .and_then(|named| named.zone)
    })
}

/// Returns the positions right after phrases such as "resets at".
fn after_reset_words(text: &str) -> BTreeSet<usize> {
    let lower = text.to_ascii_lowercase();
    WORDS
        .before_reset
        .iter()
        .flat_map(|before| {
            lower
                .match_indices(before)
                .map(|(at, found)| at + found.len())
        })
        .collect()
}

/// Parses the Unix timestamp in "usage limit reached|1755615600".
fn epoch_behind_bar(text: &str) -> Option<DateTime<Utc>> {
    text.split('|').skip(1).find_map(|rest| {
        let digits: String = rest
            .trim()
            .chars()
            .take_while(char::is_ascii_digit)
            .collect();
        parse_reset(&digits)
    })
}

/// The components of a time as written in the text.
#[derive(Debug, Default)]
struct NamedTime {
    time: Option<NaiveTime>,
    year: Option<i32>,
    month: Option<u32>,
    day: Option<u32>,
    weekday: Option<Weekday>,
    /// The number of days from today, such as 1 for "tomorrow".
    days_ahead: Option<u64>,
    /// The remaining time until the reset, such as "3h 20m".
    ahead: Option<TimeDelta>,
    zone: Option<Zone>,
    offset: Option<FixedOffset>,
}

impl NamedTime {
    /// Parses the time at the start of the text. Returns `None` if there is no time or if it is ambiguous.
    fn read(text: &str) -> Option<Self> {
        let mut named = Self::default();
        // The time ends at the closing parenthesis, which follows the zone.
        let time = text.split([')', '）']).next().unwrap_or(text);
        let words: Vec<&str> = time
            .split(|c: char| c.is_whitespace() || ",([]（".contains(c))
            .flat_map(split_off_chinese)
            .filter(|word| !word.is_empty())
            .take(10)
            .collect();
        let mut index = 0;
        while let Some(word) = words.get(index) {
            let next = words.get(index + 1).copied().unwrap_or_default();
            match named.take(word, next) {
                Taken::OneWord => index += 1,
                Taken::TwoWords => index += 2,
                Taken::Unreadable => return None,
                Taken::Nothing => break,
            }
        }
        let has_date = named.day.is_some() || named.weekday.is_some();
        let is_time = named.time.is_some() || has_date || named.ahead.is_some();
        is_time.then_some(named)
    }

    fn has_no_day(&self) -> bool {
        let has_day = self.day.is_some() || self.weekday.is_some() || self.days_ahead.is_some();
        self.time.is_some() && !has_day
    }

    /// Parses a word and, if necessary, the word after it.
    fn take(&mut self, word: &str, next: &str) -> Taken {
        let clean = word
            .trim_end_matches(['.', ';', '·', '"', '\'', '`', ']', '*', '…', '\\'])
            .trim_start_matches(['*', '`']);
        let lower = clean.to_ascii_lowercase();
        let after = next.to_ascii_lowercase();
        // These words do not change the time, as in "3 hours and 12 minutes" or "6:40pm, timezone Europe/Volgograd".
        if WORDS.in_times.contains(&lower.as_str()) {
            return Taken::OneWord;
        }
        if let Some(days) = ["today", "tomorrow"].iter().position(|day| *day == lower) {
            self.days_ahead = Some(days as u64);
            return Taken::OneWord;
        }
        if lower.contains('/') && lower.bytes().all(|b| b.is_ascii_digit() || b == b'/') {
            return Taken::Unreadable;
        }
        if let Some(taken) = self.take_duration(&lower, &after) {
            return taken;
        }
        if let Ok(moment) = DateTime::parse_from_rfc3339(clean) {
            self.set_date(moment.date_naive());
            self.time = Some(moment.time());
            self.offset = Some(*moment.offset());
            return Taken::OneWord;
        }
        if let Ok(date) = NaiveDate::parse_from_str(clean, "%Y-%m-%d") {
            self.set_date(date);
            return Taken::OneWord;
        }
        if let Some(moment) = ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M"]
            .iter()
            .find_map(|format| NaiveDateTime::parse_from_str(clean, format).ok())
        {
            self.set_date(moment.date());
            self.time = Some(moment.time());
            return Taken::OneWord;
        }
        if self.time.is_none()
            && let Some((time, taken)) = time_of_day(&lower, &after)
        {
            self.time = Some(time);
            return taken;
        }
        if self.time.is_none()
            && let Some((time, offset)) = time_with_offset(&lower)
        {
            self.time = Some(time);
            self.offset = Some(offset);
            return Taken::OneWord;
        }
        self.take_day(&lower, clean)
    }

    fn take_day(&mut self, lower: &str, clean: &str) -> Taken {
        let name = lower.get(..3).unwrap_or_default();
        let is_name = lower.bytes().all(|byte| byte.is_ascii_alphabetic()) && lower.len() <= 9;
        if is_name && let Ok(month) = name.parse::<Month>() {
            self.month = Some(month.number_from_month());
            return Taken::OneWord;
        }
        let is_weekday =
            is_name && (lower.len() == 3 || lower.ends_with("day") || lower.len() == 4);
        if is_weekday && let Ok(weekday) = name.parse() {
            self.weekday = Some(weekday);
            return Taken::OneWord;
        }
        let from_utc = match lower.get(..3) {
            Some("utc" | "gmt") => lower.get(3..),
            // "07:38 UTC +8"
            _ if self.zone == Some(Zone::UTC) => Some(lower),
            _ => None,
        };
        if let Some(offset) = offset_of(clean).or_else(|| offset_in_hours(from_utc?)) {
            self.offset = Some(offset);
            return Taken::OneWord;
        }
        let digits = lower.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        if let Ok(number) = digits.parse::<u32>() {
            let has_suffix = matches!(
                lower.get(digits.len()..),
                Some("" | "st" | "nd" | "rd" | "th")
            );
            if (1970..2100).contains(&number) && self.day.is_some() && self.year.is_none() {
                self.year = i32::try_from(number).ok();
                return Taken::OneWord;
            }
            if (1..=31).contains(&number) && has_suffix && self.day.is_none() {
                self.day = Some(number);
                return Taken::OneWord;
            }
            return Taken::Nothing;
        }
        if CHINESE_DAY_PARTS.iter().any(|part| lower.starts_with(part)) {
            return Taken::Unreadable;
        }
        // In Chinese, the zone comes before the time.
        let is_before_zone = self.time.is_none() && lower.is_ascii();
        if is_before_zone || self.zone.is_some() || self.offset.is_some() {
            return Taken::Nothing;
        }
        let known = WORDS
            .zones
            .iter()
            .find(|(name, _)| *name == lower)
            .map(|(_, zone)| *zone);
        let named = known.or(Some(clean).filter(|name| name.contains('/')));
        if let Some(zone) = named.and_then(Zone::named) {
            self.zone = Some(zone);
            return Taken::OneWord;
        }
        let is_abbreviation =
            (2..=5).contains(&clean.len()) && clean.bytes().all(|byte| byte.is_ascii_uppercase());
        if is_abbreviation {
            Taken::Unreadable
        } else {
            Taken::Nothing
        }
    }

    /// Parses a duration such as "3h", "2h37m", "60 seconds", or "2 hours" and adds it to the total.
    fn take_duration(&mut self, word: &str, after: &str) -> Option<Taken> {
        let (part, taken) = match printed_duration(word) {
            Some(part) => (part, Taken::OneWord),
            None if word.ends_with(|c: char| c.is_ascii_digit()) => {
                let unit = after.trim_end_matches(['.', ',']);
                (printed_duration(&format!("{word}{unit}"))?, Taken::TwoWords)
            }
            None => return None,
        };
        self.ahead = Some(self.ahead.unwrap_or_default().checked_add(&part)?);
        Some(taken)
    }

    fn set_date(&mut self, date: NaiveDate) {
        self.year = Some(date.year());
        self.month = Some(date.month());
        self.day = Some(date.day());
    }

    /// Combines the time of day with a date.
    fn on(&self, zone: Zone, date: NaiveDate) -> Option<DateTime<Utc>> {
        let local = date.and_time(self.time.unwrap_or_default());
        match self.offset {
            Some(offset) => local
                .and_local_timezone(offset)
                .single()
                .map(|at| at.to_utc()),
            None => Some(zone.to_utc(local)),
        }
    }

    /// Resolves the components to a point in time.
    fn resolve(&self, read_at: ReadAt) -> Option<DateTime<Utc>> {
        let seen = read_at.seen;
        if let Some(ahead) = self.ahead {
            return seen.checked_add_signed(ahead);
        }
        let zone = self.zone.unwrap_or(read_at.zone);
        let today = zone.day(seen);
        if let (Some(month), Some(day)) = (self.month, self.day) {
            let years = match self.year {
                Some(year) => vec![year],
                None => vec![today.year() - 1, today.year(), today.year() + 1],
            };
            return years
                .into_iter()
                .filter_map(|year| self.on(zone, NaiveDate::from_ymd_opt(year, month, day)?))
                .min_by_key(|at| (*at - seen).abs());
        }
        if self.day.is_some() {
            return None;
        }
        if let Some(days) = self.days_ahead {
            return self.on(zone, today.checked_add_days(Days::new(days))?);
        }
        if let Some(weekday) = self.weekday {
            let dates = today.pred_opt()?.iter_days().take(9);
            return dates
                .filter(|date| date.weekday() == weekday)
                .filter_map(|date| self.on(zone, date))
                .find(|at| *at > seen - LATE);
        }
        self.time?;
        next_or_passed(&self.times_around(read_at), read_at)
    }

    /// Returns the time of day on the day before, on the day itself, and on the day after.
    fn times_around(&self, read_at: ReadAt) -> Vec<DateTime<Utc>> {
        let zone = self.zone.unwrap_or(read_at.zone);
        let today = zone.day(read_at.seen);
        [today.pred_opt(), Some(today), today.succ_opt()]
            .into_iter()
            .flatten()
            .filter_map(|date| self.on(zone, date))
            .collect()
    }
}

/// Returns true if a reset time has passed. Messages state only the minute.
fn has_passed(at: DateTime<Utc>, seen: DateTime<Utc>) -> bool {
    at + TimeDelta::minutes(1) <= seen
}

/// Returns the next of the given times if it is at most one window length away. Otherwise, returns the latest past
/// time, but only if it is recent or the text may be old.
fn next_or_passed(times: &[DateTime<Utc>], read_at: ReadAt) -> Option<DateTime<Utc>> {
    let seen = read_at.seen;
    let longest = read_at.window.map_or(LONGEST_LIMIT, Window::length) + RESET_TOLERANCE;
    let next = times
        .iter()
        .copied()
        .find(|at| !has_passed(*at, seen))
        .filter(|at| *at - seen <= longest);
    let last = times
        .iter()
        .copied()
        .rfind(|at| *at <= seen)
        .filter(|at| read_at.may_be_old || seen - *at <= LATE);
    next.or(last)
}

/// The result of parsing a word.
enum Taken {
    OneWord,
    TwoWords,
    /// The time is ambiguous.
    Unreadable,
    /// The word is not part of a time.
    Nothing,
}

/// Splits a word where Chinese begins or ends, as in "20:00北京时间", because Chinese is written without spaces.
fn split_off_chinese(word: &str) -> Vec<&str> {
    let is_chinese = |c: char| ('\u{4e00}'..='\u{9fff}').contains(&c);
    let Some(start) = word.find(is_chinese) else {
        return vec![word];
    };
    let (before, rest) = word.split_at(start);
    let end = rest.find(|c| !is_chinese(c)).unwrap_or(rest.len());
    let (chinese, after) = rest.split_at(end);
    vec![before, chinese, after]
}

/// Parses a time of day such as "3pm", "3:45 pm", "15:00", or "07:38:08".
fn time_of_day(word: &str, after: &str) -> Option<(NaiveTime, Taken)> {
    let suffix = ["am", "pm", "a.m", "p.m"]
        .into_iter()
        .find(|suffix| word.ends_with(suffix));
    let (digits, half, taken) = match suffix {
        Some(suffix) => (word.strip_suffix(suffix)?, Some(suffix), Taken::OneWord),
        None => match after.trim_end_matches('.') {
            half @ ("am" | "pm" | "a.m" | "p.m") => (word, Some(half), Taken::TwoWords),
            _ => (word, None, Taken::OneWord),
        },
    };
    let mut numbers = digits.split(':').map(str::parse::<u32>);
    let hour = numbers.next()?.ok()?;
    let minute = numbers.next().transpose().ok()?;
    let second = numbers.next().transpose().ok()?;
    if half.is_none() && minute.is_none() {
        return None;
    }
    let hour_of_day = match half {
        // A time such as "15:00 pm" uses the 24-hour clock.
        Some(_) if hour > 12 => hour,
        Some(half) if half.starts_with('p') => hour % 12 + 12,
        Some(_) => hour % 12,
        // JavaScript's `hour12: false` prints midnight as 24:00.
        None if hour == 24 => 0,
        None => hour,
    };
    let time = NaiveTime::from_hms_opt(hour_of_day, minute.unwrap_or(0), second.unwrap_or(0))?;
    Some((time, taken))
}

/// Parses a time of day with a UTC offset, such as "07:38:08+00:00" or "07:38:08Z". A negative offset is accepted only
/// after seconds, because "09:00-11:00" is a time range.
fn time_with_offset(word: &str) -> Option<(NaiveTime, FixedOffset)> {
    let (clock, offset) = if let Some(clock) = word.strip_suffix('z') {
        (clock, FixedOffset::east_opt(0)?)
    } else {
        let start = word.find(['+', '-'])?;
        (word.get(..start)?, offset_of(word.get(start..)?)?)
    };
    if word.contains('-') && clock.matches(':').count() < 2 {
        return None;
    }
    let without_fraction = clock.split('.').next().unwrap_or(clock);
    let (time, _) = time_of_day(without_fraction, "")?;
    Some((time, offset))
}

/// Parses a UTC offset such as "+0800" or "+08:00".
fn offset_of(word: &str) -> Option<FixedOffset> {
    let digits: String = word
        .strip_prefix(['+', '-'])?
        .chars()
        .filter(char::is_ascii_digit)
        .collect();
    let number: i32 = digits.parse().ok().filter(|_| digits.len() == 4)?;
    offset_from_utc(word, number / 100, number % 100)
}

/// Parses the part after "UTC" in an offset such as "UTC+8" or "UTC+5:30".
fn offset_in_hours(word: &str) -> Option<FixedOffset> {
    let unsigned = word.strip_prefix(['+', '-'])?;
    let (hours, minutes) = unsigned.split_once(':').unwrap_or((unsigned, "0"));
    offset_of(word).or_else(|| offset_from_utc(word, hours.parse().ok()?, minutes.parse().ok()?))
}

/// Returns an offset of the given hours and minutes from UTC, with the sign of `word`. Returns `None` if the offset is
/// larger than any offset in use.
fn offset_from_utc(word: &str, hours: i32, minutes: i32) -> Option<FixedOffset> {
    /// The largest UTC offset in use (the Line Islands).
    const LARGEST_HOURS: i32 = 14;
    if !(0..=LARGEST_HOURS).contains(&hours) || !(0..60).contains(&minutes) {
        return None;
    }
    let seconds = (hours * 60 + minutes) * 60;
    FixedOffset::east_opt(if word.starts_with('-') {
        -seconds
    } else {
        seconds
    })
}
