//! Determines which used-up budgets block the prompts of a session.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::Context;
use super::now::blocking_budgets;
use crate::budget::{BlockingBudget, BudgetedSession, SessionBudgets};
use crate::claude::transcripts;
use crate::config::BudgetAction;
use crate::incidents::{Incidents, Situation};
use crate::ledger::{Ledger, SelectedResponses};
use crate::limits::incident::Incident;

impl Context {
    /// Returns the budgets of the current session. Returns `None` in a shell.
    pub(crate) fn budgets(&self) -> Option<SessionBudgets<'_>> {
        let event = self.event()?;
        let directory = self
            .environment
            .path("CLAUDE_PROJECT_DIR")
            .or_else(|| event.cwd.clone())
            .unwrap_or_default();
        Some(self.budgets_of(BudgetedSession {
            id: event.session_id.as_deref()?,
            directory,
            transcript: event.transcript_path.as_deref(),
        }))
    }

    fn budgets_of<'s>(&'s self, session: BudgetedSession<'s>) -> SessionBudgets<'s> {
        let (config, paths, environment) = (&self.config, &self.paths, &self.environment);
        let id = session.id;
        SessionBudgets::read(config, paths, environment, session, |since, live| {
            let incidents = self.incidents();
            let costs = |since, selected: SelectedResponses<'_>| live.costs_since(since, selected);
            incidents.credits_use().paid_since(since, Some(id), &costs)
        })
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
        let label = self.session_label(session);
        self.budgets_of(BudgetedSession {
            id: session,
            directory: label.directory.unwrap_or_default(),
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
        incidents: &Incidents<'_>,
        ledger: Option<&Ledger>,
    ) -> Vec<String> {
        match (session, ledger) {
            (Some(session), _) => self
                .budgets_blocking(session)
                .into_iter()
                .map(|budget| budget.sentence)
                .collect(),
            (None, Some(ledger)) => blocking_budgets(self, incidents, ledger).unwrap_or_default(),
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
