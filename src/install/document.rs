//! Where things stand in a JSON text: a strict scan that keeps byte positions.
//!
//! `serde_json` forgets the spelling of what it read, and a settings file belongs to its user down
//! to the last space. So edits are made in the text, at positions found here. What is not plain
//! JSON (comments, trailing commas, a key twice) is refused with its position, never repaired.

use std::collections::HashSet;
use std::ops::Range;

use serde_json::Value;

/// How deep a document may nest. `serde_json` stops at 128; no settings file comes near.
const DEPTH_LIMIT: usize = 100;

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Byte range of the value in the text.
    pub span: Range<usize>,
    /// What it is.
    pub content: Content,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// An object's members, in order.
    Object(Vec<Member>),
    /// An array's elements, in order.
    Array(Vec<Node>),
    /// Anything without children.
    Scalar(Value),
}

/// One member of an object.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    /// The key, unescaped.
    pub key: String,
    /// Where the key's opening quote stands.
    pub start: usize,
    /// The value.
    pub value: Node,
}

/// Why a text is not edited.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {reason}")]
pub struct Refusal {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What stands there, in plain words.
    pub reason: String,
}

impl Node {
    /// The members of an object.
    pub fn members(&self) -> Option<&[Member]> {
        match &self.content {
            Content::Object(members) => Some(members),
            _ => None,
        }
    }

    /// The elements of an array.
    pub fn elements(&self) -> Option<&[Node]> {
        match &self.content {
            Content::Array(elements) => Some(elements),
            _ => None,
        }
    }

    /// The member of this name.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.members()?
            .iter()
            .find(|member| member.key == key)
            .map(|member| &member.value)
    }

    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match &self.content {
            Content::Scalar(value) => value.as_str(),
            _ => None,
        }
    }

    /// Whether this is `null`.
    pub fn is_null(&self) -> bool {
        self.content == Content::Scalar(Value::Null)
    }

    /// The value as `serde_json` has it.
    pub fn to_value(&self) -> Value {
        match &self.content {
            Content::Object(members) => Value::Object(
                members
                    .iter()
                    .map(|member| (member.key.clone(), member.value.to_value()))
                    .collect(),
            ),
            Content::Array(elements) => Value::Array(elements.iter().map(Node::to_value).collect()),
            Content::Scalar(value) => value.clone(),
        }
    }
}

/// Scans a whole text. A byte order mark before it is skipped, as the client does.
pub fn scan(text: &str) -> Result<Node, Refusal> {
    let mut scanner = Scanner {
        text,
        position: if text.starts_with('\u{feff}') { 3 } else { 0 },
    };
    scanner.skip_space()?;
    let node = scanner.value(0)?;
    scanner.skip_space()?;
    if scanner.position < text.len() {
        return Err(scanner.refuse("more text after the end of the document"));
    }
    Ok(node)
}

/// A refusal because of what stands at byte `position`.
pub(super) fn refusal_at(text: &str, position: usize, reason: impl Into<String>) -> Refusal {
    let before = text.get(..position).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    Refusal {
        line: before.matches('\n').count() + 1,
        column: before.get(line_start..).unwrap_or("").chars().count() + 1,
        reason: reason.into(),
    }
}

struct Scanner<'a> {
    text: &'a str,
    position: usize,
}

impl Scanner<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.position).copied()
    }

    fn refuse(&self, reason: impl Into<String>) -> Refusal {
        self.refuse_at(self.position, reason)
    }

    fn refuse_at(&self, position: usize, reason: impl Into<String>) -> Refusal {
        refusal_at(self.text, position, reason)
    }

    fn skip_space(&mut self) -> Result<(), Refusal> {
        while let Some(byte) = self.peek() {
            match byte {
                b' ' | b'\t' | b'\n' | b'\r' => self.position += 1,
                b'/' | b'#' => {
                    return Err(self.refuse("a comment; JSON has none, and an edit could lose it"));
                }
                _ => break,
            }
        }
        Ok(())
    }

    fn value(&mut self, depth: usize) -> Result<Node, Refusal> {
        if depth > DEPTH_LIMIT {
            return Err(self.refuse("nested too deep"));
        }
        let start = self.position;
        let content = match self.peek() {
            Some(b'{') => self.object(depth)?,
            Some(b'[') => self.array(depth)?,
            Some(b'"') => Content::Scalar(Value::String(self.string()?)),
            Some(b']' | b'}' | b',' | b':') => {
                return Err(self.refuse("a value is missing"));
            }
            Some(_) => self.word()?,
            None => return Err(self.refuse("the text ends too early")),
        };
        Ok(Node {
            span: start..self.position,
            content,
        })
    }

    fn object(&mut self, depth: usize) -> Result<Content, Refusal> {
        let mut members = Vec::new();
        let mut seen = HashSet::new();
        self.position += 1;
        loop {
            self.skip_space()?;
            match self.peek() {
                Some(b'}') if members.is_empty() => break,
                Some(b'}') => return Err(self.refuse("a comma before the closing brace")),
                Some(b'"') => {}
                None => return Err(self.refuse("the text ends inside an object")),
                Some(_) => return Err(self.refuse("a key in double quotes is missing")),
            }
            let start = self.position;
            let key = self.string()?;
            if !seen.insert(key.clone()) {
                let shown = crate::terminal::cut(&crate::terminal::sanitize(&key), 40);
                return Err(self.refuse_at(start, format!("the key \"{shown}\" stands twice")));
            }
            self.skip_space()?;
            if self.peek() != Some(b':') {
                return Err(self.refuse("a colon is missing"));
            }
            self.position += 1;
            self.skip_space()?;
            let value = self.value(depth + 1)?;
            members.push(Member { key, start, value });
            self.skip_space()?;
            match self.peek() {
                Some(b',') => self.position += 1,
                Some(b'}') => break,
                None => return Err(self.refuse("the text ends inside an object")),
                Some(_) => return Err(self.refuse("a comma is missing")),
            }
        }
        self.position += 1;
        Ok(Content::Object(members))
    }

    fn array(&mut self, depth: usize) -> Result<Content, Refusal> {
        let mut elements = Vec::new();
        self.position += 1;
        loop {
            self.skip_space()?;
            match self.peek() {
                Some(b']') if elements.is_empty() => break,
                Some(b']') => return Err(self.refuse("a comma before the closing bracket")),
                None => return Err(self.refuse("the text ends inside a list")),
                Some(_) => {}
            }
            elements.push(self.value(depth + 1)?);
            self.skip_space()?;
            match self.peek() {
                Some(b',') => self.position += 1,
                Some(b']') => break,
                None => return Err(self.refuse("the text ends inside a list")),
                Some(_) => return Err(self.refuse("a comma is missing")),
            }
        }
        self.position += 1;
        Ok(Content::Array(elements))
    }

    /// A string, decoded by `serde_json` so that escapes mean what they mean to everyone else.
    fn string(&mut self) -> Result<String, Refusal> {
        let start = self.position;
        let rest = self.text.as_bytes().get(start + 1..).unwrap_or_default();
        let mut escaped = false;
        let length = rest
            .iter()
            .position(|byte| match byte {
                _ if escaped => {
                    escaped = false;
                    false
                }
                b'\\' => {
                    escaped = true;
                    false
                }
                byte => *byte == b'"',
            })
            .ok_or_else(|| self.refuse("a string has no closing quote"))?;
        let end = start + 1 + length + 1;
        let raw = self.text.get(start..end).unwrap_or("");
        let decoded = serde_json::from_str(raw)
            .map_err(|_| self.refuse("a string with a control character or an unknown escape"))?;
        self.position = end;
        Ok(decoded)
    }

    fn word(&mut self) -> Result<Content, Refusal> {
        let start = self.position;
        let rest = self.text.get(start..).unwrap_or("");
        let length = rest
            .find(|c: char| c.is_ascii_whitespace() || ",:[]{}\"/#".contains(c))
            .unwrap_or(rest.len());
        let word = rest.get(..length).unwrap_or("");
        let value = serde_json::from_str(word)
            .map_err(|_| self.refuse("neither a string, a number, true, false nor null"))?;
        self.position = start + length.max(1);
        Ok(Content::Scalar(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scan_agrees_with_serde_json() {
        for text in [
            "{}",
            " [ ] ",
            r#"{"a":[1,-2.5e3,true,null],"b":{"c":"\u00e9\"\\"}}"#,
            "\r\n{\t\"x\" : \"日本\" }\r\n",
        ] {
            let expected: Value = serde_json::from_str(text).unwrap();
            assert_eq!(scan(text).unwrap().to_value(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_not_plain_json_is_refused_with_its_position() {
        let reasons = [
            ("{\n  // note\n}", "line 2, column 3: a comment"),
            ("{\"a\":1,}", "a comma before the closing brace"),
            ("[1,]", "a comma before the closing bracket"),
            (
                "{\"a\":1,\n\"a\":2}",
                "line 2, column 1: the key \"a\" stands twice",
            ),
            ("{\"a\":1", "the text ends inside an object"),
            ("{'a':1}", "a key in double quotes is missing"),
            ("{} {}", "more text after the end"),
            ("{\"a\":undefined}", "neither a string"),
            ("{\"a\":\"x}", "no closing quote"),
            ("", "the text ends too early"),
            ("{\"a\":}", "a value is missing"),
            ("{\"a\" 1}", "a colon is missing"),
            ("[1 2]", "a comma is missing"),
        ];
        for (text, reason) in reasons {
            let refused = scan(text).unwrap_err().to_string();
            assert!(refused.contains(reason), "{text}: {refused}");
        }
    }

    #[test]
    fn a_byte_order_mark_is_skipped_and_positions_still_fit() {
        let text = "\u{feff}{\"a\": 7}";
        let node = scan(text).unwrap();
        let seven = node.get("a").unwrap();
        assert_eq!(&text[seven.span.clone()], "7");
    }

    #[test]
    fn deep_nesting_is_refused_and_does_not_overflow_the_stack() {
        let text = "[".repeat(1_000_000);
        assert!(scan(&text).unwrap_err().reason.contains("deep"));
    }
}
