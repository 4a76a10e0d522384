//! Determines what used a usage window.

use chrono::{DateTime, Utc};

use super::Context;
use crate::claude::window_usage::window_length;
use crate::ledger::Ledger;
use crate::limits::Kind;
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
        let name_of = |session: &str| {
            let label = self.session_label(session);
            label
                .name_or_id(session)
                .unwrap_or(session)
                .to_owned()
        };
        WindowUse::read(ledger, window, period, &limits.is_of_payer(), name_of).ok()?
    }
}
