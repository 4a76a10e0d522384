//! Words that show where a line of a text comes from: from Claude, from another program, or from source code.

use std::sync::LazyLock;

use regex_lite::Regex;
use serde::Deserialize;

use super::regex;
use crate::json::embedded;

#[derive(Default, Deserialize)]
struct Words {
    /// Words in source code, and in sentences that quote a message. `^` marks words at the start.
    code: Vec<String>,
    /// Names of programs that have limits of their own.
    other_programs: Vec<String>,
    /// Words that only Claude Code, its service, or a report about them contains. `^` marks words at the start.
    claude: Vec<String>,
    /// The words in the names of Claude's limits.
    limit_names: Vec<String>,
}

static WORDS: LazyLock<Words> =
    LazyLock::new(|| embedded::parse("limits/messages/words.json", include_str!("words.json")));

/// Returns true if a line contains one of these words. `^` marks words that count only at the start of the line.
fn contains_any(words: &[String], line: &str) -> bool {
    words
        .iter()
        .any(|word| match word.strip_prefix('^') {
            Some(start) => line.starts_with(start),
            None => line.contains(word.as_str()),
        })
}

/// Returns true if a line is about Claude.
pub(super) fn mentions_claude(statement: &str) -> bool {
    contains_any(&WORDS.claude, statement)
}

/// Matches a string in the source code of a list, such as `["You've hit your limit", 429],`.
static LITERAL: LazyLock<Regex> = LazyLock::new(|| {
    regex(r#"^[\[({]*\w{0,2}["'](?:[^"']|\w'\w)*["'](?: *[^: ].*)?(?:[,\\]|[\])}] ?\{)$"#)
});

fn is_literal(line: &str) -> bool {
    line.ends_with([',', '\\', '{']) && LITERAL.is_match(line)
}

/// Returns true if a line is source code, or only quotes a message.
pub(super) fn is_quotation(statement: &str) -> bool {
    is_literal(statement) || contains_any(&WORDS.code, statement)
}

/// Matches a string that source code assigns or passes to a function.
static ARGUMENT: LazyLock<Regex> = LazyLock::new(|| regex(r#"[(\[=] *\w{0,2}["'/]"#));

/// Returns true if a line contains a string literal, as an argument in source code does.
pub(super) fn has_literal(line: &str) -> bool {
    ARGUMENT.is_match(line)
}

/// Returns true if a line names another program and nothing that belongs to Claude.
pub(super) fn is_of_other_program(statement: &str) -> bool {
    !mentions_claude(statement)
        && WORDS
            .other_programs
            .iter()
            .any(|name| contains_program(statement, name))
}

/// Returns true if a line contains the name of a program, possibly with an ending such as `.com` or `-cli`.
fn contains_program(statement: &str, name: &str) -> bool {
    if name.contains(' ') {
        return statement.contains(name);
    }
    statement
        .split(|char: char| !char.is_alphanumeric() && !matches!(char, '.' | '-'))
        .filter_map(|word| word.strip_prefix(name))
        .any(|ending| ending.is_empty() || ending.starts_with(['.', '-']))
}

/// Returns true if Claude has a limit with this name, such as "weekly opus".
pub(super) fn is_limit_name(name: &str) -> bool {
    name.split_whitespace().all(|word| {
        WORDS.limit_names.iter().any(|known| known == word)
            || word
                .chars()
                .all(|char| char.is_ascii_digit() || char == '.')
    })
}
