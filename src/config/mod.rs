//! The user's optional `config.toml`.
//!
//! Every key has a default. An invalid value affects only its own key.

mod budget;
mod check;
mod display;
mod export;
mod file;
mod keys;
mod status_line;

pub use budget::{Budget, BudgetAction};
pub use display::{ClockChoice, DisplayConfig};
pub use export::{Branches, Export, Others};
pub use status_line::{LineConfig, SegmentName};

use std::fmt::{self, Display};

use serde::{Deserialize, Serialize};

use crate::environment::Environment;
use crate::time::HourFormat;

/// The complete configuration, structured like the file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    /// The appearance of the status line.
    pub statusline: LineConfig,
    /// The format of times.
    pub display: DisplayConfig,
    /// The user's budgets.
    pub budget: Budget,
    /// The notification settings.
    pub notify: NotifyConfig,
    /// The configuration of `whycap export`.
    pub export: Export,
    /// The keys that are set in a file, in the form `section.key`.
    #[serde(skip)]
    pub from_file: Vec<String>,
    /// The problems found in the files.
    #[serde(skip)]
    pub problems: Vec<ConfigProblem>,
}

/// A problem in a configuration file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigProblem {
    /// The affected section, or `None` if the entire file is invalid, so the user's settings are unknown.
    section: Option<String>,
    /// True if the key is unknown. It may belong to a newer version of whycap.
    is_unknown_key: bool,
    /// The description for the user, without a final period.
    text: String,
}

impl ConfigProblem {
    fn of_file(text: String) -> Self {
        Self {
            section: None,
            is_unknown_key: false,
            text,
        }
    }

    fn of_section(section: &str, text: String) -> Self {
        Self {
            section: Some(section.to_owned()),
            ..Self::of_file(text)
        }
    }

    /// Returns true if the problem affects a section. A section with a longer name, such as `budgets`, is probably a
    /// misspelling.
    fn affects(&self, section: &str) -> bool {
        match &self.section {
            Some(affected) => affected.starts_with(section),
            None => true,
        }
    }
}

impl Display for ConfigProblem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// The notification settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NotifyConfig {
    /// True if limit errors cause a desktop notification through the terminal.
    pub desktop: bool,
}

impl Default for NotifyConfig {
    fn default() -> Self {
        Self { desktop: true }
    }
}

impl Config {
    /// Returns the first problem that affects budgets.
    pub(crate) fn budget_problem(&self) -> Option<&ConfigProblem> {
        self.problems_of("budget").next()
    }

    /// Returns the first problem that affects budgets. Unknown keys are not included because they do not justify a
    /// warning on every screen.
    pub(crate) fn budget_problem_to_show(&self) -> Option<&ConfigProblem> {
        self.problems_of("budget")
            .find(|problem| !problem.is_unknown_key)
    }

    /// Returns the problem that makes the entire file invalid, so that its budgets are unknown.
    pub(crate) fn problem_hiding_budgets(&self) -> Option<&ConfigProblem> {
        self.problems
            .iter()
            .find(|problem| problem.section.is_none())
    }

    /// Returns the problems that affect a section. An invalid file affects all sections.
    pub(crate) fn problems_of(&self, section: &str) -> impl Iterator<Item = &ConfigProblem> {
        self.problems
            .iter()
            .filter(move |problem| problem.affects(section))
    }

    /// Applies the user's choice of hour format, which takes precedence over the locale.
    pub(crate) fn set_hours(&self, environment: &mut Environment) {
        match self.display.clock {
            ClockChoice::Auto => {}
            ClockChoice::Twelve => environment.hours = HourFormat::Twelve,
            ClockChoice::TwentyFour => environment.hours = HourFormat::TwentyFour,
        }
    }

    /// Returns true if the status line includes a segment. If not, there is no need to read its data.
    pub(crate) fn shows(&self, segment: SegmentName) -> bool {
        self.statusline.segments.contains(&segment)
    }
}
