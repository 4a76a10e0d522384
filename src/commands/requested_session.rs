//! Rejects unknown session IDs in `--session`, because an empty result would be misleading.

use super::reply::misuse;
use crate::collect::Context;
use crate::terminal::truncate;

/// The maximum width, in columns, of an unknown session ID in an error message. A real session ID is 36 columns wide.
const LONGEST_ID: usize = 80;

impl Context {
    /// Returns an error if the session ID that the user typed is unknown. Commands call this only if they have found
    /// nothing about the session.
    pub(super) fn require_known_session(&self, typed: Option<&str>) -> anyhow::Result<()> {
        match (typed, self.complete_session_id(typed)) {
            (Some(typed), Some(session)) if !self.knows_session(&session) => {
                Err(self.unknown_session(typed))
            }
            _ => Ok(()),
        }
    }

    /// Returns the error for a session ID that is unknown or ambiguous.
    pub(super) fn unknown_session(&self, typed: &str) -> anyhow::Error {
        let shown = truncate(typed, LONGEST_ID);
        if self.sessions_starting_with(typed).len() > 1 {
            return misuse(format!(
                "several sessions begin with \"{shown}\"; type more of the ID, or run `whycap spend --by session --json` to list the sessions"
            ));
        }
        misuse(format!(
            "there is no session {shown}; run `whycap spend --by session --json` to list the sessions"
        ))
    }
}
