//! Matches text against the patterns in `messages.json`.
//!
//! Patterns are lowercase, and ` & ` separates parts that must all occur. A prefix restricts where a pattern matches:
//! `^` requires the start of a message, `=` requires that the message contains nothing else, `~` requires the start of a
//! statement about a limit, and `?` requires that the text mentions Claude, because other programs use the same words.

use crate::limits::words::WORDS;
use std::ops::Range;

/// Finds a pattern in normalized text and returns the range that covers all of its parts.
pub(super) fn find(pattern: &str, text: &str, mentions_claude: bool) -> Option<Range<usize>> {
    let (sign, words) = match pattern.chars().next()? {
        sign @ ('^' | '=' | '~' | '?') => (Some(sign), pattern.get(1..)?),
        _ => (None, pattern),
    };
    if sign == Some('?') && !mentions_claude {
        return None;
    }
    let range = find_parts(words, text)?;
    let before = text.get(..range.start)?;
    let after = text.get(range.end..)?;
    let is_here = match sign {
        Some('^') => is_wrapper(before),
        Some('=') => is_status(before) && is_status(without_request_id(after)),
        Some('~') => begins_statement(before),
        _ => true,
    };
    is_here.then_some(range)
}

/// Finds all parts of a pattern.
fn find_parts(words: &str, text: &str) -> Option<Range<usize>> {
    let mut parts = words.split(" & ");
    let first = parts.next()?;
    let Some(start) = text.find(first) else {
        let is_single = parts.next().is_none();
        let start = cut_off(first, text).filter(|_| is_single)?;
        return Some(start..text.len());
    };
    let mut range = start..start + first.len();
    for part in parts {
        let behind = text
            .get(range.start..)?
            .find(part)
            .map(|at| range.start + at);
        let position = behind.or_else(|| text.find(part))?;
        range = range.start.min(position)..range.end.max(position + part.len());
    }
    Some(range)
}

/// If the text is cut off within a pattern part, returns the position at which that part starts.
fn cut_off(part: &str, text: &str) -> Option<usize> {
    let shortest = part.len() * 7 / 8;
    (shortest.max(16)..part.len())
        .rev()
        .filter(|length| {
            let around = part.get(length - 1..length + 1).unwrap_or_default();
            around.chars().all(char::is_alphabetic)
        })
        .filter_map(|length| part.get(..length))
        .find(|beginning| text.ends_with(beginning))
        .map(|beginning| text.len() - beginning.len())
}

/// Returns true if the text is merely a wrapper around a message, such as "API Error: 429", a time, or a number.
pub(super) fn is_wrapper(before: &str) -> bool {
    before
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|word| !word.is_empty())
        .all(|word| {
            word.ends_with("_error")
                || word.split('_').all(|part| {
                    WORDS.wrapper.contains(&part) || part.starts_with(|c: char| c.is_ascii_digit())
                })
        })
}

/// Returns true if the text contains no words except "error" and numbers, such as the status in "Error 529: Overloaded".
fn is_status(text: &str) -> bool {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .all(|word| word == "error" || word.chars().all(|c| c.is_ascii_digit()))
}

/// Removes a request ID in parentheses from the end of the text.
fn without_request_id(text: &str) -> &str {
    match text.split_once('(') {
        Some((before, id)) if id.contains("req_") && id.ends_with(')') => before,
        _ => text,
    }
}

/// Returns true if the message starts with the recognized words. Any wrapper or introduction in front of them, such as
/// "you have" or "your usage", is ignored.
pub(super) fn begins_message(before: &str) -> bool {
    let mut rest = before.trim_end();
    while let Some(start) = rest.rfind(|c: char| c.is_whitespace() || "\"'*(`_:·.[>".contains(c)) {
        let word = rest.get(start + 1..).unwrap_or_default();
        if !word.is_empty() && !WORDS.lead.contains(&word) {
            break;
        }
        rest = rest.get(..start).unwrap_or_default().trim_end();
    }
    is_wrapper(rest) || WORDS.lead.contains(&rest)
}

/// Returns true if the last statement in `before` contains only words from limit names, such as "weekly".
fn begins_statement(before: &str) -> bool {
    let statement = before
        .rsplit(['.', '·', '!', '?', ':', '"', '\n'])
        .next()
        .unwrap_or_default();
    statement
        .split_whitespace()
        .all(|word| WORDS.limit.contains(&word))
}
