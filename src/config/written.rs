//! The configuration as it is in effect, as a file that says the same.

use std::fmt::Write;

use toml::Table;

use super::keys::KEYS;
use super::values::Config;
use crate::terminal::{visible, wrap};

impl Config {
    /// Valid TOML that gives this configuration again, with where each value comes from. `heading`
    /// and what was wrong in the file stand in comments at the top.
    pub(crate) fn in_effect(&self, heading: &str) -> String {
        let mut text = String::new();
        comment(&mut text, "", heading);
        for problem in &self.problems {
            comment(&mut text, "Wrong: ", problem);
        }
        self.write_keys(&mut text, |name| {
            let is_from_file = self.from_file.iter().any(|known| known == name);
            if is_from_file {
                "  # from the file"
            } else {
                "  # default"
            }
        });
        text
    }

    /// A file to begin with.
    pub(crate) fn first_file() -> String {
        let mut text = String::new();
        let heading = "whycap's configuration. Every key is optional; delete what you do not need.";
        comment(&mut text, "", heading);
        Self::default().write_keys(&mut text, |_| "");
        text
    }

    fn write_keys(&self, text: &mut String, origin: impl Fn(&str) -> &'static str) {
        let values = Table::try_from(self).unwrap_or_default();
        let mut section = "";
        for key in KEYS.iter() {
            if key.section != section {
                section = &key.section;
                let _ = writeln!(text, "\n[{section}]");
            }
            comment(text, "", &key.about);
            let name = &key.name;
            let value = values.get(section).and_then(|values| values.get(name));
            let _ = match value {
                Some(value) => {
                    let origin = origin(&format!("{section}.{name}"));
                    writeln!(text, "{name} = {value}{origin}")
                }
                None => writeln!(text, "# {name} = {}", key.example),
            };
        }
    }
}

/// A comment of one or more lines. What comes from the file cannot end it.
fn comment(text: &mut String, label: &str, words: &str) {
    for line in wrap(&format!("{label}{}", visible(words)), 98) {
        let _ = writeln!(text, "# {line}");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use clap::ValueEnum;

    use crate::config::{
        Branches, Budget, BudgetAction, ClockChoice, Currency, DisplayConfig, Export, HintConfig,
        HintName, LineConfig, MeterForm, NotifyConfig, Others, PlanConfig, SegmentName,
    };
    use crate::terminal::THEMES;

    /// What the file says again, without where it came from.
    fn effective(config: Config) -> Config {
        Config {
            from_file: Vec::new(),
            problems: Vec::new(),
            is_broken: false,
            ..config
        }
    }

    fn segments() -> impl Strategy<Value = Vec<SegmentName>> {
        prop::collection::vec(prop::sample::select(SegmentName::value_variants()), 1..8)
    }

    fn form() -> impl Strategy<Value = MeterForm> {
        prop_oneof![Just(MeterForm::Text), Just(MeterForm::Bar)]
    }

    fn dollars() -> impl Strategy<Value = Option<f64>> {
        prop::option::of(1e-9..1e12_f64)
    }

    fn budget() -> impl Strategy<Value = Budget> {
        let action = prop_oneof![Just(BudgetAction::Warn), Just(BudgetAction::Stop)];
        let projects = prop::collection::btree_map("(?s).{1,12}", 1e-9..1e12_f64, 0..3);
        let periods = (dollars(), dollars(), dollars(), dollars());
        (periods, projects, 0.0..=1.0_f64, action).prop_map(
            |((session, day, month, credits), projects, warn_at, action)| Budget {
                session,
                day,
                month,
                credits,
                projects,
                warn_at,
                action,
            },
        )
    }

    fn export() -> impl Strategy<Value = Export> {
        let person = prop::option::of("[a-z \"\\\\é]{0,8}[a-z]");
        let projects = prop::collection::vec("[a-z/*\"]{0,8}", 0..3);
        let others = [Others::Sum, Others::Hash, Others::Drop];
        let branches = [
            Branches::None,
            Branches::Hash,
            Branches::Ticket,
            Branches::Name,
        ];
        let choices = (
            prop::option::of(prop::sample::select(others.to_vec())),
            prop::sample::select(branches.to_vec()),
        );
        let labels = prop::collection::btree_map("[a-z\"]{0,5}", "[a-z\"]{1,5}", 0..3);
        (
            person,
            prop::option::of("[a-f0-9]{32}"),
            projects,
            choices,
            labels,
        )
            .prop_map(
                |(person, key, projects, (others, branches), labels)| Export {
                    person: person.map(|name| name.trim().to_owned()),
                    key,
                    projects,
                    others,
                    branches,
                    labels,
                },
            )
    }

    #[test]
    fn a_first_file_changes_nothing() {
        assert_eq!(
            effective(Config::parse(&Config::first_file())),
            Config::default()
        );
    }

    proptest! {
        #[test]
        fn what_is_written_gives_the_same_again(
            segments_ in segments(),
            lines in prop::collection::vec(segments(), 0..4),
            separator in "[ -~│·日]{1,5}",
            theme in 0..THEMES.len(),
            (windows, context) in (form(), form()),
            budget in budget(),
            (plan, rate) in (dollars(), prop::option::of(1e-6..1e6_f64)),
            clock in prop::sample::select(vec![ClockChoice::Auto, ClockChoice::Twelve, ClockChoice::TwentyFour]),
            off in prop::collection::vec(prop::sample::select(HintName::value_variants()), 0..3),
            symbol in "[€£¥A-Z ]{1,2}",
            desktop in any::<bool>(),
            export in export(),
            problems in prop::collection::vec(any::<String>(), 0..3),
        ) {
            let theme = THEMES[theme].name.to_owned();
            let config = Config {
                statusline: LineConfig { segments: segments_, lines, separator, theme, windows, context },
                display: DisplayConfig { clock },
                budget, plan: PlanConfig { monthly: plan }, currency: Currency { rate, symbol },
                hints: HintConfig { off }, notify: NotifyConfig { desktop },
                export, problems, from_file: vec!["budget.day".to_owned()],
                is_broken: false,
            };
            let again = Config::parse(&config.in_effect("a heading"));
            prop_assert_eq!(&again.problems, &Vec::<String>::new());
            prop_assert_eq!(effective(again), effective(config));
        }

        #[test]
        fn whatever_stands_in_the_file_its_printout_is_a_sound_one(text in "(?s)(\\[?[a-z_]{1,10}\\]?( = .{0,12})?\n){0,6}") {
            let config = Config::parse(&text);
            let again = Config::parse(&config.in_effect(""));
            prop_assert_eq!(&again.problems, &Vec::<String>::new());
            prop_assert_eq!(effective(again), effective(config));
        }
    }
}
