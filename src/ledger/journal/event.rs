//! Events in the journal, such as an announcement that must not be repeated, or a decision of the user that applies for
//! a while.

use std::fmt;
use std::ops::Range;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::{JournalRecord, append, records_since};
use crate::disk;
use crate::environment::Paths;

/// A key for looking up an event. Its text is the event's name in the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EventKey<'a> {
    /// The user has been told that the configuration is damaged.
    ConfigurationDamaged { today: NaiveDate, session: &'a str },
    /// An event in a budget's current period.
    Budget {
        limit: String,
        period: String,
        event: BudgetEvent<'a>,
    },
}

/// An event about a budget in one of its periods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BudgetEvent<'a> {
    /// The user has been warned.
    Warned,
    /// The user has been told that the budget is used up.
    UsedUp,
    /// A prompt in this session was blocked.
    Blocked { session: &'a str },
    /// The user wants to continue working in this session.
    Continued { session: &'a str },
}

impl fmt::Display for EventKey<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ConfigurationDamaged { today, session } => {
                write!(out, "broken config {today} {session}")
            }
            Self::Budget {
                limit,
                period,
                event,
            } => write!(out, "budget of {limit} {period}: {event}"),
        }
    }
}

impl fmt::Display for BudgetEvent<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Warned => out.write_str("warned"),
            Self::UsedUp => out.write_str("used up"),
            Self::Blocked { session } => write!(out, "held back {session}"),
            Self::Continued { session } => write!(out, "lets {session} go on"),
        }
    }
}

/// An event and the time when it occurred.
#[derive(Debug, Serialize, Deserialize)]
struct Event {
    #[serde(rename = "what")]
    name: String,
    at: DateTime<Utc>,
    /// The ID of the process that recorded the event.
    #[serde(rename = "by")]
    pid: u32,
}

impl JournalRecord for Event {
    const KIND: &'static str = "said";
}

/// Returns the oldest event with this name that has been recorded since the given time.
fn first_event(paths: &Paths, name: &EventKey<'_>, since: DateTime<Utc>) -> Option<Event> {
    let name = name.to_string();
    records_since(paths, since).find(|event: &Event| event.name == name && event.at >= since)
}

/// Returns true if an event with this name has been recorded in this period, which ends now.
pub(crate) fn has_event(paths: &Paths, name: &EventKey<'_>, period: &Range<DateTime<Utc>>) -> bool {
    first_event(paths, name, period.start).is_some()
}

/// Records an event. Returns an error if the journal cannot be written.
pub(crate) fn record_event(
    paths: &Paths,
    name: &EventKey<'_>,
    now: DateTime<Utc>,
) -> Result<(), disk::Error> {
    let event = Event {
        name: name.to_string(),
        at: now,
        pid: std::process::id(),
    };
    append(paths, now, &event)
}

/// Records an event at the end of `period` unless it has already been recorded in that period. Returns true if this
/// process recorded it.
///
/// If several processes record the event at the same time, only the first one returns true. If the journal cannot be
/// written, returns false, because a missing announcement is better than one that is repeated forever.
pub(crate) fn record_event_once(
    paths: &Paths,
    name: &EventKey<'_>,
    period: &Range<DateTime<Utc>>,
) -> bool {
    if has_event(paths, name, period) || record_event(paths, name, period.end).is_err() {
        return false;
    }

    first_event(paths, name, period.start).is_some_and(|first| first.pid == std::process::id())
}

#[cfg(test)]
mod tests {
    use super::super::tests::paths;
    use super::*;

    fn november() -> DateTime<Utc> {
        "2026-11-20T06:30:00Z".parse().unwrap()
    }

    fn name(session: &str) -> EventKey<'_> {
        EventKey::ConfigurationDamaged {
            today: NaiveDate::default(),
            session,
        }
    }

    fn december() -> DateTime<Utc> {
        "2026-12-01T00:10:00Z".parse().unwrap()
    }

    #[test]
    fn an_event_is_recorded_once_per_period() {
        let root = tempfile::tempdir().unwrap();
        let paths = paths(root.path());
        let name = name("\"in quotes\"");
        let record_once = |period| record_event_once(&paths, &name, &period);

        assert!(record_once(november()..november()));
        assert!(!record_once(november()..december()), "the same period");
        assert!(record_once(december()..december()), "a new period");

        assert_eq!(records_since::<Event>(&paths, november()).count(), 2);
    }

    #[test]
    fn events_are_recorded_by_several_threads_at_once() {
        let root = tempfile::tempdir().unwrap();
        let paths = paths(root.path());

        std::thread::scope(|scope| {
            for thread in 0..4 {
                let paths = &paths;
                scope.spawn(move || {
                    for index in 0..50 {
                        let session = format!("{thread} {index}");
                        let name = name(&session);
                        assert!(record_event_once(paths, &name, &(november()..november())));
                    }
                });
            }
        });

        assert_eq!(records_since::<Event>(&paths, november()).count(), 200);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_in_place_of_the_file_is_neither_followed_nor_read() {
        let root = tempfile::tempdir().unwrap();
        let paths = paths(root.path());
        let target = root.path().join("target");
        disk::create_private_file(&target).unwrap();
        let link = paths.data.join("journal/2026-11.jsonl");
        disk::create_parent_directory(&link).unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();

        let name = name("s");
        assert!(record_event(&paths, &name, november()).is_err());
        assert!(!record_event_once(&paths, &name, &(november()..november())));
        assert_eq!(std::fs::read(&target).unwrap(), b"");
    }
}
