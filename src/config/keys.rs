//! The keys of `config.toml`: one row each in `keys.json`, by which its value is checked and shown.

use std::ops::RangeInclusive;
use std::sync::LazyLock;

use serde::Deserialize;
use toml::{Table, Value};

use crate::terminal::{visible, width};

/// A key that can be set.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Key {
    pub(super) section: String,
    pub(super) name: String,
    takes: Takes,
    /// What it is about, for people who read the file.
    pub(super) about: String,
    /// A value to show where there is none.
    #[serde(default)]
    pub(super) example: String,
}

/// What a key takes.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Takes {
    Dollars,
    /// From 0 to 1.
    Share,
    /// Of a currency.
    Rate,
    Flag,
    Name,
    /// Protects pseudonyms.
    Secret,
    /// At most so many columns.
    Text(usize),
    OneOf(Vec<String>),
    SomeOf(Choices),
    /// A list of lists.
    LinesOf(Choices),
    Texts,
    /// Dollars by directory.
    Budgets,
    /// Names by name.
    Labels,
}

/// What may stand in a list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Choices {
    what: String,
    names: Vec<String>,
    #[serde(default)]
    may_be_none: bool,
}

/// Every key, section by section.
pub(super) static KEYS: LazyLock<Vec<Key>> =
    LazyLock::new(|| serde_json::from_str(include_str!("keys.json")).unwrap_or_default());

const ABOVE_NOTHING: RangeInclusive<f64> = f64::MIN_POSITIVE..=f64::MAX;
const NAME: &str = "must be a text of 1 to 100 characters";
const WEAK: &str = "is too short to protect anything, so nothing is exported; take one that \
                    `whycap export --new-key` prints";
const DOLLARS: &str = "must be a number of dollars above 0";

/// A value that can be used, and a sentence for each part of it that was left out; else what the
/// value must be.
type Checked = Result<(Value, Vec<String>), String>;

impl Key {
    /// What of a value can be taken over.
    pub(super) fn check(&self, value: &Value) -> Checked {
        match &self.takes {
            Takes::Dollars => number(value, DOLLARS, ABOVE_NOTHING),
            Takes::Share => number(value, "must be a number from 0 to 1", 0.0..=1.0),
            Takes::Rate => number(value, "must be a number above 0", 1e-6..=1e6),
            Takes::Flag => whole(value.as_bool().map(Value::Boolean), "must be true or false"),
            Takes::Name => whole(name(value), NAME),
            Takes::Secret => {
                let secret = name(value).ok_or(NAME)?;
                // A shorter one can be guessed by trying words.
                let is_weak = secret.as_str().is_some_and(|key| key.chars().count() < 32);
                let says = is_weak.then(|| WEAK.to_owned());
                Ok((secret, says.into_iter().collect()))
            }
            Takes::Text(columns) => {
                let must = format!("must be a text of 1 to {columns} columns");
                whole(short_text(value, *columns), &must)
            }
            Takes::OneOf(names) => {
                let known = value.as_str().filter(|name| is_among(names, name));
                whole(known.map(|_| value.clone()), &one_of(names))
            }
            Takes::SomeOf(choices) => choices.among(value),
            Takes::LinesOf(choices) => choices.lines(value),
            Takes::Texts => {
                let list = value.as_array();
                let texts = list.filter(|list| list.iter().all(Value::is_str));
                let must = "must be a list of texts, as [\"acme/*\"]";
                whole(texts.map(|_| value.clone()), must)
            }
            Takes::Budgets => budgets(value),
            Takes::Labels => {
                let must = "must be a table of texts, as { team = \"payments\" }";
                let table = value.as_table().ok_or(must)?;
                let labels = table
                    .iter()
                    .map(|(label, text)| Some((label.clone(), name(text)?)));
                whole(labels.collect::<Option<Table>>().map(Value::Table), must)
            }
        }
    }
}

fn whole(usable: Option<Value>, must: &str) -> Checked {
    let usable = usable.ok_or(must)?;
    Ok((usable, Vec::new()))
}

fn number(value: &Value, must: &str, range: RangeInclusive<f64>) -> Checked {
    let number = value.as_float();
    let number = number.or_else(|| value.as_integer().map(|whole| whole as f64));
    let number = number.filter(|number| range.contains(number));
    whole(number.map(Value::Float), must)
}

fn name(value: &Value) -> Option<Value> {
    let name = value.as_str()?.trim();
    let is_fine = visible(name) == name && (1..=100).contains(&name.chars().count());
    is_fine.then(|| name.into())
}

/// Nothing in it moves the cursor or turns the line around.
fn short_text(value: &Value, columns: usize) -> Option<Value> {
    let text = value.as_str()?;
    let is_fine = visible(text) == text && (1..=columns).contains(&width(text));
    is_fine.then(|| text.into())
}

fn is_among(names: &[String], name: &str) -> bool {
    names.iter().any(|known| known == name)
}

/// `must be "warn" or "stop"`.
fn one_of(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => {
            format!("must be {} or {last}", rest.join(", "))
        }
        _ => format!("must be {}", quoted.concat()),
    }
}

impl Choices {
    /// The known ones of a list.
    fn among(&self, value: &Value) -> Checked {
        let there_are = self.names.join(", ");
        let must = || format!("must be a list of: {there_are}");
        let list = value.as_array().ok_or_else(must)?;
        let is_known = |item: &Value| {
            item.as_str()
                .is_some_and(|name| is_among(&self.names, name))
        };
        let (known, unknown): (Vec<Value>, Vec<Value>) = list.iter().cloned().partition(is_known);
        if known.is_empty() && !self.may_be_none {
            return Err(must());
        }
        let says = unknown.iter().map(|item| {
            let what = &self.what;
            format!("{item} is not a {what} and is left out; there are {there_are}")
        });
        Ok((Value::Array(known), says.collect()))
    }

    /// The lines in which something is known.
    fn lines(&self, value: &Value) -> Checked {
        let (mut known, mut says) = (Vec::new(), Vec::new());
        for item in value.as_array().into_iter().flatten() {
            match self.among(item) {
                Ok((line, others)) => {
                    known.push(line);
                    says.extend(others);
                }
                Err(must) => says.push(format!("a line {must}; it is left out")),
            }
        }
        if known.is_empty() {
            let there_are = self.names.join(", ");
            return Err(format!("must be a list of lists of: {there_are}"));
        }
        Ok((Value::Array(known), says))
    }
}

/// The budgets of a table.
fn budgets(value: &Value) -> Checked {
    let must = "must be a table of directories and dollars";
    let table = value.as_table().ok_or(must)?;
    let (mut known, mut says) = (Table::new(), Vec::new());
    for (directory, value) in table {
        match number(value, DOLLARS, ABOVE_NOTHING) {
            Ok(_) if directory.is_empty() => {
                says.push("a project without a name is left out".into());
            }
            Ok((limit, _)) => drop(known.insert(directory.clone(), limit)),
            Err(must) => says.push(format!("`{directory}` {must}; it is left out")),
        }
    }
    Ok((Value::Table(known), says))
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;
    use crate::config::{Config, HintName, SegmentName};
    use crate::terminal::THEMES;

    #[test]
    fn what_can_be_chosen_is_named_where_it_is_set() {
        fn names<T: ValueEnum>() -> Vec<String> {
            let values = T::value_variants().iter();
            let values = values.filter_map(ValueEnum::to_possible_value);
            values.map(|value| value.get_name().to_owned()).collect()
        }
        let themes = THEMES.iter().map(|theme| theme.name.to_owned());
        for (key, names) in [
            ("segments", names::<SegmentName>()),
            ("lines", names::<SegmentName>()),
            ("off", names::<HintName>()),
            ("theme", themes.collect()),
        ] {
            let key = KEYS.iter().find(|known| known.name == key).unwrap();
            let (Takes::SomeOf(Choices { names: known, .. })
            | Takes::LinesOf(Choices { names: known, .. })
            | Takes::OneOf(known)) = &key.takes
            else {
                panic!("{key:?}");
            };
            assert_eq!(*known, names, "{key:?}");
            for name in names.iter().filter(|_| key.name != "lines") {
                assert!(key.about.contains(name), "{name}");
            }
        }
    }

    #[test]
    fn every_choice_is_understood() {
        for key in KEYS.iter() {
            let Takes::OneOf(names) = &key.takes else {
                continue;
            };
            for name in names {
                let text = format!("[{}]\n{} = \"{name}\"\n", key.section, key.name);
                let config = Config::parse(&text);
                assert_eq!(config.problems, Vec::<String>::new(), "{text}");
                assert!(
                    config
                        .in_effect("")
                        .contains(text[text.find('\n').unwrap()..].trim())
                );
            }
        }
    }
}
