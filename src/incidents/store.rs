//! Limit errors in the journal: how they are written and found again.

use std::cmp::Reverse;
use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;

use super::circumstances::settle_owner;
use super::{Incidents, in_transcript};
use crate::claude::credentials;
use crate::claude::hook_event::HookEvent;
use crate::disk;
use crate::journal::{self, Journal, JournalRecord};
use crate::limits::evidence::{Evidence, Seen};
use crate::limits::incident::Incident;
use crate::time::{Millis, moment};
use crate::transcript::tail::readable;

/// How long after a status line a hook may come with the same error.
const HOOK_IS_LATE: TimeDelta = TimeDelta::seconds(10);

/// An error as it was known at one time. What is found out later is another record: the session and
/// the moment when it came tell errors apart.
impl JournalRecord for Evidence {
    const KIND: &'static str = "incident";
}

/// The same as it is read: until November 2026 it stood beside its session and the moment that told
/// it from others.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum StoredError {
    Enclosed { at: Millis, evidence: Evidence },
    Plain(Evidence),
}

impl JournalRecord for StoredError {
    const KIND: &'static str = Evidence::KIND;
}

impl From<StoredError> for Evidence {
    fn from(stored: StoredError) -> Self {
        match stored {
            StoredError::Plain(evidence) => evidence,
            StoredError::Enclosed { at, evidence } => Self {
                at: moment(at),
                ..evidence
            },
        }
    }
}

/// The errors of a session, or of all, newest first: the last record of each. A line of a transcript is one error,
/// whatever it was taken for first.
pub(super) fn found(journal: &Journal, session: Option<&str>) -> Vec<Evidence> {
    let text = session.map(|id| format!("\"session_id\":{}", serde_json::json!(id)));
    let (mut keys, mut lines) = (HashSet::new(), HashSet::new());
    let records = journal.records::<StoredError>(text.as_deref().unwrap_or_default());
    let mut found: Vec<Evidence> = records.map(Evidence::from).collect();
    found.retain(Evidence::has_sound_dates);
    found.retain(|stored| {
        let line = stored.line_id().map(str::to_owned);
        let is_new_line = line.is_none_or(|line| lines.insert(line));
        keys.insert((stored.session.id.clone(), stored.at)) && is_new_line
    });
    found.retain(|stored| session.is_none_or(|id| stored.session.id.as_deref() == Some(id)));
    found.sort_by_key(|stored| Reverse(stored.at));
    found
}

/// What the journal calls it that the user was told of an error in the conversation, and since when
/// that can have been.
fn telling(error: &Evidence) -> (String, DateTime<Utc>) {
    let session = error.session.id.as_deref().unwrap_or_default();
    let what = format!("incident {session} {}", error.at.timestamp_millis());
    (what, error.at - TimeDelta::days(1))
}

impl Incidents<'_> {
    /// Stores a new error. Two of a session in one millisecond are two.
    fn create(&self, new: &mut Evidence) -> Result<(), disk::Error> {
        let taken = found(self.recent(), new.session.id.as_deref().or(Some("")));
        while taken.iter().any(|taken| taken.at == new.at) {
            new.at += TimeDelta::milliseconds(1);
        }
        journal::add(self.places, self.environment.now, new)
    }

    /// Stores the error at once, then adds what takes longer to find out: the client may end this
    /// process any moment. None for an event without a session.
    pub(crate) fn store_from_hook(&self, event: &HookEvent) -> Option<Incident> {
        let session = event.session_id.as_deref()?;
        let (places, now) = (self.places, self.environment.now);
        let readable = |text: &Option<String>| text.as_deref().map(readable);
        let message = readable(&event.last_assistant_message);
        let mut evidence = Evidence::new(now, Seen::Hook, message.unwrap_or_default());
        evidence.session.id = Some(session.to_owned());
        evidence.session.plugin_answers = self.environment.text("WHYCAP_FROM") == Some("plugin");
        evidence.session.in_workflow = event.agent_type.as_deref() == Some("workflow-subagent");
        evidence.text.hook_error = readable(&event.error);
        evidence.text.hook_details = readable(&event.error_details);
        evidence.login.credentials = credentials::in_environment(self.environment);
        evidence.login.environment_is_clients = true;
        let stored = if let Some(known) = self.just_taken_up(session) {
            evidence.at = known.at;
            journal::add(places, now, &evidence)
        } else {
            self.create(&mut evidence)
        };
        evidence.login.account = self.account().cloned();
        self.add_circumstances(&mut evidence, event.cwd.as_deref());
        let transcript = event.transcript_path.as_deref();
        if let Some(tail) = transcript.and_then(in_transcript::tail) {
            in_transcript::merge(&mut evidence, &tail);
            // It came this instant, whatever answer stands in the file.
            evidence.since.answered = false;
        }
        if stored.is_ok() {
            // What was stored first stands, if this fails.
            let _ = journal::add(places, now, &evidence);
        }
        settle_owner(&mut evidence, self.account());
        Some(self.explained(evidence, self.recent()))
    }

    /// The newest error of a session.
    pub(super) fn newest_error(&self, session: &str) -> Option<Evidence> {
        found(self.recent(), Some(session)).into_iter().next()
    }

    /// Whether the user was told of an error in the conversation.
    pub(super) fn is_told(&self, error: &Evidence) -> bool {
        let (what, since) = telling(error);
        journal::was_said(self.places, &what, &(since..self.environment.now))
    }

    /// Remembers that the user was told. False if that was remembered already.
    pub(super) fn tell(&self, error: &Evidence) -> bool {
        let (what, since) = telling(error);
        journal::say_once(self.places, &what, &(since..self.environment.now))
    }

    /// The incident that a status line took up a moment before. The hook knows more and completes
    /// it, so that one error stays one incident.
    fn just_taken_up(&self, session: &str) -> Option<Evidence> {
        let newest = self.newest_error(session)?;
        let is_recent = (self.environment.now - newest.at).abs() <= HOOK_IS_LATE;
        (is_recent && newest.text.seen == Seen::Transcript).then_some(newest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::Environment;
    use crate::places::Places;

    #[test]
    fn two_errors_in_one_millisecond_are_two_incidents_and_what_is_found_out_is_none() {
        let directory = tempfile::tempdir().unwrap();
        let now = DateTime::UNIX_EPOCH;
        let data = directory.path().join("data");
        let environment = Environment::new([("WHYCAP_DATA_DIR".into(), data.into())], now);
        let places = Places::of(&environment);
        let create = |message: &str| {
            let mut evidence = Evidence::new(now, Seen::Hook, message.to_owned());
            evidence.session.id = Some("s".to_owned());
            let incidents = Incidents::new(&places, &environment);
            incidents.create(&mut evidence).unwrap();
            evidence
        };
        let (first, second) = (create("one"), create("two"));
        assert_ne!(first.at, second.at);
        let mut answered = first.clone();
        answered.since.answered = true;
        journal::add(&places, now, &answered).unwrap();
        let journal = Journal::recent(&places, now);
        assert_eq!(found(&journal, Some("s")), [second, answered]);
        assert_eq!(found(&journal, Some("S")), []);
    }

    #[test]
    fn an_error_that_an_earlier_whycap_stored_is_still_known() {
        let mut evidence = Evidence::new(DateTime::UNIX_EPOCH, Seen::Hook, "one".to_owned());
        evidence.session.id = Some("s".to_owned());
        let enclosed = serde_json::json!({"session": "s", "at": 1, "evidence": evidence});
        let stored: StoredError = serde_json::from_value(enclosed).unwrap();
        evidence.at = moment(1);
        assert_eq!(Evidence::from(stored), evidence);
    }
}
