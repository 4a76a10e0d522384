//! Distinguishes messages that a user received from messages that merely appear in some other text.
//!
//! Source code, manuals, and pattern lists all quote Claude Code's messages. Such text does not mean that a limit has
//! been reached. However, users also quote messages that they received and want to understand.

use std::ops::Range;

use chrono::NaiveDate;
use memchr::memmem;

use super::pattern::{begins_message, is_wrapper};
use crate::limits::split::{Passage, normalize};
use crate::limits::words::WORDS;

/// The role of a message in the text that contains it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum MessageContext {
    /// The message was shown to a user.
    #[default]
    Received,
    /// The message is quoted, and it is unclear whether a user received it.
    Quoted,
    /// The complete message is quoted in source code. A reset time without a date could refer to any day.
    QuotedInCode,
    /// The message appears in source code or in a program's data.
    InCode,
    /// The text describes the message, as documentation and release notes do.
    Described,
}

impl MessageContext {
    /// Returns true if it is unclear whether a user received the message.
    pub(crate) fn is_quoted(self) -> bool {
        matches!(self, Self::Quoted | Self::QuotedInCode)
    }

    /// Returns true if the text only mentions the message. It does not show that a user received the message.
    pub(crate) fn is_mention(self) -> bool {
        match self {
            Self::InCode | Self::Described => true,
            Self::Received | Self::Quoted | Self::QuotedInCode => false,
        }
    }
}

/// The placeholder for a string literal in a line of code.
const LITERAL: char = '\u{1}';

/// The start of an interpolated variable in a JavaScript or shell string. Programs print the value instead, so a line
/// that contains this marker is source code.
const INTERPOLATION: &str = "${";

/// The maximum number of bytes from the start of a limit's name to its reset time in a complete message.
const MOST_BYTES_BEFORE_RESET: usize = 89;

/// The maximum number of bytes of the reset time in a complete message, without its zone.
const MOST_BYTES_OF_RESET: usize = 100;

/// The number of distinct messages in a text, excluding notices.
#[derive(Debug, Clone, Copy)]
pub(super) struct DistinctMessages {
    pub(super) all: usize,
    /// The number of messages about limits.
    pub(super) limits: usize,
}

/// Determines the role of a message in the text that contains it. `range` is the position of the message in the
/// normalized passage, and `distinct` counts the messages in the entire text.
///
/// A text about a single message is usually a report, even if it quotes the message. A text that quotes several
/// messages is usually a list or a manual.
pub(super) fn context(
    passage: &Passage,
    normalized: &str,
    range: &Range<usize>,
    whole: &str,
    distinct: DistinctMessages,
) -> MessageContext {
    let before = normalized.get(..range.start).unwrap_or_default();
    let line = line_of(passage, normalized, range);
    if passage.is_json {
        let before_object = passage.source.split('{').next().unwrap_or_default();
        let lower = before_object.to_lowercase();
        let is_body = is_wrapper(&lower) || is_log_line(&lower);
        return if is_code_before_object(&passage.source) {
            MessageContext::InCode
        } else if is_body || begins_message(before) || is_report(whole) {
            MessageContext::Received
        } else {
            MessageContext::Quoted
        };
    }
    let start = message_start(normalized, range);
    let lower_line = line.to_lowercase();
    // Node prints long values on a separate line below the key.
    let is_below_key =
        lower_line.trim_start().starts_with(['"', '\'']) && is_printed(normalized, &start);
    let is_bare = begins_message(before);
    let is_data = !is_printed(&lower_line, &start) || has_statement(&passage.source);
    if is_code(&line, &start) && !is_below_key && !is_report(&lower_line)
        || !is_bare && is_data && is_program(&passage.source)
        || passage.source.contains("\"\"\"")
    {
        return MessageContext::InCode;
    }
    if is_report(whole) || is_log_line(&lower_line) {
        return MessageContext::Received;
    }
    let is_quoted = ends_in_quote(before);
    let is_complete = is_complete(normalized, range);
    let is_list = if is_complete {
        // Several complete messages are not a list, because users paste the output of several commands.
        false
    } else if is_bare && !is_quoted {
        distinct.all > 2
    } else {
        distinct.limits > 1
    };
    if is_list || is_example(before) || is_hypothetical(before) || is_release_note(whole) {
        MessageContext::Described
    } else if !is_complete && is_document_element(&line) {
        MessageContext::Quoted
    } else if is_complete || !is_quoted && (is_bare || names_time(normalized)) {
        MessageContext::Received
    } else {
        MessageContext::Quoted
    }
}

/// Returns true if the message is in a string literal that contains an escaped line break and is assigned to a
/// variable, as in `OUTPUT = "Error:\nYou've hit your limit"`. Passages contain the decoded text, where such a literal
/// is already split.
pub(super) fn is_in_literal(text: &str, normalized: &str, range: &Range<usize>) -> bool {
    let start = message_start(normalized, range);
    text.lines()
        .filter(|line| line.contains("\\n"))
        .any(|line| {
            let lower = line.to_lowercase();
            let skeleton = without_literals(lower.trim_end());
            let is_assigned = skeleton.contains(" = \u{1}") || skeleton.ends_with("\u{1};");
            is_assigned && lower.contains(&start) && !is_printed(&lower, &start)
        })
}

/// Splits normalized text at quotation marks and list separators. Apostrophes within words do not count.
pub(super) fn quotations(normalized: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    for (position, character) in normalized.char_indices() {
        let before = normalized.get(..position).unwrap_or_default();
        let after = normalized
            .get(position + character.len_utf8()..)
            .unwrap_or_default();
        let is_before_letter = after.starts_with(char::is_alphanumeric);
        let is_separator = match character {
            '"' | '|' => true,
            '\'' => !(before.ends_with(char::is_alphanumeric) && is_before_letter),
            ',' => is_before_letter,
            _ => false,
        };
        if is_separator {
            parts.push(normalized.get(start..position).unwrap_or_default());
            start = position + character.len_utf8();
        }
    }
    parts.push(normalized.get(start..).unwrap_or_default());
    parts
}

/// Returns true if the message starts inside a quotation.
pub(super) fn ends_in_quote(before: &str) -> bool {
    let words = before.trim_end_matches(|c: char| c.is_alphabetic() || c == ' ');
    match words.strip_suffix('\'') {
        // Apostrophes within words are not quotation marks.
        Some(rest) => !rest.ends_with(char::is_alphanumeric),
        None => words.ends_with('"'),
    }
}

/// Returns true if the message is introduced as an example.
fn is_example(before: &str) -> bool {
    let introduction = before.trim_end_matches([' ', '"', '\'', '(']);
    WORDS
        .before_example
        .iter()
        .any(|words| introduction.ends_with(words))
}

/// Returns true if the words before a quotation describe what can happen in general, as in `users may run into "…"` or
/// `a workspace that reaches its limit gets "…"`.
fn is_hypothetical(before: &str) -> bool {
    let introduction = before.trim_end_matches(|c: char| c.is_alphanumeric() || c == ' ');
    if !introduction.ends_with(['"', '\'']) {
        return false;
    }
    let sentence = introduction
        .rsplit(['.', '!', '?', ';'])
        .next()
        .unwrap_or_default();
    let clause = sentence.trim_end_matches([' ', ':', '"', '\'']);
    let is_possible = words_of(clause.rsplit([',', ':']).next().unwrap_or_default())
        .any(|word| WORDS.possibilities.contains(&word));
    let is_about_any_user = words_of(sentence)
        .skip_while(|word| !WORDS.generalizations.contains(word))
        .any(|word| WORDS.reaches_limit.contains(&word));
    is_possible || is_about_any_user
}

fn words_of(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '\'')
}

/// Returns true if the text starts with a version number, as release notes do.
fn is_release_note(whole: &str) -> bool {
    let text = whole.trim_start_matches(['#', '-', ' ']);
    let first = text.split_whitespace().next().unwrap_or_default();
    let number = first.trim_start_matches('v').trim_end_matches(':');
    let is_version =
        number.matches('.').count() == 2 && number.chars().all(|c| c.is_ascii_digit() || c == '.');
    // The output of `claude --version` is not a release note.
    is_version && !whole.contains("(claude code)")
}

/// Returns true if a line is a row of a table, a heading, or an item of a checklist. Claude Code does not format its
/// messages this way.
fn is_document_element(line: &str) -> bool {
    let item = line.trim_start();
    let entry = item.trim_start_matches(['-', '*', ' ']);
    item.starts_with(['|', '#']) || entry.starts_with("[ ]")
}

/// Returns true if the text before the JSON object in `source` looks like code.
pub(super) fn is_code_before_object(source: &str) -> bool {
    let before = source.split('{').next().unwrap_or_default();
    let lower = before.trim_start().to_lowercase();
    let skeleton = without_literals(&lower);
    begins_as_code(&lower) || skeleton.contains(" = ") || lower.ends_with("r#\"")
}

/// Returns true if a line starts with a date, as log lines do.
fn is_log_line(line: &str) -> bool {
    let date = line.trim_start_matches(['[', '(', '<']).get(..10);
    date.is_some_and(is_date)
}

/// Returns the first few characters of a message.
fn message_start(normalized: &str, range: &Range<usize>) -> String {
    let message = normalized.get(range.clone()).unwrap_or_default();
    message.chars().take(14).collect()
}

/// Returns the line of the passage that contains the start of the message.
fn line_of(passage: &Passage, normalized: &str, range: &Range<usize>) -> String {
    let start = message_start(normalized, range);
    passage
        .source
        .lines()
        .find(|line| normalize(line).contains(&start))
        .unwrap_or(&passage.source)
        .to_owned()
}

/// Returns true if a line is source code or program data. `message` is the start of the message in that line.
pub(super) fn is_code(line: &str, message: &str) -> bool {
    let trimmed = line.trim_start();
    let lower = trimmed.to_lowercase();
    if begins_as_code(&lower) || has_source_location(&lower) || lower.contains(INTERPOLATION) {
        return true;
    }
    if is_printed(&lower, message) {
        return false;
    }
    let skeleton = without_literals(trimmed);
    contains_any(trimmed, &WORDS.regex)
        || contains_any(&skeleton, &WORDS.beside_literal)
        || is_call(&skeleton)
        || skeleton.trim_end().ends_with("\u{1};")
        || is_quoted_comment(trimmed)
        || is_list_element(skeleton.trim_end())
        || contains_any(&skeleton, &WORDS.beside_literal_or_prose)
            && letter_count(&skeleton) < 9
            && !trimmed.starts_with("> ")
}

/// Returns true if a line begins like a program statement, a comment, or an entry of a translation file.
fn begins_as_code(line: &str) -> bool {
    WORDS
        .code_starts
        .iter()
        .any(|start| line.starts_with(start))
}

fn contains_any(text: &str, signs: &[&str]) -> bool {
    signs.iter().any(|sign| text.contains(sign))
}

/// Returns true if a string literal is the first argument of a function call, such as `toThrow("…")`.
fn is_call(skeleton: &str) -> bool {
    skeleton.match_indices("(\u{1}").any(|(start, _)| {
        let before = skeleton
            .get(..start)
            .and_then(|text| text.chars().next_back());
        before.is_some_and(char::is_alphanumeric)
    })
}

/// Returns true if a line consists of string literals and other values, such as a row in a test table. In JSON, a
/// string literal at the start of a line is usually a key.
fn is_list_element(skeleton: &str) -> bool {
    skeleton.starts_with("\u{1},") && ["},", "),"].iter().any(|end| skeleton.ends_with(end))
}

/// Returns true if a line is a comment that contains only a quotation.
fn is_quoted_comment(line: &str) -> bool {
    line.strip_prefix('#')
        .is_some_and(|rest| rest.trim_start().starts_with('"'))
}

/// Counts the letters outside string literals.
fn letter_count(skeleton: &str) -> usize {
    skeleton.chars().filter(|c| c.is_alphabetic()).count()
}

/// Returns true if a message was probably printed by a program. This is the case if it follows an HTTP status or is the
/// value of a key such as "error".
fn is_printed(line: &str, message: &str) -> bool {
    let Some(start) = line.find(message).filter(|_| !message.is_empty()) else {
        return false;
    };
    let before = line.get(..start).unwrap_or_default();
    let quote = before
        .rfind(['"', '`'])
        .or_else(|| before.rfind('\''))
        .unwrap_or(before.len());
    let key = before
        .get(..quote)
        .unwrap_or_default()
        .trim_end()
        .trim_end_matches([':', '=', ' ', '\\']);
    let name = key
        .trim_end_matches(['"', '\'', '\\'])
        .rsplit(|c: char| !c.is_alphanumeric() && c != '_')
        .next()
        .unwrap_or_default();
    let is_status = name
        .parse::<u16>()
        .is_ok_and(|status| (400..600).contains(&status));
    key.len() < quote && (is_status || WORDS.printed.contains(&name))
}

/// Returns true if at least two lines are unmistakably code.
pub(super) fn is_program(source: &str) -> bool {
    let code_lines = source
        .lines()
        .filter(|line| {
            let trimmed = line.trim();
            let is_element = trimmed.starts_with(['{', '"', '(']) && trimmed.ends_with(',');
            trimmed.ends_with(['{', ';']) || trimmed.contains(" = ") || is_element
        })
        .count();
    code_lines > 1
}

/// Returns true if any line starts with a program statement.
fn has_statement(source: &str) -> bool {
    source.lines().any(|line| begins_as_code(line.trim_start()))
}

/// Returns true if a line starts with a source location such as `src/limits.ts:41:`.
fn has_source_location(line: &str) -> bool {
    let location = line.split_whitespace().next().unwrap_or_default();
    let mut parts = location.split(':');
    let file = parts.next().unwrap_or_default();
    let extension = file.rsplit_once('.').map(|(_, extension)| extension);
    let is_source = extension.is_some_and(|extension| WORDS.source_extensions.contains(&extension));
    is_source && parts.next().is_some_and(|line| line.parse::<u32>().is_ok())
}

/// Replaces string literals with [`LITERAL`].
fn without_literals(line: &str) -> String {
    let mut skeleton = String::new();
    let mut rest = line;
    while let Some(start) = rest.find(['"', '\'', '`']) {
        let (before, from_quote) = rest.split_at(start);
        let quote = from_quote.chars().next().unwrap_or('"');
        let contents = from_quote.get(1..).unwrap_or_default();
        let is_apostrophe = quote == '\''
            && before.ends_with(char::is_alphabetic)
            && contents.starts_with(char::is_alphabetic);
        skeleton.push_str(before);
        if let Some(end) = contents.find(quote).filter(|_| !is_apostrophe) {
            skeleton.push(LITERAL);
            rest = contents.get(end + 1..).unwrap_or_default();
        } else {
            skeleton.push(quote);
            rest = contents;
        }
    }
    skeleton.push_str(rest);
    skeleton
}

fn is_date(text: &str) -> bool {
    NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok()
}

/// Returns true if the author of the text reports a personal experience.
fn is_report(whole: &str) -> bool {
    WORDS.reports.iter().any(|words| {
        whole
            .match_indices(words)
            .any(|(position, _)| is_word_start(whole, position) && !is_advice(whole, position))
    })
}

/// Returns true if the word at this position belongs to a phrase such as "try again" or "succeed again", which is advice
/// or a promise rather than a report.
fn is_advice(text: &str, position: usize) -> bool {
    text.get(..position).is_some_and(|before| {
        ["try ", "succeed ", "work "]
            .iter()
            .any(|word| before.ends_with(word))
    })
}

fn is_word_start(text: &str, position: usize) -> bool {
    text.get(..position)
        .and_then(|before| before.chars().next_back())
        .is_none_or(|c| c.is_whitespace() || ",.(\"".contains(c))
}

/// Returns true if the message ends with a reset time and a time zone, as in `· resets 3pm (America/Toronto)`. Only
/// Claude Code prints messages this way. Texts that merely mention a message usually omit the zone.
pub(super) fn is_complete(normalized: &str, range: &Range<usize>) -> bool {
    let message = normalized.get(range.start..).unwrap_or_default();
    let Some((words, rest)) = split_within(message, "resets ", MOST_BYTES_BEFORE_RESET) else {
        return false;
    };
    let Some((_, zone)) = split_within(rest, " (", MOST_BYTES_OF_RESET) else {
        return false;
    };
    let zone = zone.split(')').next().unwrap_or_default();
    !words.contains('"') && (zone == "utc" || zone.contains('/') && !zone.contains(' '))
}

/// Splits a text at a separator that starts within the given number of bytes. The rest of the text is not searched,
/// because callers split every message in a text.
fn split_within<'text>(
    text: &'text str,
    separator: &str,
    most_bytes: usize,
) -> Option<(&'text str, &'text str)> {
    let end = text.len().min(most_bytes + separator.len());
    let position = memmem::find(text.as_bytes().get(..end)?, separator.as_bytes())?;
    Some((
        text.get(..position)?,
        text.get(position + separator.len()..)?,
    ))
}

/// Returns true if a message contains a reset time.
pub(super) fn names_time(normalized: &str) -> bool {
    ["resets ", "reset at ", "resets at "].iter().any(|words| {
        normalized.split(words).skip(1).any(|rest| {
            rest.get(..40)
                .unwrap_or(rest)
                .contains(|c: char| c.is_ascii_digit())
        })
    })
}
