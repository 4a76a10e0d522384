//! Determines what used a usage window.

use chrono::{DateTime, Utc};

use super::Context;
use crate::claude::session_label::short_id;
use crate::claude::window_usage::window_length;
use crate::ledger::Ledger;
use crate::outlook::Kind;
use crate::spend::WindowUse;
use crate::witness::Limits;

impl Context {
    /// Returns what this machine has spent in the usage window that resets at `reset`. Only the sessions of the asker's
    /// payer count. Returns `None` if nothing was spent, or if the ledger cannot be read.
    pub(crate) fn window_use(
        &self,
        ledger: &Ledger,
        limits: &Limits,
        window: Kind,
        reset: DateTime<Utc>,
    ) -> Option<WindowUse> {
        let until = reset.min(self.environment.now);
        let period = reset - window_length(window)..until;
        let is_counted = |session: &str| limits.is_of_payer(session);
        WindowUse::read(ledger, window, period, &is_counted).ok()?
    }

    /// Returns a sentence about the sessions that have used a window. Returns `None` if none stands out.
    pub(crate) fn describe_use(&self, used: &WindowUse) -> Option<String> {
        used.sentence(|session| match self.session_label(session).name() {
            Some(name) => format!("\"{name}\""),
            None => format!("session {}", short_id(session)),
        })
    }
}
