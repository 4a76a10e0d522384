//! Looks up sessions: their labels, their full IDs, and which of them are running.

use std::cell::LazyCell;
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use super::Context;
use crate::budget::is_session_budget_lifted;
use crate::budget::overview::RequestedSession;
use crate::claude::session_label::{NO_PROMPT_YET, SessionLabel};
use crate::claude::sessions::{self, SessionState};
use crate::claude::transcripts;
use crate::terminal::is_stdout_terminal;

impl Context {
    /// Returns true if the user reads the output, either on a terminal or in a conversation. Any other output may end
    /// up in a file or a bug report. No command may show the first words of a prompt there unless the user asks for
    /// them.
    pub(crate) fn is_read_by_user(&self) -> bool {
        self.event.is_some() || is_stdout_terminal()
    }

    /// Removes the parts of a label that the output must not contain.
    pub(crate) fn visible_label(&self, label: SessionLabel) -> SessionLabel {
        if self.is_read_by_user() {
            return label;
        }
        label.without_words()
    }

    /// Returns the number of other sessions that are currently receiving a response.
    pub(crate) fn streaming_sessions(&self) -> usize {
        let own_session = self.session();
        sessions::running(&self.paths)
            .filter(|activity| {
                let is_own = own_session.is_some() && activity.session.as_deref() == own_session;
                activity.state == Some(SessionState::Busy) && !is_own
            })
            .count()
    }

    /// Returns the sessions whose budgets are shown. In a conversation, this is the current session. In a shell, these
    /// are the running sessions if there is a session budget.
    pub(crate) fn sessions_with_budgets(&self) -> Vec<RequestedSession> {
        if self.event.is_some() {
            let current = self
                .session()
                .map(|id| self.requested_session(id.to_owned(), String::new()));
            return current.into_iter().collect();
        }
        if self.config.budget.session.is_none() {
            return Vec::new();
        }
        let label_of = self.session_labels();
        sessions::running(&self.paths)
            .filter_map(|activity| activity.session)
            .map(|id| {
                let label = self.visible_label(label_of(&id));
                let name = label
                    .name_or_id(&id)
                    .unwrap_or(NO_PROMPT_YET)
                    .to_owned();
                self.requested_session(id, name)
            })
            .collect()
    }

    fn requested_session(&self, id: String, name: String) -> RequestedSession {
        let is_budget_lifted =
            is_session_budget_lifted(&id, &self.config, &self.paths, &self.environment);
        RequestedSession {
            id,
            name,
            is_budget_lifted,
        }
    }

    /// Returns the full ID of the session whose ID starts with `prefix`. Returns `prefix` itself if there is no such
    /// session or more than one.
    pub(crate) fn complete_session_id(&self, prefix: Option<&str>) -> Option<String> {
        let prefix = prefix?;
        let mut matches = self.sessions_starting_with(prefix).into_iter();
        match (matches.next(), matches.next()) {
            (Some(id), None) => Some(id),
            _ => Some(prefix.to_owned()),
        }
    }

    /// Returns the IDs of sessions with a transcript or in the ledger that start with `prefix`.
    pub(crate) fn sessions_starting_with(&self, prefix: &str) -> HashSet<String> {
        let in_ledger = self
            .existing_ledger()
            .and_then(|ledger| ledger.sessions_starting_with(prefix).ok());
        transcripts::of_sessions(self.paths.transcript_roots())
            .into_iter()
            .map(|file| transcripts::session_of(&file.path))
            .filter(|id| id.starts_with(prefix))
            .chain(in_ledger.unwrap_or_default())
            .collect()
    }

    /// Returns true if whycap knows of a session from a transcript, Claude Code's registry, or the ledger. The ledger still
    /// contains sessions whose transcript has been deleted.
    pub(crate) fn knows_session(&self, session: &str) -> bool {
        transcripts::of_session(self.paths.transcript_roots(), session).is_some()
            || sessions::registered(&self.paths)
                .iter()
                .any(|registered| registered.activity.session.as_deref() == Some(session))
            || self
                .existing_ledger()
                .is_some_and(|ledger| ledger.knows_session(session).unwrap_or(false))
    }

    /// Returns a session's human-readable label. The label is empty if the session has no transcript on this machine.
    pub(crate) fn session_label(&self, session: &str) -> SessionLabel {
        transcripts::of_session(self.paths.transcript_roots(), session)
            .map(|transcript| self.visible_label(SessionLabel::read(&transcript)))
            .unwrap_or_default()
    }

    /// Returns a function that looks up the label for a session ID. It is fast enough for tables with many sessions. The
    /// labels contain the first words of prompts, which the caller must remove if others may read the output. The
    /// transcripts are listed once, on the first call of the returned function.
    pub(crate) fn session_labels(&self) -> impl Fn(&str) -> SessionLabel {
        let transcripts = LazyCell::new(|| {
            transcripts::of_sessions(self.paths.transcript_roots())
                .into_iter()
                .map(|file| (transcripts::session_of(&file.path), file.path))
                .collect::<HashMap<String, PathBuf>>()
        });
        move |session| match transcripts.get(session) {
            Some(transcript) => SessionLabel::read(transcript),
            None => SessionLabel::default(),
        }
    }
}
