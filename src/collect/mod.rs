//! Collects the data for commands, hooks, and the status line.
//!
//! A [`Context`] contains the environment, the paths, the configuration, and the prices. Its methods read the ledger,
//! the journal, and Claude Code's own files. They return plain data, which other modules turn into text.

mod budgets;
mod drain;
mod ledger_access;
mod limits;
mod sessions;
mod spend;
mod window_use;

use std::path::PathBuf;
use std::sync::OnceLock;

use chrono::TimeDelta;

use crate::claude::hook_event::HookEvent;
use crate::claude::{processes, settings};
use crate::config::Config;
use crate::environment::{Environment, Paths};
use crate::install::slash_command;
use crate::ledger::ProcessId;
use crate::limits::Fact;
use crate::pricing::PriceTable;
use crate::render::{Page, conversation_rows};
use crate::terminal::{controlling_terminal_rows, is_stdout_terminal, terminal_rows};
use crate::time::Clock;

pub(crate) use spend::SpendOptions;

/// The maximum number of rows in an answer if the terminal height is unknown. An answer of this length fits in a 34-row
/// terminal. If an answer does not fit, Claude Code shows only its end.
const USUAL_ROWS: usize = 20;

/// The tolerance for comparing the start time of a process with another time. Some systems round start times.
const START_TOLERANCE: TimeDelta = TimeDelta::seconds(2);

/// A command's context: its environment, paths, configuration, and, in a conversation, the event that triggered it.
#[derive(Debug)]
pub(crate) struct Context {
    pub environment: Environment,
    pub paths: Paths,
    pub config: Config,
    /// The price table, which is loaded on first use.
    prices: OnceLock<PriceTable>,
    /// The hook event that triggered the command in a conversation, or `None` in a shell.
    pub event: Option<HookEvent>,
    /// The facts about limits in the event.
    pub reported: Vec<Fact>,
}

impl Context {
    /// Returns the context of a command in a shell.
    pub(crate) fn new(environment: Environment) -> Self {
        Self::with_paths(Paths::of(&environment), environment)
    }

    /// Returns the context for a command with these paths. Loads the configuration from them.
    pub(crate) fn with_paths(paths: Paths, mut environment: Environment) -> Self {
        let config = Config::load(&paths);
        config.set_hours(&mut environment);
        Self {
            environment,
            paths,
            config,
            prices: OnceLock::new(),
            event: None,
            reported: Vec::new(),
        }
    }

    /// Returns a copy of this context with the current time and the current configuration.
    pub(crate) fn refreshed(&self) -> Self {
        Self {
            prices: self.prices.clone(),
            ..Self::with_paths(self.paths.clone(), self.environment.with_current_time())
        }
    }

    pub(crate) fn clock(&self) -> Clock {
        self.environment.clock()
    }

    pub(crate) fn prices(&self) -> &PriceTable {
        self.prices
            .get_or_init(|| settings::prices(&self.paths))
    }

    /// Returns the project directory. In a conversation, this is the directory that Claude Code was started in. In a
    /// shell, this is the current directory, or `None` if it no longer exists.
    pub(crate) fn project(&self) -> Option<PathBuf> {
        self.environment
            .path("CLAUDE_PROJECT_DIR")
            .or_else(|| std::env::current_dir().ok())
    }

    /// Returns the directory whose project settings apply. If the current directory no longer exists, this is the home
    /// directory.
    pub(crate) fn directory(&self) -> PathBuf {
        std::env::current_dir().unwrap_or_else(|_| self.paths.home.clone())
    }

    /// Returns the hook event that triggered the command in a conversation, or `None` in a shell.
    pub(crate) fn event(&self) -> Option<&HookEvent> {
        self.event.as_ref()
    }

    /// Returns the session that the command was run in, or `None` in a shell.
    pub(crate) fn session(&self) -> Option<&str> {
        self.event()?.session_id.as_deref()
    }

    /// Returns the page layout for the output.
    pub(crate) fn page(&self) -> Page {
        match self.event {
            Some(_) => Page::in_conversation(&self.environment),
            None => Page::for_stdout(&self.environment),
        }
    }

    /// Returns the number of rows of output that are visible at once. In a terminal, the shell prompt takes up one of
    /// the rows. Returns `None` if the output does not go to a terminal or if its height is unknown.
    pub(crate) fn visible_rows(&self) -> Option<usize> {
        if self.event.is_some() {
            return Some(self.answer_rows());
        }
        if !is_stdout_terminal() {
            return None;
        }
        let rows = self.environment.rows().or_else(terminal_rows)?;
        Some(rows.saturating_sub(1))
    }

    /// Returns the maximum number of rows for an answer in the conversation. Claude Code 2.1.331 passes the height of the
    /// terminal to hooks, but not to plugin modules.
    fn answer_rows(&self) -> usize {
        let terminal_rows = self
            .environment
            .rows()
            .or_else(controlling_terminal_rows);
        conversation_rows(terminal_rows).unwrap_or(USUAL_ROWS)
    }

    /// Returns true if Claude Code started before `/whycap` was installed. The command is then not available until the
    /// user restarts Claude Code or runs `/reload-plugins`. Returns false if one of the two times is unknown.
    pub(crate) fn client_lacks_slash_command(&self) -> bool {
        let client = ProcessId::of_client(&self.environment);
        let started_at = client.and_then(|client| processes::look(client.pid).started_at);
        let installed_at = slash_command::installed_at(&self.paths);
        match (started_at, installed_at) {
            (Some(started_at), Some(installed_at)) => started_at + START_TOLERANCE < installed_at,
            _ => false,
        }
    }
}
