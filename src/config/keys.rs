//! The keys of `config.toml`. Each row of `keys.json` contains everything that is needed to read, check, and print a
//! key.

use std::borrow::Cow;
use std::sync::LazyLock;

use clap::ValueEnum;
use serde::Deserialize;

use super::{HintName, SegmentName};
use crate::embedded;

/// All keys, grouped by section.
pub(super) static KEYS: LazyLock<Vec<Key>> =
    LazyLock::new(|| embedded::parse("config/keys.json", include_str!("keys.json")));

/// A row of `keys.json`.
#[derive(Debug, Deserialize)]
pub(super) struct Key {
    pub(super) section: &'static str,
    pub(super) name: &'static str,
    pub(super) kind: ValueKind,
    /// The message for an invalid value. It continues a sentence that starts with the name of the key. The placeholder
    /// `{names}` stands for the names that a list may contain.
    #[serde(borrow)]
    requirement: Cow<'static, str>,
    /// The comment above the key in a printed configuration.
    #[serde(borrow)]
    pub(super) about: Cow<'static, str>,
    /// An example value, which is printed in a comment if the key is not set. Keys with a default have none.
    #[serde(borrow, default)]
    pub(super) example: Cow<'static, str>,
}

impl Key {
    /// Returns the message for an invalid value.
    pub(super) fn requirement(&self) -> String {
        match &self.kind {
            ValueKind::SomeOf(choices) | ValueKind::LinesOf(choices) => {
                self.requirement.replace("{names}", &choices.list())
            }
            _ => self.requirement.to_string(),
        }
    }
}

/// The type of a key's value.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ValueKind {
    /// A number in this range, inclusive.
    Number { min: f64, max: f64 },
    /// True or false.
    Flag,
    /// A string of 1 to 100 characters.
    Name,
    /// A string that is at least one column wide.
    Text { max_columns: usize },
    /// A choice from these names.
    OneOf(Vec<String>),
    /// A list of names.
    SomeOf(Choices),
    /// A list of lists of names, one for each row of the status line.
    LinesOf(Choices),
    /// A list of arbitrary strings.
    Texts,
    /// A table that maps directories to dollar amounts in this range, inclusive.
    Budgets { min: f64, max: f64 },
    /// A table of labels.
    Labels,
}

/// The names that are allowed in a list.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Choices {
    Segment,
    Hint,
}

impl Choices {
    /// Returns the noun that describes a name in messages.
    pub(super) fn noun(self) -> &'static str {
        match self {
            Self::Segment => "segment",
            Self::Hint => "hint",
        }
    }

    /// Returns the names.
    pub(super) fn names(self) -> Vec<String> {
        match self {
            Self::Segment => names_of::<SegmentName>(),
            Self::Hint => names_of::<HintName>(),
        }
    }

    /// Returns the names, separated by commas.
    pub(super) fn list(self) -> String {
        self.names().join(", ")
    }

    /// Returns true if a list does not have to contain a known name.
    pub(super) fn may_be_empty(self) -> bool {
        match self {
            Self::Segment => false,
            Self::Hint => true,
        }
    }
}

fn names_of<T: ValueEnum>() -> Vec<String> {
    T::value_variants()
        .iter()
        .filter_map(ValueEnum::to_possible_value)
        .map(|value| value.get_name().to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::terminal::THEMES;

    fn key(name: &str) -> &'static Key {
        KEYS.iter().find(|key| key.name == name).unwrap()
    }

    #[test]
    fn the_comment_above_a_key_contains_every_name_that_can_be_chosen() {
        let themes: Vec<&str> = THEMES.iter().map(|theme| theme.name).collect();
        assert!(matches!(&key("theme").kind, ValueKind::OneOf(names) if *names == themes));
        for key in &*KEYS {
            let names = match &key.kind {
                ValueKind::OneOf(names) => names.clone(),
                ValueKind::SomeOf(choices) => choices.names(),
                _ => continue,
            };
            for name in names {
                assert!(key.about.contains(&name), "{name}: {key:?}");
                assert!(key.requirement().contains(&name), "{name}: {key:?}");
            }
        }
    }

    #[test]
    fn every_choice_is_accepted() {
        for key in &*KEYS {
            let ValueKind::OneOf(names) = &key.kind else {
                continue;
            };
            for name in names {
                let assignment = format!("{} = \"{name}\"", key.name);
                let config = Config::parse(&format!("[{}]\n{assignment}\n", key.section));
                assert_eq!(config.problems, [], "{assignment}");
                assert!(config.in_effect("", usize::MAX).contains(&assignment));
            }
        }
    }
}
