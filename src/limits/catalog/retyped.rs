//! Restores the separator "·" in a message that a user has retyped with another character in its place, or with none.

use super::row::{Row, rows};
use crate::limits::split::normalize;

/// The separator between the parts of Claude Code's messages.
const SEPARATOR: &str = " · ";

/// The text after the separator in messages about a limit.
const RESETS: &str = "resets ";

/// The maximum length of a retyped message in bytes. Nobody types a longer one.
const LONGEST: usize = 300;

/// Returns the message with the separators that Claude Code uses. Returns `None` if the text has such separators, or if its words
/// are not those of a message with separators.
pub(super) fn with_separators(text: &str) -> Option<String> {
    if text.len() > LONGEST || text.contains('·') {
        return None;
    }
    known_wording(text).or_else(|| with_separator_before_reset(text))
}

/// Returns true if the words after a recognized message are about its reset.
pub(super) fn is_followed_by_reset(after: &str) -> bool {
    after
        .strip_prefix(SEPARATOR)
        .is_some_and(|rest| rest.starts_with(RESETS))
}

/// Returns true if the catalog contains the text as a wording.
pub(super) fn is_wording(text: &str) -> bool {
    rows().flat_map(Row::texts).any(|wording| wording == text)
}

/// Returns the wording in the catalog that has separators and the same words as the text.
fn known_wording(text: &str) -> Option<String> {
    let normalized = normalize(text);
    let wording = rows().flat_map(Row::texts).find(|wording| {
        wording.contains(SEPARATOR) && words(&normalize(wording)).eq(words(&normalized))
    })?;
    Some(wording.to_owned())
}

/// Returns the text with a separator before the first "resets".
fn with_separator_before_reset(text: &str) -> Option<String> {
    let start = text.to_ascii_lowercase().find(&format!(" {RESETS}"))?;
    let (before, after) = text.split_at_checked(start)?;
    let message = before.trim_end_matches([' ', ',', '-', '|', '–', '—']);
    Some(format!("{message}{SEPARATOR}{}", after.trim_start()))
}

/// Returns the words of a text without punctuation. A slash is a part of a command such as `/login`.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character: char| !character.is_alphanumeric() && !"'/…".contains(character))
        .filter(|word| !word.is_empty())
}
