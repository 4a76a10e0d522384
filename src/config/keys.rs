//! The keys of `config.toml`: one row each in `keys.json`, by which its value is checked and shown.

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
    /// What is said of a value that cannot be used.
    must: String,
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
    /// From one to the other, both included.
    Number(f64, f64),
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

const WEAK: &str = "is too short to protect anything, so nothing is exported; take one that \
                    `whycap export --new-key` prints";

impl Key {
    /// What of a value can be taken over, with a sentence for each part of it that was left out; else what the value
    /// must be.
    pub(super) fn check(&self, value: &Value) -> Result<(Value, Vec<String>), &str> {
        let mut left_out = Vec::new();
        let usable = match &self.takes {
            Takes::Number(least, most) => number(value, *least, *most),
            Takes::Flag => value.as_bool().map(Value::Boolean),
            Takes::Name => name(value),
            Takes::Secret => {
                let secret = value.as_str().unwrap_or_default().trim();
                // A shorter one can be guessed by trying words.
                left_out.extend((secret.chars().count() < 32).then(|| WEAK.to_owned()));
                name(value)
            }
            Takes::Text(columns) => text(value, |text| (1..=*columns).contains(&width(text))),
            Takes::OneOf(names) => text(value, |name| is_among(names, name)),
            Takes::SomeOf(choices) => choices.among(value, &mut left_out),
            Takes::LinesOf(choices) => choices.lines(value, &mut left_out),
            Takes::Texts => {
                let texts = value.clone().try_into::<Vec<String>>();
                texts.ok().map(Value::from)
            }
            Takes::Budgets => value.as_table().map(|table| budgets(table, &mut left_out)),
            Takes::Labels => value.as_table().and_then(labels),
        };
        Ok((usable.ok_or(self.must.as_str())?, left_out))
    }
}

fn number(value: &Value, least: f64, most: f64) -> Option<Value> {
    let number = value.as_float();
    let number = number.or_else(|| value.as_integer().map(|whole| whole as f64))?;
    let fits = (least..=most).contains(&number);
    fits.then_some(Value::Float(number))
}

/// Nothing in it moves the cursor or turns the line around.
fn text(value: &Value, is_fine: impl Fn(&str) -> bool) -> Option<Value> {
    let text = value.as_str()?;
    (visible(text) == text && is_fine(text)).then(|| text.into())
}

fn name(value: &Value) -> Option<Value> {
    let name = value.as_str()?.trim().into();
    text(&name, |name| (1..=100).contains(&name.chars().count()))
}

fn is_among(names: &[String], name: &str) -> bool {
    names.iter().any(|known| known == name)
}

impl Choices {
    /// The known ones of a list.
    fn among(&self, value: &Value, left_out: &mut Vec<String>) -> Option<Value> {
        let is_known = |item: &Value| text(item, |name| is_among(&self.names, name)).is_some();
        let list = value.as_array()?.iter().cloned();
        let (known, unknown): (Vec<Value>, Vec<Value>) = list.partition(is_known);
        if known.is_empty() && !self.may_be_none {
            return None;
        }
        let (what, there_are) = (&self.what, self.names.join(", "));
        for item in unknown {
            let says = format!("{item} is not a {what} and is left out; there are {there_are}");
            left_out.push(says);
        }
        Some(Value::Array(known))
    }

    /// The lines in which something is known.
    fn lines(&self, value: &Value, left_out: &mut Vec<String>) -> Option<Value> {
        let (mut known, names) = (Vec::new(), self.names.join(", "));
        for item in value.as_array()? {
            match self.among(item, left_out) {
                Some(line) => known.push(line),
                None => left_out.push(format!("a line must be a list of: {names}; it is left out")),
            }
        }
        (!known.is_empty()).then_some(Value::Array(known))
    }
}

/// The budgets of a table.
fn budgets(table: &Table, left_out: &mut Vec<String>) -> Value {
    let mut known = Table::new();
    for (directory, value) in table {
        match number(value, 0.0001, 9e6) {
            Some(_) if directory.is_empty() => {
                left_out.push("a project without a name is left out".into());
            }
            Some(limit) => drop(known.insert(directory.clone(), limit)),
            None => left_out.push(format!(
                "`{directory}` must be a number of dollars, 0.0001 to 9000000; it is left out"
            )),
        }
    }
    Value::Table(known)
}

fn labels(table: &Table) -> Option<Value> {
    let labels = table.iter();
    let labels = labels.map(|(label, text)| Some((label.clone(), name(text)?)));
    labels.collect::<Option<Table>>().map(Value::Table)
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
