//! The time zone that a person reads times in.
//!
//! The machine's own zone is chrono's business. Named zones are read by jiff, from the system's
//! tables, or its own where there are none, when they are asked for. (chrono-tz would put a
//! megabyte of pointers into the program, and relocating those at every start cost more than the
//! rest of a status line.)

use std::ffi::OsStr;
use std::fs::Metadata;
use std::path::{Component, Path};
use std::sync::Mutex;

use chrono::{
    DateTime, Datelike, Days, FixedOffset, Local, Months, NaiveDate, NaiveDateTime, Offset,
    TimeZone, Utc,
};
use jiff::tz;

/// A zone's file has a few kilobytes.
const LARGEST_FILE: u64 = 1024 * 1024;

/// Whether it may be a zone's.
fn is_table(file: &Metadata) -> bool {
    file.is_file() && file.len() <= LARGEST_FILE
}

/// An IANA zone by its name, in any case, as the system's tables have it, or jiff's own. Jiff's own list says what it
/// is called: making a list of the system's takes a third as long as a status line, and words of messages are asked
/// for, too ("/usage-credits").
fn find(name: &str) -> Option<tz::TimeZone> {
    let listed = tz::TimeZoneDatabase::bundled().get(name).ok();
    let listed_as = listed.as_ref().and_then(|zone| zone.iana_name());
    of_system(listed_as.unwrap_or(name)).or(listed)
}

/// The zone that the system calls so.
fn of_system(name: &str) -> Option<tz::TimeZone> {
    let is_below = |part| matches!(part, Component::Normal(_));
    Path::new(name).components().all(is_below).then_some(())?;
    let file = Path::new("/usr/share/zoneinfo").join(name);
    std::fs::metadata(&file).ok().filter(is_table)?;
    tz::TimeZone::tzif(name, &std::fs::read(file).ok()?).ok()
}

/// The machine's zone (`TZ`, `/etc/localtime`) or one that was named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zone {
    /// Whatever the machine is set to.
    Local,
    /// An IANA zone, such as `Europe/Berlin`.
    Named(&'static tz::TimeZone),
}

impl Zone {
    /// Coordinated universal time.
    pub const UTC: Self = {
        static UTC: tz::TimeZone = tz::TimeZone::UTC;
        Self::Named(&UTC)
    };

    /// The zone that `TZ` names. Universal time where it names what is no zone's file: a pipe or a
    /// device would be read for ever.
    pub(crate) fn of_variable(name: Option<&OsStr>) -> Self {
        let Some(name) = name.and_then(OsStr::to_str) else {
            return Self::Local;
        };
        let name = name.strip_prefix(':').unwrap_or(name);
        if cfg!(windows) {
            // The system itself does not look at `TZ` there; Claude Code does.
            return Self::named(name).unwrap_or(Self::Local);
        }
        let name = Path::new(name);
        // Where chrono looks; an absolute name replaces the directory.
        let roots = ["/usr/share", "/share", "/etc", "/usr/share/lib"].into_iter();
        let mut files = roots.map(|root| Path::new(root).join("zoneinfo").join(name));
        let is_no_zone = files.any(|file| std::fs::metadata(file).is_ok_and(|it| !is_table(&it)));
        if is_no_zone { Self::UTC } else { Self::Local }
    }

    /// Finds an IANA zone by name, in any case. None if there is no such zone.
    pub fn named(name: &str) -> Option<Self> {
        // A zone lives as long as the program, so that it can be passed around by value. A run
        // names one or two; the list keeps a hostile transcript from naming one a thousand times.
        static KNOWN: Mutex<Vec<&'static tz::TimeZone>> = Mutex::new(Vec::new());
        let found = find(name.trim())?;
        let mut known = KNOWN.lock().ok()?;
        let before = known.iter().copied().find(|zone| **zone == found);
        let zone = before.unwrap_or_else(|| {
            let new: &'static tz::TimeZone = Box::leak(Box::new(found));
            known.push(new);
            new
        });
        Some(Self::Named(zone))
    }

    /// The same moment on this zone's clocks.
    pub fn at(self, moment: DateTime<Utc>) -> DateTime<FixedOffset> {
        match self {
            Self::Local => moment.with_timezone(&Local).fixed_offset(),
            Self::Named(zone) => {
                let at = jiff::Timestamp::from_second(moment.timestamp()).ok();
                let offset = at.and_then(|at| FixedOffset::east_opt(zone.to_offset(at).seconds()));
                moment.with_timezone(&offset.unwrap_or_else(|| Utc.fix()))
            }
        }
    }

    /// The moment when clocks here show `wall`. In the gap of a daylight-saving change, which no
    /// clock shows, the first moment after the gap; in the doubled hour, the earlier one.
    pub fn moment(self, wall: NaiveDateTime) -> DateTime<Utc> {
        // No zone has ever skipped more than a day (Samoa, 2011), so a quarter hour at a time
        // for a day and a bit finds the end of any gap.
        (0..=100)
            .map(|quarter| chrono::TimeDelta::minutes(15 * quarter))
            .find_map(|later| self.exact_moment(wall.checked_add_signed(later)?))
            .unwrap_or_else(|| Utc.from_utc_datetime(&wall))
    }

    fn exact_moment(self, wall: NaiveDateTime) -> Option<DateTime<Utc>> {
        match self {
            Self::Local => {
                // Neither chrono's order of the two nor its idea of where a doubled hour ends is
                // the clocks'.
                let found = Local.from_local_datetime(&wall);
                let found = [found.earliest(), found.latest()].into_iter().flatten();
                let shown = found.filter(|at| self.at(at.to_utc()).naive_local() == wall);
                shown.map(|at| at.to_utc()).min()
            }
            Self::Named(zone) => {
                // The same figures, as if they were universal time.
                let wall = jiff::Timestamp::from_second(wall.and_utc().timestamp()).ok()?;
                let wall = tz::TimeZone::UTC.to_datetime(wall);
                let offset = match zone.to_ambiguous_timestamp(wall).offset() {
                    tz::AmbiguousOffset::Unambiguous { offset } => offset,
                    tz::AmbiguousOffset::Fold { before, .. } => before,
                    tz::AmbiguousOffset::Gap { .. } => return None,
                };
                DateTime::from_timestamp(offset.to_timestamp(wall).ok()?.as_second(), 0)
            }
        }
    }

    /// The first moment of a day here.
    pub fn midnight(self, day: NaiveDate) -> DateTime<Utc> {
        self.moment(day.and_time(chrono::NaiveTime::MIN))
    }

    /// The day that it is here at `moment`.
    pub fn day(self, moment: DateTime<Utc>) -> NaiveDate {
        self.at(moment).date_naive()
    }

    /// First moment of the day at `moment` and of the day after.
    pub fn day_bounds(self, moment: DateTime<Utc>) -> (DateTime<Utc>, DateTime<Utc>) {
        let day = self.day(moment);
        let next = day.checked_add_days(Days::new(1)).unwrap_or(day);
        (self.midnight(day), self.midnight(next))
    }

    /// First moment of the month at `moment` and of the month after.
    pub fn month_bounds(self, moment: DateTime<Utc>) -> (DateTime<Utc>, DateTime<Utc>) {
        let day = self.day(moment);
        let first = day.with_day(1).unwrap_or(day);
        let next = first.checked_add_months(Months::new(1)).unwrap_or(first);
        (self.midnight(first), self.midnight(next))
    }

    /// The zone's name for people: the IANA name where it is known, else the offset.
    pub fn label(self, variable: Option<&str>, now: DateTime<Utc>) -> String {
        if let Self::Named(zone) = self {
            return zone.iana_name().unwrap_or("UTC").to_owned();
        }
        let named = variable.map(|name| name.trim_start_matches(':'));
        let named = named.filter(|name| Self::named(name).is_some());
        let offset = self.at(now).offset().fix();
        match named {
            Some(name) => name.to_owned(),
            None if offset.local_minus_utc() == 0 => "UTC".to_owned(),
            None => format!("UTC{offset}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utc(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn the_day_of_the_spring_change_has_23_hours() {
        let berlin = Zone::named("europe/berlin").unwrap();
        let (start, end) = berlin.day_bounds(utc("2026-03-29T12:00:00Z"));
        assert_eq!((end - start).num_hours(), 23);
    }

    #[test]
    fn a_midnight_that_no_clock_shows_is_the_first_moment_after_it() {
        // Chile goes from 23:59:59 on 2026-09-05 straight to 01:00 on the 6th.
        let santiago = Zone::named("America/Santiago").unwrap();
        assert_eq!(
            santiago.midnight(NaiveDate::from_ymd_opt(2026, 9, 6).unwrap()),
            utc("2026-09-06T04:00:00Z")
        );
    }

    #[test]
    fn in_the_doubled_hour_the_earlier_moment_counts() {
        let berlin = Zone::named("Europe/Berlin").unwrap();
        let wall = NaiveDate::from_ymd_opt(2026, 10, 25)
            .unwrap()
            .and_hms_opt(2, 30, 0)
            .unwrap();
        assert_eq!(berlin.moment(wall), utc("2026-10-25T00:30:00Z"));
    }

    #[test]
    fn there_is_no_day_too_far_away() {
        let berlin = Zone::named("Europe/Berlin").unwrap();
        let last = NaiveDateTime::MAX;
        assert_eq!(berlin.moment(last), last.and_utc());
    }

    #[test]
    #[cfg(unix)]
    fn a_zone_that_is_no_file_is_universal_time() {
        for name in ["/", ":/", ":", "../../..", "/dev/null"] {
            assert_eq!(
                Zone::of_variable(Some(OsStr::new(name))),
                Zone::UTC,
                "{name}"
            );
        }
        for name in ["Europe/Berlin", ":UTC", "EST5EDT", "Mars/Olympus"] {
            assert_eq!(
                Zone::of_variable(Some(OsStr::new(name))),
                Zone::Local,
                "{name}"
            );
        }
        assert_eq!(Zone::of_variable(None), Zone::Local);
    }

    #[test]
    fn a_zone_is_found_as_jiff_itself_would_find_it() {
        for name in [
            "Europe/Berlin",
            "america/NEW_york",
            "Etc/GMT+5",
            "utc",
            "Japan",
        ] {
            let (found, own) = (find(name).unwrap(), tz::TimeZone::get(name).unwrap());
            assert_eq!(found.iana_name(), own.iana_name(), "{name}");
            for month in 0..12 * 60 {
                let at = jiff::Timestamp::from_second(month * 2_629_746).unwrap();
                assert_eq!(found.to_offset(at), own.to_offset(at), "{name} {at}");
            }
        }
    }

    #[test]
    fn a_zone_that_does_not_exist_is_none() {
        assert_eq!(Zone::named("Mars/Olympus"), None);
    }
}
