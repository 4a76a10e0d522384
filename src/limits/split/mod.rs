//! Splits raw text into messages (step 1 of 5).
//!
//! Users paste terminal output, logs, and JSON, which contain markers, wrapped lines, and escapes. Each message in the
//! text becomes a [`Passage`].

mod clean;
mod fields;
mod headers;

pub(crate) use clean::{normalize, repaired};

use chrono::{DateTime, TimeDelta, Utc};
use std::borrow::Cow;

use fields::{Field, Value, fields};
use headers::Headers;

use crate::limits::kind::LimitKind;
use crate::limits::words::WORDS;
use crate::terminal::start_of;
use crate::time::{printed_duration, reset_from_epoch_seconds};

/// The number of bytes to keep at each end of a long text.
const END: usize = 16 * 1024;

/// A message along with the text in which it was found.
#[derive(Debug, Clone, Default)]
pub(crate) struct Passage {
    /// The message without markers and line wrapping, repaired but in its original case.
    pub(crate) text: String,
    /// The original lines that contain the message.
    pub(crate) source: String,
    /// The error classes found in JSON, such as `rate_limit_error` or `credits_required`.
    pub(crate) classes: Vec<String>,
    /// The HTTP status of the response.
    pub(crate) status: Option<u16>,
    /// The reset time found in JSON.
    pub(crate) resets_at: Option<DateTime<Utc>>,
    /// The delay requested by the server.
    pub(crate) retry_after: Option<TimeDelta>,
    /// True if the server says that a retry may succeed, or false if the server rules it out.
    pub(crate) should_retry: Option<bool>,
    /// True if the passage was a JSON object.
    pub(crate) is_json: bool,
    /// True if the server itself identified the limit, either in an event or in response headers.
    pub(crate) is_of_server: bool,
}

/// Shortens long text by keeping only its beginning and end.
pub(crate) fn both_ends(text: &str) -> Cow<'_, str> {
    if text.len() <= 2 * END {
        return Cow::Borrowed(text);
    }
    let first = start_of(text, END);
    let last = (text.len() - END..text.len()).find_map(|start| text.get(start..));
    Cow::Owned(format!("{first}\n\n{}", last.unwrap_or_default()))
}

/// Splits text into messages, in order of appearance.
pub(crate) fn split(text: &str) -> Vec<Passage> {
    let mut passages = Vec::new();
    let text = clean::with_separated_messages(&both_ends(text));
    for piece in pieces(&text) {
        match piece {
            Piece::Text(lines) => passages.extend(text_passages(lines)),
            Piece::Object { before, object } => passages.push(object_passage(before, object)),
        }
    }
    passages.retain(|passage| !passage.text.is_empty() || passage.is_json);
    add_headers(&mut passages, &text);
    passages
}

/// Adds information from any response headers in the text.
fn add_headers(passages: &mut Vec<Passage>, text: &str) {
    let headers = Headers::find(text);
    for passage in passages.iter_mut() {
        passage.retry_after = passage.retry_after.or(headers.retry_after);
        passage.should_retry = headers.should_retry;
        if !headers.is_refusal {
            passage.resets_at = passage.resets_at.or(headers.resets_at);
        }
    }
    if headers.is_refusal {
        passages.push(Passage {
            text: refusal(headers.limit),
            source: headers.source,
            resets_at: headers.resets_at,
            retry_after: headers.retry_after,
            is_json: true,
            is_of_server: headers.limit.is_some(),
            ..Passage::default()
        });
    }
}

/// A part of the text.
enum Piece<'a> {
    Text(&'a str),
    /// A JSON object along with the preceding text on the same line.
    Object {
        before: &'a str,
        object: &'a str,
    },
}

/// Splits text into JSON objects and the text between them.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(start) = object_start(rest) {
        let (before, from_object) = rest.split_at(start);
        let (object, after) = from_object.split_at(object_end(from_object));
        let line_start = before.rfind('\n').map_or(0, |end| end + 1);
        let (lines, same_line) = before.split_at(line_start);
        pieces.push(Piece::Text(lines));
        pieces.push(Piece::Object {
            before: same_line,
            object,
        });
        rest = after.trim_start_matches([')', '.', '"', '\'', '`']);
    }
    pieces.push(Piece::Text(rest));
    pieces
}

/// Returns the position of the first `{` that is followed by a quoted key, provided that the object contains a key that
/// is used in messages.
fn object_start(text: &str) -> Option<usize> {
    text.match_indices('{')
        .map(|(start, _)| start)
        .find(|start| {
            let inside = text.get(start + 1..).unwrap_or_default().trim_start();
            let key = inside.trim_start_matches('\\');
            let object = text.get(*start..).unwrap_or_default();
            key.starts_with(['"', '\''])
                && fields(object.get(..400).unwrap_or(object))
                    .iter()
                    .any(|field| is_of_message(&field.key))
        })
}

/// Returns true if the key is used in messages from Claude Code, the API, or a gateway.
fn is_of_message(key: &str) -> bool {
    WORDS.text_keys.contains(&key)
        || WORDS.class_keys.contains(&key)
        || WORDS.status_keys.contains(&key)
        || WORDS.reset_keys.contains(&key)
}

/// Returns the length of the JSON object at the start of the text. Truncated objects extend to the end of the text.
fn object_end(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut is_string = false;
    let mut is_escaped = false;
    for (position, character) in text.char_indices() {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => is_string = !is_string,
            '{' if !is_string => depth += 1,
            '}' if !is_string => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return position + 1;
                }
            }
            _ => {}
        }
    }
    text.len()
}

/// Converts a JSON object to a passage.
fn object_passage(before: &str, object: &str) -> Passage {
    let object_fields = fields(object);
    let before = without_marks(&repaired(before)).to_owned();

    let mut passage = Passage {
        source: format!("{before}{object}"),
        is_json: true,
        ..Passage::default()
    };
    let mut texts: Vec<String> = Vec::new();
    for Field { key, value } in &object_fields {
        let key = key.as_str();
        match value {
            Value::Text(text) => {
                let is_class = !text.contains(char::is_whitespace) && text.len() < 60;
                if WORDS.text_keys.contains(&key)
                    && (!is_class || key == "message")
                    && !text.trim_start().starts_with('{')
                    && !texts.contains(text)
                {
                    texts.push(text.clone());
                }
                if WORDS.class_keys.contains(&key) && is_class {
                    passage.classes.push(text.clone());
                }
                passage.add_number(key, text);
            }
            Value::Bare(number) => passage.add_number(key, number),
            Value::Nested => {}
        }
    }
    let event = rate_limit_event(&object_fields);
    passage.is_of_server = event.is_some();
    texts.extend(event);
    passage.status = passage.status.or_else(|| status_in_words(&before));
    let text = repaired(&joined(&before, &texts.join(" · ")));
    passage.text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    passage
}

impl Passage {
    fn add_number(&mut self, key: &str, text: &str) {
        if WORDS.status_keys.contains(&key) {
            let status = text
                .parse::<u16>()
                .ok()
                .filter(|status| (400..600).contains(status));
            self.status = self.status.or(status);
        }
        if WORDS.reset_keys.contains(&key) {
            self.resets_at = self.resets_at.or_else(|| parse_reset(text));
        }
        self.retry_after = delay(key, text).or(self.retry_after);
    }
}

/// Parses a reset time in Unix seconds, in Unix milliseconds, or in RFC 3339 format.
pub(crate) fn parse_reset(text: &str) -> Option<DateTime<Utc>> {
    /// Larger numbers are milliseconds.
    const MOST_SECONDS: f64 = 1e11;
    match text.parse::<f64>() {
        Ok(number) if number > MOST_SECONDS => reset_from_epoch_seconds(number / 1000.0),
        Ok(seconds) => reset_from_epoch_seconds(seconds),
        Err(_) => DateTime::parse_from_rfc3339(&text.to_ascii_uppercase())
            .ok()
            .map(|at| at.to_utc()),
    }
}

/// Parses a delay given in seconds, in milliseconds, or as a duration such as "2h37m0s".
fn delay(key: &str, text: &str) -> Option<TimeDelta> {
    let is_in_seconds = WORDS.delay_keys.contains(&key);
    let is_in_milliseconds = WORDS.millisecond_delay_keys.contains(&key);
    let seconds = match text.parse::<f64>() {
        Ok(number) if is_in_seconds => number,
        Ok(number) if is_in_milliseconds => number / 1000.0,
        Err(_) if is_in_seconds || WORDS.reset_keys.contains(&key) => {
            return printed_duration(text);
        }
        Ok(_) | Err(_) => return None,
    };
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the range has been checked"
    )]
    (0.0..1e7)
        .contains(&seconds)
        .then(|| TimeDelta::seconds(seconds as i64))
}

/// Returns the first string value for a key.
fn text_of<'a>(fields: &'a [Field], key: &str) -> Option<&'a str> {
    fields.iter().find_map(|field| match &field.value {
        Value::Text(text) if field.key == key => Some(text.as_str()),
        Value::Text(_) | Value::Bare(_) | Value::Nested => None,
    })
}

/// Returns Claude Code's wording for a `rate_limit_event` from stream-json output, if the fields describe one.
fn rate_limit_event(fields: &[Field]) -> Option<String> {
    let name = text_of(fields, "rateLimitType").or_else(|| text_of(fields, "rate_limit_type"))?;
    let limit = LimitKind::of_server(name);
    let is_paid = fields.iter().any(|field| {
        field.key == "isUsingOverage" && field.value == Value::Bare("true".to_owned())
    });
    match text_of(fields, "status") {
        _ if is_paid => Some("Now using usage credits".to_owned()),
        Some("rejected") => Some(refusal(limit)),
        Some("allowed_warning") => Some(warning(limit, used_percent(fields))),
        Some(_) => Some("Limit status: allowed".to_owned()),
        None => None,
    }
}

/// Returns Claude Code's wording for a refusal because of this limit.
fn refusal(limit: Option<LimitKind>) -> String {
    if limit == Some(LimitKind::UsageCredits) {
        "You're out of usage credits".to_owned()
    } else {
        format!("You've hit your {}", label(limit))
    }
}

/// Returns Claude Code's wording for a warning about this limit.
fn warning(limit: Option<LimitKind>, percent: Option<f64>) -> String {
    let limit = label(limit);
    match percent {
        Some(percent) => format!("You've used {percent:.0}% of your {limit}"),
        None => format!("You're close to your {limit}"),
    }
}

/// Returns the name of a limit in the wording of Claude Code, such as "5-hour limit".
fn label(limit: Option<LimitKind>) -> &'static str {
    limit.map_or("usage limit", |limit| limit.description().label)
}

/// Returns the percentage of the limit that has been used. Claude Code writes a fraction, which can be slightly greater
/// than 1. Other programs may write a percentage.
fn used_percent(fields: &[Field]) -> Option<f64> {
    let share =
        number_of(fields, "utilization").or_else(|| number_of(fields, "surpassedThreshold"))?;
    Some(if share <= 2.0 { share * 100.0 } else { share })
}

/// Returns the first numeric value for a key.
fn number_of(fields: &[Field], key: &str) -> Option<f64> {
    fields.iter().find_map(|field| match &field.value {
        Value::Bare(number) if field.key == key => number.parse().ok(),
        Value::Text(_) | Value::Bare(_) | Value::Nested => None,
    })
}

fn joined(before: &str, after: &str) -> String {
    match (before.trim(), after.trim()) {
        ("", after) => after.to_owned(),
        (before, "") => before.to_owned(),
        (before, after) => format!("{before} {after}"),
    }
}

/// Splits lines of text into passages and joins wrapped lines.
fn text_passages(text: &str) -> Vec<Passage> {
    let mut passages: Vec<Passage> = Vec::new();
    let mut is_after_gap = true;
    // Even if the line breaks were lost, a marker still precedes each message.
    let separated = repaired(text).replace(" ⎿", "\n⎿");
    for source in separated.lines() {
        let line = without_marks(source).trim_end_matches(['│', '┃', '|', ' ']);
        if line.trim_matches(['`', '\'', '-', '=', ' ']).is_empty() {
            is_after_gap = true;
            continue;
        }
        let is_new = is_after_gap
            || has_mark(source)
            || begins_message(line)
            || passages
                .last()
                .is_some_and(|last| is_complete(&last.source, line));
        is_after_gap = false;
        match passages.last_mut().filter(|_| !is_new) {
            Some(last) => {
                let separator = if source.trim_start().starts_with('·') {
                    "· "
                } else {
                    ""
                };
                last.text = joined(&last.text, &format!("{separator}{line}"));
                last.source = format!("{}\n{source}", last.source);
            }
            None => passages.push(Passage {
                text: line.to_owned(),
                source: source.to_owned(),
                ..Passage::default()
            }),
        }
    }
    for passage in &mut passages {
        passage.status = status_in_words(&passage.text);
    }
    passages
}

/// Strips leading markers from a line.
pub(crate) fn without_marks(line: &str) -> &str {
    let mut rest = line.trim_start();
    while let Some(stripped) = WORDS.marks.iter().find_map(|mark| rest.strip_prefix(mark)) {
        rest = stripped.trim_start();
    }
    rest
}

/// Returns true if a line starts with a marker. The separator at the start of a wrapped Claude Code line looks like a
/// bullet, but it is not a marker.
fn has_mark(line: &str) -> bool {
    let trimmed = line.trim_start();
    let text = without_marks(trimmed);
    let is_separator = trimmed.starts_with('·') && text.starts_with(char::is_lowercase);
    text.len() < trimmed.len() && !is_separator
}

fn begins_message(line: &str) -> bool {
    let lower = line.trim_start_matches(['"', '\'', '*']).to_lowercase();
    let is_dated = lower.get(..4).is_some_and(|year| {
        year.starts_with("20") && year.bytes().all(|byte| byte.is_ascii_digit())
    }) && lower.get(4..5) == Some("-");
    is_dated
        || is_clock_time(&lower)
        || ["[20", "[bug]", "[error]"]
            .iter()
            .any(|start| lower.starts_with(start))
        || lower.starts_with('#')
        || WORDS
            .beginnings
            .iter()
            .any(|beginning| lower.starts_with(beginning))
}

/// Returns true if a line starts with a time of day such as "12:48", as log lines do.
fn is_clock_time(line: &str) -> bool {
    let word = line.split_whitespace().next().unwrap_or_default();
    word.len() >= 5
        && word.get(2..3) == Some(":")
        && word
            .chars()
            .all(|c| c.is_ascii_digit() || c == ':' || c == '.')
}

/// Returns true if the message is complete, so the next line starts a new one.
fn is_complete(source: &str, next: &str) -> bool {
    let last_line = source.lines().next_back().unwrap_or_default();
    let begins_upper = next.chars().next().is_some_and(char::is_uppercase);
    let ends_sentence = last_line
        .trim_end()
        .ends_with(['.', '!', '?', ':', ')', '`', '"', '\'']);
    begins_upper && (ends_sentence || last_line.chars().count() < 50)
}

/// Finds an HTTP status in text such as "API Error: 529" or "429 Too Many Requests".
fn status_in_words(text: &str) -> Option<u16> {
    let lower = text.to_lowercase();
    let words: Vec<&str> = lower
        .split(|c: char| c.is_whitespace() || "[]:,=/".contains(c))
        .filter(|word| !word.is_empty())
        .collect();
    words.iter().enumerate().find_map(|(index, word)| {
        let number = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        let status = number
            .parse::<u16>()
            .ok()
            .filter(|status| (400..600).contains(status))?;
        let before = index.checked_sub(1).and_then(|before| words.get(before));
        let after = words.get(index + 1);
        let is_status = index == 0
            || before.is_some_and(|word| WORDS.before_status.contains(word))
            || after.is_some_and(|word| WORDS.after_status.contains(word));
        is_status.then_some(status)
    })
}
