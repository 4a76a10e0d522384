//! The time zone for displaying times to the user.
//!
//! chrono determines the local zone from `TZ` and the system's zoneinfo files. If the configuration or an error message
//! names a zone, it comes from the embedded database and is the same on all machines.

use std::ffi::OsStr;
use std::fs::Metadata;
use std::path::Path;

use chrono::{
    DateTime, Datelike, Days, FixedOffset, Local, Months, NaiveDate, NaiveDateTime, NaiveTime,
    Offset, TimeDelta, TimeZone, Utc,
};

use super::named_zone::NamedZone;

/// The maximum size of a zoneinfo file, in bytes. Larger files are not read. Real files are only a few kilobytes.
const ZONEINFO_SIZE_LIMIT: u64 = 1024 * 1024;

/// The directories where chrono looks for the zoneinfo file named in `TZ`.
const ZONEINFO_PARENTS: [&str; 4] = ["/usr/share", "/share", "/etc", "/usr/share/lib"];

/// A time zone: either the machine's local zone or a named zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zone {
    /// The local zone of this machine, as configured by `TZ` or `/etc/localtime`.
    Local,
    /// An IANA zone, such as `Europe/Berlin`.
    Named(NamedZone),
}

impl Zone {
    /// Coordinated Universal Time.
    pub const UTC: Self = Self::Named(NamedZone::UTC);

    /// Returns the zone for a value of the `TZ` variable.
    ///
    /// If the value is the path of a file that is not a zoneinfo file, returns UTC. chrono would open the file, and
    /// reading a pipe or a device might never end.
    pub(crate) fn from_tz_variable(value: Option<&OsStr>) -> Self {
        let Some(value) = value.and_then(OsStr::to_str) else {
            return Self::Local;
        };
        let name = value.strip_prefix(':').unwrap_or(value);

        if cfg!(windows) {
            // Windows ignores `TZ`, but Claude Code does not.
            Self::named(name).unwrap_or(Self::Local)
        } else if names_other_file(name) {
            Self::UTC
        } else {
            Self::Local
        }
    }

    /// Returns the IANA zone with this name, ignoring case. Returns `None` if there is no such zone.
    pub fn named(name: &str) -> Option<Self> {
        NamedZone::find(name.trim()).map(Self::Named)
    }

    /// Converts a time to local time in this zone.
    pub fn at(self, time: DateTime<Utc>) -> DateTime<FixedOffset> {
        match self {
            Self::Local => time.with_timezone(&Local).fixed_offset(),
            Self::Named(zone) => time.with_timezone(&zone.offset_at(time)),
        }
    }

    /// Returns the time when clocks in this zone show `wall`.
    ///
    /// If clocks show this time twice because they are set back, returns the earlier one. If they skip it because they
    /// are set forward, returns the end of the gap.
    pub fn to_utc(self, wall: NaiveDateTime) -> DateTime<Utc> {
        /// The number of quarter hours to search, which is 25 hours in total. The longest gap so far was a whole day,
        /// which Samoa skipped in 2011.
        const STEPS: i32 = 100;

        (0..=STEPS)
            .filter_map(|step| wall.checked_add_signed(TimeDelta::minutes(15) * step))
            .find_map(|wall| self.to_utc_exactly(wall))
            .unwrap_or_else(|| Utc.from_utc_datetime(&wall))
    }

    /// Returns the earliest time when clocks in this zone show `wall`, or `None` if the clocks skip that time.
    fn to_utc_exactly(self, wall: NaiveDateTime) -> Option<DateTime<Utc>> {
        // Local time differs from UTC by less than a day, so the offset at `wall` is the one a day earlier or the one a
        // day later.
        [TimeDelta::days(-1), TimeDelta::days(1)]
            .into_iter()
            .filter_map(|distance| wall.checked_add_signed(distance))
            .map(|near| *self.at(near.and_utc()).offset())
            .filter_map(|offset| {
                let time = wall.checked_sub_offset(offset)?.and_utc();
                (*self.at(time).offset() == offset).then_some(time)
            })
            .min()
    }

    /// Returns the start of a day in this zone.
    pub fn midnight(self, day: NaiveDate) -> DateTime<Utc> {
        self.to_utc(day.and_time(NaiveTime::MIN))
    }

    /// Returns the date of the given time in this zone.
    pub fn day(self, time: DateTime<Utc>) -> NaiveDate {
        self.at(time).date_naive()
    }

    /// Returns the start of the day that contains the given time, and the start of the next day.
    pub fn day_bounds(self, time: DateTime<Utc>) -> (DateTime<Utc>, DateTime<Utc>) {
        let day = self.day(time);
        let next_day = day.checked_add_days(Days::new(1)).unwrap_or(day);
        (self.midnight(day), self.midnight(next_day))
    }

    /// Returns the start of the month that contains the given time, and the start of the next month.
    pub fn month_bounds(self, time: DateTime<Utc>) -> (DateTime<Utc>, DateTime<Utc>) {
        let day = self.day(time);
        let first = day.with_day(1).unwrap_or(day);
        let next_first = first
            .checked_add_months(Months::new(1))
            .unwrap_or(first);
        (self.midnight(first), self.midnight(next_first))
    }

    /// Returns the name of the zone for display. This is the IANA name, or the offset (such as `UTC+05:30`) if the name
    /// is unknown. `tz_variable` is the value of `TZ`, which may contain the name of the local zone.
    pub fn label(self, tz_variable: Option<&str>, now: DateTime<Utc>) -> String {
        if let Self::Named(zone) = self {
            return zone.name().to_owned();
        }

        let name = tz_variable.map(|value| value.trim_start_matches(':'));
        let offset = self.at(now).offset().fix();
        match name {
            Some(name) if Self::named(name).is_some() => name.to_owned(),
            _ if offset.local_minus_utc() == 0 => "UTC".to_owned(),
            _ => format!("UTC{offset}"),
        }
    }
}

/// Returns true if, for this value of `TZ`, chrono would open a file that is not a zoneinfo file.
fn names_other_file(name: &str) -> bool {
    ZONEINFO_PARENTS.iter().any(|parent| {
        // If the name is an absolute path, it replaces the directory.
        let path = Path::new(parent).join("zoneinfo").join(name);
        std::fs::metadata(path).is_ok_and(|metadata| !may_be_zoneinfo(&metadata))
    })
}

/// Returns true if a file may be a zoneinfo file, judging by its type and size.
fn may_be_zoneinfo(file: &Metadata) -> bool {
    file.is_file() && file.len() <= ZONEINFO_SIZE_LIMIT
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utc(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn a_named_zone_is_found_in_any_case_and_follows_its_rules() {
        for (name, label, at, local) in [
            (
                "Europe/Berlin",
                "Europe/Berlin",
                "2026-07-01T00:00:00Z",
                "2026-07-01T02:00:00+02:00",
            ),
            (
                "america/NEW_york",
                "America/New_York",
                "2026-11-01T06:30:00Z",
                "2026-11-01T01:30:00-05:00",
            ),
            (
                "Asia/Kathmandu",
                "Asia/Kathmandu",
                "2026-11-20T00:00:00Z",
                "2026-11-20T05:45:00+05:45",
            ),
            (
                "Etc/GMT+5",
                "Etc/GMT+5",
                "2026-11-20T00:00:00Z",
                "2026-11-19T19:00:00-05:00",
            ),
            (
                " utc ",
                "UTC",
                "2026-11-20T00:00:00Z",
                "2026-11-20T00:00:00+00:00",
            ),
            (
                "Japan",
                "Japan",
                "2026-11-20T00:00:00Z",
                "2026-11-20T09:00:00+09:00",
            ),
            // Samoa skipped a day in 2011.
            (
                "Pacific/Apia",
                "Pacific/Apia",
                "2011-12-30T10:00:00Z",
                "2011-12-31T00:00:00+14:00",
            ),
            (
                "Europe/Berlin",
                "Europe/Berlin",
                "2050-07-01T00:00:00Z",
                "2050-07-01T02:00:00+02:00",
            ),
        ] {
            let zone = Zone::named(name).unwrap();
            assert_eq!(zone.label(None, utc(at)), label);
            assert_eq!(zone.at(utc(at)).to_rfc3339(), local, "{name}");
        }
    }

    #[test]
    fn a_zone_that_does_not_exist_is_none() {
        for name in ["Mars/Olympus", "", "../Berlin", "/usage-credits"] {
            assert_eq!(Zone::named(name), None, "{name}");
        }
    }

    #[test]
    fn the_day_on_which_clocks_are_set_forward_has_23_hours() {
        let berlin = Zone::named("europe/berlin").unwrap();
        let (start, end) = berlin.day_bounds(utc("2026-03-29T12:00:00Z"));
        assert_eq!((end - start).num_hours(), 23);
    }

    #[test]
    fn a_midnight_that_clocks_skip_is_the_first_time_after_the_gap() {
        // In Chile, 2026-09-06 started at 01:00.
        let santiago = Zone::named("America/Santiago").unwrap();
        assert_eq!(
            santiago.midnight(NaiveDate::from_ymd_opt(2026, 9, 6).unwrap()),
            utc("2026-09-06T04:00:00Z")
        );
    }

    #[test]
    fn an_ambiguous_local_time_is_the_earlier_one() {
        let berlin = Zone::named("Europe/Berlin").unwrap();
        let wall = NaiveDate::from_ymd_opt(2026, 10, 25)
            .unwrap()
            .and_hms_opt(2, 30, 0)
            .unwrap();
        assert_eq!(berlin.to_utc(wall), utc("2026-10-25T00:30:00Z"));
    }

    #[test]
    fn the_last_day_of_the_calendar_has_a_midnight() {
        let berlin = Zone::named("Europe/Berlin").unwrap();
        for zone in [berlin, Zone::UTC] {
            let distance = zone.to_utc(NaiveDateTime::MAX) - NaiveDateTime::MAX.and_utc();
            assert!(distance.num_hours().abs() <= 1);
        }
    }

    #[test]
    #[cfg(unix)]
    fn a_tz_variable_that_does_not_name_a_file_means_utc() {
        for name in ["/", ":/", ":", "../../..", "/dev/null"] {
            assert_eq!(
                Zone::from_tz_variable(Some(OsStr::new(name))),
                Zone::UTC,
                "{name}"
            );
        }
        for name in ["Europe/Berlin", ":UTC", "EST5EDT", "Mars/Olympus"] {
            assert_eq!(
                Zone::from_tz_variable(Some(OsStr::new(name))),
                Zone::Local,
                "{name}"
            );
        }
        assert_eq!(Zone::from_tz_variable(None), Zone::Local);
    }
}
