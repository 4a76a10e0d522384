//! Extracts JSON fields from text. This module searches for key-value pairs instead of parsing JSON, because objects
//! may be truncated, nested in strings, or printed by Python.

use crate::limits::words::WORDS;

/// A key-value pair.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) key: String,
    pub(super) value: Value,
}

/// The value of a field.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// A string with its escapes decoded.
    Text(String),
    /// A number or a keyword such as `true`.
    Bare(String),
    /// An object or a list, whose own fields follow.
    Nested,
}

/// Returns the fields at all nesting levels, in order of appearance.
pub(super) fn fields(text: &str) -> Vec<Field> {
    let mut all = Vec::new();
    // The key of the list that is currently being scanned.
    let mut list_key: Option<String> = None;
    let mut rest = text;
    while let Some(start) = rest.find(['"', '\'']) {
        let from_quote = rest.get(start..).unwrap_or_default();
        let Some((quoted_key, after_key)) = quoted(from_quote) else {
            rest = from_quote.get(1..).unwrap_or_default();
            continue;
        };
        let key = without_breaks(quoted_key);
        let Some(after_colon) = after_key.trim_start().strip_prefix(':') else {
            let is_element = after_key.trim_start().starts_with([',', ']']);
            if let Some(list) = list_key.clone().filter(|_| is_element) {
                all.push(Field {
                    key: list,
                    value: Value::Text(key),
                });
                rest = after_key;
            } else {
                rest = from_quote.get(1..).unwrap_or_default();
            }
            continue;
        };
        let (mut value, after_value) = value(after_colon.trim_start());
        if let Value::Text(text) = &mut value
            && WORDS.class_keys.contains(&key.as_str())
        {
            *text = without_breaks(std::mem::take(text));
        }
        if let Value::Text(text) = &value
            && text.contains('{')
        {
            all.extend(fields(text));
        }
        list_key = after_colon
            .trim_start()
            .starts_with('[')
            .then(|| key.clone());
        all.push(Field { key, value });
        rest = after_value;
    }
    all
}

/// Removes the line breaks and the indentation that a terminal inserted into an identifier, which never contains spaces.
fn without_breaks(identifier: String) -> String {
    if identifier.contains('\n') {
        identifier.lines().map(str::trim).collect()
    } else {
        identifier
    }
}

/// Parses a value and returns it together with the remaining text.
fn value(text: &str) -> (Value, &str) {
    if text.starts_with(['"', '\'']) {
        match quoted(text) {
            Some((string, rest)) => (Value::Text(string), rest),
            // The string is truncated.
            None => (
                Value::Text(text.get(1..).unwrap_or_default().to_owned()),
                "",
            ),
        }
    } else if text.starts_with(['{', '[']) {
        (Value::Nested, text)
    } else {
        let end = text.find([',', '}', ']', '\n']).unwrap_or(text.len());
        let (bare, rest) = text.split_at(end);
        (Value::Bare(bare.trim().to_owned()), rest)
    }
}

/// Parses a quoted string and returns its contents together with the remaining text. Returns `None` if the closing
/// quotation mark is missing.
fn quoted(text: &str) -> Option<(String, &str)> {
    let quote = text.chars().next()?;
    let mut contents = String::new();
    let mut characters = text.char_indices().skip(1).peekable();
    while let Some((position, character)) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some((_, 'n')) => contents.push('\n'),
                Some((_, 't')) => contents.push('\t'),
                Some((at, 'u')) => match text.get(at + 1..at + 5).and_then(hexadecimal) {
                    Some(character) => {
                        contents.push(character);
                        characters.nth(3);
                    }
                    None => contents.push('u'),
                },
                Some((_, escaped)) => contents.push(escaped),
                None => return None,
            },
            // Unescaped apostrophes are allowed within single quotes, because they are common in JSON whose double
            // quotes were replaced with single quotes.
            '\'' if quote == '\'' && is_inside_word(text, position) => contents.push('\''),
            end if end == quote => return Some((contents, text.get(position + 1..)?)),
            other => contents.push(other),
        }
    }
    None
}

fn hexadecimal(digits: &str) -> Option<char> {
    char::from_u32(u32::from_str_radix(digits, 16).ok()?)
}

fn is_inside_word(text: &str, position: usize) -> bool {
    let before = text
        .get(..position)
        .and_then(|text| text.chars().next_back());
    let after = text
        .get(position + 1..)
        .and_then(|text| text.chars().next());
    before.is_some_and(char::is_alphabetic) && after.is_some_and(char::is_alphabetic)
}
