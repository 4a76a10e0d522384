//! Determines which used-up budgets block the prompts of a session.

use super::Context;
use crate::budget::overview::BudgetOverview;
use crate::budget::{BudgetedSession, SessionBudgets};
use crate::claude::transcripts;
use crate::config::BudgetAction;
use crate::ledger::{self, EVER, Ledger, LedgerError, RowsBy, SpendSource};
use crate::limits::Fact;
use crate::spend::SpendHistory;

impl Context {
    /// Returns the budgets of the current session. Returns `None` in a shell.
    pub(crate) fn budgets(&self) -> Option<SessionBudgets<'_>> {
        let event = self.event()?;
        Some(self.budgets_of(BudgetedSession {
            id: event.session_id.as_deref()?,
            transcript: event.transcript_path.as_deref(),
        }))
    }

    fn budgets_of<'s>(&'s self, session: BudgetedSession<'s>) -> SessionBudgets<'s> {
        SessionBudgets::read(&self.config, &self.paths, &self.environment, session)
    }

    /// Returns the spend of this month over time.
    pub(crate) fn month_history(&self, ledger: &Ledger) -> Result<SpendHistory, LedgerError> {
        let clock = self.clock();
        let (month, _) = clock.zone.month_bounds(clock.now);
        let mut history = SpendHistory::new(clock);
        let since_then = month.timestamp_millis()..EVER.end;
        ledger.rows(since_then, RowsBy::Quarter, &mut |row| history.add(&row))?;
        Ok(history)
    }

    /// Returns how much of each budget is used. `is_complete` is true if all transcripts have been read.
    pub(crate) fn budget_overview(
        &self,
        ledger: &Ledger,
        is_complete: bool,
    ) -> Result<BudgetOverview<'_>, LedgerError> {
        let sessions = self
            .sessions_with_budgets()
            .into_iter()
            .map(|session| {
                let spent = ledger.session(&session.id)?;
                Ok((session, spent))
            })
            .collect::<Result<_, LedgerError>>()?;
        let history = self.month_history(ledger)?;
        Ok(BudgetOverview::new(
            self.clock(),
            &self.config,
            sessions,
            &history,
            is_complete,
        ))
    }

    /// Returns the used-up budgets that block the prompts of a session, or of a new session without one. Without
    /// `action = "stop"`, nothing is read.
    pub(crate) fn budget_facts(&self, session: Option<&str>) -> Vec<Fact> {
        let budget = &self.config.budget;
        let may_block = budget.action == BudgetAction::Stop && budget.is_set();
        if !may_block || !ledger::path_in(&self.paths.data).exists() {
            return Vec::new();
        }
        let id = session.unwrap_or_default();
        let transcript = transcripts::of_session(self.paths.transcript_roots(), id);
        let session = BudgetedSession {
            id,
            transcript: transcript.as_deref(),
        };
        self.budgets_of(session).facts()
    }
}
