//! Limit errors in the journal.
//!
//! A hook appends an error within milliseconds, without taking a lock or waiting, because Claude Code may kill the hook
//! at any moment. Details discovered later are appended as another record with the same session and time.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};

use super::error_match::SAME_INSTANT;
use super::readings::USEFUL_FOR;
use crate::disk;
use crate::journal::{self, EventKey, Journal, JournalRecord};
use crate::limits::evidence::{Evidence, MessageOrigin, StoredError};
use crate::limits::incident::Incident;
use crate::limits::kind::Window;
use crate::paths::Paths;

/// The maximum time between a status-line call that finds an error in the transcript and the hook for the same error.
const HOOK_DELAY: TimeDelta = TimeDelta::seconds(10);

impl JournalRecord for StoredError {
    const KIND: &'static str = "incident";
}

/// The errors in a part of the journal.
#[derive(Debug, Clone, Copy)]
pub(super) struct StoredErrors<'a> {
    paths: &'a Paths,
    now: DateTime<Utc>,
    journal: &'a Journal,
}

impl<'a> StoredErrors<'a> {
    pub(super) fn new(paths: &'a Paths, now: DateTime<Utc>, journal: &'a Journal) -> Self {
        Self {
            paths,
            now,
            journal,
        }
    }

    /// Returns the errors of one session or of all sessions, newest first. If an error has several records, only the
    /// newest record is returned.
    pub(super) fn list(&self, session: Option<&str>) -> Vec<StoredError> {
        match session {
            Some(session) => newest_record_of_each(
                self.journal.records_with("id", Some(session)),
                Some(session),
            ),
            None => newest_record_of_each(self.journal.records(), None),
        }
    }

    /// Like [`Self::list`], but returns only the errors with a record in the newest section of the journal.
    ///
    /// The status line uses this method if the transcript does not end in an error. Older errors then no longer stop
    /// anything, so searching the whole journal on every call would be wasteful.
    pub(super) fn list_newest(&self, session: Option<&str>) -> Vec<StoredError> {
        let newest = self.journal.newest();
        StoredErrors::new(self.paths, self.now, &newest).list(session)
    }

    /// Like [`Self::list_newest`], but returns all errors if an older section of the journal contains an error about the limit
    /// of this model family.
    ///
    /// Claude Code rarely reports how full such a window is. No reading then shows that it is still full, so the error is
    /// the only evidence.
    pub(super) fn list_newest_or_all(
        &self,
        session: Option<&str>,
        model_window: Option<Window>,
    ) -> Vec<StoredError> {
        match model_window {
            Some(window) if has_error_about(&self.journal.older(), window) => self.list(session),
            Some(_) | None => self.list_newest(session),
        }
    }

    /// Returns true if any session has an error about the limit of this model family.
    pub(super) fn has_error_about(&self, model_window: Window) -> bool {
        has_error_about(self.journal, model_window)
    }

    /// Returns the newest error that has occurred in another session since the given time. Returns `None` if an error has
    /// occurred in this session since `last_settled_at`. Only the newest section of the journal is searched.
    pub(super) fn newest_only_in_other_sessions(
        &self,
        session: &str,
        since: DateTime<Utc>,
        last_settled_at: DateTime<Utc>,
    ) -> Option<StoredError> {
        let mut recent = self.list_newest(None);
        recent.retain(|error| error.at >= since);
        let is_of_session = |error: &StoredError| error.session.id.as_deref() == Some(session);
        if recent
            .iter()
            .any(|error| is_of_session(error) && error.at >= last_settled_at)
        {
            return None;
        }
        recent.into_iter().find(|error| !is_of_session(error))
    }

    /// Returns the newest error of a session.
    pub(super) fn newest(&self, session: &str) -> Option<StoredError> {
        self.list(Some(session)).into_iter().next()
    }

    /// Saves newly discovered facts about an error. If saving fails, the facts are collected again the next time.
    pub(super) fn save(&self, error: &StoredError) {
        let _ = journal::append(self.paths, self.now, error);
    }

    /// Stores an error reported by a hook. If two errors in a session occur in the same millisecond, they get different
    /// times. If another hook or a status-line call has just recorded the same error, the error gets the time of that
    /// record.
    pub(super) fn insert(&self, error: &mut StoredError) -> Result<(), disk::Error> {
        let session = error.session.id.as_deref().unwrap_or_default();
        let known = self.list(Some(session));
        match known.first() {
            Some(newest)
                if is_same_report(newest, error)
                    || (newest.message.origin == MessageOrigin::Transcript
                        && (self.now - newest.at).abs() <= HOOK_DELAY) =>
            {
                error.at = newest.at;
            }
            _ => {
                while known.iter().any(|known| known.at == error.at) {
                    error.at += TimeDelta::milliseconds(1);
                }
            }
        }
        journal::append(self.paths, self.now, error)
    }

    /// Returns true if the user has already been shown the error in the conversation.
    pub(super) fn is_announced(&self, error: &StoredError) -> bool {
        journal::has_event(self.paths, &announcement_of(error), &(error.at..self.now))
    }

    /// Marks an error as announced. Returns true if no other process has done so before.
    pub(super) fn mark_announced(&self, error: &StoredError) -> bool {
        journal::record_event_once(self.paths, &announcement_of(error), &(error.at..self.now))
    }

    /// Records that a session has stopped waiting for a reset. If this fails, whycap keeps reporting that the session
    /// is waiting.
    pub(super) fn record_waiting_ended(&self, session: &str) {
        let _ = journal::record_event(self.paths, &EventKey::WaitingEnded { session }, self.now);
    }
}

/// Returns a stored error with its newly determined end, or `None` if the record does not change. The end is saved
/// before the user sees it, so that later explanations agree with it. Old errors do not change, because nothing that
/// happens now can have ended them.
pub(super) fn with_new_end(incident: &Incident) -> Option<StoredError> {
    let Evidence {
        error,
        collected,
        clock,
    } = &incident.evidence;
    let end = incident.diagnosis.proven_end?;
    let is_recent = clock.now - error.at <= USEFUL_FOR;
    if !collected.is_stored || !is_recent || incident.is_notice() || error.end == Some(end) {
        return None;
    }
    let error = error.clone();
    Some(StoredError {
        end: Some(end),
        ..error
    })
}

/// Returns true if the journal contains an error that names this model family in its message or in the server's reason.
fn has_error_about(journal: &Journal, model_window: Window) -> bool {
    let limit_of_server = model_window.rate_limit_type().to_string();
    model_window
        .family_name()
        .into_iter()
        .chain([limit_of_server.as_str()])
        .any(|name| journal.has_record_containing::<StoredError>(name))
}

fn announcement_of(error: &StoredError) -> EventKey<'_> {
    EventKey::IncidentAnnounced {
        session: error.session.id.as_deref().unwrap_or_default(),
        at: error.at,
    }
}

/// Returns true if two hooks stored these records about the same error.
///
/// Claude Code runs a hook twice if the user has installed both the plugin and the hooks in the settings. Both
/// processes receive the same event, and they may not see each other's records.
fn is_same_report(first: &StoredError, second: &StoredError) -> bool {
    let is_same_line = match (first.line_id(), second.line_id()) {
        (Some(first), Some(second)) => first == second,
        (None, _) | (_, None) => true,
    };
    let message = &first.message;
    is_same_line
        && first.session.id == second.session.id
        && message.text == second.message.text
        && message.hook_class == second.message.hook_class
        && message.hook_details == second.message.hook_details
        && (first.at - second.at).abs() <= SAME_INSTANT
}

/// Returns the errors described by these records, in one session or in all sessions. The newest record of an error
/// takes precedence, and older records fill in the facts that it does not contain. Records of the same transcript line
/// describe the same error, even if their times differ. If several hooks have reported the same error, their oldest
/// record is returned.
fn newest_record_of_each(
    records: impl Iterator<Item = StoredError>,
    session: Option<&str>,
) -> Vec<StoredError> {
    let mut positions: HashMap<(Option<String>, DateTime<Utc>), Option<usize>> = HashMap::new();
    let mut lines = HashSet::new();
    let mut errors: Vec<StoredError> = Vec::new();
    for record in records.filter(StoredError::has_sound_dates) {
        let is_new_line = match record.line_id() {
            Some(line) => lines.insert(line.to_owned()),
            None => true,
        };
        match positions.entry((record.session.id.clone(), record.at)) {
            Entry::Occupied(entry) => {
                if let Some(newest) = entry.get().and_then(|position| errors.get_mut(position)) {
                    newest.add_missing_facts(&record);
                }
            }
            Entry::Vacant(entry) => {
                let is_of_session = session.is_none() || record.session.id.as_deref() == session;
                if is_new_line && is_of_session {
                    entry.insert(Some(errors.len()));
                    errors.push(record);
                } else {
                    entry.insert(None);
                }
            }
        }
    }
    errors.reverse();
    errors.sort_by_key(|error| error.at);
    let mut distinct: Vec<StoredError> = Vec::new();
    for error in errors {
        let is_repeated = distinct
            .iter()
            .rev()
            .take_while(|earlier| error.at - earlier.at <= SAME_INSTANT)
            .any(|earlier| is_same_report(earlier, &error));
        if !is_repeated {
            distinct.push(error);
        }
    }
    distinct.reverse();
    distinct
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claude::account::Account;
    use crate::claude::credentials::{Credential, SetIn};
    use crate::claude::settings::SettingsScope;
    use crate::environment::Environment;
    use crate::limits::decide::Ending;
    use crate::limits::evidence::{LaterResponse, ProvenEnd};

    #[test]
    fn simultaneous_errors_are_kept_and_a_later_record_replaces_an_earlier_one() {
        let directory = tempfile::tempdir().unwrap();
        let now = DateTime::UNIX_EPOCH;
        let data = directory.path().join("data");
        let environment = Environment::new([("WHYCAP_DATA_DIR".into(), data.into())], now);
        let paths = Paths::of(&environment);
        let insert = |text: &str| {
            let journal = Journal::recent(&paths, now);
            let mut error = StoredError::new(now, MessageOrigin::Hook, text.to_owned());
            error.session.id = Some("s".to_owned());
            StoredErrors::new(&paths, now, &journal)
                .insert(&mut error)
                .unwrap();
            error
        };
        let (first, second) = (insert("one"), insert("two"));
        assert_ne!(first.at, second.at);

        let mut answered = first.clone();
        answered.later_response = Some(LaterResponse::default());
        journal::append(&paths, now, &answered).unwrap();

        let journal = Journal::recent(&paths, now);
        let stored = StoredErrors::new(&paths, now, &journal);
        assert_eq!(stored.list(Some("s")), [second, answered]);
        assert_eq!(stored.list(Some("S")), []);
    }

    /// `whycap now` reads a hook's first record, finds the end of the error, and saves that end after the hook has
    /// written its second record.
    #[test]
    fn a_record_with_a_new_end_keeps_what_a_hook_has_stored_in_between() {
        let directory = tempfile::tempdir().unwrap();
        let now = DateTime::UNIX_EPOCH;
        let mut first = StoredError::new(now, MessageOrigin::Hook, "limit".to_owned());
        first.session.id = Some("s".to_owned());
        let credential = Credential {
            name: "ANTHROPIC_API_KEY".to_owned(),
            set_in: SetIn::Environment,
            host: None,
        };
        first.payer.credentials.push(credential.clone());

        let mut second = first.clone();
        let of_settings = Credential {
            set_in: SetIn::Settings(SettingsScope::User),
            ..credential
        };
        second.payer.credentials = vec![of_settings.clone()];
        second.payer.account = Some(Account::default());
        second.session.installed_clients = 2;
        let end = ProvenEnd {
            is_confirmed: false,
            ending: Ending::ResponseElsewhere,
            at: now + TimeDelta::seconds(1),
        };
        let ended = StoredError {
            end: Some(end),
            ..first.clone()
        };
        for (order, records) in [[&first, &second, &ended], [&first, &ended, &second]]
            .into_iter()
            .enumerate()
        {
            let data = directory.path().join(order.to_string());
            let environment = Environment::new([("WHYCAP_DATA_DIR".into(), data.into())], now);
            let paths = Paths::of(&environment);
            for record in records {
                journal::append(&paths, now, record).unwrap();
            }

            let journal = Journal::recent(&paths, now);
            let listed = StoredErrors::new(&paths, now, &journal).list(Some("s"));
            let [error] = listed.as_slice() else {
                panic!("{listed:?}");
            };
            assert_eq!(error.end, Some(end));
            assert_eq!(error.payer.credentials, second.payer.credentials);
            assert_eq!(error.payer.account, second.payer.account);
            assert_eq!(error.session.installed_clients, 2);
        }
    }

    #[test]
    fn an_error_reported_by_several_hooks_is_stored_once() {
        let directory = tempfile::tempdir().unwrap();
        let now = DateTime::UNIX_EPOCH;
        let data = directory.path().join("data");
        let environment = Environment::new([("WHYCAP_DATA_DIR".into(), data.into())], now);
        let paths = Paths::of(&environment);
        let report = |text: &str, ms: i64| {
            let at = now + TimeDelta::milliseconds(ms);
            let mut error = StoredError::new(at, MessageOrigin::Hook, text.to_owned());
            error.session.id = Some("s".to_owned());
            error
        };
        // These hooks run at the same time, so none of them sees the others' records.
        for ms in [0, 3, 900] {
            journal::append(&paths, now, &report("limit", ms)).unwrap();
        }
        journal::append(&paths, now, &report("another limit", 3)).unwrap();
        journal::append(&paths, now, &report("limit", 1_001)).unwrap();
        // This hook runs a moment later.
        let journal = Journal::recent(&paths, now);
        let mut late = report("limit", 1_500);
        let stored = StoredErrors::new(&paths, now, &journal);
        stored.insert(&mut late).unwrap();

        let journal = Journal::recent(&paths, now);
        let times: Vec<i64> = StoredErrors::new(&paths, now, &journal)
            .list(Some("s"))
            .iter()
            .map(|error| error.at.timestamp_millis())
            .collect();
        assert_eq!(times, [1_001, 3, 0]);
    }
}
