//! Splits a text into statements, which are its lines without the marks before them, and normalizes their characters.

use std::sync::LazyLock;

use regex_lite::Regex;

use super::{regex, words};
use crate::terminal::strip_ansi;

/// The maximum number of bytes to read, counted from the end of a text, because its last message is the current one.
const SIZE_LIMIT: usize = 64 * 1024;

/// A line that a terminal has wrapped and indented.
static WRAP: LazyLock<Regex> = LazyLock::new(|| regex(r"([a-z,]) *\n {2,}([a-z])"));

/// A word that a terminal has broken at one of its hyphens or underscores.
static BROKEN_WORD: LazyLock<Regex> =
    LazyLock::new(|| regex(r"(\w[-_]) *\n +(\w)|(\w) *\n +([-_]\w)"));

/// The characters and words that terminals, lists, status lines, and JSON put before a statement.
static MARKS: LazyLock<Regex> = LazyLock::new(|| {
    regex(concat!(
        r#"^(?:[\s⎿●⏺■✻✽✢⏸⛔⏳🛑🚫❗│├└❯›>⚠✗✘❌*_#┃☒⚡✖×▶◆□▎|"'({\[·\u{fe0f}]|- |\$ |"#,
        r#"(?:internal |system )?error: |result: |"#,
        r#"(?:error|message|detail|result|text)["']?: ?["']|"#,
        r#"(?:paused|blocked|stopped|failed|halted|waiting)\b[:*_ ]* ?[—–-]+ )+"#,
    ))
});

/// Replacements that normalize different spellings of the same words.
const REPLACEMENTS: &[(&str, &str)] = &[
    ("\u{2019}", "'"),
    ("\u{2018}", "'"),
    ("&#39;", "'"),
    ("\\'", "'"),
    ("\u{201c}", "\""),
    ("\u{201d}", "\""),
    ("\u{2010}", "-"),
    ("\u{2011}", "-"),
    ("\u{2219}", "·"),
    ("\u{2022}", "·"),
    ("\\u00b7", "·"),
    ("\\u2219", "·"),
    ("\\u2019", "'"),
    ("\u{ff1a}", ":"),
    ("\u{a0}", " "),
    ("\u{202f}", " "),
    ("\\n", "\n"),
    ("\\\"", "\""),
    ("`", "'"),
    ("**", ""),
    ("youve", "you've"),
    ("youre ", "you're "),
    ("you have hit", "you've hit"),
    ("you have reached your", "you've reached your"),
];

/// Returns the statements of a text in lower case. A statement is a line without the marks before it.
pub(super) fn statements(text: &str) -> Vec<String> {
    lines(text)
        .iter()
        .map(|line| statement(line))
        .collect()
}

/// Returns the statements of a pasted text that may be messages from Claude. Source code, quotations, and messages from
/// other programs are left out.
pub(super) fn received_statements(text: &str) -> Vec<String> {
    let lines = lines(text);
    if words::is_of_other_program(&lines.join(" ")) {
        return Vec::new();
    }
    let has_code = lines.iter().any(|line| words::is_quotation(line));
    lines
        .iter()
        .filter(|line| !words::is_quotation(line) && !words::is_of_other_program(line))
        .filter(|line| !(has_code && words::has_literal(line)))
        .map(|line| statement(line))
        .collect()
}

/// Returns the lines of a text that are not empty, in lower case and without escape sequences.
fn lines(text: &str) -> Vec<String> {
    let earliest = text.len().saturating_sub(SIZE_LIMIT);
    let start = (earliest..=text.len()).find(|index| text.is_char_boundary(*index));
    let end_of_text = &text[start.unwrap_or_default()..];
    let mut plain = strip_ansi(end_of_text).to_lowercase();
    for (from, to) in REPLACEMENTS {
        plain = plain.replace(from, to);
    }
    let plain = BROKEN_WORD.replace_all(&plain, "$1$2$3$4");
    WRAP.replace_all(&plain, "$1 $2")
        .lines()
        .map(|line| line.trim_matches(['│', '|', ' ', '\t']))
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Returns the text of a line without the marks before it.
fn statement(line: &str) -> String {
    let plain = MARKS.replace(line, "");
    let words: Vec<_> = plain.split_whitespace().collect();
    words.join(" ")
}
