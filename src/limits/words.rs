//! Loads the word lists in `words.json`, which are used to recognize parts of the text.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::embedded;
use crate::limits::kind::Window;

/// The word lists in `words.json`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, bound(deserialize = "'de: 'static"))]
pub(super) struct Words {
    /// Symbols that terminals and lists put in front of a message.
    pub(super) marks: Vec<&'static str>,
    /// Phrases that start a Claude Code message. A line that starts with one is never the continuation of a wrapped
    /// line.
    pub(super) beginnings: Vec<&'static str>,
    /// JSON keys for text that is shown to users.
    pub(super) text_keys: Vec<&'static str>,
    /// JSON keys for the class of an error.
    pub(super) class_keys: Vec<&'static str>,
    /// JSON keys for an HTTP status.
    pub(super) status_keys: Vec<&'static str>,
    /// JSON keys for a reset time.
    pub(super) reset_keys: Vec<&'static str>,
    /// JSON keys for a delay in seconds or a duration such as "2h37m0s".
    pub(super) delay_keys: Vec<&'static str>,
    /// JSON keys for a delay in milliseconds.
    pub(super) millisecond_delay_keys: Vec<&'static str>,
    /// Words that appear before an HTTP status.
    pub(super) before_status: Vec<&'static str>,
    /// Words that appear after an HTTP status.
    pub(super) after_status: Vec<&'static str>,
    /// Character sequences that were garbled by logs, HTML, or incorrect decoding, along with the original text.
    pub(super) replaced: Vec<(&'static str, &'static str)>,
    /// Words that are often typed without an apostrophe.
    pub(super) apostrophes: Vec<(&'static str, &'static str)>,
    /// Words that appear only in text about Claude.
    pub(super) claude: Vec<&'static str>,
    /// Other programs and services with their own limits, quotas, or logins.
    pub(super) others: Vec<&'static str>,
    /// The only words allowed in a wrapper around a message, such as "API Error: 429".
    pub(super) wrapper: Vec<&'static str>,
    /// Introductory words that may precede the recognized part of a message.
    pub(super) lead: Vec<&'static str>,
    /// Words that precede "limit" in the name of a Claude limit.
    pub(super) limit: Vec<&'static str>,
    /// Words that precede a reset time.
    pub(super) before_reset: Vec<&'static str>,
    /// Names of time zones, and abbreviations that are unambiguous in every country where Claude Code is sold.
    pub(super) zones: Vec<(&'static str, &'static str)>,
    /// Code fragments next to a string literal, which is represented by U+0001.
    pub(super) beside_literal: Vec<&'static str>,
    /// Symbols next to a string literal that indicate code only if the line contains few words. In other lines, they
    /// may be prose.
    pub(super) beside_literal_or_prose: Vec<&'static str>,
    /// Keys whose values are usually printed by a program rather than compared in code.
    pub(super) printed: Vec<&'static str>,
    /// Character sequences that indicate a regular expression, even in a string literal.
    pub(super) regex: Vec<&'static str>,
    /// Text at the start of a line that indicates code, a comment, or an entry of a translation file.
    pub(super) code_starts: Vec<&'static str>,
    /// Words that introduce a message as an example.
    pub(super) before_example: Vec<&'static str>,
    /// Words such as "may" and "might". A quotation after one of them describes something that can happen.
    pub(super) possibilities: Vec<&'static str>,
    /// Words that begin a statement about users in general.
    pub(super) generalizations: Vec<&'static str>,
    /// Third-person verbs for reaching a limit, such as "hits" and "exceeds".
    pub(super) reaches_limit: Vec<&'static str>,
    /// Words that users write when they report their own experience.
    pub(super) reports: Vec<&'static str>,
    /// Words that appear in the names of Claude limits.
    pub(super) limit_name: Vec<&'static str>,
    /// Words that precede the name of a limit when it is the user's own, such as "your".
    pub(super) before_own_limit: Vec<&'static str>,
    /// Words that follow the name of a limit that has been reached.
    pub(super) after_reached_limit: Vec<&'static str>,
    /// Words in front of a message that turn it into a condition or an explanation.
    pub(super) conditions: Vec<&'static str>,
    /// Text that can follow the name of a limit in a Claude Code message.
    pub(super) continuations: Vec<&'static str>,
    /// Words that may precede or connect the parts of a time.
    pub(super) in_times: Vec<&'static str>,
    /// Words that identify a usage window, in order of priority.
    pub(super) windows: Vec<(&'static str, Window)>,
    /// Subjects and auxiliary verbs of statements that a limit was reached, such as "I" and "have".
    pub(super) subjects: Vec<&'static str>,
    /// File name extensions of source code.
    pub(super) source_extensions: Vec<&'static str>,
}

pub(super) static WORDS: LazyLock<Words> =
    LazyLock::new(|| embedded::parse("limits/words.json", include_str!("words.json")));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_can_be_read() {
        assert!(!WORDS.marks.is_empty());
    }
}
