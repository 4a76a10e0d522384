//! What is known here and now, gathered for whoever asks: a verb, the status line, a hook, a conversation.
//!
//! A [`Machine`] is asked; it looks into the ledger, the journal and Claude Code's own files, and hands on what the
//! pure code shows. Nothing is laid out here.

mod explanation;
mod history;
mod line;
mod moment;
mod statement;
mod windows;

use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use crate::budget::SessionBudgets;
use crate::claude::hook_event::HookEvent;
use crate::claude::settings;
use crate::config::Config;
use crate::environment::Environment;
use crate::incidents::Incidents;
use crate::ledger::Effort;
use crate::limits::incident::Incident;
use crate::places::Places;
use crate::pricing::PriceTable;
use crate::render::Page;
use crate::time::Clock;

pub(crate) use explanation::in_reply;
pub(crate) use line::{LineAsked, LineKnown};
pub(crate) use moment::Watched;
pub(crate) use statement::StatementAsked;

/// How long an answer inside a conversation may spend on reading transcripts.
const ANSWER_READS: Effort = Effort::Within(Duration::from_millis(500));

/// Where a verb looks, and when; and who asks it.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) environment: Environment,
    pub(crate) places: Places,
    pub(crate) config: Config,
    /// Read when somebody asks.
    prices: OnceLock<PriceTable>,
    /// How a conversation asks `/whycap …`. None in a shell.
    pub(crate) conversation: Option<HookEvent>,
    /// Whether asking ends Claude Code's own waiting for a reset.
    pub(crate) ends_waiting: bool,
}

impl Machine {
    /// As a shell has it.
    pub(crate) fn new(environment: Environment) -> Self {
        Self::at_places(Places::of(&environment), environment)
    }

    /// With these places and their configuration.
    pub(crate) fn at_places(places: Places, mut environment: Environment) -> Self {
        let config = Config::load(&places);
        config.set_hours(&mut environment);
        Self {
            environment,
            places,
            config,
            prices: OnceLock::new(),
            conversation: None,
            ends_waiting: false,
        }
    }

    /// The same at the present moment; the configuration may have changed.
    pub(crate) fn at_present(&self) -> Self {
        let mut present = Self::at_places(self.places.clone(), self.environment.at_present());
        present.prices = self.prices.clone();
        present
    }

    pub(crate) fn clock(&self) -> Clock {
        self.environment.clock()
    }

    pub(crate) fn incidents(&self) -> Incidents<'_> {
        Incidents::new(&self.places, &self.environment)
    }

    pub(crate) fn prices(&self) -> &PriceTable {
        self.prices.get_or_init(|| settings::prices(&self.places))
    }

    /// The project that is worked in: of a conversation the one that it was started in. None where
    /// the directory was deleted under us.
    pub(crate) fn project(&self) -> Option<PathBuf> {
        let started = self.environment.path("CLAUDE_PROJECT_DIR");
        started.or_else(|| std::env::current_dir().ok())
    }

    /// The directory that settings of a project are meant of.
    pub(crate) fn directory(&self) -> PathBuf {
        std::env::current_dir().unwrap_or_else(|_| self.places.home.clone())
    }

    /// How a conversation asks.
    pub(crate) fn event(&self) -> Option<&HookEvent> {
        self.conversation.as_ref()
    }

    /// The session that asks.
    pub(crate) fn session(&self) -> Option<&str> {
        self.event()?.session_id.as_deref()
    }

    /// Where the answer is shown.
    pub(crate) fn page(&self) -> Page {
        match self.conversation {
            Some(_) => Page::in_conversation(&self.environment),
            None => Page::for_person(&self.environment),
        }
    }

    /// Whether Claude Code continues by itself when this limit resets. It does so in its terminal
    /// only, and not for a user who turned it off.
    pub(crate) fn client_waits_for(&self, incident: &Incident) -> bool {
        let in_terminal = self.environment.text("CLAUDE_CODE_ENTRYPOINT") == Some("cli");
        in_terminal && incident.continues_at().is_some()
    }

    /// The budgets of the session that asks.
    pub(crate) fn budgets(&self) -> Option<SessionBudgets<'_>> {
        let (config, event) = (&self.config, self.event()?);
        SessionBudgets::read(
            config,
            &self.places,
            &self.environment,
            event,
            |since, live| {
                let incidents = self.incidents();
                incidents.paid_since(since, &|since, is_own| live.costs_since(since, is_own))
            },
        )
    }
}
