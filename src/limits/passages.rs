//! Reading what arrives: marks, wraps, colors, escapes and JSON taken off, several messages parted.
//!
//! An error comes as the client wrote it, or as somebody copied it: from a terminal, a log, a JSON
//! body inside an error inside a log. One reader for all of them, so that a message is the same
//! message wherever it was found.

use std::borrow::Cow;
use std::collections::HashMap;

use super::kind::Window;
use super::vocabulary::VOCABULARY;
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
    let unescaped = unescape(&unescape(&terminal::strip_ansi(&both_ends(text))));
    let mut found = Vec::new();
    let mut current = Passage::default();
    let mut rest = unescaped.as_str();
    while let Some((before, object, after)) = next_object(rest) {
        current.add_lines(before, &mut found);
        current.read_object(object);
        rest = after;
    }
    current.add_lines(rest, &mut found);
    found.push(current);
    found.retain(|passage| !passage.text.is_empty() || !passage.types.is_empty());
    if found.is_empty() {
        found.push(Passage::default());
    }
    found
}

/// As much as is read: of a long log, the message stands where it begins or where it ends.
pub(crate) fn both_ends(text: &str) -> Cow<'_, str> {
    if text.len() <= LONGEST {
        return text.into();
    }
    let head = (0..=LONGEST / 2).rev().find_map(|end| text.get(..end));
    let tail = (text.len() - LONGEST / 2 + 1..=text.len()).find_map(|start| text.get(start..));
    let [head, tail] = [head, tail].map(Option::unwrap_or_default);
    format!("{head}\n{tail}").into()
}

/// `\u00b7`, `\n`, `\"` and the like, as they stand in logs. Anything else stays.
fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, escaped)) = rest.split_once('\\') {
        plain.push_str(before);
        let (meant, length) = match escaped.chars().next() {
            Some('n' | 'r') => ('\n', 1),
            Some('t') => (' ', 1),
            Some(quote @ ('"' | '\'' | '/' | '\\')) => (quote, 1),
            _ => by_number(escaped).map_or(('\\', 0), |character| (character, 5)),
        };
        plain.push(meant);
        rest = escaped.get(length..).unwrap_or_default();
    }
    plain.push_str(rest);
    plain
}

/// The character that `u00b7` stands for.
fn by_number(escaped: &str) -> Option<char> {
    char::from_u32(u32::from_str_radix(escaped.strip_prefix('u')?.get(..4)?, 16).ok()?)
}

/// A status that says that a request failed.
pub(super) fn status(digits: &str) -> Option<u16> {
    let status = digits.parse().ok();
    status.filter(|status| (400..600).contains(status))
}

/// Whether this key of a JSON object holds what a person may read.
fn holds_text(key: &str) -> bool {
    let key = key.to_lowercase();
    let ends = ["error", "message", "reason"];
    VOCABULARY.text_keys.hold(&key) || ends.iter().any(|end| key.ends_with(end))
}

impl Passage {
    /// Adds what is of interest in a JSON object, at any depth.
    fn read_object(&mut self, object: &str) {
        let keys = &VOCABULARY;
        let mut texts: Vec<String> = Vec::new();
        // The first of each is the limit's own; windows follow.
        let mut said: HashMap<&str, &str> = HashMap::new();
        let mut rest = object;
        while let Some((pair, after)) = Pair::next_in(rest) {
            rest = after;
            let (key, value, is_text) = (pair.key, pair.value, pair.is_text);
            said.entry(key).or_insert(value);
            if is_text && keys.type_keys.hold(key) {
                self.types.push(value.split_whitespace().collect());
            } else if is_text && holds_text(key) {
                if !texts.iter().any(|known| known == value) {
                    texts.push(value.to_owned());
                }
            } else if !is_text && keys.status_keys.hold(key) {
                self.status = status(value).or(self.status);
            } else if keys.reset_keys.hold(key) {
                texts.push(format!("resets {value}"));
            } else if keys.delay_keys.hold(key) {
                texts.push(format!("resets in {value} seconds"));
            }
        }
        let texts: Vec<String> = limit_told(&said, object).into_iter().chain(texts).collect();
        self.add(&texts.join(". "));
    }

    /// Adds the lines of a text without JSON: a mark, an empty line or a known beginning starts a new
    /// message, and this one is put to those that were found; any other line goes on with it.
    fn add_lines(&mut self, text: &str, found: &mut Vec<Self>) {
        // Copied from a screen, lines may have lost their ends, but not their marks.
        let text = text.replace(STARTS_OF_LINES, "\n● ");
        for (index, line) in text.split('\n').enumerate() {
            let (words, is_marked) = without_marks(line);
            let begins = || VOCABULARY.beginnings.begin(&words.to_lowercase());
            // The first piece follows JSON in the same line.
            if index > 0 && (is_marked || words.is_empty() || begins()) {
                found.push(std::mem::take(self));
            }
            self.add(words);
        }
    }

    fn add(&mut self, more: &str) {
        for word in more.split_whitespace() {
            if !self.text.is_empty() {
                self.text.push(' ');
            }
            self.text.push_str(word);
        }
    }
}

/// What a `rate_limit_event` of the Agent SDK tells about a limit, in Claude Code's own words.
fn limit_told(said: &HashMap<&str, &str>, object: &str) -> Option<String> {
    let (name, resets_at) = (said.get("rateLimitType"), said.get("resetsAt"));
    let window = name.and_then(|name| Window::of_rate_limit_type(name));
    let limit = window.map_or("limit", Window::limit);
    let resets = resets_at.map(|at| format!(" · resets {at}"));
    let resets = resets.unwrap_or_default();
    name.or(resets_at)?;
    let is_paid_for = object.replace(' ', "").contains("isUsingOverage\":true");
    Some(match *said.get("status")? {
        "rejected" if name == Some(&"overage") => format!("You're out of usage credits{resets}"),
        _ if is_paid_for => format!("Now using usage credits{resets}"),
        "rejected" => format!("You've hit your {limit}{resets}"),
        "allowed_warning" => format!("You're close to your {limit}{resets}"),
        "allowed" => format!("limit status: allowed{resets}"),
        _ => return None,
    })
}

/// Marks that only a terminal has, before a line.
pub(super) const STARTS_OF_LINES: [char; 5] = ['⎿', '●', '⏺', '✻', '❯'];

fn without_marks(line: &str) -> (&str, bool) {
    let mut rest = line.trim();
    let mut is_marked = false;
    loop {
        let place = rest.strip_prefix("at ");
        let place = place.filter(|place| place.ends_with(')'));
        let mut marks = VOCABULARY.line_marks.iter();
        if let Some(stripped) = marks.find_map(|mark| rest.strip_prefix(mark)).or(place) {
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
        let rest = text.get(at + 1..).unwrap_or_default();
        rest.trim_start().starts_with(['"', '\''])
    });
    let (before, object) = text.split_at_checked(start?)?;
    let mut depth = 0_usize;
    let mut quote = None;
    let end = object.char_indices().find(|(at, character)| {
        match (quote, *character) {
            (Some(open), sign) if sign == open && ends_value(object, *at) => quote = None,
            (None, sign @ ('"' | '\'')) => quote = Some(sign),
            (None, '{') => depth += 1,
            (None, '}') => depth -= 1,
            _ => {}
        }
        depth == 0
    });
    let (object, after) = object.split_at(end.map_or(object.len(), |(at, _)| at + 1));
    Some((before, object, after))
}

/// Whether the quote at `at` ends a value or a key: Python writes `'` around a text that may have an
/// apostrophe in it, and unescaping leaves quotes inside of quotes.
fn ends_value(object: &str, at: usize) -> bool {
    object.get(at + 1..).is_none_or(|after| {
        after.trim_start().is_empty() || after.trim_start().starts_with([',', '}', ']', ':'])
    })
}

/// A key in JSON with its value: a text without its quotes, or digits.
struct Pair<'a> {
    key: &'a str,
    value: &'a str,
    is_text: bool,
}

impl<'a> Pair<'a> {
    /// The next one in a text, and what comes after it. A value that is an object or a list is entered.
    fn next_in(text: &'a str) -> Option<(Self, &'a str)> {
        let mut rest = text;
        loop {
            let (start, quote) = rest.match_indices(['"', '\'']).next()?;
            let (key, after) = rest.get(start + 1..)?.split_once(quote)?;
            let is_of_key = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
            let value = after.trim_start().strip_prefix(':');
            let Some(value) = value.filter(|_| key.bytes().all(is_of_key)) else {
                rest = after;
                continue;
            };
            // Of a list of texts the first.
            let value = value.trim_start().trim_start_matches(['[', ' ', '\n']);
            let first = value.chars().next()?;
            let is_text = matches!(first, '"' | '\'');
            let (value, after) = if is_text {
                let mut ends = value.match_indices(first).map(|(at, _)| at).skip(1);
                // One that was cut off has no end.
                let end = ends.find(|at| ends_value(value, *at));
                let end = end.unwrap_or(value.len());
                (value.get(1..end)?, value.get(end + 1..).unwrap_or_default())
            } else {
                let end = value.find(|c: char| !c.is_ascii_digit());
                value.split_at(end.unwrap_or(value.len()))
            };
            if is_text || !value.is_empty() {
                let pair = Self {
                    key,
                    value,
                    is_text,
                };
                return Some((pair, after));
            }
            rest = after;
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
