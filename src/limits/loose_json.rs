//! JSON as it stands in messages and logs: cut off, in Python's quotes, with quotes inside of quotes. What
//! a real reader would refuse is read as far as it goes.

/// The first JSON object in `text` with what stands before and after it. One that is cut off ends
/// with the text.
pub(super) fn next_object(text: &str) -> Option<(&str, &str, &str)> {
    let start = text.match_indices('{').map(|(at, _)| at).find(|at| {
        text.get(at + 1..)
            .is_some_and(|rest| rest.trim_start().starts_with(['"', '\'']))
    })?;
    let mut depth = 0_usize;
    let mut quote = None;
    let mut end = text.len();
    let object = text.get(start..)?;
    for (at, character) in object.char_indices() {
        match (quote, character) {
            (Some(open), _) if character == open && ends_value(object, at) => quote = None,
            (None, '"' | '\'') => quote = Some(character),
            (None, '{') => depth += 1,
            (None, '}') if depth == 1 => {
                end = start + at + 1;
                break;
            }
            (None, '}') => depth -= 1,
            _ => {}
        }
    }
    Some((text.get(..start)?, text.get(start..end)?, text.get(end..)?))
}

/// Whether the quote at `at` ends a value or a key: Python writes `'` around a text that may have an
/// apostrophe in it, and unescaping leaves quotes inside of quotes.
fn ends_value(object: &str, at: usize) -> bool {
    object.get(at + 1..).is_none_or(|after| {
        after.trim_start().is_empty() || after.trim_start().starts_with([',', '}', ']', ':'])
    })
}

/// A value in JSON: the text without its quotes, or the digits.
pub(super) enum Value<'a> {
    Text(&'a str),
    Number(&'a str),
}

/// The next `"key": value` whose value is a text or a number, and what comes after it.
/// A value that is an object or a list is entered.
pub(super) fn next_pair(text: &str) -> Option<(&str, Value<'_>, &str)> {
    let mut rest = text;
    loop {
        let start = rest.find(['"', '\''])?;
        let quote = rest.get(start..)?.chars().next()?;
        let inner = rest.get(start + 1..)?;
        let end = inner.find(quote)?;
        let key = inner.get(..end)?;
        let after_key = inner.get(end + 1..)?.trim_start();
        let is_key = key
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
        let Some(value) = after_key.strip_prefix(':').filter(|_| is_key) else {
            rest = inner.get(end + 1..)?;
            continue;
        };
        // Of a list of texts the first.
        let value = value.trim_start().trim_start_matches(['[', ' ', '\n']);
        match value.chars().next()? {
            quote @ ('"' | '\'') => {
                // One that was cut off has no end.
                let (end, _) = value
                    .char_indices()
                    .skip(1)
                    .find(|(at, c)| *c == quote && ends_value(value, *at))
                    .unwrap_or((value.len(), quote));
                let after = value.get(end + 1..).unwrap_or_default();
                return Some((key, Value::Text(value.get(1..end)?), after));
            }
            c if c.is_ascii_digit() => {
                let end = value.find(|c: char| !c.is_ascii_digit());
                let (digits, after) = value.split_at(end.unwrap_or(value.len()));
                return Some((key, Value::Number(digits), after));
            }
            _ => rest = value,
        }
    }
}
