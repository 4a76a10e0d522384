//! The user's optional `config.toml`.
//!
//! Every key has a default. An invalid value affects only its own key.

mod budget;
mod check;
mod display;
mod export;
mod file;
mod hints;
mod keys;
mod status_line;

pub use budget::{Budget, BudgetAction};
pub use display::{ClockChoice, Currency, DisplayConfig};
pub use export::{Branches, Export, Others};
pub use hints::{HintConfig, HintName};
pub use status_line::{LineConfig, MeterForm, SegmentName};

use serde::{Deserialize, Serialize};

use crate::environment::Environment;
use crate::terminal::{THEMES, Theme};
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
    /// The user's subscription.
    pub plan: PlanConfig,
    /// The second currency, which is displayed next to amounts in dollars.
    pub currency: Currency,
    /// The settings for hints.
    pub hints: HintConfig,
    /// The notification settings.
    pub notify: NotifyConfig,
    /// The configuration of `whycap export`.
    pub export: Export,
    /// The keys that are set in a file, in the form `section.key`.
    #[serde(skip)]
    pub from_file: Vec<String>,
    /// The problems found in the files, one sentence each.
    #[serde(skip)]
    pub problems: Vec<String>,
    /// True if an entire file is invalid, which means that the user's settings are unknown.
    #[serde(skip)]
    pub is_broken: bool,
}

/// The user's subscription.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PlanConfig {
    /// The monthly price in dollars.
    pub monthly: Option<f64>,
}

/// The notification settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NotifyConfig {
    /// True if limit errors trigger a desktop notification through the terminal.
    pub desktop: bool,
}

impl Default for NotifyConfig {
    fn default() -> Self {
        Self { desktop: true }
    }
}

impl Config {
    /// Returns the first problem that affects budgets.
    pub(crate) fn budget_problem(&self) -> Option<&str> {
        self.problems_of("budget").next()
    }

    /// Returns the first problem that affects budgets, except for unknown keys. Unknown keys may belong to a newer
    /// version of whycap and do not justify a warning on every screen.
    pub(crate) fn budget_fault(&self) -> Option<&str> {
        self.problems_of("budget")
            .find(|problem| !problem.contains("is not a known key"))
    }

    /// Returns true if an invalid file may contain budgets.
    pub(crate) fn hides_budgets(&self) -> bool {
        self.is_broken && !self.budget.is_set()
    }

    /// Returns the problems that affect a section. An invalid file affects all sections.
    pub(crate) fn problems_of(&self, section: &str) -> impl Iterator<Item = &str> {
        let start = format!("`{section}");
        self.problems
            .iter()
            .map(String::as_str)
            .filter(move |problem| self.is_broken || problem.starts_with(&start))
    }

    /// Returns the segments of each line. There is always at least one line.
    pub(crate) fn rows(&self) -> &[Vec<SegmentName>] {
        match self.statusline.lines.as_slice() {
            [] => std::slice::from_ref(&self.statusline.segments),
            lines => lines,
        }
    }

    /// Applies the user's choice of hour format, which takes precedence over the locale.
    pub(crate) fn set_hours(&self, environment: &mut Environment) {
        match self.display.clock {
            ClockChoice::Auto => {}
            ClockChoice::Twelve => environment.hours = HourFormat::Twelve,
            ClockChoice::TwentyFour => environment.hours = HourFormat::TwentyFour,
        }
    }

    /// Returns the color theme of the status line.
    pub(crate) fn theme(&self) -> &'static Theme {
        let [default_theme, ..] = &THEMES;
        Theme::named(&self.statusline.theme).unwrap_or(default_theme)
    }

    /// Returns true unless the user has turned off the hint.
    pub(crate) fn shows_hint(&self, hint: HintName) -> bool {
        !self.hints.off.contains(&hint)
    }

    /// Returns true if the status line includes a segment. The data for other segments need not be read.
    pub(crate) fn shows(&self, segment: SegmentName) -> bool {
        self.rows().iter().flatten().any(|shown| *shown == segment)
    }
}
