//! Checks the values in `config.toml`. An invalid value affects only its own key.

use toml::{Table, Value};

use super::keys::{Choices, Key, MAX_DOLLARS, MIN_DOLLARS, ValueKind};
use crate::terminal::{escape, width};

/// The minimum length of a secret. Shorter secrets are vulnerable to dictionary attacks.
const MIN_SECRET_CHARACTERS: usize = 32;

const SECRET_IS_SHORT: &str = "is too short to be secure, so nothing is exported; create a key with \
                               `whycap export --new-key`";

/// The valid part of a value.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) value: Value,
    /// A message for each omitted part.
    pub(super) omissions: Vec<String>,
}

impl Checked {
    fn complete(value: Value) -> Self {
        Self {
            value,
            omissions: Vec::new(),
        }
    }
}

impl Key {
    /// Returns the valid part of a value, or `None` if the value does not meet the requirement for the key.
    pub(super) fn check(&self, value: &Value) -> Option<Checked> {
        match &self.kind {
            ValueKind::Number { min, max } => number(value, *min, *max).map(Checked::complete),
            ValueKind::Flag => value.as_bool().map(Value::Boolean).map(Checked::complete),
            ValueKind::Name => name(value).map(Checked::complete),
            ValueKind::Secret => secret(value),
            ValueKind::Text { max_columns } => {
                text(value, |text| (1..=*max_columns).contains(&width(text))).map(Checked::complete)
            }
            ValueKind::OneOf(names) => {
                text(value, |name| names.contains(&name)).map(Checked::complete)
            }
            ValueKind::SomeOf(choices) => choices.known_names(value),
            ValueKind::LinesOf(choices) => choices.known_lines(value),
            ValueKind::Texts => {
                let texts: Vec<String> = value.clone().try_into().ok()?;
                Some(Checked::complete(Value::from(texts)))
            }
            ValueKind::Budgets => value.as_table().map(budgets),
            ValueKind::Labels => value.as_table().and_then(labels).map(Checked::complete),
        }
    }
}

/// Converts a number to floating point. Returns `None` if it is outside the given range.
fn number(value: &Value, min: f64, max: f64) -> Option<Value> {
    let number = match value {
        Value::Float(number) => *number,
        Value::Integer(number) => *number as f64,
        _ => return None,
    };
    (min..=max)
        .contains(&number)
        .then_some(Value::Float(number))
}

/// Returns a string that satisfies a condition. Returns `None` if it contains characters that move the cursor or change
/// the text direction.
fn text(value: &Value, is_allowed: impl Fn(&str) -> bool) -> Option<Value> {
    let text = value.as_str()?;
    (escape(text) == text && is_allowed(text)).then(|| text.into())
}

fn name(value: &Value) -> Option<Value> {
    let name = value.as_str()?.trim().into();
    text(&name, |name| (1..=100).contains(&name.chars().count()))
}

/// Returns a secret, with a message if it is too short.
fn secret(value: &Value) -> Option<Checked> {
    let mut checked = Checked::complete(name(value)?);
    let characters = checked.value.as_str()?.chars().count();
    if characters < MIN_SECRET_CHARACTERS {
        checked.omissions.push(SECRET_IS_SHORT.to_owned());
    }
    Some(checked)
}

impl Choices {
    /// Returns the known names in a list, with a message for each unknown one.
    fn known_names(&self, value: &Value) -> Option<Checked> {
        let (known, unknown): (Vec<Value>, Vec<Value>) = value
            .as_array()?
            .iter()
            .cloned()
            .partition(|item| item.as_str().is_some_and(|name| self.names.contains(&name)));
        if known.is_empty() && !self.may_be_empty {
            return None;
        }

        let noun = self.noun;
        let names = self.names.join(", ");
        Some(Checked {
            value: Value::Array(known),
            omissions: unknown
                .iter()
                .map(|item| format!("{item} is not a {noun} and is ignored; choose from {names}"))
                .collect(),
        })
    }

    /// Filters a list of lists, keeping those with at least one known name.
    fn known_lines(&self, value: &Value) -> Option<Checked> {
        let mut known = Vec::new();
        let mut omissions = Vec::new();
        for item in value.as_array()? {
            if let Some(line) = self.known_names(item) {
                known.push(line.value);
                omissions.extend(line.omissions);
            } else {
                let names = self.names.join(", ");
                omissions.push(format!(
                    "a line that is not a list of names is ignored; choose from {names}"
                ));
            }
        }

        if known.is_empty() {
            return None;
        }
        Some(Checked {
            value: Value::Array(known),
            omissions,
        })
    }
}

/// Returns the valid budgets in a table of directories.
fn budgets(table: &Table) -> Checked {
    let mut known = Table::new();
    let mut omissions = Vec::new();
    for (directory, value) in table {
        match number(value, MIN_DOLLARS, MAX_DOLLARS) {
            Some(_) if directory.is_empty() => {
                omissions.push("a project without a name is ignored".to_owned());
            }
            Some(limit) => {
                known.insert(directory.clone(), limit);
            }
            None => omissions.push(format!(
                "`{directory}` is ignored because its value must be a dollar amount from 0.0001 to 9000000"
            )),
        }
    }
    Checked {
        value: Value::Table(known),
        omissions,
    }
}

/// Returns a table of labels, or `None` if any value is not a valid name.
fn labels(table: &Table) -> Option<Value> {
    table
        .iter()
        .map(|(label, value)| Some((label.clone(), name(value)?)))
        .collect::<Option<Table>>()
        .map(Value::Table)
}
