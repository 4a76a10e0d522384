//! A single-pass parser for the lines of transcripts.
//!
//! A first read spends most of its time on lines with a dozen short fields that matter and one long string that does not. A
//! general-purpose parser examines every byte of that string, whereas this parser jumps from quote to quote. It recognizes
//! only strings, brackets, and commas. With `serde_json`, a first read executes 21% more instructions, and `sonic-rs` is
//! hardly faster than that. Some clients have written null, a string, or an object in place of a count, so each value is
//! kept as it was written until it is interpreted.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::json::saturating_u64;

/// A value as it was written, or nothing if it is null or missing.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Json<'a>(&'a [u8]);

/// A type that is read from a JSON value. A value of another type is read as the default.
pub(super) trait FromJson<'a>: Default {
    /// Reads the value at a position, and advances past it. Returns `None` if it is not valid JSON.
    fn read(walk: &mut JsonWalk<'a>) -> Option<Self>;
}

impl<'a> FromJson<'a> for Json<'a> {
    fn read(walk: &mut JsonWalk<'a>) -> Option<Self> {
        let value = walk.value()?;
        Some(Self(if value == b"null" { b"" } else { value }))
    }
}

impl<'a, T: FromJson<'a>> FromJson<'a> for Vec<T> {
    fn read(walk: &mut JsonWalk<'a>) -> Option<Self> {
        let mut items = Self::new();
        walk.items(|walk| {
            // Usually, there is only one.
            items.reserve_exact(usize::from(items.is_empty()));
            items.push(T::read(walk)?);
            Some(())
        })?;
        Some(items)
    }
}

impl<'a, T: FromJson<'a>> FromJson<'a> for BTreeMap<String, T> {
    fn read(walk: &mut JsonWalk<'a>) -> Option<Self> {
        let mut fields = Self::new();
        walk.fields(|name, walk| {
            fields.insert(String::from_utf8_lossy(name).into_owned(), T::read(walk)?);
            Some(())
        })?;
        Some(fields)
    }
}

/// An object and its text, or nothing if there is no object.
#[derive(Debug, Default)]
pub(super) struct Written<'a, T> {
    pub text: &'a [u8],
    pub object: Option<T>,
}

impl<'a, T: FromJson<'a>> FromJson<'a> for Written<'a, T> {
    fn read(walk: &mut JsonWalk<'a>) -> Option<Self> {
        let start = walk.at;
        let object = T::read(walk)?;
        let text = walk.since(start)?;
        let is_object = text.starts_with(b"{");
        Some(Self {
            text,
            object: is_object.then_some(object),
        })
    }
}

/// Defines structs that are read from the named fields of an object. All other fields are skipped.
macro_rules! json_objects {
    ($($(#[$meta:meta])* struct $name:ident { $($field:ident: $type:ty = $key:literal,)* })*) => {$(
        $(#[$meta])*
        #[derive(Default)]
        pub(super) struct $name<'a> {
            $($field: $type,)*
        }

        impl<'a> $crate::transcript::json::FromJson<'a> for $name<'a> {
            fn read(walk: &mut $crate::transcript::json::JsonWalk<'a>) -> Option<Self> {
                let mut object = Self::default();
                walk.fields(|name, walk| {
                    match name {
                        $($key => {
                            object.$field = $crate::transcript::json::FromJson::read(walk)?;
                        })*
                        _ => {
                            walk.value()?;
                        }
                    }
                    Some(())
                })?;
                Some(object)
            }
        }
    )*};
}

pub(super) use json_objects;

/// The maximum value of a count. Real counts are less than a thousandth of this, so anything larger is either a mistake
/// or an attempt to make sums overflow.
const MAX_COUNT: u64 = 1_000_000_000;

/// The maximum number of searches. Responses involve only a few searches, and even a million searches do not cost
/// enough to make sums overflow.
const MAX_SEARCHES: u64 = 1_000_000;

impl<'a> Json<'a> {
    /// Returns the value as it was written, or an empty slice if there is none.
    pub(super) fn written(self) -> &'a [u8] {
        self.0
    }

    /// Decodes a string. Returns `None` for other values. Invalid UTF-8 is replaced so that a single bad byte in a directory
    /// name does not make the whole response unreadable.
    pub(super) fn text(self) -> Option<Cow<'a, str>> {
        let contents = self.contents()?;
        if memchr::memchr(b'\\', contents).is_none() {
            return Some(valid_utf8(contents));
        }
        serde_json::from_str(&valid_utf8(self.0))
            .ok()
            .map(Cow::Owned)
    }

    /// Decodes a non-empty string. Returns `None` for an empty string and for other values.
    pub(super) fn name(self) -> Option<Cow<'a, str>> {
        self.text().filter(|text| !text.is_empty())
    }

    /// Returns a non-empty string with its quotes. Returns `None` for an empty string and for other values.
    pub(super) fn id(self) -> Option<&'a [u8]> {
        (self.0.len() > 2 && self.0.starts_with(b"\"")).then_some(self.0)
    }

    /// Returns true if the value is this string, which contains no escape sequences.
    pub(super) fn is(self, text: &[u8]) -> bool {
        self.contents() == Some(text)
    }

    /// Returns what is between the quotes of a string, without decoding it. Returns `None` for other values.
    fn contents(self) -> Option<&'a [u8]> {
        self.0.strip_prefix(b"\"")?.strip_suffix(b"\"")
    }

    /// Returns true if the value is `true`.
    pub(super) fn flag(self) -> bool {
        self.0 == b"true"
    }

    /// Returns a number. Returns `None` for other values.
    pub(super) fn number(self) -> Option<f64> {
        serde_json::from_slice(self.0).ok()
    }

    /// Returns true if the value is missing, a number, or a quoted number.
    pub(super) fn may_be_count(self) -> bool {
        let unquoted = self.0.strip_prefix(b"\"").unwrap_or(self.0);
        matches!(unquoted, [] | [b'0'..=b'9' | b'-', ..])
    }

    /// Returns a count, which may be a quoted number. Negative numbers and all other values are treated as 0.
    pub(super) fn count(self) -> u64 {
        let digits = std::str::from_utf8(self.0).unwrap_or_default();
        let count = match digits.trim_matches('"').parse() {
            Ok(count) => count,
            Err(_) => self.number().map_or(0, saturating_u64),
        };
        count.min(MAX_COUNT)
    }

    /// Returns a number of searches, capped at [`MAX_SEARCHES`].
    pub(super) fn search_count(self) -> u64 {
        self.count().min(MAX_SEARCHES)
    }
}

fn valid_utf8(bytes: &[u8]) -> Cow<'_, str> {
    // This is faster than `from_utf8_lossy` if the bytes are valid.
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(bytes),
    }
}

/// Reads an object. Returns `None` if the bytes are not exactly one object.
pub(super) fn parse<'a, T: FromJson<'a>>(bytes: &'a [u8]) -> Option<T> {
    let mut walk = JsonWalk {
        bytes: bytes.trim_ascii(),
        at: 0,
    };
    if walk.peek()? != b'{' {
        return None;
    }
    let object = T::read(&mut walk)?;
    (walk.at == walk.bytes.len()).then_some(object)
}

/// A position in a JSON value. Each method advances past one value. If a method returns `None`, the input is not valid
/// JSON and the position is no longer meaningful.
pub(super) struct JsonWalk<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> JsonWalk<'a> {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value};

    use super::*;

    fn fields(object: &str) -> Option<Vec<(String, String)>> {
        let mut walk = JsonWalk {
            bytes: object.as_bytes(),
            at: 0,
        };
        let mut seen = Vec::new();
        if walk.peek()? != b'{' {
            return None;
        }
        walk.fields(|name, walk| {
            let field =
                [name, walk.value()?].map(|bytes| String::from_utf8(bytes.to_vec()).unwrap());
            seen.push(field.into());
            Some(())
        })?;
        (walk.at == walk.bytes.len()).then_some(seen)
    }

    /// Returns a value. `null` is a missing one.
    fn json(value: &[u8]) -> Json<'_> {
        let mut walk = JsonWalk {
            bytes: value,
            at: 0,
        };
        Json::read(&mut walk).unwrap()
    }

    fn any_json() -> impl Strategy<Value = Value> {
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
        proptest::collection::btree_map("[a-z]{1,8}", any_json(), 0..8)
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
            prop_assert!(fields(&written[..end]).is_none());
        }

        #[test]
        fn hostile_bytes_cause_no_panic(bytes in proptest::collection::vec(prop_oneof![
            Just(b'{'), Just(b'}'), Just(b'['), Just(b']'), Just(b'"'), Just(b'\\'), Just(b':'), Just(b','), any::<u8>(),
        ], 0..60)) {
            let fields: Option<BTreeMap<String, Vec<Json<'_>>>> = parse(&bytes);
            for value in fields.into_iter().flatten().flat_map(|(_, items)| items) {
                let _ = (value.text(), value.number(), value.count());
            }
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
            assert!(fields(broken).is_none(), "{broken}");
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
            assert!(fields(&open).is_none(), "{depth}");
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
            ("inf", 0),
            ("{\"a\":1}", 0),
            ("99999999999999999999", MAX_COUNT),
            ("1e300", MAX_COUNT),
        ] {
            assert_eq!(json(value.as_bytes()).count(), expected, "{value}");
        }
        assert_eq!(json(b"-0.5").number(), Some(-0.5));
        assert_eq!(json(b"1e999").number(), None);
        assert_eq!(json(b"null").number(), None);
        assert_eq!(json(br#""a\u00e9\n""#).text().as_deref(), Some("aé\n"));
        assert_eq!(json(b"\"a\xff\"").text().as_deref(), Some("a\u{fffd}"));
        assert_eq!(json(b"\"\\t\xff\"").text().as_deref(), Some("\t\u{fffd}"));
        assert_eq!(json(b"null").text(), None);
        assert_eq!(json(b"1").text(), None);
        assert_eq!(json(br#""""#).name(), None);
        assert_eq!(json(br#""""#).id(), None);
        assert_eq!(Json::default().text(), None);
    }
}
