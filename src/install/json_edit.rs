//! Changing a JSON text at chosen places, in the style that the text already has.
//!
//! A settings file belongs to its user down to the last space, so it is never written anew:
//! `jsonc-parser` says where each value stands, and pieces are put in and taken out there. What is
//! not plain JSON (comments, trailing commas, a key twice) is refused with its place, not repaired.

use std::collections::HashSet;
use std::ops::Range;

use anyhow::{Context, anyhow};
use jsonc_parser::ast::ObjectProp;
pub(crate) use jsonc_parser::ast::Value as Node;
use jsonc_parser::common::Ranged;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};
use serde::Serialize;
use serde_json::Value;
use serde_json::ser::{PrettyFormatter, Serializer};

use crate::terminal::cut;

/// A piece of a text and what takes its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Edit {
    at: usize,
    pub(crate) removed: String,
    pub(crate) added: String,
}

/// A JSON text, what it says, and what is to be changed in it.
pub(crate) struct Document<'a> {
    byte_order_mark: &'static str,
    text: &'a str,
    pub(crate) value: Value,
    layout: Indentation,
    /// Each is about the text as it was, and none overlaps another.
    pub(crate) edits: Vec<Edit>,
}

/// How a text is laid out.
#[derive(Clone)]
struct Indentation {
    /// Line ending; None when all stands on one line.
    newline: Option<&'static str>,
    /// One step of indentation.
    unit: String,
    /// No space after a comma and a colon on one line.
    tight: bool,
}

impl<'a> Document<'a> {
    /// Takes a text apart. A byte order mark is kept and an empty text is an empty object, both as
    /// the client has it.
    pub(crate) fn parse(text: &'a str) -> anyhow::Result<(Self, Node<'a>)> {
        let (byte_order_mark, text) = match text.strip_prefix('\u{feff}') {
            Some(rest) => ("\u{feff}", rest),
            None => ("", text),
        };
        let layout = Indentation::new(text);
        let text = if text.trim().is_empty() { "{}\n" } else { text };
        // What else is no JSON is refused below, by the library that reads settings everywhere.
        let options = ParseOptions {
            allow_comments: false,
            allow_trailing_commas: false,
            allow_missing_commas: false,
            ..ParseOptions::default()
        };
        let root = parse_to_ast(text, &CollectOptions::default(), &options)?.value;
        let root = root.context("there is no value in it")?;
        let document = Self {
            byte_order_mark,
            text,
            value: serde_json::from_str(text)?,
            layout,
            edits: Vec::new(),
        };
        let mut containers = vec![&root];
        while let Some(container) = containers.pop() {
            let mut seen = HashSet::new();
            for Child { key, node, span } in children(container) {
                if let Some(key) = key.filter(|key| !seen.insert(*key)) {
                    let reason = format!("The key \"{}\" stands twice", cut(key, 40));
                    return Err(document.refusal(span.start, &reason));
                }
                containers.push(node);
            }
        }
        Ok((document, root))
    }

    /// A refusal because of what stands here.
    pub(crate) fn refusal(&self, position: usize, reason: &str) -> anyhow::Error {
        let before = self.slice(0..position);
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        anyhow!("{reason} on line {line} column {column}")
    }

    fn slice(&self, range: Range<usize>) -> &'a str {
        self.text.get(range).unwrap_or("")
    }

    /// How a node is spelled.
    pub(crate) fn source(&self, node: &impl Ranged) -> &'a str {
        self.slice(span(node))
    }

    fn edit(&mut self, range: Range<usize>, added: impl Into<String>) {
        self.edits.push(Edit {
            at: range.start,
            removed: self.slice(range).to_owned(),
            added: added.into(),
        });
    }

    /// Puts a text where this node is.
    pub(crate) fn replace(&mut self, node: &impl Ranged, text: impl Into<String>) {
        self.edit(span(node), text);
    }

    /// `value` as it would be written at this node's place.
    pub(crate) fn rendered_at(&self, node: &impl Ranged, value: &Value) -> String {
        self.layout.render(value, self.line_indent(node.start()))
    }

    /// Takes the children with these indexes out of an object or a list: each with the comma before
    /// it; those that have none, because they come first, with what follows up to the next child.
    pub(crate) fn remove(&mut self, container: &Node<'_>, gone: &[usize]) {
        let children = children(container);
        let Some(first_kept) = (0..children.len()).find(|index| !gone.contains(index)) else {
            return self.edit(inside(container), "");
        };
        for (index, pair) in children.windows(2).enumerate() {
            match pair {
                [this, next] if index < first_kept => {
                    self.edit(this.span.start..next.span.start, "");
                }
                [last, this] if gone.contains(&(index + 1)) => {
                    self.edit(last.span.end..this.span.end, "");
                }
                _ => {}
            }
        }
    }

    /// Puts children at the end of an object (with their keys) or a list, on lines of their own if
    /// it has lines, or if it is empty and the text has lines.
    pub(crate) fn append(&mut self, container: &Node<'_>, new: &[(Option<&str>, Value)]) {
        let last = children(container).pop().map(|child| child.span);
        let has_lines = last.is_none() || self.source(container).contains('\n');
        let layout = Indentation {
            newline: self.layout.newline.filter(|_| has_lines),
            ..self.layout.clone()
        };
        let outer = self.line_indent(container.start());
        let indent = match &last {
            Some(last) => self.line_indent(last.start).to_owned(),
            None => format!("{outer}{}", layout.unit),
        };
        let space = if layout.tight { "" } else { " " };
        let (lead, end) = match layout.newline {
            Some(newline) => (format!("{newline}{indent}"), format!("{newline}{outer}")),
            None => (space.to_owned(), String::new()),
        };
        let spelled = new.iter().map(|(key, value)| {
            let key = key.map(|key| format!("{}:{space}", Value::from(key)));
            key.unwrap_or_default() + &layout.render(value, &indent)
        });
        let joined = spelled.collect::<Vec<_>>().join(&format!(",{lead}"));
        match last {
            _ if new.is_empty() => {}
            Some(last) => self.edit(last.end..last.end, format!(",{lead}{joined}")),
            None if layout.newline.is_some() => {
                self.edit(inside(container), format!("{lead}{joined}{end}"));
            }
            None => self.edit(inside(container), joined),
        }
    }

    /// The text with all edits made.
    pub(crate) fn edited(&self) -> String {
        let mut in_order: Vec<_> = self.edits.iter().collect();
        in_order.sort_by_key(|edit| edit.at);
        let mut text = self.byte_order_mark.to_owned();
        let mut at = 0;
        for edit in in_order {
            text += self.slice(at..edit.at);
            text += &edit.added;
            at = edit.at + edit.removed.len();
        }
        text + self.slice(at..self.text.len())
    }

    /// Leading white space of the line that holds this byte.
    fn line_indent(&self, position: usize) -> &'a str {
        let before = self.slice(0..position);
        let line = before.rfind('\n').map_or(0, |newline| newline + 1);
        indent_of(self.slice(line..self.text.len()))
    }
}

fn indent_of(line: &str) -> &str {
    let body = line.trim_start_matches([' ', '\t']);
    line.strip_suffix(body).unwrap_or("")
}

impl Indentation {
    fn new(text: &str) -> Self {
        let first_line = text.split_inclusive('\n').next().unwrap_or("");
        let newline = if first_line.ends_with("\r\n") {
            "\r\n"
        } else {
            "\n"
        };
        // A text without any member has no layout yet: the usual one is chosen for it.
        let has_lines = text.trim_end().contains('\n') || !text.contains(':');
        let unit = text.lines().skip(1).find_map(|line| {
            let indent = indent_of(line);
            let is_member = line.trim_start().starts_with('"');
            (is_member && !indent.is_empty()).then_some(indent)
        });
        Self {
            newline: has_lines.then_some(newline),
            unit: unit.unwrap_or("  ").to_owned(),
            tight: !has_lines && !text.contains("\": "),
        }
    }

    /// `value`, its lines after the first indented by `indent`.
    fn render(&self, value: &Value, indent: &str) -> String {
        let unit = self.newline.map_or("", |_| &self.unit);
        let mut bytes = Vec::new();
        let formatter = PrettyFormatter::with_indent(unit.as_bytes());
        // Writing a value to memory cannot fail.
        let _ = value.serialize(&mut Serializer::with_formatter(&mut bytes, formatter));
        let lines = String::from_utf8_lossy(&bytes);
        match self.newline {
            // A line break inside a string is escaped, so those here part values.
            Some(newline) => lines.replace('\n', &format!("{newline}{indent}")),
            None if self.tight => value.to_string(),
            None => lines.replace(",\n", ", ").replace('\n', ""),
        }
    }
}

fn span(node: &impl Ranged) -> Range<usize> {
    node.start()..node.end()
}

/// What is between the brackets of a container.
fn inside(container: &impl Ranged) -> Range<usize> {
    container.start() + 1..container.end().saturating_sub(1)
}

/// A member of an object or an element of a list.
pub(crate) struct Child<'n, 'a> {
    /// A member's key.
    pub(crate) key: Option<&'n str>,
    pub(crate) node: &'n Node<'a>,
    /// Where it stands, its key included.
    span: Range<usize>,
}

pub(crate) fn children<'n, 'a>(container: &'n Node<'a>) -> Vec<Child<'n, 'a>> {
    let member = |member: &'n ObjectProp<'a>| Child {
        key: Some(member.name.as_str()),
        node: &member.value,
        span: span(member),
    };
    let element = |node| Child {
        key: None,
        node,
        span: span(node),
    };
    match container {
        Node::Object(object) => object.properties.iter().map(member).collect(),
        Node::Array(list) => list.elements.iter().map(element).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn refused(text: &str) -> String {
        match Document::parse(text) {
            Ok(_) => panic!("{text}"),
            Err(why) => why.to_string(),
        }
    }

    fn appended(text: &str) -> String {
        let (mut document, root) = Document::parse(text).unwrap();
        let value = json!({"type": "command", "list": [1]});
        document.append(&root, &[(Some("new"), value)]);
        document.edited()
    }

    #[test]
    fn what_is_not_plain_json_is_refused_with_its_place() {
        let reasons = [
            (
                "{\n  // note\n}",
                "Comments are not allowed on line 2 column 3",
            ),
            (
                "{\"a\":1,}",
                "Trailing commas are not allowed on line 1 column 7",
            ),
            ("[1,]", "Trailing commas are not allowed"),
            (
                "{\"a\":1,\n\"a\":2}",
                "The key \"a\" stands twice on line 2 column 1",
            ),
            ("{\"a\":1", "Unterminated object"),
            ("{'a':1}", "key must be a string at line 1 column 2"),
            ("{} {}", "on line 1 column 4"),
            ("{\"a\":undefined}", "Unexpected token"),
            ("{\"a\":\"x}", "Unterminated string"),
            ("{\"a\":}", "Unexpected close brace"),
            ("{\"a\" 1}", "Expected colon"),
            ("[1 2]", "Expected comma"),
            ("{\"a\":\"\t\"}", "control character"),
            ("{\"a\":01}", "line 1 column"),
        ];
        for (text, reason) in reasons {
            let why = refused(text);
            assert!(why.contains(reason), "{text}: {why}");
        }
    }

    #[test]
    fn deep_nesting_is_refused_and_does_not_overflow_the_stack() {
        assert!(refused(&"[".repeat(1_000_000)).contains("depth"));
        let closed = format!("{}{}", "[".repeat(300), "]".repeat(300));
        assert!(refused(&closed).contains("recursion limit"));
    }

    #[test]
    fn a_byte_order_mark_is_skipped_and_kept() {
        let text = "\u{feff}{\"a\": 7}";
        let (mut document, root) = Document::parse(text).unwrap();
        let seven = children(&root).pop().unwrap().node;
        assert_eq!(document.source(seven), "7");
        document.replace(seven, "8");
        assert_eq!(document.edited(), "\u{feff}{\"a\": 8}");
    }

    #[test]
    fn a_new_member_takes_on_the_indentation_of_the_file() {
        assert_eq!(
            appended("{\n\t\"a\": 1\n}\n"),
            "{\n\t\"a\": 1,\n\t\"new\": {\n\t\t\"type\": \"command\",\n\t\t\"list\": [\n\t\t\t1\n\t\t]\n\t}\n}\n"
        );
        assert_eq!(
            appended("{\r\n    \"a\": {}\r\n}"),
            "{\r\n    \"a\": {},\r\n    \"new\": {\r\n        \"type\": \"command\",\r\n        \"list\": [\r\n            1\r\n        ]\r\n    }\r\n}"
        );
    }

    #[test]
    fn a_file_on_one_line_stays_on_one_line() {
        assert_eq!(
            appended("{\"a\":1}"),
            "{\"a\":1,\"new\":{\"type\":\"command\",\"list\":[1]}}"
        );
        assert_eq!(
            appended("{\"a\": 1}\n"),
            "{\"a\": 1, \"new\": {\"type\": \"command\", \"list\": [1]}}\n"
        );
    }

    #[test]
    fn an_empty_file_and_an_empty_object_get_the_usual_layout() {
        let usual =
            "{\n  \"new\": {\n    \"type\": \"command\",\n    \"list\": [\n      1\n    ]\n  }\n}";
        assert_eq!(appended(""), format!("{usual}\n"));
        assert_eq!(appended("{}"), usual);
        assert_eq!(appended("{\n}\n"), format!("{usual}\n"));
        assert_eq!(appended(" \n"), format!("{usual}\n"));
    }

    #[test]
    fn removing_takes_the_comma_along_wherever_the_member_stands() {
        for (text, gone, left) in [
            ("{ \"a\": 1, \"b\": 2 }", &[0][..], "{ \"b\": 2 }"),
            ("{ \"a\": 1, \"b\": 2 }", &[1], "{ \"a\": 1 }"),
            ("{\n  \"a\": 1\n}", &[0], "{}"),
            ("{\"a\":1,\"b\":2,\"c\":3}", &[1], "{\"a\":1,\"c\":3}"),
            ("[1, 2, 3, 4]", &[0, 1, 3], "[3]"),
            ("[1, 2, 3, 4]", &[1, 2], "[1, 4]"),
            ("[1, 2]", &[0, 1], "[]"),
        ] {
            let (mut document, root) = Document::parse(text).unwrap();
            document.remove(&root, gone);
            assert_eq!(document.edited(), left);
        }
    }
}
