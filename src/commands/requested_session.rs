//! Rejects a session ID in `--session` that identifies no session, because an empty result would be misleading.

use super::reply::misuse;
use crate::context::{Context, LONGEST_ID};
use crate::terminal::truncate;

impl Context {
    /// Returns an error if the session ID typed by the user is unknown. Commands call this function only after they
    /// have found nothing about the session, because a session whose transcript has been deleted may still be in the
    /// ledger.
    pub(super) fn require_known_session(&self, typed: Option<&str>) -> anyhow::Result<()> {
        let Some(typed) = typed else {
            return Ok(());
        };
        let is_known = self
            .complete_session_id(Some(typed))
            .is_some_and(|session| self.knows_session(&session, &self.incidents()));
        if is_known {
            return Ok(());
        }
        Err(self.unknown_session(typed))
    }

    /// Returns the error for a session ID that identifies no session.
    pub(super) fn unknown_session(&self, typed: &str) -> anyhow::Error {
        let shown = truncate(typed, LONGEST_ID);
        if self.sessions_starting_with(typed).len() > 1 {
            return misuse(format!(
                "several sessions begin with {shown}; type more of the ID"
            ));
        }
        misuse(format!(
            "there is no session {shown}; run `whycap spend --by session --json` to list the sessions"
        ))
    }
}
