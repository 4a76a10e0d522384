//! The user's optional `config.toml`.
//!
//! Nothing in it can stop whycap: a key that is unknown or has a wrong value is left at its
//! default and named in [`Config::problems`], which `doctor` shows.

use toml::{Table, Value};

use crate::disk;
use crate::places::Places;

/// The most that a configuration file can sensibly hold.
const SIZE_LIMIT: u64 = 256 * 1024;

/// A part of the status line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SegmentName {
    /// The model in use.
    Model,
    /// What this session cost.
    Session,
    /// What today cost, over all sessions.
    Today,
    /// The five-hour and the weekly window.
    Windows,
    /// When the five-hour window will be full at the present rate.
    Pace,
    /// Share of the context window in use.
    Context,
}

/// The segments by the name that `config.toml` uses, in default order.
pub const SEGMENTS: [(&str, SegmentName); 6] = [
    ("model", SegmentName::Model),
    ("session", SegmentName::Session),
    ("today", SegmentName::Today),
    ("windows", SegmentName::Windows),
    ("pace", SegmentName::Pace),
    ("context", SegmentName::Context),
];

/// What happens when a budget is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BudgetAction {
    /// Say so.
    Warn,
    /// Hold the next prompt back, with the reason and how to go on anyway.
    Stop,
}

/// Budgets in dollars; absent means none.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Budget {
    /// For one session.
    pub session: Option<f64>,
    /// For one calendar day in the user's zone.
    pub day: Option<f64>,
    /// For one calendar month in the user's zone.
    pub month: Option<f64>,
    /// Share of a budget at which to warn, 0 to 1.
    pub warn_at: f64,
    /// What happens at the end of a budget.
    pub action: BudgetAction,
}

/// The whole configuration, with defaults filled in.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Segments of the status line, in order.
    pub segments: Vec<SegmentName>,
    /// Spending budgets.
    pub budget: Budget,
    /// Whether a limit error may ring the terminal.
    pub notify_desktop: bool,
    /// What was wrong in the file, one sentence each.
    pub problems: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            segments: SEGMENTS.map(|(_, segment)| segment).to_vec(),
            budget: Budget {
                session: None,
                day: None,
                month: None,
                warn_at: 0.8,
                action: BudgetAction::Warn,
            },
            notify_desktop: true,
            problems: Vec::new(),
        }
    }
}

impl Config {
    /// Reads the user's file; defaults where there is none.
    pub fn load(places: &Places) -> Self {
        match disk::read(&places.settings, SIZE_LIMIT) {
            Ok(None) => Self::default(),
            Ok(Some(bytes)) => Self::parse(&String::from_utf8_lossy(&bytes)),
            Err(error) => Self {
                problems: vec![error.to_string()],
                ..Self::default()
            },
        }
    }

    /// Reads a file's text.
    pub fn parse(text: &str) -> Self {
        let mut config = Self::default();
        match text.parse::<Table>() {
            Ok(table) => {
                for (section, value) in &table {
                    config.set_section(section, value);
                }
            }
            Err(error) => {
                let problem = format!("the file is not TOML: {}", error.message());
                config.problems.push(problem);
            }
        }
        config
    }

    fn set_section(&mut self, section: &str, value: &Value) {
        let Some(keys) = value.as_table() else {
            let problem = format!("`{section}` is not a section");
            return self.problems.push(problem);
        };
        for (key, value) in keys {
            if let Err(wanted) = self.set(section, key, value) {
                let problem = format!("`{section}.{key}` {wanted}; the default is used");
                self.problems.push(problem);
            }
        }
    }

    fn set(&mut self, section: &str, key: &str, value: &Value) -> Result<(), String> {
        match (section, key) {
            ("statusline", "segments") => self.segments = segments(value)?,
            ("budget", "session") => self.budget.session = Some(dollars(value)?),
            ("budget", "day") => self.budget.day = Some(dollars(value)?),
            ("budget", "month") => self.budget.month = Some(dollars(value)?),
            ("budget", "warn_at") => {
                self.budget.warn_at = number(value)
                    .filter(|share| (0.0..=1.0).contains(share))
                    .ok_or("must be a number from 0 to 1")?;
            }
            ("budget", "action") => {
                self.budget.action = match value.as_str() {
                    Some("warn") => BudgetAction::Warn,
                    Some("stop") => BudgetAction::Stop,
                    _ => return Err("must be \"warn\" or \"stop\"".to_owned()),
                };
            }
            ("notify", "desktop") => {
                self.notify_desktop = value.as_bool().ok_or("must be true or false")?;
            }
            _ => return Err("is not a key that whycap knows".to_owned()),
        }
        Ok(())
    }
}

fn number(value: &Value) -> Option<f64> {
    value
        .as_float()
        .or_else(|| value.as_integer().map(|whole| whole as f64))
        .filter(|n| n.is_finite())
}

fn dollars(value: &Value) -> Result<f64, &'static str> {
    number(value)
        .filter(|usd| *usd > 0.0)
        .ok_or("must be a number of dollars above 0")
}

fn segments(value: &Value) -> Result<Vec<SegmentName>, String> {
    let segment = |item: &Value| {
        let name = item.as_str()?;
        let known = SEGMENTS.iter().find(|(known, _)| *known == name)?;
        Some(known.1)
    };
    let list = value.as_array().filter(|list| !list.is_empty());
    list.and_then(|list| list.iter().map(segment).collect())
        .ok_or_else(|| {
            let names = SEGMENTS.map(|(name, _)| name).join(", ");
            format!("must be a list of: {names}")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_example_is_understood_whole() {
        let config = Config::parse(
            "[statusline]\nsegments = [\"model\", \"today\"]\n[budget]\nsession = 5.0\nday = 20\nwarn_at = 0.5\naction = \"stop\"\n[notify]\ndesktop = false\n",
        );
        assert_eq!(config.problems, Vec::<String>::new());
        assert_eq!(config.segments, [SegmentName::Model, SegmentName::Today]);
        assert_eq!(config.budget.day, Some(20.0));
        assert_eq!(config.budget.action, BudgetAction::Stop);
        assert!(!config.notify_desktop);
    }

    #[test]
    fn a_wrong_value_costs_one_key_and_is_named() {
        let config = Config::parse("[budget]\nday = -1\nmonth = 300\n[colour]\nx = 1\n");
        assert_eq!(config.budget.day, None);
        assert_eq!(config.budget.month, Some(300.0));
        assert_eq!(config.problems.len(), 2);
        assert!(
            config.problems[0].contains("budget.day"),
            "{:?}",
            config.problems
        );
    }

    #[test]
    fn a_file_that_is_not_toml_gives_the_defaults() {
        let config = Config::parse("segments = [");
        assert_eq!(config.segments.len(), 6);
        assert_eq!(config.problems.len(), 1);
    }
}
