//! The user's optional `config.toml`: what can be set, with defaults; its keys (`keys`), read and written out again
//! (`file`).

mod file;
mod keys;

use std::collections::BTreeMap;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::environment::Environment;
use crate::terminal::{THEMES, Theme};
use crate::time::Hours;

/// A part of the status line. The first six are the line by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum SegmentName {
    /// The model in use.
    Model,
    /// What this session cost.
    Session,
    /// What today cost, over all sessions.
    Today,
    /// The plan's windows, or a gateway's spend limit.
    Windows,
    /// Which window will be full first, and when, if it goes on like this.
    Pace,
    /// Share of the context window in use.
    Context,
    /// The working directory.
    Directory,
    /// The branch that is checked out there.
    Branch,
    /// How hard the model is told to think.
    Effort,
    /// Lines added and removed in this session.
    Lines,
    /// For how long the session has been open.
    Duration,
    /// What the session costs by the hour.
    Rate,
    /// What the last prompt cost so far.
    Prompt,
    /// A prompt cache that is about to go cold.
    Hint,
    /// The weeks of single models, as `/usage` showed them last.
    ModelWeeks,
    /// Usage credits used and left, as `/usage` showed them last.
    Credits,
}

/// What a hint is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum HintName {
    /// A prompt cache that is about to go cold, or is.
    ColdCache,
    /// A prompt cache that is written again without need.
    WrittenAgain,
    /// Prompts so long that they cost more by the token.
    LongContext,
    /// Fast mode.
    FastMode,
    /// Subagents that cost more than the conversations that started them.
    Subagents,
    /// A cheaper model that subagents of the same type also ran on.
    CheaperModel,
}

/// How a meter is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MeterForm {
    /// As a percentage.
    Text,
    /// As a bar and a percentage.
    Bar,
}

/// What happens when a budget is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BudgetAction {
    /// Say so.
    Warn,
    /// Hold the next prompt back, with the reason and how to go on anyway.
    Stop,
}

/// Budgets in dollars; absent means none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Budget {
    /// For one session.
    pub session: Option<f64>,
    /// For one calendar day in the user's zone.
    pub day: Option<f64>,
    /// For one calendar month in the user's zone.
    pub month: Option<f64>,
    /// For what is paid from usage credits in one calendar month.
    pub credits: Option<f64>,
    /// For one calendar month in certain directories, by a directory (`/home/dev/api`,
    /// `~/src/api`) or the name of one (`api`).
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub projects: BTreeMap<String, f64>,
    /// Where the directories that `projects` names are, as written and without symbolic links.
    #[serde(skip)]
    pub places: BTreeMap<String, Vec<String>>,
    /// Share of a budget at which to warn, 0 to 1.
    pub warn_at: f64,
    /// What happens at the end of a budget.
    pub action: BudgetAction,
}

impl Budget {
    /// Whether any is set.
    pub(crate) fn is_any(&self) -> bool {
        let general = [self.session, self.day, self.month, self.credits];
        general.iter().any(Option::is_some) || !self.projects.is_empty()
    }

    /// Whether what was spent in a directory counts for the project of this key.
    pub(crate) fn covers(&self, project: &str, directory: &str) -> bool {
        let places = self.places.get(project).into_iter().flatten();
        let mut names = places.map(String::as_str).chain([project]);
        names.any(|name| covers(name, directory))
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            session: None,
            day: None,
            month: None,
            credits: None,
            projects: BTreeMap::new(),
            places: BTreeMap::new(),
            warn_at: 0.8,
            action: BudgetAction::Warn,
        }
    }
}

/// Whether a directory is the one that is named, or below it. In any case, as `spend --project` has it.
fn covers(project: &str, directory: &str) -> bool {
    let is_path = project.starts_with(['/', '\\']) || project.get(1..2) == Some(":");
    let (project, directory) = (path_names(project), path_names(directory));
    if is_path {
        directory.starts_with(&project)
    } else {
        !project.is_empty() && directory.windows(project.len()).any(|part| part == project)
    }
}

/// The names in a path: Windows writes them with either slash.
fn path_names(path: &str) -> Vec<String> {
    let path = path.to_lowercase();
    let names = path.split(['/', '\\']).filter(|name| !name.is_empty());
    names.map(str::to_owned).collect()
}

/// A currency beside dollars.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Currency {
    /// What a dollar is worth in it. None: only dollars are shown.
    pub rate: Option<f64>,
    /// What stands before its amounts.
    pub symbol: String,
}

impl Default for Currency {
    fn default() -> Self {
        Self {
            rate: None,
            symbol: "\u{20ac}".to_owned(),
        }
    }
}

/// What of the user's history leaves with `whycap export`, and under which name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Export {
    /// The name of the person; a pseudonym where there is none.
    pub person: Option<String>,
    /// A secret that goes into the pseudonym, and into the hashes of projects and branches.
    pub key: Option<String>,
    /// The projects that leave under their own names, as patterns.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub projects: Vec<String>,
    /// What becomes of the others. Without it, they are summed where some are named.
    pub others: Option<Others>,
    /// What leaves of a branch's name.
    pub branches: Branches,
    /// What is added to every row: a team, a cost center.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

/// What becomes of projects that the user did not name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Others {
    /// They leave as "other".
    Sum,
    /// Each leaves under a hash of its name.
    Hash,
    /// They do not leave.
    Drop,
}

/// What leaves of a branch's name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Branches {
    /// Nothing.
    #[default]
    None,
    /// A hash.
    Hash,
    /// The number of a ticket in it, as `API-77`.
    Ticket,
    /// All of it.
    Name,
}

/// How the status line looks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LineConfig {
    /// Its segments, in order.
    pub segments: Vec<SegmentName>,
    /// Segments line by line, instead of [`Self::segments`]. Empty where there is one line.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<Vec<SegmentName>>,
    /// What stands between two segments.
    pub separator: String,
    /// The name of its colors.
    pub theme: String,
    /// How the plan's windows are drawn.
    pub windows: MeterForm,
    /// How the context is drawn.
    pub context: MeterForm,
}

impl Default for LineConfig {
    fn default() -> Self {
        let (segments, [theme, ..]) = (SegmentName::value_variants().iter(), &THEMES);
        Self {
            segments: segments.copied().take(6).collect(),
            lines: Vec::new(),
            separator: " \u{2502} ".to_owned(),
            theme: theme.name.to_owned(),
            windows: MeterForm::Text,
            context: MeterForm::Text,
        }
    }
}

/// How hours of the day are counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClockChoice {
    /// As the locale says.
    #[default]
    #[serde(rename = "auto")]
    Auto,
    /// Twelve before and after noon.
    #[serde(rename = "12")]
    Twelve,
    /// From midnight on.
    #[serde(rename = "24")]
    TwentyFour,
}

/// How times are shown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DisplayConfig {
    /// By which clock.
    pub clock: ClockChoice,
}

/// A subscription.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PlanConfig {
    /// What it costs a month, in dollars.
    pub monthly: Option<f64>,
}

/// Hints about what costs more than it must.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HintConfig {
    /// Those that are not wanted.
    pub off: Vec<HintName>,
}

/// How somebody is called who does not look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NotifyConfig {
    /// Whether a limit error may ring the terminal.
    pub desktop: bool,
}

impl Default for NotifyConfig {
    fn default() -> Self {
        Self { desktop: true }
    }
}

/// The whole configuration, with defaults filled in, under the names that the file has.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    /// The status line.
    pub statusline: LineConfig,
    /// How times are shown.
    pub display: DisplayConfig,
    /// Spending budgets.
    pub budget: Budget,
    /// What a subscription costs.
    pub plan: PlanConfig,
    /// Shown beside dollars.
    pub currency: Currency,
    /// Which hints are said.
    pub hints: HintConfig,
    /// Notifications.
    pub notify: NotifyConfig,
    /// What leaves with `whycap export`.
    pub export: Export,
    /// The keys that the file has set, as `section.key`.
    #[serde(skip)]
    pub from_file: Vec<String>,
    /// What was wrong in the file, one sentence each.
    #[serde(skip)]
    pub problems: Vec<String>,
    /// Whether none of the file could be used, so that it is not known what its user wants.
    #[serde(skip)]
    pub is_broken: bool,
}

impl Config {
    /// Why budgets are not watched as they were meant to be.
    pub(crate) fn budget_problem(&self) -> Option<&str> {
        self.problems_of("budget").next()
    }

    /// The same, but for keys that a newer whycap may know: they are no reason to speak up everywhere.
    pub(crate) fn budget_fault(&self) -> Option<&str> {
        let mut problems = self.problems_of("budget");
        problems.find(|problem| !problem.contains("is not a key"))
    }

    /// Whether a budget may stand in a file that cannot be read, and none is known.
    pub(crate) fn hides_budgets(&self) -> bool {
        self.is_broken && !self.budget.is_any()
    }

    /// What was wrong in a section, or in the whole file.
    pub(crate) fn problems_of(&self, section: &str) -> impl Iterator<Item = &str> {
        let place = format!("`{section}");
        let problems = self.problems.iter().map(String::as_str);
        problems.filter(move |problem| self.is_broken || problem.starts_with(&place))
    }

    /// The segments of each line, at least one line.
    pub(crate) fn rows(&self) -> &[Vec<SegmentName>] {
        match self.statusline.lines.as_slice() {
            [] => std::slice::from_ref(&self.statusline.segments),
            lines => lines,
        }
    }

    /// Makes times be told as the user wants them, where that is not as the locale says.
    pub(crate) fn set_hours(&self, environment: &mut Environment) {
        match self.display.clock {
            ClockChoice::Auto => {}
            ClockChoice::Twelve => environment.hours = Hours::Twelve,
            ClockChoice::TwentyFour => environment.hours = Hours::TwentyFour,
        }
    }

    /// The line's colors.
    pub(crate) fn theme(&self) -> &'static Theme {
        let [usual, ..] = &THEMES;
        Theme::named(&self.statusline.theme).unwrap_or(usual)
    }

    /// Whether a hint is wanted.
    pub(crate) fn hints(&self, hint: HintName) -> bool {
        !self.hints.off.contains(&hint)
    }

    /// Whether a segment is on any line. What only serves one that is not need not be read.
    pub(crate) fn shows(&self, segment: SegmentName) -> bool {
        self.rows().iter().flatten().any(|shown| *shown == segment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_is_named_by_its_path_or_by_its_name_and_holds_what_lies_below() {
        for (key, directory) in [
            ("/home/dev/api", "/home/dev/api"),
            ("/home/dev/api/", "/home/dev/api/server"),
            ("api", "/home/dev/api"),
            ("API", "/srv/api/server"),
            ("dev/api", "/home/dev/api"),
            ("C:/Users/dev/api", "c:\\Users\\dev\\api"),
            ("C:\\Users\\dev", "C:/Users/dev/api"),
            ("api", "C:\\Users\\dev\\api"),
        ] {
            assert!(covers(key, directory), "{key} {directory}");
        }
        for (key, directory) in [
            ("/home/dev/api", "/home/dev/api-server"),
            ("/home/dev/api", "/srv/home/dev/api"),
            ("api", "/home/dev/apiary"),
            ("~/api", "/home/dev/api"),
            ("~api", "/home/dev/api"),
            ("api", ""),
            ("", "/home/dev/api"),
        ] {
            assert!(!covers(key, directory), "{key} {directory}");
        }
    }
}
