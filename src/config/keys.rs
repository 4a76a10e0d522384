//! The keys of `config.toml`. Each row of `keys.json` contains everything that is needed to read, check, and print a
//! key.

use std::borrow::Cow;
use std::sync::LazyLock;

use clap::ValueEnum;
use serde::Deserialize;

use super::SegmentName;
use crate::json::embedded;

/// All keys, grouped by section.
pub(super) static KEYS: LazyLock<Vec<Key>> =
    LazyLock::new(|| embedded::parse("config/keys.json", include_str!("keys.json")));

/// A row of `keys.json`.
#[derive(Debug, Deserialize)]
pub(super) struct Key {
    pub section: &'static str,
    pub name: &'static str,
    pub kind: ValueKind,
    /// The message for an invalid value. It continues a sentence that starts with the name of the key. The placeholder
    /// `{names}` stands for the names that a list may contain.
    #[serde(borrow)]
    requirement: Cow<'static, str>,
    /// The comment above the key in a printed configuration.
    #[serde(borrow)]
    pub about: Cow<'static, str>,
    /// An example value, which is printed in a comment if the key is not set. Keys with a default have none.
    #[serde(borrow, default)]
    pub example: Cow<'static, str>,
}

impl Key {
    /// Returns the message for an invalid value.
    pub(super) fn requirement(&self) -> String {
        match &self.kind {
            ValueKind::Segments => self.requirement.replace("{names}", &segment_list()),
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
    /// A choice from these names.
    OneOf(Vec<String>),
    /// A list of names of segments.
    Segments,
    /// A list of arbitrary strings.
    Texts,
    /// A table of labels.
    Labels,
}

/// Returns the names of all segments of the status line.
pub(super) fn segment_names() -> Vec<String> {
    SegmentName::value_variants()
        .iter()
        .filter_map(ValueEnum::to_possible_value)
        .map(|value| value.get_name().to_owned())
        .collect()
}

/// Returns the names of all segments, separated by commas.
pub(super) fn segment_list() -> String {
    segment_names().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn the_comment_above_a_key_contains_every_name_that_can_be_chosen() {
        for key in &*KEYS {
            let names = match &key.kind {
                ValueKind::OneOf(names) => names.clone(),
                ValueKind::Segments => segment_names(),
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
                assert!(
                    config
                        .in_effect("", usize::MAX)
                        .contains(&assignment)
                );
            }
        }
    }
}
