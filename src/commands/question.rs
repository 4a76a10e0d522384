//! Who asks `/whycap …` inside a conversation.

use super::machine::Machine;
use crate::budget::prompts::SessionBudgets;
use crate::claude::hook_event::HookEvent;
use crate::incidents::Incidents;
use crate::limits::incident::Incident;
use crate::render::Page;

/// What an answer may look at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Question<'a> {
    pub(crate) machine: &'a Machine<'a>,
    /// What was typed behind the subject.
    pub(crate) words: &'a str,
    /// What is said at the end of any answer.
    pub(crate) note: Option<&'static str>,
    /// How it came, and from which session.
    pub(crate) event: &'a HookEvent,
}

impl<'a> Question<'a> {
    /// The session that asks.
    pub(crate) fn session(self) -> Option<&'a str> {
        self.event.session_id.as_deref()
    }

    pub(crate) fn incidents(self) -> Incidents<'a> {
        self.machine.incidents()
    }

    /// Where the answer is shown.
    pub(crate) fn page(self) -> Page {
        Page::in_conversation(self.machine.environment)
    }

    /// Whether Claude Code waits in this session for a limit to reset.
    pub(crate) fn client_waits(self) -> bool {
        let session = self.session();
        let situation = session.map(|session| self.incidents().situation(Some(session)));
        let incident = situation.and_then(|situation| situation.incident);
        incident.is_some_and(|incident| self.client_waits_for(&incident))
    }

    /// Whether Claude Code continues by itself when this limit resets. It does so in its terminal
    /// only, and not for a user who turned it off.
    pub(crate) fn client_waits_for(self, incident: &Incident) -> bool {
        let environment = self.machine.environment;
        let in_terminal = environment.text("CLAUDE_CODE_ENTRYPOINT") == Some("cli");
        in_terminal && incident.continues_at().is_some()
    }

    /// The budgets of the session that asks.
    pub(crate) fn budgets(self) -> Option<SessionBudgets<'a>> {
        let session = self.session()?;
        // Where it was started, if that is told.
        let environment = self.machine.environment;
        let started = environment.path("CLAUDE_PROJECT_DIR");
        Some(SessionBudgets::read(
            self.machine.config(),
            &self.machine.places,
            environment,
            session,
            self.event.transcript_path.as_deref(),
            started.as_deref().or(self.event.cwd.as_deref()),
            |since, live| {
                let incidents = self.incidents();
                incidents.paid_since(since, |since| live.costs_since(since))
            },
        ))
    }
}
