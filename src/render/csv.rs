//! Renders JSON objects as CSV (RFC 4180).

use std::io;

use serde_json::Value;

use crate::terminal::{Shown, escape, print};

/// Prints a line with the names of the fields and a line for each object. `example` is an object with the fields that all
/// objects have.
#[expect(clippy::disallowed_methods, reason = "each field is escaped")]
pub(crate) fn print_csv(example: &Value, objects: &[Value]) -> io::Result<()> {
    let names = fields("", example)
        .into_iter()
        .map(|field| field.name);
    let mut text = csv_line(names);
    for object in objects {
        text += &csv_line(
            fields("", object)
                .into_iter()
                .map(|field| field.text),
        );
    }
    print(&Shown::unescaped(text))
}

/// A value in an object, or in an object in it.
struct Field {
    name: String,
    text: String,
}

/// Returns the values in an object. The name of a value in an inner object ends with that of the object, as in
/// `input_tokens`.
fn fields(suffix: &str, object: &Value) -> Vec<Field> {
    let mut found = Vec::new();
    for (name, value) in object.as_object().into_iter().flatten() {
        let name = format!("{name}{suffix}");
        let text = match value {
            Value::Object(_) => {
                found.extend(fields(&format!("_{name}"), value));
                continue;
            }
            Value::String(text) => text.clone(),
            Value::Null => String::new(),
            other => other.to_string(),
        };
        found.push(Field { name, text });
    }
    found
}

fn csv_line(fields: impl IntoIterator<Item = String>) -> String {
    fields
        .into_iter()
        .map(|field| csv_field(&field))
        .collect::<Vec<_>>()
        .join(",")
        + "\r\n"
}

/// The characters that can start a formula in a spreadsheet. Some spreadsheets also accept the full-width characters of
/// East Asian keyboards.
const FORMULA_SIGNS: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];

/// Escapes a field. A spreadsheet evaluates any text that looks like a formula, and an attacker can choose the name of
/// a branch. Such text therefore gets an apostrophe as a prefix unless it is a number.
fn csv_field(field: &str) -> String {
    let mut escaped = escape(field).into_owned();
    if escaped.starts_with(FORMULA_SIGNS) && escaped.parse::<f64>().is_err() {
        escaped.insert(0, '\'');
    }
    if escaped.contains([',', '"']) {
        format!("\"{}\"", escaped.replace('"', "\"\""))
    } else {
        escaped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_with_a_comma_or_a_quote_is_quoted_and_each_field_is_in_one_line() {
        assert_eq!(
            csv_line(["plain", "a,b", "say \"hi\"", "two\nlines"].map(str::to_owned)),
            "plain,\"a,b\",\"say \"\"hi\"\"\",two lines\r\n"
        );
    }

    #[test]
    fn a_text_that_looks_like_a_formula_is_not_evaluated() {
        for (field, escaped) in [
            ("=cmd|'/c calc'!A1", "'=cmd|'/c calc'!A1"),
            ("+1+1", "'+1+1"),
            ("@SUM(1,2)", "\"'@SUM(1,2)\""),
            ("-main", "'-main"),
            ("-0.25", "-0.25"),
            ("＝1+1", "'＝1+1"),
            ("＋1", "'＋1"),
            ("－1", "'－1"),
            ("＠SUM(1)", "'＠SUM(1)"),
        ] {
            assert_eq!(csv_field(field), escaped);
        }
    }
}
