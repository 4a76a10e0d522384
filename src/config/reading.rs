//! Reading the user's `config.toml`.
//!
//! Nothing in it can stop whycap: a key that is unknown or has a wrong value is left at its
//! default and named in [`Config::problems`], which `doctor` shows.

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
                for (section, value) in &table {
                    self.set_section(section, value);
                }
            }
            Err(error) => {
                let problem = format!("the file is not TOML: {}", error.message());
                self.problems.push(problem);
                self.is_broken = true;
            }
        }
    }

    fn set_section(&mut self, section: &str, value: &Value) {
        let Some(keys) = value.as_table() else {
            let problem = format!("`{section}` is not a section");
            return self.problems.push(problem);
        };
        for (key, value) in keys {
            if let Err(wrong) = self.set(section, key, value) {
                self.problems.push(format!("`{section}.{key}` {wrong}"));
            }
        }
    }

    fn set(&mut self, section: &str, name: &str, value: &Value) -> Result<(), String> {
        let is_meant = |key: &&Key| key.section == section && key.name == name;
        let key = KEYS.iter().find(is_meant);
        let key = key.ok_or("is not a key that whycap knows")?;
        let unusable =
            (key.read)(self, value).map_err(|wanted| format!("{wanted}; the default is used"))?;
        let problems = unusable
            .iter()
            .map(|what| format!("`{section}.{name}`: {what}"));
        self.problems.extend(problems);
        self.from_file.push(format!("{section}.{name}"));
        Ok(())
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
        assert_eq!(config.segments, [SegmentName::Model, SegmentName::Today]);
        assert_eq!(config.budget.day, Some(20.0));
        assert_eq!(config.budget.action, BudgetAction::Stop);
        assert!(!config.notify_desktop);
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
        let projects: Vec<_> = projects.map(|it| (it.key.as_str(), it.limit)).collect();
        assert_eq!(projects, [("C:\\src\\web", 1.5), ("api", 40.0)]);
        assert_eq!(config.plan, Some(100.0));
        assert_eq!(config.currency.rate, Some(0.92));
        assert_eq!(config.currency.symbol, "\u{20ac}");
        assert_eq!(config.hints_off, [HintName::FastMode]);
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
        assert_eq!(config.segments, [SegmentName::Today, SegmentName::Context]);
        assert_eq!(config.problems.len(), 2, "{:?}", config.problems);
        assert!(
            config.problems[0].starts_with("`statusline.segments`: \"git\" is not a segment"),
            "{:?}",
            config.problems
        );
        let none = Config::parse("[statusline]\nsegments = [\"git\"]\n");
        assert_eq!(none.segments.len(), 6);
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
        assert_eq!(config.separator, " | ");
        assert_eq!(config.theme.name, "light");
        assert_eq!(config.windows, MeterForm::Bar);
        assert_eq!(config.problems.len(), 3, "{:?}", config.problems);
        assert!(config.shows(SegmentName::Branch) && !config.shows(SegmentName::Today));
    }

    #[test]
    fn a_separator_cannot_break_the_line() {
        for separator in ["", "\\n", "\\u001b[2J", "\\u202e", "12345678901"] {
            let text = format!("[statusline]\nseparator = \"{separator}\"\n");
            let config = Config::parse(&text);
            assert_eq!(config.separator, Config::default().separator, "{text}");
            assert_eq!(config.problems.len(), 1, "{text}");
        }
    }

    #[test]
    fn a_file_that_is_not_toml_gives_the_defaults() {
        let config = Config::parse("segments = [");
        assert_eq!(config.segments, Config::default().segments);
        assert_eq!(config.problems.len(), 1);
        assert!(config.is_broken && config.budget_problem().is_some());
    }
}
