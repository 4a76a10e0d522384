//! Reading the user's `config.toml`.
//!
//! Nothing in it can stop whycap: a key that is unknown or has a wrong value is left at its
//! default and named in [`Config::problems`], which `doctor` shows.

use std::mem::take;

use toml::{Table, Value};

use super::keys::{KEYS, Key};
use super::values::Config;
use crate::disk;
use crate::places::Places;

/// The most that a configuration file can sensibly hold.
const SIZE_LIMIT: u64 = 256 * 1024;

impl Config {
    /// Reads the system's file, and over it the user's; defaults where there are none.
    pub fn load(places: &Places) -> Self {
        let mut config = Self::default();
        for file in [&places.system_settings, &places.settings] {
            match disk::read(file, SIZE_LIMIT) {
                Ok(None) => {}
                Ok(Some(bytes)) => config.take_over(&String::from_utf8_lossy(&bytes)),
                Err(error) => {
                    config.problems.push(error.to_string());
                    config.is_broken = true;
                }
            }
        }
        config
    }

    /// Reads a file's text.
    pub fn parse(text: &str) -> Self {
        let mut config = Self::default();
        config.take_over(text);
        config
    }

    /// What a file says goes before what is known; what it leaves open stays.
    fn take_over(&mut self, text: &str) {
        match text.parse::<Table>() {
            Ok(table) => {
                let mut values = Table::try_from(&*self).unwrap_or_default();
                for (section, said) in &table {
                    self.check_section(section, said, &mut values);
                }
                self.fill(values);
            }
            Err(error) => {
                let problem = format!("the file is not TOML: {}", error.message());
                self.problems.push(problem);
                self.is_broken = true;
            }
        }
    }

    /// Takes over values that were checked.
    fn fill(&mut self, values: Table) {
        match values.try_into::<Self>() {
            Ok(filled) => {
                *self = Self {
                    from_file: take(&mut self.from_file),
                    problems: take(&mut self.problems),
                    is_broken: self.is_broken,
                    ..filled
                }
            }
            Err(error) => self.problems.push(error.message().to_owned()),
        }
    }

    /// Adds what can be used of a section to the values that are known.
    fn check_section(&mut self, section: &str, said: &Value, values: &mut Table) {
        let Some(keys) = said.as_table() else {
            let problem = format!("`{section}` is not a section");
            return self.problems.push(problem);
        };
        for (name, value) in keys {
            let is_meant = |key: &&Key| key.section == section && key.name == *name;
            let place = format!("{section}.{name}");
            let Some(key) = KEYS.iter().find(is_meant) else {
                let problem = format!("`{place}` is not a key that whycap knows");
                self.problems.push(problem);
                continue;
            };
            match key.check(value) {
                Ok((usable, left_out)) => {
                    let left_out = left_out.iter().map(|what| format!("`{place}`: {what}"));
                    self.problems.extend(left_out);
                    if let Some(Value::Table(values)) = values.get_mut(section) {
                        values.insert(name.clone(), usable);
                    }
                    self.from_file.push(place);
                }
                Err(must) => {
                    let problem = format!("`{place}` {must}; the default is used");
                    self.problems.push(problem);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{BudgetAction, HintName, MeterForm, SegmentName};

    #[test]
    fn the_documented_example_is_understood_whole() {
        let config = Config::parse(
            "[statusline]\nsegments = [\"model\", \"today\"]\n[budget]\nsession = 5.0\nday = 20\nwarn_at = 0.5\naction = \"stop\"\n[notify]\ndesktop = false\n",
        );
        assert_eq!(config.problems, Vec::<String>::new());
        assert_eq!(
            config.statusline.segments,
            [SegmentName::Model, SegmentName::Today]
        );
        assert_eq!(config.budget.day, Some(20.0));
        assert_eq!(config.budget.action, BudgetAction::Stop);
        assert!(!config.notify.desktop);
    }

    #[test]
    fn what_the_user_writes_goes_before_what_the_system_says_for_everybody() {
        let mut config = Config::parse(
            "[export]\nprojects = [\"acme/*\"]\nlabels = { team = \"payments\" }\n[budget]\nday = 20\n",
        );
        config.take_over(
            "[export]\nbranches = \"ticket\"\nprojects = [\"ada/*\"]\nkey = \"short\"\n",
        );
        assert_eq!(config.export.projects, ["ada/*"]);
        assert_eq!(config.export.labels["team"], "payments");
        assert_eq!(config.budget.day, Some(20.0));
        assert_eq!(config.problems.len(), 1, "{:?}", config.problems);
        assert!(config.problems[0].contains("`export.key`: is too short"));
    }

    #[test]
    fn a_wrong_value_costs_one_key_and_is_named() {
        let config = Config::parse("[budget]\nday = -1\nmonth = 300\n[colour]\nx = 1\n");
        assert_eq!(config.budget.day, None);
        assert_eq!(config.budget.month, Some(300.0));
        assert!(!config.is_broken && config.budget_problem().is_some());
        assert_eq!(config.problems.len(), 2);
        assert!(
            config.problems[0].contains("budget.day"),
            "{:?}",
            config.problems
        );
    }

    #[test]
    fn budgets_of_projects_a_plan_a_currency_and_hints_are_understood() {
        let config = Config::parse(
            "[budget.projects]\napi = 40\n'C:\\src\\web' = 1.5\nx = \"1\"\n[plan]\nmonthly = 100\n[currency]\nrate = 0.92\nsymbol = \"too long\"\n[hints]\noff = [\"fast_mode\", \"slow_mode\"]\n",
        );
        let projects = config.budget.projects.iter();
        let projects: Vec<_> = projects
            .map(|(key, limit)| (key.as_str(), *limit))
            .collect();
        assert_eq!(projects, [("C:\\src\\web", 1.5), ("api", 40.0)]);
        assert_eq!(config.plan.monthly, Some(100.0));
        assert_eq!(config.currency.rate, Some(0.92));
        assert_eq!(config.currency.symbol, "\u{20ac}");
        assert_eq!(config.hints.off, [HintName::FastMode]);
        let problems = config.problems.join("\n");
        for says in [
            "`budget.projects`: `x` must be a number of dollars above 0; it is left out",
            "`currency.symbol` must be a text of 1 to 5 columns; the default is used",
            "`hints.off`: \"slow_mode\" is not a hint",
        ] {
            assert!(problems.contains(says), "no {says:?} in: {problems}");
        }
        assert_eq!(config.problems.len(), 3, "{problems}");
    }

    #[test]
    fn an_unknown_segment_costs_itself_and_no_other() {
        let config =
            Config::parse("[statusline]\nsegments = [\"today\", \"git\", 7, \"context\"]\n");
        assert_eq!(
            config.statusline.segments,
            [SegmentName::Today, SegmentName::Context]
        );
        assert_eq!(config.problems.len(), 2, "{:?}", config.problems);
        assert!(
            config.problems[0].starts_with("`statusline.segments`: \"git\" is not a segment"),
            "{:?}",
            config.problems
        );
        let none = Config::parse("[statusline]\nsegments = [\"git\"]\n");
        assert_eq!(none.statusline.segments.len(), 6);
        assert_eq!(none.problems.len(), 1);
    }

    #[test]
    fn several_lines_a_separator_a_theme_and_bars_are_understood() {
        let config = Config::parse(
            "[statusline]\nlines = [[\"directory\", \"branch\"], [\"git\"], [\"model\", \"x\"], 7]\nseparator = \" | \"\ntheme = \"light\"\nwindows = \"bar\"\n",
        );
        let rows = [
            &[SegmentName::Directory, SegmentName::Branch][..],
            &[SegmentName::Model],
        ];
        assert_eq!(config.rows(), rows);
        assert_eq!(config.statusline.separator, " | ");
        assert_eq!(config.statusline.theme, "light");
        assert_eq!(config.statusline.windows, MeterForm::Bar);
        assert_eq!(config.problems.len(), 3, "{:?}", config.problems);
        assert!(config.shows(SegmentName::Branch) && !config.shows(SegmentName::Today));
    }

    #[test]
    fn a_separator_cannot_break_the_line() {
        for separator in ["", "\\n", "\\u001b[2J", "\\u202e", "12345678901"] {
            let text = format!("[statusline]\nseparator = \"{separator}\"\n");
            let config = Config::parse(&text);
            assert_eq!(
                config.statusline.separator,
                Config::default().statusline.separator,
                "{text}"
            );
            assert_eq!(config.problems.len(), 1, "{text}");
        }
    }

    #[test]
    fn a_file_that_is_not_toml_gives_the_defaults() {
        let config = Config::parse("segments = [");
        assert_eq!(
            config.statusline.segments,
            Config::default().statusline.segments
        );
        assert_eq!(config.problems.len(), 1);
        assert!(config.is_broken && config.budget_problem().is_some());
    }
}
