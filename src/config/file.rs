//! Reads `config.toml`, and prints the effective configuration as an equivalent file.
//!
//! A configuration file can never prevent whycap from working. Unknown keys are ignored, and invalid values are
//! replaced with defaults. Both are recorded in [`Config::problems`], which `doctor` reports.

use std::collections::BTreeMap;
use std::fmt::Write;

use toml::{Table, Value};

use super::keys::KEYS;
use super::{Config, ConfigProblem};
use crate::disk;
use crate::environment::Paths;
use crate::terminal::{escape, wrap};

/// The maximum size of a configuration file in bytes.
const SIZE_LIMIT: u64 = 256 * 1024;

/// The maximum width of comments in a printed configuration.
const COMMENT_COLUMNS: usize = 98;

/// The valid values from the file, by section.
type Sections = BTreeMap<String, Table>;

impl Config {
    /// Loads the user's file. If it does not exist, every key has its default.
    pub fn load(paths: &Paths) -> Self {
        match disk::read(&paths.whycap_config, SIZE_LIMIT) {
            Ok(Some(bytes)) => Self::parse(&String::from_utf8_lossy(&bytes)),
            Ok(None) => Self::default(),
            Err(error) => Self {
                problems: vec![ConfigProblem::of_file(error.to_string())],
                ..Self::default()
            },
        }
    }

    /// Parses the content of a file.
    pub fn parse(text: &str) -> Self {
        let mut values = Sections::new();
        let mut config = Self::default();
        match parse_table(text) {
            Ok(table) => {
                for (section, value) in &table {
                    config.add_section(section, value, &mut values);
                }
            }
            Err(text) => config.problems.push(ConfigProblem::of_file(text)),
        }
        let with_values = Value::from(values)
            .try_into::<Self>()
            .unwrap_or_else(|error| {
                config
                    .problems
                    .push(ConfigProblem::of_file(error.message().to_owned()));
                Self::default()
            });
        Self {
            from_file: config.from_file,
            problems: config.problems,
            ..with_values
        }
    }

    /// Adds the valid keys of a section to `values`, and records a problem for each invalid key.
    fn add_section(&mut self, section: &str, keys: &Value, values: &mut Sections) {
        let Some(keys) = keys.as_table() else {
            self.problems.push(ConfigProblem::of_section(
                section,
                format!("`{section}` is not a known section"),
            ));
            return;
        };

        for (name, value) in keys {
            let full_name = format!("{section}.{name}");
            let Some(key) = KEYS
                .iter()
                .find(|key| key.section == section && key.name == *name)
            else {
                let known_names: Vec<&str> = KEYS
                    .iter()
                    .filter(|key| key.section == section)
                    .map(|key| key.name)
                    .collect();
                let text = format!(
                    "`{full_name}` is not a known key (the keys of [{section}] are {})",
                    known_names.join(", ")
                );
                self.problems.push(ConfigProblem {
                    is_unknown_key: true,
                    ..ConfigProblem::of_section(section, text)
                });
                continue;
            };

            let mut omissions = Vec::new();
            let Some(valid) = key.check(value, &mut omissions) else {
                // With the default, more could be exported or spent than the user wants.
                let consequence = match section {
                    "export" => "nothing is exported until you fix it",
                    "budget" if !key.example.is_empty() => {
                        "this budget is not checked until you fix it"
                    }
                    _ => "whycap uses the default",
                };
                let requirement = key.requirement();
                self.problems.push(ConfigProblem::of_section(
                    section,
                    format!("`{full_name}` {requirement}; {consequence}"),
                ));
                continue;
            };

            self.problems
                .extend(omissions.iter().map(|omission| {
                    ConfigProblem::of_section(section, format!("`{full_name}`: {omission}"))
                }));
            values
                .entry(section.to_owned())
                .or_default()
                .insert(name.clone(), valid);
            self.from_file.push(full_name);
        }
    }

    /// Returns a file that is equivalent to this configuration. A comment after each value says whether it is the
    /// default. The file starts with `heading` and any problems as comments. Comments are at most `columns` wide.
    pub(crate) fn in_effect(&self, heading: &str, columns: usize) -> String {
        self.to_toml(heading, columns, |key| {
            if self.from_file.iter().any(|known| known == key) {
                "  # from the file"
            } else {
                "  # default"
            }
        })
    }

    /// Returns a file with the default values, as a starting point for users.
    pub(crate) fn first_file() -> String {
        let heading = "This is whycap's configuration. Every key is optional, so delete what you do not need.";
        Self::default().to_toml(heading, usize::MAX, |_key| "")
    }

    /// Returns a file with all keys. `origin` returns the comment to add after the value of a key.
    fn to_toml(
        &self,
        heading: &str,
        columns: usize,
        origin: impl Fn(&str) -> &'static str,
    ) -> String {
        let mut text = String::new();
        add_comment(&mut text, heading, columns);
        for problem in &self.problems {
            add_comment(&mut text, &format!("Problem: {problem}"), columns);
        }

        let values = Table::try_from(self).unwrap_or_default();
        let mut current_section = "";
        for key in &*KEYS {
            let (section, name) = (key.section, key.name);
            if section != current_section {
                current_section = section;
                let _ = writeln!(text, "\n[{section}]");
            }
            add_comment(&mut text, &key.about, columns);
            let _ = match values
                .get(section)
                .and_then(|values| values.get(name))
            {
                Some(value) => {
                    let origin = origin(&format!("{section}.{name}"));
                    writeln!(text, "{name} = {value}{origin}")
                }
                None => writeln!(text, "# {name} = {}", key.example),
            };
        }
        text
    }
}

/// Parses the content of a file. The error is a sentence for the user.
fn parse_table(text: &str) -> Result<Table, String> {
    text.parse().map_err(|error: toml::de::Error| {
        let position = error.span().unwrap_or_default().start;
        let text_before = text.get(..position).unwrap_or_default();
        let line = text_before.matches('\n').count() + 1;
        format!(
            "the file is not valid TOML ({} on line {line})",
            error.message()
        )
    })
}

/// Adds a comment of one or more lines, each at most `columns` wide. The text is escaped so that it cannot end the comment.
fn add_comment(toml: &mut String, text: &str, columns: usize) {
    let text_columns = columns
        .saturating_sub("# ".len())
        .min(COMMENT_COLUMNS);
    for line in wrap(&escape(text), text_columns) {
        let _ = writeln!(toml, "# {line}");
    }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;
    use proptest::prelude::*;

    use super::*;
    use crate::config::{
        Branches, Budget, BudgetAction, ClockChoice, DisplayConfig, Export, LineConfig,
        NotifyConfig, Others, SegmentName,
    };

    #[test]
    fn the_documented_example_is_valid() {
        let config = Config::parse(
            "[statusline]\nsegments = [\"model\", \"today\"]\n[budget]\nsession = 5.0\nday = 20\nwarn_at = 0.5\naction = \"stop\"\n[notify]\ndesktop = false\n",
        );
        assert_eq!(config.problems, []);
        assert_eq!(
            config.statusline.segments,
            [SegmentName::Model, SegmentName::Today]
        );
        assert_eq!(config.budget.day, Some(20.0));
        assert_eq!(config.budget.action, BudgetAction::Stop);
        assert!(!config.notify.desktop);
    }

    #[test]
    fn an_error_in_the_file_names_its_line() {
        let config = Config::parse("[budget]\nday = 1\nday = 2\n");
        let problem = &config.problems[0].text;
        assert!(problem.contains("on line 3"), "{problem}");
    }

    #[test]
    fn a_wrong_value_is_named_and_affects_only_its_key() {
        let config = Config::parse("[budget]\nday = -1\nmonth = 300\n[colour]\nx = 1\n");
        assert_eq!(config.budget.day, None);
        assert_eq!(config.budget.month, Some(300.0));
        assert!(config.problem_hiding_budgets().is_none() && config.budget_problem().is_some());
        assert_eq!(config.problems.len(), 2);
        assert!(
            config.problems[0].text.contains("budget.day"),
            "{:?}",
            config.problems
        );
    }

    /// The problem did not name the known keys, so the user had to look up how to spell `day`.
    #[test]
    fn the_problem_with_an_unknown_key_names_the_known_ones() {
        let config = Config::parse("[budget]\ndaily = 5\n");
        let [problem] = &config.problems[..] else {
            panic!("{:?}", config.problems);
        };
        let start = "`budget.daily` is not a known key (the keys of [budget] are session, day, ";
        assert!(problem.text.starts_with(start), "{problem}");
    }

    /// Unknown keys, such as those of an earlier version, must never be fatal.
    #[test]
    fn an_unknown_section_is_named_and_the_other_keys_count() {
        let config = Config::parse(
            "[budget]\nday = 5\n[budget.projects]\napi = 40\n[plan]\nmonthly = 100\n[currency]\nrate = 0.92\n[hints]\noff = []\n",
        );
        assert_eq!(config.budget.day, Some(5.0));
        assert_eq!(config.problems.len(), 4, "{:?}", config.problems);
        assert!(
            config.problem_hiding_budgets().is_none() && config.budget_problem_to_show().is_none()
        );
    }

    #[test]
    fn an_unknown_segment_affects_no_other() {
        let config =
            Config::parse("[statusline]\nsegments = [\"today\", \"git\", 7, \"context\"]\n");
        assert_eq!(
            config.statusline.segments,
            [SegmentName::Today, SegmentName::Context]
        );
        assert_eq!(config.problems.len(), 2, "{:?}", config.problems);
        assert!(
            config.problems[0]
                .text
                .starts_with("`statusline.segments`: \"git\" is not a segment"),
            "{:?}",
            config.problems
        );
        let none = Config::parse("[statusline]\nsegments = [\"git\"]\n");
        assert_eq!(none.statusline.segments.len(), 7);
        assert_eq!(none.problems.len(), 1);
    }

    #[test]
    fn a_file_that_is_not_toml_gives_the_defaults() {
        let config = Config::parse("segments = [");
        assert_eq!(
            config.statusline.segments,
            Config::default().statusline.segments
        );
        assert_eq!(config.problems.len(), 1);
        assert!(config.problem_hiding_budgets().is_some() && config.budget_problem().is_some());
    }

    /// Removes the fields that describe where the settings came from.
    fn effective(config: Config) -> Config {
        Config {
            from_file: Vec::new(),
            problems: Vec::new(),
            ..config
        }
    }

    fn segments() -> impl Strategy<Value = Vec<SegmentName>> {
        prop::collection::vec(prop::sample::select(SegmentName::value_variants()), 1..8)
    }

    fn dollars() -> impl Strategy<Value = Option<f64>> {
        prop::option::of(0.0001..9e6_f64)
    }

    fn budget() -> impl Strategy<Value = Budget> {
        let action = prop_oneof![Just(BudgetAction::Warn), Just(BudgetAction::Stop)];
        let periods = (dollars(), dollars(), dollars());
        (periods, 0.0..=1.0_f64, action).prop_map(|((session, day, month), warn_at, action)| {
            Budget {
                session,
                day,
                month,
                warn_at,
                action,
            }
        })
    }

    fn export() -> impl Strategy<Value = Export> {
        let person = prop::option::of("[a-z \"\\\\é]{0,8}[a-z]");
        let projects = prop::collection::vec("[a-z/*\"]{0,8}", 0..3);
        let others = [Others::Sum, Others::Drop];
        let branches = [Branches::None, Branches::Name];
        let choices = (
            prop::sample::select(others.to_vec()),
            prop::sample::select(branches.to_vec()),
        );
        let labels = prop::collection::btree_map("[a-z\"]{0,5}", "[a-z\"]{1,5}", 0..3);
        (person, projects, choices, labels).prop_map(
            |(person, projects, (others, branches), labels)| Export {
                person: person.map(|name| name.trim().to_owned()),
                projects,
                others,
                branches,
                labels,
            },
        )
    }

    #[test]
    fn the_initial_file_changes_nothing() {
        assert_eq!(
            effective(Config::parse(&Config::first_file())),
            Config::default()
        );
    }

    proptest! {
        #[test]
        fn a_written_configuration_parses_to_the_same_settings(
            segments_ in segments(),
            budget in budget(),
            clock in prop::sample::select(vec![ClockChoice::Auto, ClockChoice::Twelve, ClockChoice::TwentyFour]),
            desktop in any::<bool>(),
            export in export(),
            problems in prop::collection::vec(any::<String>(), 0..3),
        ) {
            let config = Config {
                statusline: LineConfig { segments: segments_ },
                display: DisplayConfig { clock },
                budget, notify: NotifyConfig { desktop },
                export, problems: problems.into_iter().map(ConfigProblem::of_file).collect(),
                from_file: vec!["budget.day".to_owned()],
            };
            let again = Config::parse(&config.in_effect("a heading", 50));
            prop_assert_eq!(&again.problems, &[]);
            prop_assert_eq!(effective(again), effective(config));
        }

        #[test]
        fn any_configuration_prints_as_a_valid_file(text in "(?s)(\\[?[a-z_]{1,10}\\]?( = .{0,12})?\n){0,6}") {
            let config = Config::parse(&text);
            let again = Config::parse(&config.in_effect("", usize::MAX));
            prop_assert_eq!(&again.problems, &[]);
            prop_assert_eq!(effective(again), effective(config));
        }
    }
}
