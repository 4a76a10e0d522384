//! Determines which used-up budgets block the prompts of a session.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::Context;
use crate::budget::overview::BudgetOverview;
use crate::budget::{BlockingBudget, BudgetedSession, SessionBudgets};
use crate::claude::transcripts;
use crate::config::BudgetAction;
use crate::incidents::Situation;
use crate::ledger::{EVER, Ledger, LedgerError, RowsBy, SpendSource};
use crate::limits::incident::Incident;
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
        let (today, _) = clock.zone.day_bounds(clock.now);
        let (month, _) = clock.zone.month_bounds(clock.now);
        let first_response = ledger.first_response(today, clock.now)?;
        let mut history = SpendHistory::new(clock, first_response);
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

    /// Returns sentences about the budgets that block prompts. In a conversation, budgets that block only the prompts of
    /// other sessions are left out. Without `action = "stop"`, nothing is read.
    pub(super) fn blocking_sentences(&self, ledger: &Ledger) -> Result<Vec<String>, LedgerError> {
        if !self.has_stop_budget() {
            return Ok(Vec::new());
        }
        if let Some(budgets) = self.budgets() {
            let blocking = budgets.blocking_budgets().into_iter();
            return Ok(blocking.map(|budget| budget.sentence).collect());
        }
        Ok(self.budget_overview(ledger, true)?.blocking_sentences())
    }

    /// Returns true if used-up budgets block prompts.
    pub(super) fn has_stop_budget(&self) -> bool {
        let budget = &self.config.budget;
        budget.action == BudgetAction::Stop && budget.is_set()
    }

    /// Returns the used-up budgets that block the prompts of a session. In the session itself, the
    /// hook makes the same decision about the next prompt. Without `action = "stop"`, nothing is read.
    fn budgets_blocking(&self, session: &str) -> Vec<BlockingBudget> {
        if !self.has_stop_budget() || self.existing_ledger().is_none() {
            return Vec::new();
        }
        if self.session() == Some(session) {
            return self
                .budgets()
                .map(|budgets| budgets.blocking_budgets())
                .unwrap_or_default();
        }
        let transcript = transcripts::of_session(self.paths.transcript_roots(), session);
        self.budgets_of(BudgetedSession {
            id: session,
            transcript: transcript.as_deref(),
        })
        .blocking_budgets()
    }

    /// Adds to each error whether a used-up budget will block the prompt with which the user or Claude Code continues.
    /// `session` is the session in which the user continues: the current one or, in a shell, the requested one. Without it,
    /// the user continues in the session of the error.
    pub(crate) fn with_budgets(&self, situation: Situation, session: Option<&str>) -> Situation {
        if !self.has_stop_budget() {
            return situation;
        }
        let mut known: HashMap<String, Vec<BlockingBudget>> = HashMap::new();
        situation.with_budgets(|incident: &Incident, is_of_its_session| {
            let evidence = &incident.evidence;
            let session = match session {
                Some(session) if !is_of_its_session => session,
                // A new `claude -p` run is a new session, so a budget that is lifted in the old one still blocks it.
                _ if evidence.collected.headless_run.is_some() => return None,
                Some(_) | None => evidence.error.session.id.as_deref()?,
            };
            let budgets = known
                .entry(session.to_owned())
                .or_insert_with(|| self.budgets_blocking(session));
            explained_with_budgets(budgets, incident)
        })
    }

    /// Returns sentences about the budgets that block the prompts of a session or, without a session, the prompts of all
    /// sessions in which the user has not lifted them.
    pub(crate) fn budgets_blocking_prompts(
        &self,
        session: Option<&str>,
        ledger: Option<&Ledger>,
    ) -> Vec<String> {
        match (session, ledger) {
            (Some(session), _) => self
                .budgets_blocking(session)
                .into_iter()
                .map(|budget| budget.sentence)
                .collect(),
            (None, Some(ledger)) => self.blocking_sentences(ledger).unwrap_or_default(),
            (None, None) => Vec::new(),
        }
    }
}

/// Explains an error to a user whose prompts these budgets block: either the next prompt after the error or only prompts
/// until the limit resets. Returns `None` if they block neither.
fn explained_with_budgets(budgets: &[BlockingBudget], incident: &Incident) -> Option<Incident> {
    if let Some(sentences) = blocking_sentences(budgets, incident.next_prompt_at()) {
        return Some(incident.while_budget_blocks(sentences));
    }
    let sentences = blocking_sentences(budgets, incident.evidence.clock.now)?;
    Some(incident.while_budget_blocks_until_reset(sentences))
}

/// Returns sentences about the budgets that block prompts at this time. Returns `None` if there are none.
fn blocking_sentences(budgets: &[BlockingBudget], time: DateTime<Utc>) -> Option<String> {
    let sentences: Vec<&str> = budgets
        .iter()
        .filter(|budget| budget.blocks_at(time))
        .map(|budget| budget.sentence.as_str())
        .collect();
    if sentences.is_empty() {
        None
    } else {
        Some(sentences.join(" "))
    }
}
