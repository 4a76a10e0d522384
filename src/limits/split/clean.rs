//! Repairs text that was garbled by a terminal or a log.

use crate::limits::words::WORDS;

/// Removes terminal control sequences, decodes escapes from JSON and logs, and joins words that a terminal split.
pub(crate) fn repaired(text: &str) -> String {
    let decoded = decode_escapes(&without_control_sequences(text));
    WORDS
        .replaced
        .iter()
        .fold(with_joined_words(decoded), |text, (damaged, whole)| {
            if text.contains(damaged) {
                text.replace(damaged, whole)
            } else {
                text
            }
        })
        .chars()
        .map(|character| match character {
            '\u{2010}'..='\u{2015}' => '-',
            other => other,
        })
        .collect()
}

/// Normalizes text for pattern matching by repairing it, converting it to lowercase, and collapsing whitespace.
pub(crate) fn normalize(text: &str) -> String {
    let lower = repaired(text).to_lowercase();
    let words = lower.split_whitespace().map(|word| {
        WORDS
            .apostrophes
            .iter()
            .find(|(bare, _)| *bare == word)
            .map_or(word, |(_, whole)| whole)
    });
    let mut normalized = String::with_capacity(lower.len());
    for word in words {
        if !normalized.is_empty() {
            normalized.push(' ');
        }
        normalized.push_str(word);
    }
    normalized
}

/// Joins words that a terminal split before or after a hyphen, such as "Third" and "-party" on the next line.
fn with_joined_words(text: String) -> String {
    if !text.contains('\n') {
        return text;
    }
    let mut joined = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let (start, end) = (joined.trim_end(), line.trim_start());
        if joined.ends_with('\n') && is_broken_word(start, end) {
            joined.truncate(start.len());
            joined.push_str(end);
        } else {
            joined.push_str(line);
        }
    }
    joined
}

/// Returns true if a hyphen connects the end of a line to the start of the next line. A hyphen in front of a list item or
/// an option such as `-p` does not connect them.
fn is_broken_word(line: &str, next: &str) -> bool {
    let (first, second) = match (line.strip_suffix('-'), next.strip_prefix('-')) {
        (Some(first), None) => (first, next),
        (None, Some(second)) if !is_short_option(second) => (line, second),
        _ => return false,
    };
    first.ends_with(char::is_alphanumeric) && second.starts_with(char::is_lowercase)
}

/// Returns true if the text after a hyphen starts with a single letter, like the name of a short option.
fn is_short_option(text: &str) -> bool {
    let letters = text.chars().take_while(|c| c.is_alphanumeric());
    letters.count() == 1
}

/// Starts a new line before each message that follows another word without a space, as in "API Error: 500API Error: 500".
///
/// Searches only for beginnings that consist of several words or contain an apostrophe. A single word such as
/// "Overloaded" can also be part of a name in code, such as `isOverloaded`.
pub(super) fn with_separated_messages(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let mut starts: Vec<usize> = WORDS
        .beginnings
        .iter()
        .filter(|beginning| beginning.trim_end().contains([' ', '\'']))
        .flat_map(|beginning| lower.match_indices(beginning))
        .map(|(start, _)| start)
        .filter(|start| {
            let (before, after) = text.split_at(*start);
            let is_glued =
                before.ends_with(|c: char| c.is_ascii_digit() || c.is_lowercase() || c == ')');
            is_glued && after.starts_with(char::is_uppercase)
        })
        .collect();
    starts.sort_unstable();
    let mut separated = text.to_owned();
    for start in starts.into_iter().rev() {
        separated.insert(start, '\n');
    }
    separated
}

/// Removes terminal control sequences for colors, titles, and links.
fn without_control_sequences(text: &str) -> String {
    if !text.contains(['\u{1b}', '\u{9b}']) && !text.contains("\\u001b") {
        return text.to_owned();
    }
    let escaped = text
        .replace("\\u001b", "\u{1b}")
        .replace('\u{9b}', "\u{1b}[");
    let mut rest = escaped.as_str();
    let mut clean = String::with_capacity(rest.len());

    while let Some((before, after)) = rest.split_once('\u{1b}') {
        clean.push_str(before);
        rest = match after.chars().next() {
            Some('[') => {
                let body = after.get(1..).unwrap_or_default();
                let end = body.find(|c: char| ('@'..='~').contains(&c));
                end.and_then(|end| body.get(end + 1..)).unwrap_or_default()
            }
            Some(']') => {
                let bell = after.find('\u{7}').map(|end| end + 1);
                let terminator = after.find("\u{1b}\\").map(|end| end + 2);
                let end = [bell, terminator].into_iter().flatten().min();
                end.and_then(|end| after.get(end..)).unwrap_or_default()
            }
            _ => after,
        };
    }
    clean.push_str(rest);
    clean
}

/// Decodes escapes such as `\u00b7` and `\n`, which appear in logs in place of the actual characters.
fn decode_escapes(text: &str) -> String {
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        decoded.push_str(before);
        let (character, used) = decode_escape(after);
        match character {
            Some(character) => decoded.push(character),
            None => decoded.push('\\'),
        }
        rest = after.get(used..).unwrap_or_default();
    }
    decoded.push_str(rest);
    decoded
}

/// Decodes a single escape from the text after a backslash. Returns the character, which is `None` if the text is not
/// an escape, and the number of bytes consumed.
fn decode_escape(after: &str) -> (Option<char>, usize) {
    match after.as_bytes().first() {
        Some(b'u') => {
            let digits = after.get(1..5).unwrap_or_default();
            let code = u32::from_str_radix(digits, 16).ok();
            match code.and_then(char::from_u32) {
                Some(character) if digits.len() == 4 => (Some(character), 5),
                _ => (None, 0),
            }
        }
        // Backslashes in Windows paths also precede letters. `\n` is therefore not decoded before another backslash.
        Some(b'n') if !after.starts_with("n\\") => (Some('\n'), 1),
        _ => (None, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_option_on_a_line_of_its_own_is_not_part_of_a_word() {
        assert_eq!(repaired("run claude\n-p x"), "run claude\n-p x");
        assert_eq!(repaired("run claude\n-p"), "run claude\n-p");
        assert_eq!(repaired("Third\n-party apps"), "Third-party apps");
        assert_eq!(repaired("your 5-\nhour limit"), "your 5-hour limit");
    }
}
