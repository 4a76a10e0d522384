//! Incidents in the journal: how they are written and found again.

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::disk;
use crate::journal::{self, Journal, JournalRecord};
use crate::limits::evidence::Evidence;
use crate::places::Places;
use crate::time::{Millis, moment};

/// An incident as it was known at one time. What is found out later is another record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct StoredIncident {
    session: String,
    /// When the error came; with the session it tells incidents apart.
    at: Millis,
    pub(super) evidence: Evidence,
}

impl JournalRecord for StoredIncident {
    const KIND: &'static str = "incident";
}

impl StoredIncident {
    /// An error that a session met.
    pub(super) fn new(session: &str, evidence: Evidence) -> Self {
        Self {
            session: session.to_owned(),
            at: evidence.at.timestamp_millis(),
            evidence,
        }
    }

    /// The same one with what is known by now.
    pub(super) fn with(&self, evidence: Evidence) -> Self {
        Self {
            session: self.session.clone(),
            at: self.at,
            evidence,
        }
    }

    /// When the error came.
    pub(super) fn at(&self) -> DateTime<Utc> {
        moment(self.at)
    }

    pub(super) fn keep(&self, places: &Places, now: DateTime<Utc>) -> Result<(), disk::Error> {
        journal::add(places, now, self)
    }

    fn key(&self) -> (&str, Millis) {
        (&self.session, self.at)
    }

    /// What the journal calls it that the user was told in the conversation.
    fn told(&self) -> String {
        format!("incident {} {}", self.session, self.at)
    }

    pub(super) fn is_told(&self, places: &Places, now: DateTime<Utc>) -> bool {
        journal::was_said(places, &self.told(), self.since(), now)
    }

    /// Remembers that the user was told. False if that was remembered already.
    pub(super) fn tell(&self, places: &Places, now: DateTime<Utc>) -> bool {
        let said = journal::say_once(places, &self.told(), self.since(), now);
        // What cannot be remembered is not said, which is better than saying it every time.
        said.unwrap_or(false)
    }

    /// When it can have been told first.
    fn since(&self) -> DateTime<Utc> {
        self.at() - TimeDelta::days(1)
    }
}

/// Stores a new incident.
pub(super) fn create(
    places: &Places,
    known: &Journal,
    now: DateTime<Utc>,
    mut new: StoredIncident,
) -> Result<StoredIncident, disk::Error> {
    let taken = of_session(known, &new.session);
    // Two errors in one millisecond are two incidents.
    while taken.iter().any(|taken| taken.key() == new.key()) {
        new.at += 1;
    }
    new.keep(places, now)?;
    Ok(new)
}

/// The incidents of one session, newest first.
pub(super) fn of_session(journal: &Journal, session: &str) -> Vec<StoredIncident> {
    let text = format!("\"session\":{}", serde_json::json!(session));
    let mut found = found(journal, &text);
    found.retain(|stored| stored.session == session);
    found
}

/// The newest incident of a session.
pub(super) fn newest_of(journal: &Journal, session: &str) -> Option<StoredIncident> {
    of_session(journal, session).into_iter().next()
}

/// The incidents of all sessions, newest first.
pub(super) fn all(journal: &Journal) -> Vec<StoredIncident> {
    found(journal, "")
}

/// The last record of each. A line of a transcript is one error, whatever it was taken for first.
fn found(journal: &Journal, text: &str) -> Vec<StoredIncident> {
    let mut keys = HashSet::new();
    let mut lines = HashSet::new();
    let mut is_new = |stored: &StoredIncident| {
        let line = stored.evidence.text.line.as_ref();
        let line = line.and_then(|line| line.uuid.clone());
        let is_new_line = line.is_none_or(|uuid| lines.insert(uuid));
        keys.insert((stored.session.clone(), stored.at)) && is_new_line
    };
    let records = journal.records::<StoredIncident>(text);
    let mut found: Vec<StoredIncident> = records
        .filter(|stored| stored.evidence.has_sound_dates())
        .filter(|stored| is_new(stored))
        .collect();
    found.sort_by_key(|stored| std::cmp::Reverse(stored.at));
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::Environment;
    use crate::limits::evidence::Seen;

    #[test]
    fn two_errors_in_one_millisecond_are_two_incidents_and_what_is_found_out_is_none() {
        let directory = tempfile::tempdir().unwrap();
        let now = DateTime::UNIX_EPOCH;
        let places = Places::of(&Environment::new(
            [(
                "WHYCAP_DATA_DIR".into(),
                directory.path().join("data").into(),
            )],
            now,
        ));
        let create = |message: &str| {
            let evidence = Evidence::new(now, Seen::Hook, message.to_owned());
            let known = Journal::recent(&places, now);
            create(&places, &known, now, StoredIncident::new("s", evidence)).unwrap()
        };
        let (first, second) = (create("one"), create("two"));
        assert_ne!(first.at, second.at);
        let mut answered = first.clone();
        answered.evidence.since.answered = true;
        answered.keep(&places, now).unwrap();
        let journal = Journal::recent(&places, now);
        assert_eq!(of_session(&journal, "s"), [second, answered]);
        assert_eq!(of_session(&journal, "S"), []);
    }
}
