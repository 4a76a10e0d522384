//! Walking through one JSON value from left to right, once.
//!
//! A first read spends most of its time on lines of which a dozen short fields matter and one long
//! one, the answer's text, does not. A general parser looks at every byte of that text; here it is
//! passed over from quote to quote. Only strings, brackets and commas are understood: what a value
//! means, and whether a number is one, is for the readers at the end of this file, which take what
//! clients have been seen to write: null, text or an object where a count belongs.

use std::borrow::Cow;

use crate::foreign::whole;

/// A place in the bytes of a JSON value. Each method passes over one value; None means that the
/// bytes are not JSON, and then the place is of no use any more.
pub(super) struct JsonWalk<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> JsonWalk<'a> {
    /// Calls `see` for each field of a whole object. None if `bytes` is anything else; `see` may
    /// have been called by then.
    pub(super) fn object(
        bytes: &'a [u8],
        see: impl FnMut(&'a [u8], &mut Self) -> Option<()>,
    ) -> Option<()> {
        let mut walk = Self { bytes, at: 0 };
        walk.pass_space();
        if walk.peek()? != b'{' {
            return None;
        }
        walk.fields(see)?;
        walk.pass_space();
        (walk.at == bytes.len()).then_some(())
    }

    /// Calls `see` with the name of each field, in the order written; it has to pass over the
    /// field's value. Names are given as they stand: no JSON writer escapes names of letters.
    /// Anything but an object is passed over.
    pub(super) fn fields(
        &mut self,
        mut see: impl FnMut(&'a [u8], &mut Self) -> Option<()>,
    ) -> Option<()> {
        if self.peek()? != b'{' {
            return self.value().map(|_| ());
        }
        self.parts(b'}', |walk| {
            let name = walk.string()?;
            walk.pass_space();
            if walk.peek()? != b':' {
                return None;
            }
            walk.at += 1;
            walk.pass_space();
            see(name.get(1..name.len() - 1)?, walk)
        })
    }

    /// Calls `see` with the name and the bytes of each field's value. Anything but an object is
    /// passed over.
    pub(super) fn values(&mut self, mut see: impl FnMut(&'a [u8], &'a [u8])) -> Option<()> {
        self.fields(|field, walk| {
            see(field, walk.value()?);
            Some(())
        })
    }

    /// The bytes of the value of an object's field; none where there is no such field.
    pub(super) fn value_of(&mut self, name: &[u8]) -> Option<&'a [u8]> {
        let mut found = &b""[..];
        self.values(|field, value| {
            if field == name {
                found = value;
            }
        })?;
        Some(found)
    }

    /// Calls `see` for each item of an array; it has to pass over the item. Anything but an array
    /// is passed over.
    pub(super) fn items(&mut self, see: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        if self.peek()? != b'[' {
            return self.value().map(|_| ());
        }
        self.parts(b']', see)
    }

    /// The bytes of a value.
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

    /// The bytes of a value that `pass` passes over.
    pub(super) fn while_passing(
        &mut self,
        pass: impl FnOnce(&mut Self) -> Option<()>,
    ) -> Option<&'a [u8]> {
        let start = self.at;
        pass(self)?;
        self.since(start)
    }

    /// What stands between brackets, parted by commas. The first bracket is here.
    fn parts(&mut self, close: u8, mut part: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.at += 1;
        self.pass_space();
        if self.peek()? == close {
            self.at += 1;
            return Some(());
        }
        loop {
            part(self)?;
            self.pass_space();
            let byte = self.peek()?;
            self.at += 1;
            if byte != b',' {
                return (byte == close).then_some(());
            }
            self.pass_space();
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn since(&self, start: usize) -> Option<&'a [u8]> {
        self.bytes.get(start..self.at)
    }

    fn pass_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.peek() {
            self.at += 1;
        }
    }

    /// A string, with its quotes.
    fn string(&mut self) -> Option<&'a [u8]> {
        if self.peek()? != b'"' {
            return None;
        }
        let start = self.at;
        self.at += 1 + text_length(self.bytes.get(start + 1..)?)? + 1;
        self.since(start)
    }

    /// An object or array whose fields do not matter, however deeply a model nests. Which bracket closes
    /// which is not looked at.
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

/// How many bytes stand before the quote that ends a text.
fn text_length(text: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b'"', text).find(|quote| {
        let before = text.get(..*quote).unwrap_or_default().iter().rev();
        before.take_while(|byte| **byte == b'\\').count() % 2 == 0
    })
}

/// A text; None if the value is anything else. Bytes that are not UTF-8 are replaced: one of them
/// in the name of a directory must not lose the response.
pub(super) fn text(value: &[u8]) -> Option<Cow<'_, str>> {
    let inside = value.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    if memchr::memchr(b'\\', inside).is_none() {
        return Some(repaired(inside));
    }
    serde_json::from_str(&repaired(value)).ok().map(Cow::Owned)
}

fn repaired(bytes: &[u8]) -> Cow<'_, str> {
    // Asked first because it is faster.
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(bytes),
    }
}

/// A text that is not empty.
pub(super) fn name(value: &[u8]) -> Option<Cow<'_, str>> {
    text(value).filter(|text| !text.is_empty())
}

/// A flag; only `true` is true.
pub(super) fn flag(value: &[u8]) -> bool {
    value == b"true"
}

/// A number; None if the value is anything else.
pub(super) fn number(value: &[u8]) -> Option<f64> {
    // Rust would also read "inf" and "nan".
    let starts_well = matches!(value.first()?, b'0'..=b'9' | b'-');
    let number: f64 = std::str::from_utf8(value).ok()?.parse().ok()?;
    (starts_well && number.is_finite()).then_some(number)
}

/// No response has had a thousandth of this. What claims more is damaged, or made to overflow sums.
const MOST: u64 = 1_000_000_000;

/// A response makes a handful of searches. A million of them, priced, still leave room for sums.
pub(super) fn search_count(value: &[u8]) -> u64 {
    count(value).min(1_000_000)
}

/// Whether a value can be read as a count: a number, one in quotes, or null.
pub(super) fn is_count(value: &[u8]) -> bool {
    let unquoted = value.strip_prefix(b"\"").unwrap_or(value);
    matches!(unquoted, [b'0'..=b'9' | b'-', ..] | b"null")
}

/// A count. Null, anything negative and anything else are 0; a number in quotes counts.
pub(super) fn count(value: &[u8]) -> u64 {
    let in_quotes = value.strip_prefix(b"\"");
    let in_quotes = in_quotes.and_then(|rest| rest.strip_suffix(b"\""));
    let digits = std::str::from_utf8(in_quotes.unwrap_or(value));
    if let Ok(count) = digits.unwrap_or_default().parse::<u64>() {
        return count.min(MOST);
    }
    number(value).map_or(0, |number| whole(number).min(MOST))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value};

    use super::*;

    fn fields(object: &str) -> Option<Vec<(String, String)>> {
        let mut seen = Vec::new();
        let own = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        JsonWalk::object(object.as_bytes(), |name, walk| {
            seen.push((own(name), own(walk.value()?)));
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
            // Quotes, backslashes and brackets in texts are what could mislead.
            r#"[a-z"\\\[\]{}:,é\n ]{0,12}"#.prop_map(Value::from),
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
            let found: Map<String, Value> = fields(&written)
                .expect("an object")
                .into_iter()
                .map(|(key, value)| (key, serde_json::from_str(&value).expect("a value")))
                .collect();
            prop_assert_eq!(found, object);
        }

        #[test]
        fn a_line_that_was_cut_off_is_no_object(object in object(), at in 0.0..1.0_f64) {
            let written = Value::Object(object).to_string();
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a small length")]
            let mut end = (at * written.len() as f64) as usize;
            while !written.is_char_boundary(end) {
                end -= 1;
            }
            prop_assert_eq!(fields(&written[..end]), None);
        }

        #[test]
        fn hostile_bytes_are_survived(bytes in proptest::collection::vec(prop_oneof![
            Just(b'{'), Just(b'}'), Just(b'['), Just(b']'), Just(b'"'), Just(b'\\'), Just(b':'), Just(b','), any::<u8>(),
        ], 0..60)) {
            let _ = JsonWalk::object(&bytes, |_, walk| walk.fields(|_, walk| walk.items(|walk| {
                let value = walk.value()?;
                let _ = (text(value), number(value), count(value));
                Some(())
            })));
        }
    }

    #[test]
    fn what_is_no_whole_object_gives_none() {
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
    fn what_a_model_nested_deeply_is_passed_over() {
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
        let found: Vec<String> = fields(line)
            .unwrap()
            .into_iter()
            .map(|(_, value)| value)
            .collect();
        assert_eq!(found, [r#""\\""#, r#""\\\"""#, r#""\"}""#]);
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
            ("99999999999999999999", MOST),
            ("1e300", MOST),
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
