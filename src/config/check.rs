//! Checks the values in `config.toml`. If a value is invalid, only its own key is affected.

use toml::{Table, Value};

use super::keys::{Key, ValueKind, segment_list, segment_names};
use crate::terminal::escape;

impl Key {
    /// Returns the valid parts of a value. For each invalid part, adds a message to `omissions`. Returns `None` if the
    /// entire value is invalid.
    pub(super) fn check(&self, value: &Value, omissions: &mut Vec<String>) -> Option<Value> {
        match &self.kind {
            ValueKind::Number { min, max } => number(value, *min, *max),
            ValueKind::Flag => value.as_bool().map(Value::Boolean),
            ValueKind::Name => name(value),
            ValueKind::OneOf(names) => text(value, |text| names.iter().any(|name| name == text)),
            ValueKind::Segments => known_segments(value, omissions),
            ValueKind::Texts => {
                let texts: Vec<String> = value.clone().try_into().ok()?;
                Some(Value::from(texts))
            }
            ValueKind::Labels => labels(value.as_table()?),
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

/// Returns the value if it is a string for which `is_allowed` returns true. Returns `None` for other values and for
/// strings with characters that move the cursor or change the text direction.
fn text(value: &Value, is_allowed: impl Fn(&str) -> bool) -> Option<Value> {
    let text = value.as_str()?;
    (escape(text) == text && is_allowed(text)).then(|| text.into())
}

fn name(value: &Value) -> Option<Value> {
    let name = value.as_str()?.trim().into();
    text(&name, |name| (1..=100).contains(&name.chars().count()))
}

/// Returns the known segments in a list and adds a message for each unknown one. Returns `None` if the value is not a list
/// or no segment is known.
fn known_segments(value: &Value, omissions: &mut Vec<String>) -> Option<Value> {
    let names = segment_names();
    let (known, unknown): (Vec<Value>, Vec<Value>) =
        value.as_array()?.iter().cloned().partition(|item| {
            item.as_str()
                .is_some_and(|text| names.iter().any(|name| name == text))
        });
    if known.is_empty() {
        return None;
    }

    let list = segment_list();
    omissions.extend(
        unknown
            .iter()
            .map(|item| format!("{item} is not a segment and is ignored; choose from {list}")),
    );
    Some(Value::Array(known))
}

/// Returns a table of labels, or `None` if any value is not a valid name.
fn labels(table: &Table) -> Option<Value> {
    table
        .iter()
        .map(|(label, value)| Some((label.clone(), name(value)?)))
        .collect::<Option<Table>>()
        .map(Value::Table)
}
