//! Shortens the strings in a line that is too long to be kept in memory.

/// The number of bytes to keep of each string. Only about 2,000 characters of the strings in an error line are used,
/// and JSON may encode a character as six bytes.
const KEPT_BYTES: usize = 16 * 1024;

/// A line of JSON with long strings cut short. The line is added in parts, which may be split anywhere.
#[derive(Debug, Default)]
pub struct ShortenedLine {
    /// The shortened line so far. The result is valid JSON if the original line is.
    pub bytes: Vec<u8>,
    position: Position,
    /// True if the last byte was a backslash that starts an escape sequence.
    is_escaped: bool,
}

/// The position within the line.
#[derive(Debug, Clone, Copy, Default)]
enum Position {
    #[default]
    Outside,
    /// Inside a string. The value is the number of bytes kept so far.
    Text(usize),
    /// In the omitted part of a string.
    Omitted,
}

impl ShortenedLine {
    /// Adds the next part of the line.
    pub fn add(&mut self, part: &[u8]) {
        let mut rest = part;
        while let Some(byte) = rest.first().copied() {
            let length = match self.position {
                Position::Outside => self.add_until_text(rest),
                Position::Text(kept) if kept >= KEPT_BYTES && self.may_end_before(byte) => {
                    self.position = Position::Omitted;
                    0
                }
                Position::Text(kept) => {
                    self.bytes.push(byte);
                    self.position = Position::Text(kept + 1);
                    self.advance_in_text(byte);
                    1
                }
                Position::Omitted => self.omit(rest),
            };
            rest = rest.get(length..).unwrap_or_default();
        }
    }

    /// Adds the bytes up to the start of the next string and returns their number.
    fn add_until_text(&mut self, bytes: &[u8]) -> usize {
        let length = match memchr::memchr(b'"', bytes) {
            Some(quote) => {
                self.position = Position::Text(0);
                quote + 1
            }
            None => bytes.len(),
        };
        self.bytes
            .extend_from_slice(bytes.get(..length).unwrap_or(bytes));
        length
    }

    /// Skips the bytes up to the next quote or escape sequence and returns their number.
    fn omit(&mut self, bytes: &[u8]) -> usize {
        let length = match memchr::memchr2(b'"', b'\\', bytes) {
            Some(special) if !self.is_escaped => special + 1,
            None if !self.is_escaped => bytes.len(),
            Some(_) | None => 1,
        };
        if let Some(last) = bytes.get(length - 1) {
            self.advance_in_text(*last);
        }
        if matches!(self.position, Position::Outside) {
            self.bytes.push(b'"');
        }
        length
    }

    /// Updates the position after a byte inside a string.
    fn advance_in_text(&mut self, byte: u8) {
        if byte == b'"' && !self.is_escaped {
            self.position = Position::Outside;
        }
        self.is_escaped = byte == b'\\' && !self.is_escaped;
    }

    /// Returns true if a string may be cut before this byte. A cut must not split a character, an escape sequence, or a
    /// pair of escape sequences that form a single character, such as `\ud83d\ude00`.
    fn may_end_before(&self, byte: u8) -> bool {
        let is_continuation = (0x80..0xc0).contains(&byte);
        !self.is_escaped && byte != b'\\' && !byte.is_ascii_hexdigit() && !is_continuation
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn shortened(line: &str, part: usize) -> Value {
        let mut shortened = ShortenedLine::default();
        for part in line.as_bytes().chunks(part) {
            shortened.add(part);
        }
        serde_json::from_slice(&shortened.bytes).unwrap()
    }

    proptest! {
        #[test]
        fn a_long_text_is_shortened_and_everything_else_remains(
            unit in prop_oneof![Just("é\\\""), Just("中"), Just("\u{1f600}"), Just("face"), Just("\n\\\\\"g"), Just("a b")],
            part in 1..5_000_usize,
            is_ascii in any::<bool>(),
        ) {
            let long = unit.repeat(3 * KEPT_BYTES / unit.len());
            let line = json!({"a": "\\\"", "b": [long, {"c": "x", long.as_str(): 1}], "d": 2.5}).to_string();
            let line = if is_ascii {
                // JSON can encode any character as one or two escape sequences.
                line.encode_utf16().map(|unit| match u8::try_from(unit) {
                    Ok(byte) if byte.is_ascii() => char::from(byte).to_string(),
                    _ => format!("\\u{unit:04x}"),
                }).collect()
            } else {
                line
            };
            let value = shortened(&line, part);
            let text = value["b"][0].as_str().unwrap();
            prop_assert!(long.starts_with(text) && text.len() > KEPT_BYTES / 6);
            prop_assert_eq!((&value["a"], &value["b"][1]["c"], &value["d"]), (&json!("\\\""), &json!("x"), &json!(2.5)));
        }
    }

    #[test]
    fn a_16_mb_string_is_not_kept_in_memory() {
        let line = json!({"a": "API Error: 529 \u{1f600} \"Overloaded\". ".repeat(400_000)});
        let mut shortened = ShortenedLine::default();
        shortened.add(line.to_string().as_bytes());
        assert!(shortened.bytes.len() < KEPT_BYTES + 100);
    }
}
