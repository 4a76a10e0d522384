//! The keys of `config.toml`. Each entry contains everything needed to read, check, and print the key.

/// A key in `config.toml`.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) section: &'static str,
    pub(super) name: &'static str,
    pub(super) kind: ValueKind,
    /// The message for an invalid value. It continues a sentence that starts with the name of the key.
    pub(super) requirement: &'static str,
    /// The comment above the key in a printed configuration.
    pub(super) about: &'static str,
    /// An example value, printed in a comment if the key is not set. It is empty for keys with a default.
    pub(super) example: &'static str,
}

/// The type of a key's value.
#[derive(Debug)]
pub(super) enum ValueKind {
    /// A number in this range, inclusive.
    Number { min: f64, max: f64 },
    /// True or false.
    Flag,
    /// A string of 1 to 100 characters.
    Name,
    /// A secret that protects pseudonyms and should therefore be long.
    Secret,
    /// A string that is at least one column wide.
    Text { max_columns: usize },
    /// A choice from these names.
    OneOf(&'static [&'static str]),
    /// A list of names.
    SomeOf(Choices),
    /// A list of lists of names, one for each row of the status line.
    LinesOf(Choices),
    /// A list of arbitrary strings.
    Texts,
    /// A table that maps directories to dollar amounts.
    Budgets,
    /// A table of labels.
    Labels,
}

/// The names that are allowed in a list.
#[derive(Debug)]
pub(super) struct Choices {
    /// The noun for a name in messages.
    pub(super) noun: &'static str,
    pub(super) names: &'static [&'static str],
    /// True if a list is valid even if it contains no known names.
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

/// The valid range of a budget.
pub(super) const DOLLARS: ValueKind = ValueKind::Number {
    min: MIN_DOLLARS,
    max: MAX_DOLLARS,
};
pub(super) const MIN_DOLLARS: f64 = 0.0001;
pub(super) const MAX_DOLLARS: f64 = 9e6;
const MUST_BE_DOLLARS: &str = "must be a dollar amount from 0.0001 to 9000000";

/// All keys, grouped by section.
pub(super) static KEYS: [Key; 25] = [
    Key {
        section: "statusline",
        name: "segments",
        kind: ValueKind::SomeOf(SEGMENTS),
        requirement: "must be a list of: model, session, today, windows, pace, context, directory, branch, effort, lines, duration, rate, prompt, hint, model_weeks, credits",
        about: "The segments of the status line, in this order. The default segments are model, session, today, windows, pace, and context. You can add directory, branch, effort, lines, duration, rate, prompt, hint, model_weeks, and credits. The last two show the most recent values from /usage.",
        example: "",
    },
    Key {
        section: "statusline",
        name: "lines",
        kind: ValueKind::LinesOf(SEGMENTS),
        requirement: "must be a list of lists of: model, session, today, windows, pace, context, directory, branch, effort, lines, duration, rate, prompt, hint, model_weeks, credits",
        about: "Several status lines instead of `segments`, with one list for each line.",
        example: "[[\"directory\", \"branch\"], [\"model\", \"session\", \"windows\"]]",
    },
    Key {
        section: "statusline",
        name: "separator",
        kind: ValueKind::Text { max_columns: 10 },
        requirement: "must be text that is 1 to 10 columns wide",
        about: "The text between two segments.",
        example: "",
    },
    Key {
        section: "statusline",
        name: "theme",
        kind: ValueKind::OneOf(&["terminal", "dark", "light", "mono"]),
        requirement: "must be \"terminal\", \"dark\", \"light\", or \"mono\"",
        about: "The colors: terminal (the terminal's own colors), dark or light (fixed colors for that background), or mono (no colors).",
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
        requirement: "must be \"auto\", \"12\", or \"24\"",
        about: "Whether to show times on the 12-hour or the 24-hour clock: auto (as in your locale), 12, or 24.",
        example: "",
    },
    Key {
        section: "budget",
        name: "session",
        kind: DOLLARS,
        requirement: MUST_BE_DOLLARS,
        about: "The budget for one session, in dollars.",
        example: "5.0",
    },
    Key {
        section: "budget",
        name: "day",
        kind: DOLLARS,
        requirement: MUST_BE_DOLLARS,
        about: "The budget for one day across all sessions, in dollars.",
        example: "20.0",
    },
    Key {
        section: "budget",
        name: "month",
        kind: DOLLARS,
        requirement: MUST_BE_DOLLARS,
        about: "The budget for one calendar month, in dollars.",
        example: "300.0",
    },
    Key {
        section: "budget",
        name: "credits",
        kind: DOLLARS,
        requirement: MUST_BE_DOLLARS,
        about: "The budget for usage credits in one calendar month, in dollars. Usage credits pay for responses while one of your plan's limits is used up.",
        example: "50.0",
    },
    Key {
        section: "budget",
        name: "projects",
        kind: ValueKind::Budgets,
        requirement: "must be a table of directories and amounts in dollars",
        about: "Budgets for one calendar month in a directory and its subdirectories, in dollars. Use the path or the name of a directory.",
        example: "{ \"~/src/api\" = 40.0, website = 15.0 }",
    },
    Key {
        section: "budget",
        name: "warn_at",
        kind: ValueKind::Number { min: 0.0, max: 1.0 },
        requirement: "must be a number from 0 to 1",
        about: "The fraction of a budget at which whycap warns you, once per budget and period.",
        example: "",
    },
    Key {
        section: "budget",
        name: "action",
        kind: ValueKind::OneOf(&["warn", "stop"]),
        requirement: "must be \"warn\" or \"stop\"",
        about: "What happens when a budget is used up: warn (show a warning) or stop (block the next prompt, and show the reason and a way to continue).",
        example: "",
    },
    Key {
        section: "plan",
        name: "monthly",
        kind: ValueKind::Number {
            min: 1e-300,
            max: 1e300,
        },
        requirement: "must be a dollar amount above 0",
        about: "The monthly price of your subscription, in dollars. whycap compares your spend with it.",
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
        about: "The value of a dollar in your currency. If set, whycap also shows totals in your currency, at this fixed rate. The status line does so only if there is room. Tables, JSON, and CSV stay in dollars.",
        example: "0.92",
    },
    Key {
        section: "currency",
        name: "symbol",
        kind: ValueKind::Text { max_columns: 5 },
        requirement: "must be text that is 1 to 5 columns wide",
        about: "The symbol before amounts in your currency.",
        example: "",
    },
    Key {
        section: "hints",
        name: "off",
        kind: ValueKind::SomeOf(HINTS),
        requirement: "must be a list of: cold_cache, written_again, long_context, fast_mode, subagents, cheaper_model",
        about: "Hints to hide: cold_cache (in the `hint` segment), written_again (in its own row and in `whycap budget`), and long_context, fast_mode, subagents, and cheaper_model (in `whycap budget`).",
        example: "",
    },
    Key {
        section: "notify",
        name: "desktop",
        kind: ValueKind::Flag,
        requirement: "must be true or false",
        about: "Whether whycap sends a desktop notification through the terminal after a limit error.",
        example: "",
    },
    Key {
        section: "export",
        name: "person",
        kind: ValueKind::Name,
        requirement: "must be text of 1 to 100 characters",
        about: "Your name in exports. Without it, whycap uses a pseudonym that is the same on all your machines.",
        example: "\"Ada\"",
    },
    Key {
        section: "export",
        name: "key",
        kind: ValueKind::Secret,
        requirement: "must be text of 1 to 100 characters",
        about: "The secret key for the hashes of people, projects, and branches. `whycap export --new-key` prints a new key. Use the same key on all your machines. If a project should have the same hash for everyone on a team, the whole team must use the same key.",
        example: "\"(a key from whycap export --new-key)\"",
    },
    Key {
        section: "export",
        name: "projects",
        kind: ValueKind::Texts,
        requirement: "must be a list of strings, such as [\"acme/*\"]",
        about: "The projects to export with their names, such as [\"acme/*\"]. [\"*\"] means all projects. Without this key, whycap exports a hash instead of the name.",
        example: "[\"acme/*\"]",
    },
    Key {
        section: "export",
        name: "others",
        kind: ValueKind::OneOf(&["sum", "hash", "drop"]),
        requirement: "must be \"sum\", \"hash\", or \"drop\"",
        about: "How to export spend in all other projects: sum (combined, as \"other\"), hash (with a hash instead of the name), or drop (not at all).",
        example: "\"sum\"",
    },
    Key {
        section: "export",
        name: "branches",
        kind: ValueKind::OneOf(&["none", "hash", "ticket", "name"]),
        requirement: "must be \"none\", \"hash\", \"ticket\", or \"name\"",
        about: "How to export branch names: none, hash, ticket (such as API-77), or name.",
        example: "",
    },
    Key {
        section: "export",
        name: "labels",
        kind: ValueKind::Labels,
        requirement: "must be a table of strings, such as { team = \"payments\" }",
        about: "Labels to add to every exported row, such as a team or a cost center.",
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
