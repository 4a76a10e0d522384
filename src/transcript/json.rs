//! JSON values of transcript lines, which may have an unexpected type.
//!
//! The fields of a line are declared as structs, and `serde_json` skips all others. Some clients have written null, a
//! string, or an object in place of a count, so each value is kept as it was written until it is interpreted.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::lenient_json::saturating_u64;

/// A value as it was written, or nothing if it is null or missing.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(transparent)]
pub(super) struct Json<'a>(#[serde(borrow)] Option<&'a RawValue>);

/// The maximum value of a count. Real counts are less than a thousandth of this, so anything larger is either a mistake
/// or an attempt to make sums overflow.
const MAX_COUNT: u64 = 1_000_000_000;

/// The maximum number of searches. Responses involve only a few searches, and even a million searches do not cost
/// enough to make sums overflow.
const MAX_SEARCHES: u64 = 1_000_000;

impl<'a> Json<'a> {
    /// Returns the value as it was written, or an empty string if there is none.
    pub(super) fn written(self) -> &'a str {
        self.0.map_or("", RawValue::get)
    }

    /// Parses the value. Returns `None` if there is none, or if it has another type.
    pub(super) fn parse<T: Deserialize<'a>>(self) -> Option<T> {
        serde_json::from_str(self.written()).ok()
    }

    /// Decodes a string. Returns `None` for other values.
    pub(super) fn text(self) -> Option<Cow<'a, str>> {
        let contents = self.written().strip_prefix('"')?.strip_suffix('"')?;
        if memchr::memchr(b'\\', contents.as_bytes()).is_none() {
            return Some(Cow::Borrowed(contents));
        }
        self.parse().map(Cow::Owned)
    }

    /// Decodes a non-empty string. Returns `None` for an empty string and for other values.
    pub(super) fn name(self) -> Option<Cow<'a, str>> {
        self.text().filter(|text| !text.is_empty())
    }

    /// Returns a non-empty string with its quotes. Returns `None` for an empty string and for other values.
    pub(super) fn id(self) -> Option<&'a [u8]> {
        let written = self.written();
        (written.len() > 2 && written.starts_with('"')).then_some(written.as_bytes())
    }

    /// Returns true if the value is this string, which contains no escape sequences.
    pub(super) fn is(self, text: &str) -> bool {
        let contents = self.written().strip_prefix('"');
        contents.and_then(|contents| contents.strip_suffix('"')) == Some(text)
    }

    /// Returns true if the value is `true`.
    pub(super) fn flag(self) -> bool {
        self.written() == "true"
    }

    /// Returns a number. Returns `None` for other values.
    pub(super) fn number(self) -> Option<f64> {
        self.parse()
    }

    /// Returns true if the value is missing, a number, or a quoted number.
    pub(super) fn may_be_count(self) -> bool {
        let unquoted = self.written().trim_start_matches('"');
        unquoted.is_empty()
            || unquoted.starts_with(|first: char| first.is_ascii_digit() || first == '-')
    }

    /// Returns a count, which may be a quoted number. Negative numbers and all other values are treated as 0.
    pub(super) fn count(self) -> u64 {
        let count = match self.written().trim_matches('"').parse() {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn json(value: &str) -> Json<'_> {
        serde_json::from_str(value).unwrap()
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
            ("99999999999999999999", MAX_COUNT),
            ("1e300", MAX_COUNT),
        ] {
            assert_eq!(json(value).count(), expected, "{value}");
        }
        assert_eq!(json("-0.5").number(), Some(-0.5));
        assert_eq!(json("1e999").number(), None);
        assert_eq!(json("null").number(), None);
        assert_eq!(json(r#""a\u00e9\n""#).text().as_deref(), Some("aé\n"));
        assert_eq!(json("null").text(), None);
        assert_eq!(json("1").text(), None);
        assert_eq!(json(r#""""#).name(), None);
        assert_eq!(json(r#""""#).id(), None);
        assert_eq!(Json::default().text(), None);
    }
}
