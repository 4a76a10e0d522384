//! Asks the model of limits on behalf of a command.

use chrono::{DateTime, Utc};

use super::Context;
use crate::disk::lock;
use crate::ledger::{Ledger, WaitLimit};
use crate::limits::{Fact, Outlook, Past};
use crate::spend::Period;
use crate::time::datetime_from_millis;
use crate::witness::{Caller, LONGEST_LIMIT, Limits};

impl Context {
    /// Returns what is open and closed now for this session, or for the shell if there is none.
    pub(crate) fn limits(&self, session: Option<&str>) -> Limits {
        self.limits_since(self.oldest_relevant(), self.shared_ledger(), session)
    }

    /// Like [`Self::limits`], but knows only what the ledger contains, and reads no transcripts.
    pub(crate) fn limits_in(&self, ledger: Option<&Ledger>) -> Limits {
        self.limits_with(self.session(), |caller, reported| {
            Limits::since(self.oldest_relevant(), ledger, caller, reported)
        })
    }

    /// Like [`Self::limits`], but knows only what may still be closed, and reads no transcripts.
    pub(crate) fn limits_for_hook(&self) -> Limits {
        let ledger = self.existing_ledger();
        self.limits_with(self.session(), |caller, reported| {
            Limits::for_hook(caller, ledger.as_ref(), reported)
        })
    }

    /// Like [`Self::limits`], but does not create a ledger.
    pub(crate) fn peek_at_limits(&self) -> Limits {
        let ledger = self.existing_ledger();
        self.limits_since(self.oldest_relevant(), ledger, self.session())
    }

    /// Returns the stops of a period. In a shell, this reads all transcripts, because a list without some of the errors would be
    /// misleading.
    pub(crate) fn past(&self, period: Period) -> Past {
        let rows = period.of_rows(self.clock().zone);
        let since = datetime_from_millis(rows.start);
        let until = DateTime::from_timestamp_millis(rows.end).unwrap_or(DateTime::<Utc>::MAX_UTC);
        let mut ledger = self.shared_ledger();
        if let Some(ledger) = &mut ledger {
            self.catch_up_ledger(ledger);
        }
        self.limits_since(since, ledger, self.session())
            .past(since, until)
    }

    /// Returns the ledger, creating it if it does not exist. In a shell, this waits while another process writes to it,
    /// because the newest lines would otherwise be missing. Returns `None` if the ledger cannot be opened.
    fn shared_ledger(&self) -> Option<Ledger> {
        let data = &self.paths.data;
        let wait_limit = match self.event {
            None if lock::is_supported_in(data) => WaitLimit::Person,
            _ => WaitLimit::None,
        };
        Ledger::open(data, wait_limit).ok()
    }

    /// Returns the time before which no refusal matters any more.
    fn oldest_relevant(&self) -> DateTime<Utc> {
        self.clock().now - LONGEST_LIMIT
    }

    /// Reads new transcript lines into `ledger`, and returns what is open and closed now, from the facts since a time.
    fn limits_since(
        &self,
        since: DateTime<Utc>,
        ledger: Option<Ledger>,
        session: Option<&str>,
    ) -> Limits {
        self.limits_with(session, |caller, reported| {
            Limits::read(ledger, since, caller, reported)
        })
    }

    /// The credentials of the caller are those of another session only if that session calls.
    fn limits_with(
        &self,
        session: Option<&str>,
        read: impl FnOnce(&Caller<'_>, &[Fact]) -> Limits,
    ) -> Limits {
        let project = self.project();
        let caller = Caller {
            paths: &self.paths,
            environment: &self.environment,
            session: self.session(),
            project: project.as_deref(),
        };
        let known = [self.reported.clone(), self.budget_facts(session)].concat();
        let limits = read(&caller, &known);
        match session {
            Some(other) if session != self.session() => limits.asked_by(other),
            Some(_) | None => limits,
        }
    }

    /// Returns a sentence about what used up the window of a limit. Returns `None` if the limit is not about such a window,
    /// if nothing blocks the asker, or if there is no ledger.
    pub(crate) fn use_of_full_window(&self, limits: &Limits, outlook: &Outlook) -> Option<String> {
        let window = outlook.window.unwrap_or(outlook.limit());
        if !outlook.is_blocked() || !window.is_window() {
            return None;
        }
        let ledger = self.existing_ledger()?;
        self.window_use(&ledger, limits, window, outlook.resets_at?)?
            .sentence()
    }
}
