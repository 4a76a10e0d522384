//! The keys of `config.toml`. Each entry contains everything needed to read, check, and print a key.

/// A key that can be set in `config.toml`.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) section: &'static str,
    pub(super) name: &'static str,
    pub(super) kind: ValueKind,
    /// The message for an unusable value. It continues a sentence that starts with the key's name.
    pub(super) requirement: &'static str,
    /// The comment above the key in a printed configuration.
    pub(super) about: &'static str,
    /// An example value, which is printed in a comment if the key is not set. It is empty for keys that have a default.
    pub(super) example: &'static str,
}

/// The values that a key accepts.
#[derive(Debug)]
pub(super) enum ValueKind {
    /// A number within this range, inclusive.
    Number { min: f64, max: f64 },
    /// True or false.
    Flag,
    /// A string of 1 to 100 characters.
    Name,
    /// A name that protects pseudonyms and should therefore be long.
    Secret,
    /// A string with a width of at least one column.
    Text { max_columns: usize },
    /// A name from this list.
    OneOf(&'static [&'static str]),
    /// A list of names.
    SomeOf(Choices),
    /// A list of lists of names, one for each line.
    LinesOf(Choices),
    /// A list of arbitrary strings.
    Texts,
    /// A table that maps directories to dollar amounts.
    Budgets,
    /// A table of labels.
    Labels,
}

/// The names that a list may contain.
#[derive(Debug)]
pub(super) struct Choices {
    /// The noun for a name, as used in messages.
    pub(super) noun: &'static str,
    pub(super) names: &'static [&'static str],
    /// True if a list is accepted even if none of its names is recognized.
    pub(super) may_be_empty: bool,
}

const SEGMENTS: Choices = Choices {
    noun: "segment",
    names: &[
        "model",
        "session",
        "today",
        "windows",
        "pace",
        "context",
        "directory",
        "branch",
        "effort",
        "lines",
        "duration",
        "rate",
        "prompt",
        "hint",
        "model_weeks",
        "credits",
    ],
    may_be_empty: false,
};

const HINTS: Choices = Choices {
    noun: "hint",
    names: &[
        "cold_cache",
        "written_again",
        "long_context",
        "fast_mode",
        "subagents",
        "cheaper_model",
    ],
    may_be_empty: true,
};

/// The valid range for a budget.
pub(super) const DOLLARS: ValueKind = ValueKind::Number {
    min: MIN_DOLLARS,
    max: MAX_DOLLARS,
};
pub(super) const MIN_DOLLARS: f64 = 0.0001;
pub(super) const MAX_DOLLARS: f64 = 9e6;
const MUST_BE_DOLLARS: &str = "must be a number of dollars, 0.0001 to 9000000";

/// All keys, grouped by section.
pub(super) static KEYS: [Key; 25] = [
    Key {
        section: "statusline",
        name: "segments",
        kind: ValueKind::SomeOf(SEGMENTS),
        requirement: "must be a list of: model, session, today, windows, pace, context, directory, branch, effort, lines, duration, rate, prompt, hint, model_weeks, credits",
        about: "The segments of the line, in this order. The default ones are model, session, today, windows, pace, context. There are also directory, branch, effort, lines, duration, rate, prompt, hint; and model_weeks and credits, as /usage showed them last.",
        example: "",
    },
    Key {
        section: "statusline",
        name: "lines",
        kind: ValueKind::LinesOf(SEGMENTS),
        requirement: "must be a list of lists of: model, session, today, windows, pace, context, directory, branch, effort, lines, duration, rate, prompt, hint, model_weeks, credits",
        about: "Several lines, one list each, instead of `segments`.",
        example: "[[\"directory\", \"branch\"], [\"model\", \"session\", \"windows\"]]",
    },
    Key {
        section: "statusline",
        name: "separator",
        kind: ValueKind::Text { max_columns: 10 },
        requirement: "must be a text of 1 to 10 columns",
        about: "The text between two segments.",
        example: "",
    },
    Key {
        section: "statusline",
        name: "theme",
        kind: ValueKind::OneOf(&["terminal", "dark", "light", "mono"]),
        requirement: "must be \"terminal\", \"dark\", \"light\" or \"mono\"",
        about: "terminal: the terminal's own colors. dark, light: colors for such a background. mono: no colors.",
        example: "",
    },
    Key {
        section: "statusline",
        name: "windows",
        kind: ValueKind::OneOf(&["text", "bar"]),
        requirement: "must be \"text\" or \"bar\"",
        about: "How the plan's usage windows are shown: text or bar.",
        example: "",
    },
    Key {
        section: "statusline",
        name: "context",
        kind: ValueKind::OneOf(&["text", "bar"]),
        requirement: "must be \"text\" or \"bar\"",
        about: "How the context window is shown: text or bar.",
        example: "",
    },
    Key {
        section: "display",
        name: "clock",
        kind: ValueKind::OneOf(&["auto", "12", "24"]),
        requirement: "must be \"auto\", \"12\" or \"24\"",
        about: "12 or 24 hours: auto (as the locale says), 12 or 24.",
        example: "",
    },
    Key {
        section: "budget",
        name: "session",
        kind: DOLLARS,
        requirement: MUST_BE_DOLLARS,
        about: "Dollars for one session.",
        example: "5.0",
    },
    Key {
        section: "budget",
        name: "day",
        kind: DOLLARS,
        requirement: MUST_BE_DOLLARS,
        about: "Dollars for one day, over all sessions.",
        example: "20.0",
    },
    Key {
        section: "budget",
        name: "month",
        kind: DOLLARS,
        requirement: MUST_BE_DOLLARS,
        about: "Dollars for one calendar month.",
        example: "300.0",
    },
    Key {
        section: "budget",
        name: "credits",
        kind: DOLLARS,
        requirement: MUST_BE_DOLLARS,
        about: "Dollars for usage credits in one calendar month: responses beyond a full usage window of the plan.",
        example: "50.0",
    },
    Key {
        section: "budget",
        name: "projects",
        kind: ValueKind::Budgets,
        requirement: "must be a table of directories and dollars",
        about: "Dollars for one calendar month in a directory and below it: a path, or a directory's name.",
        example: "{ \"~/src/api\" = 40.0, website = 15.0 }",
    },
    Key {
        section: "budget",
        name: "warn_at",
        kind: ValueKind::Number { min: 0.0, max: 1.0 },
        requirement: "must be a number from 0 to 1",
        about: "The share of a budget at which you are warned, once per budget and period.",
        example: "",
    },
    Key {
        section: "budget",
        name: "action",
        kind: ValueKind::OneOf(&["warn", "stop"]),
        requirement: "must be \"warn\" or \"stop\"",
        about: "warn: show a warning. stop: hold the next prompt back, with the reason and a way to continue.",
        example: "",
    },
    Key {
        section: "plan",
        name: "monthly",
        kind: ValueKind::Number {
            min: 1e-300,
            max: 1e300,
        },
        requirement: "must be a number of dollars above 0",
        about: "Dollars that your subscription costs per month. Your spend is then compared with it.",
        example: "100.0",
    },
    Key {
        section: "currency",
        name: "rate",
        kind: ValueKind::Number {
            min: 1e-6,
            max: 1e6,
        },
        requirement: "must be a number above 0",
        about: "The value of a dollar in your currency. Sums are then shown in it too, at this fixed rate; tables, JSON and CSV stay in dollars.",
        example: "0.92",
    },
    Key {
        section: "currency",
        name: "symbol",
        kind: ValueKind::Text { max_columns: 5 },
        requirement: "must be a text of 1 to 5 columns",
        about: "The symbol before amounts in your currency.",
        example: "",
    },
    Key {
        section: "hints",
        name: "off",
        kind: ValueKind::SomeOf(HINTS),
        requirement: "must be a list of: cold_cache, written_again, long_context, fast_mode, subagents, cheaper_model",
        about: "Hints that you do not want to see, of: cold_cache, written_again, long_context, fast_mode, subagents, cheaper_model. The first is for the segment `hint`, the second for a row of its own, the second and the others for `whycap budget`.",
        example: "",
    },
    Key {
        section: "notify",
        name: "desktop",
        kind: ValueKind::Flag,
        requirement: "must be true or false",
        about: "Whether a limit error may send a notification through the terminal.",
        example: "",
    },
    Key {
        section: "export",
        name: "person",
        kind: ValueKind::Name,
        requirement: "must be a text of 1 to 100 characters",
        about: "Your name in `whycap export`; without it, a pseudonym that is the same on all your machines.",
        example: "\"Ada\"",
    },
    Key {
        section: "export",
        name: "key",
        kind: ValueKind::Secret,
        requirement: "must be a text of 1 to 100 characters",
        about: "A secret for the hashes of people, projects and branches. `whycap export --new-key` prints one. Use the same on all your machines, and in a team whose projects should have the same hash.",
        example: "\"(a line of whycap export --new-key)\"",
    },
    Key {
        section: "export",
        name: "projects",
        kind: ValueKind::Texts,
        requirement: "must be a list of texts, as [\"acme/*\"]",
        about: "The projects that are exported under their names, as [\"acme/*\"]; [\"*\"] means all. Without it, repositories are exported under a hash, and directories without one under theirs.",
        example: "[\"acme/*\"]",
    },
    Key {
        section: "export",
        name: "others",
        kind: ValueKind::OneOf(&["sum", "hash", "drop"]),
        requirement: "must be \"sum\", \"hash\" or \"drop\"",
        about: "What is exported of the spend in other projects than these, or in all if none is named: sum (as \"other\"), hash, or drop.",
        example: "\"sum\"",
    },
    Key {
        section: "export",
        name: "branches",
        kind: ValueKind::OneOf(&["none", "hash", "ticket", "name"]),
        requirement: "must be \"none\", \"hash\", \"ticket\" or \"name\"",
        about: "What is exported of a branch's name: none, hash, ticket (API-77), or name.",
        example: "",
    },
    Key {
        section: "export",
        name: "labels",
        kind: ValueKind::Labels,
        requirement: "must be a table of texts, as { team = \"payments\" }",
        about: "Labels that are added to every row, by name: a team, a cost center.",
        example: "{ team = \"payments\" }",
    },
];

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;
    use crate::config::{Config, HintName, SegmentName};
    use crate::terminal::THEMES;

    #[test]
    fn the_names_that_can_be_chosen_are_complete_and_are_in_the_comment() {
        fn names<T: ValueEnum>() -> Vec<String> {
            T::value_variants()
                .iter()
                .filter_map(ValueEnum::to_possible_value)
                .map(|value| value.get_name().to_owned())
                .collect()
        }
        let themes = THEMES.iter().map(|theme| theme.name.to_owned()).collect();
        for (key, expected) in [
            ("segments", names::<SegmentName>()),
            ("lines", names::<SegmentName>()),
            ("off", names::<HintName>()),
            ("theme", themes),
        ] {
            let key = KEYS.iter().find(|known| known.name == key).unwrap();
            let (ValueKind::SomeOf(Choices { names: known, .. })
            | ValueKind::LinesOf(Choices { names: known, .. })
            | ValueKind::OneOf(known)) = &key.kind
            else {
                panic!("{key:?}");
            };
            assert_eq!(*known, expected, "{key:?}");
            for name in expected.iter().filter(|_| key.name != "lines") {
                assert!(key.about.contains(name), "{name}");
            }
        }
    }

    #[test]
    fn every_choice_is_accepted() {
        for key in &KEYS {
            let ValueKind::OneOf(names) = &key.kind else {
                continue;
            };
            for name in *names {
                let assignment = format!("{} = \"{name}\"", key.name);
                let config = Config::parse(&format!("[{}]\n{assignment}\n", key.section));
                assert_eq!(config.problems, Vec::<String>::new(), "{assignment}");
                assert!(config.in_effect("").contains(&assignment));
            }
        }
    }
}
