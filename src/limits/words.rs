//! Loads, from `words.json`, the words and symbols by which the first two steps recognize parts of the text.

use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::Value;

/// The word lists in `words.json`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, bound(deserialize = "'de: 'static"))]
pub(super) struct Words {
    /// Marks that a terminal or a list puts in front of a message.
    pub(super) marks: Vec<&'static str>,
    /// Beginnings of Claude Code messages. A line that starts with one of them does not continue a wrapped line.
    pub(super) beginnings: Vec<&'static str>,
    /// JSON keys whose value is shown to people.
    pub(super) text_keys: Vec<&'static str>,
    /// JSON keys whose value is the class of an error.
    pub(super) class_keys: Vec<&'static str>,
    /// JSON keys whose value is an HTTP status.
    pub(super) status_keys: Vec<&'static str>,
    /// JSON keys whose value is a reset time.
    pub(super) reset_keys: Vec<&'static str>,
    /// JSON keys whose value is a delay in seconds, or a duration such as "2h37m0s".
    pub(super) delay_keys: Vec<&'static str>,
    /// JSON keys whose value is a delay in milliseconds.
    pub(super) millisecond_delay_keys: Vec<&'static str>,
    /// Words that precede an HTTP status.
    pub(super) before_status: Vec<&'static str>,
    /// Words that follow an HTTP status.
    pub(super) after_status: Vec<&'static str>,
    /// Sequences that stand for other text in logs, in HTML pages, or after a wrong decoding, each with the original
    /// text.
    pub(super) replaced: Vec<(&'static str, &'static str)>,
    /// Words that are often written without their apostrophe.
    pub(super) apostrophes: Vec<(&'static str, &'static str)>,
    /// Words that occur only in text about Claude.
    pub(super) claude: Vec<&'static str>,
    /// Other programs and services that have their own limits, quotas, and logins.
    pub(super) others: Vec<&'static str>,
    /// The words that a wrapper around a message, such as "API Error: 429", can contain. A wrapper contains no other
    /// words.
    pub(super) wrapper: Vec<&'static str>,
    /// Words in a message that can precede the words by which it is recognized.
    pub(super) lead: Vec<&'static str>,
    /// Words that precede "limit" in the name of a Claude limit.
    pub(super) limit: Vec<&'static str>,
    /// Words that precede a reset time.
    pub(super) before_reset: Vec<&'static str>,
    /// Time zone abbreviations that mean the same thing everywhere Claude Code is sold.
    pub(super) zones: Vec<(&'static str, &'static str)>,
    /// Code next to a string literal. The literal is represented by U+0001.
    pub(super) beside_literal: Vec<&'static str>,
    /// Symbols next to a string literal that indicate code in a line with few words. In other lines, they may be part
    /// of prose.
    pub(super) beside_literal_or_prose: Vec<&'static str>,
    /// Keys whose values programs print rather than compare.
    pub(super) printed: Vec<&'static str>,
    /// Sequences that indicate a regular expression, even inside a string literal.
    pub(super) regex: Vec<&'static str>,
    /// Beginnings of lines of code, comments, and translations.
    pub(super) code_starts: Vec<&'static str>,
    /// Words that occur in text that describes messages.
    pub(super) describes: Vec<&'static str>,
    /// Beginnings of lines in changelogs and task lists.
    pub(super) notes: Vec<&'static str>,
    /// Words directly before a message that mark it as an example.
    pub(super) before_example: Vec<&'static str>,
    /// Words that people use to report their own experience.
    pub(super) reports: Vec<&'static str>,
    /// Words that occur in the names of Claude limits.
    pub(super) limit_name: Vec<&'static str>,
    /// Words that precede the name of one of the user's own limits.
    pub(super) before_own_limit: Vec<&'static str>,
    /// Words that follow the name of a limit that has been reached.
    pub(super) after_reached_limit: Vec<&'static str>,
    /// Words before a message that turn it into a condition or an explanation.
    pub(super) conditions: Vec<&'static str>,
    /// Beginnings of text that can follow the name of a limit in a Claude Code message.
    pub(super) continuations: Vec<&'static str>,
}

static FILE: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("words.json")).unwrap_or_default());

/// The word lists. They borrow from the parsed JSON rather than from the raw file, because a string that contains
/// escapes differs from its raw text.
pub(super) static WORDS: LazyLock<Words> =
    LazyLock::new(|| Words::deserialize(&*FILE).unwrap_or_default());

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_can_be_read() {
        let words = Words::deserialize(&*FILE).unwrap();
        assert!(!words.marks.is_empty());
    }
}
