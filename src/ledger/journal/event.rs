//! Events in the journal, such as an announcement that must not be repeated, or a decision of the user that applies for
//! a while.

use std::fmt;
use std::path::Path;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::{JournalRecord, append, records};
use crate::disk;

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

/// An event.
#[derive(Debug, Serialize, Deserialize)]
struct Event {
    #[serde(rename = "what")]
    name: String,
    /// The ID of the process that recorded the event.
    #[serde(rename = "by")]
    pid: u32,
}

impl JournalRecord for Event {
    const KIND: &'static str = "said";
}

/// Returns the oldest event with this key.
fn first_event(data: &Path, key: &EventKey<'_>) -> Option<Event> {
    let name = key.to_string();
    let mut events = records(data).into_iter();
    events.find(|event: &Event| event.name == name)
}

/// Returns true if an event with this key has been recorded.
pub(crate) fn has_event(data: &Path, key: &EventKey<'_>) -> bool {
    first_event(data, key).is_some()
}

/// Records an event. Returns an error if the journal cannot be written.
pub(crate) fn record_event(data: &Path, key: &EventKey<'_>) -> Result<(), disk::Error> {
    let event = Event {
        name: key.to_string(),
        pid: std::process::id(),
    };
    append(data, &event)
}

/// Records an event unless it has already been recorded. Returns true if this process recorded it.
///
/// If several processes record the event at the same time, only the first one returns true. If the journal cannot be
/// written, returns false, because a missing announcement is better than one that is repeated forever.
pub(crate) fn record_event_once(data: &Path, key: &EventKey<'_>) -> bool {
    if has_event(data, key) || record_event(data, key).is_err() {
        return false;
    }
    first_event(data, key).is_some_and(|first| first.pid == std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(session: &str) -> EventKey<'_> {
        EventKey::ConfigurationDamaged {
            today: NaiveDate::default(),
            session,
        }
    }

    #[test]
    fn an_event_is_recorded_once() {
        let data = tempfile::tempdir().unwrap();
        let record_once = |session| record_event_once(data.path(), &key(session));
        assert!(record_once("\"in quotes\""));
        assert!(!record_once("\"in quotes\""));
        assert!(record_once("another"));
        assert_eq!(records::<Event>(data.path()).len(), 2);
    }

    // Wine appends in two steps, so that writes can be lost. Windows does not.
    #[cfg(unix)]
    #[test]
    fn events_are_recorded_by_several_threads_at_once() {
        let data = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let data = data.path();
                scope.spawn(move || {
                    for index in 0..50 {
                        let session = format!("{thread} {index}");
                        assert!(record_event_once(data, &key(&session)));
                    }
                });
            }
        });
        assert_eq!(records::<Event>(data.path()).len(), 200);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_in_place_of_the_file_is_neither_followed_nor_read() {
        let root = tempfile::tempdir().unwrap();
        let target = root.path().join("target");
        disk::create_private_file(&target).unwrap();
        let data = root.path().join("data");
        disk::create_private_directory(&data).unwrap();
        std::os::unix::fs::symlink(&target, data.join("journal.jsonl")).unwrap();
        assert!(record_event(&data, &key("s")).is_err());
        assert!(!record_event_once(&data, &key("s")));
        assert_eq!(std::fs::read(&target).unwrap(), b"");
    }
}
