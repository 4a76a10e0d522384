//! Reading what arrives: marks, wraps, colors, escapes and JSON taken off, several messages parted.
//!
//! An error comes as the client wrote it, or as somebody copied it: from a terminal, a log, a JSON
//! body inside an error inside a log. One reader for all of them, so that a message is the same
//! message wherever it was found.

use std::borrow::Cow;
use std::collections::HashMap;

use super::kind::Window;
use super::vocabulary::vocabulary;
use crate::terminal;

/// No message that a person can read is longer.
const LONGEST: usize = 64 * 1024;

/// One of the messages in a text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Passage {
    /// Its words in one line.
    pub(super) text: String,
    /// `type` and `code` of JSON in it.
    pub(super) types: Vec<String>,
    /// A status that JSON in it gives.
    pub(super) status: Option<u16>,
}

/// The messages in `text`, in order. One at least, which may be empty.
pub(super) fn passages(text: &str) -> Vec<Passage> {
    let plain = terminal::strip_ansi(&both_ends(text));
    let unescaped = unescape(&unescape(&plain));
    let mut found = vec![Passage::default()];
    let mut rest = unescaped.as_str();
    while let Some((before, object, after)) = next_object(rest) {
        add_lines(&mut found, before);
        if let Some(current) = found.last_mut() {
            current.read_object(object);
        }
        rest = after;
    }
    add_lines(&mut found, rest);
    found.retain(|passage| !passage.text.is_empty() || !passage.types.is_empty());
    if found.is_empty() {
        found.push(Passage::default());
    }
    found
}

/// As much as is read: of a long log, the message stands where it begins or where it ends.
fn both_ends(text: &str) -> Cow<'_, str> {
    if text.len() <= LONGEST {
        return text.into();
    }
    let is_boundary = |at: &usize| text.is_char_boundary(*at);
    let head = (0..=LONGEST / 2).rev().find(is_boundary);
    let tail = (text.len() - LONGEST / 2..=text.len()).find(is_boundary);
    let head = head.and_then(|end| text.get(..end)).unwrap_or_default();
    let tail = tail.and_then(|start| text.get(start..));
    format!("{head}\n{}", tail.unwrap_or_default()).into()
}

/// `\u00b7`, `\n`, `\"` and the like, as they stand in logs. Anything else stays.
fn unescape(text: &str) -> String {
    if !text.contains('\\') {
        return text.to_owned();
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, escaped)) = rest.split_once('\\') {
        plain.push_str(before);
        let mut characters = escaped.chars();
        let (meant, length) = match characters.next() {
            Some('n' | 'r') => ('\n', 1),
            Some('t') => (' ', 1),
            Some(quote @ ('"' | '\'' | '/' | '\\')) => (quote, 1),
            Some('u') => match escaped
                .get(1..5)
                .and_then(|digits| u32::from_str_radix(digits, 16).ok())
                .and_then(char::from_u32)
            {
                Some(character) => (character, 5),
                None => ('\\', 0),
            },
            _ => ('\\', 0),
        };
        plain.push(meant);
        rest = escaped.get(length..).unwrap_or_default();
    }
    plain.push_str(rest);
    plain
}

/// Whether this key of a JSON object holds what a person may read.
fn holds_text(key: &str) -> bool {
    let key = key.to_lowercase();
    let ends = ["error", "message", "reason"];
    vocabulary().text_keys.hold(&key) || ends.iter().any(|end| key.ends_with(end))
}

impl Passage {
    /// Adds what is of interest in a JSON object, at any depth.
    fn read_object(&mut self, object: &str) {
        let keys = vocabulary();
        let mut texts: Vec<String> = Vec::new();
        // The first of each is the limit's own; windows follow.
        let mut said: HashMap<&str, &str> = HashMap::new();
        let mut rest = object;
        while let Some((key, value, after)) = next_pair(rest) {
            rest = after;
            let (Value::Text(first) | Value::Number(first)) = value;
            said.entry(key).or_insert(first);
            match value {
                Value::Text(text) if keys.type_keys.hold(key) => {
                    self.types.push(text.split_whitespace().collect());
                }
                Value::Text(text) if holds_text(key) => {
                    if !texts.iter().any(|known| known == text) {
                        texts.push(text.to_owned());
                    }
                }
                Value::Number(digits) if keys.status_keys.hold(key) => {
                    let status = digits.parse().ok();
                    let status = status.filter(|status| (400..600).contains(status));
                    self.status = status.or(self.status);
                }
                Value::Text(time) | Value::Number(time) if keys.reset_keys.hold(key) => {
                    texts.push(format!("resets {time}"));
                }
                Value::Text(seconds) | Value::Number(seconds) if keys.delay_keys.hold(key) => {
                    texts.push(format!("resets in {seconds} seconds"));
                }
                Value::Text(_) | Value::Number(_) => {}
            }
        }
        let told = limit_told(&said).into_iter();
        let texts: Vec<String> = told.chain(texts).collect();
        join(&mut self.text, &texts.join(". "));
    }
}

/// What a `rate_limit_event` of the Agent SDK tells about a limit, in Claude Code's own words.
fn limit_told(said: &HashMap<&str, &str>) -> Option<String> {
    let (name, resets_at) = (said.get("rateLimitType"), said.get("resetsAt"));
    let window = name.and_then(|name| Window::of_rate_limit_type(name));
    let limit = window.map_or("limit", Window::limit);
    let resets = resets_at.map(|at| format!(" · resets {at}"));
    let resets = resets.unwrap_or_default();
    name.or(resets_at)?;
    Some(match *said.get("status")? {
        "rejected" if name == Some(&"overage") => format!("You're out of usage credits{resets}"),
        "rejected" => format!("You've hit your {limit}{resets}"),
        "allowed_warning" => format!("You're close to your {limit}{resets}"),
        "allowed" => format!("limit status: allowed{resets}"),
        _ => return None,
    })
}

/// Marks that a terminal, a log or a list puts before a line.
const MARKS: [char; 21] = [
    '⎿', '●', '⏺', '•', '■', '✻', '✽', '✢', '│', '├', '└', '❯', '›', '>', '⚠', '✗', '✘', '❌', '*',
    '┃', '☒',
];

/// Those that stand nowhere else.
const STARTS_OF_LINES: [char; 5] = ['⎿', '●', '⏺', '✻', '❯'];

/// Adds the lines of a text without JSON: a mark, an empty line or a known beginning starts a new
/// message; any other line goes on with the one before.
fn add_lines(found: &mut Vec<Passage>, text: &str) {
    // Copied from a screen, lines may have lost their ends, but not their marks.
    let starts_line = |c: char| STARTS_OF_LINES.contains(&c);
    let text = text.replace(starts_line, "\n● ");
    for (index, line) in text.split('\n').enumerate() {
        let (words, is_marked) = without_marks(line);
        let lower = words.to_lowercase();
        let begins = is_marked || vocabulary().beginnings.begin(&lower);
        // The first piece follows JSON in the same line.
        if index > 0 && (words.is_empty() || begins) {
            found.push(Passage::default());
        }
        if let Some(current) = found.last_mut() {
            join(&mut current.text, words);
        }
    }
}

fn join(text: &mut String, more: &str) {
    for word in more.split_whitespace() {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(word);
    }
}

fn without_marks(line: &str) -> (&str, bool) {
    let mut rest = line.trim();
    let mut is_marked = false;
    loop {
        let mut marks = ["- ", "$ ", "\u{fe0f}"].iter();
        let place = rest
            .strip_prefix("at ")
            .filter(|place| place.ends_with(')'));
        let stripped = rest.strip_prefix(MARKS).or(place);
        if let Some(stripped) = stripped.or_else(|| marks.find_map(|mark| rest.strip_prefix(mark)))
        {
            is_marked = true;
            rest = stripped.trim_start();
        } else if let Some(stripped) = without_time(rest) {
            rest = stripped.trim_start();
        } else {
            return (rest, is_marked);
        }
    }
}

/// `[26-08-26 20:40:01] [worker-3] …` of a log, `2026-08-26 20:40:01 …`, `20:40 …`.
fn without_time(line: &str) -> Option<&str> {
    let is_times = |c: char| c.is_ascii_digit() || "-:. TZ,+".contains(c);
    let Some((time, rest)) = line.strip_prefix('[').and_then(|line| line.split_once(']')) else {
        let end = line.find(|c: char| !is_times(c))?;
        let (time, rest) = line.split_at_checked(end)?;
        return (time.contains(':') && time.ends_with(' ')).then_some(rest);
    };
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let is_time = time.contains(':') && time.chars().all(is_times);
    (is_time || time.len() <= 20 && time.chars().all(is_name)).then_some(rest)
}

/// JSON as it stands in messages and logs: cut off, in Python's quotes, with quotes inside of quotes. What
/// a real reader would refuse is read as far as it goes.
///
/// The first JSON object in `text` with what stands before and after it. One that is cut off ends
/// with the text.
fn next_object(text: &str) -> Option<(&str, &str, &str)> {
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
enum Value<'a> {
    Text(&'a str),
    Number(&'a str),
}

/// The next `"key": value` whose value is a text or a number, and what comes after it.
/// A value that is an object or a list is entered.
fn next_pair(text: &str) -> Option<(&str, Value<'_>, &str)> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<String> {
        passages(text)
            .into_iter()
            .map(|passage| passage.text)
            .collect()
    }

    #[test]
    fn marks_wraps_and_colors_are_taken_off() {
        assert_eq!(
            texts(
                "\u{1b}[31m  ⎿ \u{a0}You've hit your weekly limit\u{1b}[0m\n     · resets 3pm\n\n❯ go on\n"
            ),
            ["You've hit your weekly limit · resets 3pm", "go on"]
        );
    }

    #[test]
    fn several_messages_are_several() {
        assert_eq!(
            texts(
                "- Credit balance is too low\n- Credit balance is too low\nYou've hit your limit"
            ),
            [
                "Credit balance is too low",
                "Credit balance is too low",
                "You've hit your limit"
            ]
        );
        assert_eq!(
            texts(
                "[26-08-26 20:40:01] rejected / You've hit your session limit · resets 8:30pm\n[26-08-26 20:40:01] (Europe/Minsk)"
            ),
            ["rejected / You've hit your session limit · resets 8:30pm (Europe/Minsk)"]
        );
    }

    #[test]
    fn json_gives_its_words_its_type_and_its_status() {
        for text in [
            r#"API Error: 529 {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"req_1"} · Retrying"#,
            r#"API Error: 529 {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}} · Retrying"#,
            "API Error: 529 {'type': 'error', 'error': {'type': 'overloaded_error', 'message': 'Overloaded'}} · Retrying",
            "API Error: 529 {\n  \"error\": {\n \"type\": \"overloaded_\n error\", \"message\" : \"Overloaded\"\n }\n} · Retrying",
        ] {
            let found = passages(text);
            let last = found.last().unwrap();
            assert_eq!(last.text, "API Error: 529 Overloaded · Retrying", "{text}");
            assert!(
                last.types.iter().any(|name| name == "overloaded_error"),
                "{text}"
            );
        }
        let found = passages(
            r#"{"error":{"code":429,"message":"You're slow: it's \"full\"","status":"RESOURCE_EXHAUSTED"}}"#,
        );
        assert_eq!(found[0].status, Some(429));
        assert_eq!(found[0].text, r#"You're slow: it's "full""#);
        assert_eq!(found[0].types, ["RESOURCE_EXHAUSTED"]);
    }

    #[test]
    fn escapes_of_logs_are_read() {
        assert_eq!(
            texts(r"You\u2019ve hit your limit \u00b7 resets 3pm\nand more \u00zz"),
            ["You’ve hit your limit · resets 3pm and more \\u00zz"]
        );
    }

    proptest::proptest! {
        #[test]
        fn no_text_is_too_odd_to_be_read(text in "[ -~\n⎿●·’{}\"'\\\\:,äé]{0,200}") {
            proptest::prop_assert!(!passages(&text).is_empty());
        }
    }
}
