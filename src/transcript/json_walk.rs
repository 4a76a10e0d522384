//! A single-pass parser that walks through a JSON value from left to right.
//!
//! An initial read spends most of its time on lines with a dozen short fields that matter and one long string that does
//! not. A general-purpose parser examines every byte of that string, whereas this parser jumps from quote to quote. It
//! recognizes only strings, brackets, and commas. The functions at the end of this file interpret the values. They are
//! lenient because some clients have written null, a string, or an object in place of a count.

use std::borrow::Cow;

use crate::json::saturating_u64;

/// A position in a JSON value. Each method advances past one value. If a method returns `None`, the input is not valid
/// JSON and the position is no longer meaningful.
pub(super) struct JsonWalk<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> JsonWalk<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Calls `visit` for each field of an object. Returns `None` if the input is not exactly one object. By then,
    /// `visit` may already have been called for some of the fields.
    pub(super) fn object(
        &mut self,
        visit: impl FnMut(&'a [u8], &mut Self) -> Option<()>,
    ) -> Option<()> {
        self.skip_space();
        if self.peek()? != b'{' {
            return None;
        }
        self.fields(visit)?;
        self.skip_space();
        if self.at == self.bytes.len() {
            Some(())
        } else {
            None
        }
    }

    /// Returns the object at the start of `bytes`, or `None` if there is no object.
    pub(super) fn leading_object(bytes: &'a [u8]) -> Option<&'a [u8]> {
        let mut walk = Self::new(bytes);
        if walk.peek()? != b'{' {
            return None;
        }
        walk.nested()
    }

    /// Calls `visit` with the name of each field, in order. `visit` must advance past the field's value. Escape
    /// sequences in names are not decoded. A value that is not an object is skipped.
    pub(super) fn fields(
        &mut self,
        mut visit: impl FnMut(&'a [u8], &mut Self) -> Option<()>,
    ) -> Option<()> {
        if self.peek()? != b'{' {
            return self.value().map(|_| ());
        }
        self.items_until(b'}', |walk| {
            let name = walk.string()?;
            walk.skip_space();
            if walk.peek()? != b':' {
                return None;
            }
            walk.at += 1;
            walk.skip_space();
            visit(name.get(1..name.len() - 1)?, walk)
        })
    }

    /// Calls `visit` with the name and value of each field. A value that is not an object is skipped.
    pub(super) fn values(&mut self, mut visit: impl FnMut(&'a [u8], &'a [u8])) -> Option<()> {
        self.fields(|field, walk| {
            visit(field, walk.value()?);
            Some(())
        })
    }

    /// Returns the value of one of an object's fields, or an empty slice if the field is missing.
    pub(super) fn value_of(&mut self, name: &[u8]) -> Option<&'a [u8]> {
        let mut result = &b""[..];
        self.values(|field, value| {
            if field == name {
                result = value;
            }
        })?;
        Some(result)
    }

    /// Calls `visit` for each item of an array. `visit` must advance past the item. A value that is not an array is
    /// skipped.
    pub(super) fn items(&mut self, visit: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        if self.peek()? != b'[' {
            return self.value().map(|_| ());
        }
        self.items_until(b']', visit)
    }

    /// Returns the bytes of a value.
    pub(super) fn value(&mut self) -> Option<&'a [u8]> {
        match self.peek()? {
            b'"' => self.string(),
            b'{' | b'[' => self.nested(),
            _ => {
                let start = self.at;
                while !matches!(
                    self.peek(),
                    None | Some(b',' | b'}' | b']' | b':' | b'"' | b' ' | b'\t' | b'\r' | b'\n')
                ) {
                    self.at += 1;
                }
                self.since(start).filter(|bytes| !bytes.is_empty())
            }
        }
    }

    /// Calls `read` and returns the bytes that it consumed.
    pub(super) fn bytes_read_by(
        &mut self,
        read: impl FnOnce(&mut Self) -> Option<()>,
    ) -> Option<&'a [u8]> {
        let start = self.at;
        read(self)?;
        self.since(start)
    }

    /// Calls `visit` for each comma-separated item in a pair of brackets. The position must be at the opening bracket.
    fn items_until(
        &mut self,
        closing_bracket: u8,
        mut visit: impl FnMut(&mut Self) -> Option<()>,
    ) -> Option<()> {
        self.at += 1;
        self.skip_space();
        if self.peek()? == closing_bracket {
            self.at += 1;
            return Some(());
        }
        loop {
            visit(self)?;
            self.skip_space();
            let byte = self.peek()?;
            self.at += 1;
            if byte == closing_bracket {
                return Some(());
            }
            if byte != b',' {
                return None;
            }
            self.skip_space();
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn since(&self, start: usize) -> Option<&'a [u8]> {
        self.bytes.get(start..self.at)
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.peek() {
            self.at += 1;
        }
    }

    /// Returns a string, including its quotes.
    fn string(&mut self) -> Option<&'a [u8]> {
        if self.peek()? != b'"' {
            return None;
        }
        let start = self.at;
        let length = length_of_text(self.bytes.get(start + 1..)?)?;
        self.at += 1 + length + 1;
        self.since(start)
    }

    /// Returns an object or an array. Brackets are counted, but their types are not checked. The depth is not limited
    /// because a model can nest values arbitrarily deeply.
    fn nested(&mut self) -> Option<&'a [u8]> {
        let start = self.at;
        let mut depth = 0_usize;
        loop {
            match self.peek()? {
                b'"' => {
                    self.string()?;
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return self.since(start);
            }
        }
    }
}

/// The number of bytes to search for the end of a string before switching to `memchr`. All IDs and timestamps are shorter.
const SHORT: usize = 40;

/// Returns the number of bytes before the closing quote of the string whose opening quote precedes `text`. Returns `None`
/// if the string is incomplete.
fn length_of_text(text: &[u8]) -> Option<usize> {
    // Most strings are short, and calling `memchr` for each of them makes an initial read about 10% slower.
    for (length, byte) in text.iter().enumerate().take(SHORT) {
        match byte {
            b'"' => return Some(length),
            b'\\' => break,
            _ => {}
        }
    }
    memchr::memchr_iter(b'"', text).find(|quote| {
        let before = text.get(..*quote).unwrap_or_default();
        before.last() != Some(&b'\\') || backslashes_at_end(before).is_multiple_of(2)
    })
}

fn backslashes_at_end(text: &[u8]) -> usize {
    let other = text.iter().rposition(|byte| *byte != b'\\');
    text.len() - other.map_or(0, |at| at + 1)
}

/// Decodes a string. Returns `None` for other values. Invalid UTF-8 is replaced so that a single bad byte in a
/// directory name does not make the whole response unreadable.
pub(super) fn text(value: &[u8]) -> Option<Cow<'_, str>> {
    let contents = value.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    if memchr::memchr(b'\\', contents).is_none() {
        return Some(valid_utf8(contents));
    }
    serde_json::from_str(&valid_utf8(value))
        .ok()
        .map(Cow::Owned)
}

fn valid_utf8(bytes: &[u8]) -> Cow<'_, str> {
    // This is faster than `from_utf8_lossy` if the bytes are valid.
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(bytes),
    }
}

/// Decodes a non-empty string. Returns `None` for an empty string and for other values.
pub(super) fn name(value: &[u8]) -> Option<Cow<'_, str>> {
    text(value).filter(|text| !text.is_empty())
}

/// Returns true if the value is `true`.
pub(super) fn flag(value: &[u8]) -> bool {
    value == b"true"
}

/// Parses a number. Returns `None` for other values.
pub(super) fn number(value: &[u8]) -> Option<f64> {
    // Rust would also parse "inf" and "nan".
    if !matches!(value.first()?, b'0'..=b'9' | b'-') {
        return None;
    }
    let number: f64 = std::str::from_utf8(value).ok()?.parse().ok()?;
    if number.is_finite() {
        Some(number)
    } else {
        None
    }
}

/// The maximum value of a count. Real counts are less than a thousandth of this, so anything larger is either a mistake
/// or an attempt to make sums overflow.
const MAX_COUNT: u64 = 1_000_000_000;

/// The maximum number of searches. Responses involve only a few searches, and even a million searches do not cost
/// enough to make sums overflow.
const MAX_SEARCHES: u64 = 1_000_000;

/// Parses a number of searches, capped at [`MAX_SEARCHES`].
pub(super) fn search_count(value: &[u8]) -> u64 {
    count(value).min(MAX_SEARCHES)
}

/// Returns true if a value is a valid count, that is, a number, a quoted number, or null.
pub(super) fn is_count(value: &[u8]) -> bool {
    let unquoted = value.strip_prefix(b"\"").unwrap_or(value);
    matches!(unquoted, [b'0'..=b'9' | b'-', ..] | b"null")
}

/// Parses a count, which may be a quoted number. Negative numbers and all other values are treated as 0.
pub(super) fn count(value: &[u8]) -> u64 {
    let unquoted = value
        .strip_prefix(b"\"")
        .and_then(|rest| rest.strip_suffix(b"\""))
        .unwrap_or(value);
    let digits = std::str::from_utf8(unquoted).unwrap_or_default();
    match digits.parse::<u64>() {
        Ok(count) => count.min(MAX_COUNT),
        Err(_) => number(value).map_or(0, |number| saturating_u64(number).min(MAX_COUNT)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value};

    use super::*;

    fn fields(object: &str) -> Option<Vec<(String, String)>> {
        let mut seen = Vec::new();
        JsonWalk::new(object.as_bytes()).object(|name, walk| {
            let field =
                [name, walk.value()?].map(|bytes| String::from_utf8(bytes.to_vec()).unwrap());
            seen.push(field.into());
            Some(())
        })?;
        Some(seen)
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<i32>().prop_map(|number| Value::from(f64::from(number) / 8.0)),
            // Strings with quotes, backslashes, and brackets are the most likely to confuse the parser.
            r#"[a-z"\\\[\]{}:,é\n ]{0,60}"#.prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                proptest::collection::btree_map("[a-z]{1,6}", inner, 0..6)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    fn object() -> impl Strategy<Value = Map<String, Value>> {
        proptest::collection::btree_map("[a-z]{1,8}", json(), 0..8)
            .prop_map(|map| map.into_iter().collect())
    }

    proptest! {
        #[test]
        fn fields_are_those_that_a_full_parser_finds(object in object(), pretty in any::<bool>()) {
            let value = Value::Object(object.clone());
            let written = if pretty {
                serde_json::to_string_pretty(&value).unwrap()
            } else {
                value.to_string()
            };
            let parsed: Map<String, Value> = fields(&written)
                .expect("an object")
                .into_iter()
                .map(|(key, value)| (key, serde_json::from_str(&value).expect("a value")))
                .collect();
            prop_assert_eq!(parsed, object);
        }

        #[test]
        fn a_truncated_line_is_not_an_object(object in object(), at in 0.0..1.0_f64) {
            let written = Value::Object(object).to_string();
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a small length")]
            let mut end = (at * written.len() as f64) as usize;
            while !written.is_char_boundary(end) {
                end -= 1;
            }
            prop_assert_eq!(fields(&written[..end]), None);
        }

        #[test]
        fn hostile_bytes_cause_no_panic(bytes in proptest::collection::vec(prop_oneof![
            Just(b'{'), Just(b'}'), Just(b'['), Just(b']'), Just(b'"'), Just(b'\\'), Just(b':'), Just(b','), any::<u8>(),
        ], 0..60)) {
            let _ = JsonWalk::new(&bytes).object(|_, walk| walk.fields(|_, walk| walk.items(|walk| {
                let value = walk.value()?;
                let _ = (text(value), number(value), count(value));
                Some(())
            })));
        }
    }

    #[test]
    fn an_incomplete_object_gives_none() {
        for broken in [
            "",
            "null",
            "[1]",
            "{",
            "{\"a\"",
            "{\"a\":",
            "{\"a\":}",
            "{\"a\":1",
            "{\"a\":1,",
            "{\"a\":1]",
            "{\"a\":[1]]}",
            "{\"a\":1}{\"b\":2}",
            "{\"a\" 1}",
            "{\"a\":\"b\\\"}",
        ] {
            assert_eq!(fields(broken), None, "{broken}");
        }
    }

    #[test]
    fn deeply_nested_values_are_skipped() {
        for depth in [1, 128, 5_000] {
            let whole = format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
            assert_eq!(
                fields(&whole).map(|fields| fields.len()),
                Some(1),
                "{depth}"
            );
            let open = format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth - 1));
            assert_eq!(fields(&open), None, "{depth}");
        }
    }

    #[test]
    fn a_text_ends_at_the_first_quote_that_is_not_escaped() {
        let line = r#"{"a":"\\","b":"\\\"","c":"\"}"}"#;
        let values: Vec<String> = fields(line)
            .unwrap()
            .into_iter()
            .map(|(_, value)| value)
            .collect();
        assert_eq!(values, [r#""\\""#, r#""\\\"""#, r#""\"}""#]);
    }

    #[test]
    fn a_text_can_end_inside_a_word_or_after_the_last_word() {
        for length in 0..100 {
            for escaped in [r"\\", r#"\""#, r#"\\\""#, "xx", "é"] {
                let text = "x".repeat(length) + escaped;
                let line = format!("{text}\",\"b\":\"\"}}");
                assert_eq!(length_of_text(line.as_bytes()), Some(text.len()), "{line}");
                assert_eq!(length_of_text(text.as_bytes()), None, "{text}");
            }
        }
    }

    #[test]
    fn values_are_read_leniently() {
        for (value, expected) in [
            ("12", 12),
            ("12.0", 12),
            ("1e3", 1000),
            ("\"12\"", 12),
            ("\"5.7\"", 0),
            ("-3", 0),
            ("null", 0),
            ("{\"a\":1}", 0),
            ("inf", 0),
            ("99999999999999999999", MAX_COUNT),
            ("1e300", MAX_COUNT),
        ] {
            assert_eq!(count(value.as_bytes()), expected, "{value}");
        }
        assert_eq!(number(b"-0.5"), Some(-0.5));
        assert_eq!(number(b"1e999"), None);
        assert_eq!(number(b"null"), None);
        assert_eq!(text(b"\"a\\u00e9\\n\"").as_deref(), Some("aé\n"));
        assert_eq!(text(b"\"a\xff\"").as_deref(), Some("a\u{fffd}"));
        assert_eq!(text(b"\"\\t\xff\"").as_deref(), Some("\t\u{fffd}"));
        assert_eq!(text(b"null"), None);
        assert_eq!(text(b"\""), None);
        assert_eq!(name(b"\"\""), None);
    }
}
