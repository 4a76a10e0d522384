//! Who asks `/whycap …` inside a conversation.

use std::path::Path;

use crate::budget::prompts::SessionBudgets;
use crate::environment::Environment;
use crate::incidents::Incidents;
use crate::places::Places;

/// What an answer may look at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Question<'a> {
    pub(crate) places: &'a Places,
    pub(crate) environment: &'a Environment,
    /// What was typed behind the subject.
    pub(crate) words: &'a str,
    /// The session that asks.
    pub(crate) session: Option<&'a str>,
    /// Its transcript.
    pub(crate) transcript: Option<&'a Path>,
}

impl<'a> Question<'a> {
    pub(crate) fn incidents(self) -> Incidents<'a> {
        Incidents::new(self.places, self.environment)
    }

    /// The budgets of the session that asks.
    pub(crate) fn budgets(self) -> Option<SessionBudgets<'a>> {
        let session = self.session?;
        let budgets = SessionBudgets::read(self.places, self.environment, session, self.transcript);
        Some(budgets)
    }
}
