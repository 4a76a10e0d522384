//! Changing a JSON text at chosen places, in the style that the text already has.
//!
//! A settings file belongs to its user down to the last space, so it is never written anew:
//! `jsonc-parser` says where each value stands, and pieces are put in and taken out there. What is
//! not plain JSON (comments, trailing commas, a key twice) is refused with its place, not repaired.

use std::collections::HashSet;
use std::ops::Range;

use anyhow::{Context, anyhow};
pub(crate) use jsonc_parser::ast::Value as Node;
use jsonc_parser::common::Ranged;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};
use serde::Serialize;
use serde_json::Value;
use serde_json::ser::{PrettyFormatter, Serializer};

use crate::terminal::{cut, sanitize};

/// A piece of a text and what takes its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Edit {
    at: usize,
    pub(crate) removed: String,
    pub(crate) added: String,
}

/// A JSON text, what it says, and where.
pub(crate) struct Document<'a> {
    byte_order_mark: &'static str,
    text: &'a str,
    pub(crate) root: Node<'a>,
    pub(crate) value: Value,
    layout: Layout,
}

/// How a text is laid out.
#[derive(Clone)]
struct Layout {
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
    pub(crate) fn parse(text: &'a str) -> anyhow::Result<Self> {
        let (byte_order_mark, text) = match text.strip_prefix('\u{feff}') {
            Some(rest) => ("\u{feff}", rest),
            None => ("", text),
        };
        let layout = Layout::of(text);
        let text = if text.trim().is_empty() { "{}\n" } else { text };
        // What else is no JSON is refused below, by the library that reads settings everywhere.
        let options = ParseOptions {
            allow_comments: false,
            allow_trailing_commas: false,
            allow_missing_commas: false,
            ..ParseOptions::default()
        };
        let root = parse_to_ast(text, &CollectOptions::default(), &options)?.value;
        let document = Self {
            byte_order_mark,
            text,
            root: root.context("there is no value in it")?,
            value: serde_json::from_str(text)?,
            layout,
        };
        document.refuse_repeated_keys(&document.root)?;
        Ok(document)
    }

    fn refuse_repeated_keys(&self, node: &Node<'_>) -> anyhow::Result<()> {
        match node {
            Node::Object(object) => {
                let mut seen = HashSet::new();
                object.properties.iter().try_for_each(|property| {
                    let key = property.name.as_str();
                    if !seen.insert(key) {
                        let shown = cut(&sanitize(key), 40);
                        let reason = format!("The key \"{shown}\" stands twice");
                        return Err(self.refusal(property, &reason));
                    }
                    self.refuse_repeated_keys(&property.value)
                })
            }
            Node::Array(list) => {
                let mut elements = list.elements.iter();
                elements.try_for_each(|element| self.refuse_repeated_keys(element))
            }
            _ => Ok(()),
        }
    }

    /// A refusal because of what stands here.
    pub(crate) fn refusal(&self, node: &impl Ranged, reason: &str) -> anyhow::Error {
        let before = self.text.get(..node.start()).unwrap_or(self.text);
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

    fn edit(&self, range: Range<usize>, added: String) -> Edit {
        Edit {
            at: range.start,
            removed: self.slice(range).to_owned(),
            added,
        }
    }

    /// Puts a text where this node is.
    pub(crate) fn replace(&self, node: &impl Ranged, text: String) -> Edit {
        self.edit(span(node), text)
    }

    /// `value` as it would be written at this node's place.
    pub(crate) fn rendered_at(&self, node: &impl Ranged, value: &Value) -> String {
        self.layout.render(value, self.line_indent(node.start()))
    }

    /// Takes the children with these indexes out of an object or a list: each with the comma before
    /// it; those that have none, because they come first, with what follows up to the next child.
    pub(crate) fn remove(&self, container: &Node<'_>, gone: &[usize]) -> Vec<Edit> {
        let children = children(container);
        let cut = |range| self.edit(range, String::new());
        let Some(first_kept) = (0..children.len()).find(|index| !gone.contains(index)) else {
            return vec![cut(inside(container))];
        };
        let pairs = children.windows(2).enumerate();
        pairs
            .filter_map(|(index, pair)| match pair {
                [left, right] if index < first_kept => Some(cut(left.start..right.start)),
                [left, right] if gone.contains(&(index + 1)) => Some(cut(left.end..right.end)),
                _ => None,
            })
            .collect()
    }

    /// Puts children at the end of an object (with their keys) or a list: each on a line of its own
    /// if the last one has its own, or if there is none yet and the text has lines.
    pub(crate) fn append(&self, container: &Node<'_>, new: &[(Option<&str>, Value)]) -> Edit {
        let (inside, children) = (inside(container), children(container));
        let last = children.last();
        let own_lines = last.is_none_or(|last| {
            let previous = children.iter().nth_back(1);
            let gap = previous.map_or(inside.start, |child| child.end)..last.start;
            self.slice(gap).contains('\n')
        });
        let layout = Layout {
            newline: self.layout.newline.filter(|_| own_lines),
            ..self.layout.clone()
        };
        let outer = self.line_indent(container.start());
        let indent = last.map_or(format!("{outer}{}", layout.unit), |last| {
            self.line_indent(last.start).to_owned()
        });
        let (space, lead, end) = match layout.newline {
            Some(newline) => (
                " ",
                format!("{newline}{indent}"),
                format!("{newline}{outer}"),
            ),
            None if layout.tight => ("", String::new(), String::new()),
            None => (" ", " ".to_owned(), String::new()),
        };
        let spelled = new.iter().map(|(key, value)| {
            let key = key.map_or(String::new(), |key| format!("{}:{space}", Value::from(key)));
            key + &layout.render(value, &indent)
        });
        let joined = spelled.collect::<Vec<_>>().join(&format!(",{lead}"));
        match last {
            Some(last) => self.edit(last.end..last.end, format!(",{lead}{joined}")),
            // On one line nothing stands between the bracket and the first child.
            None => self.edit(
                inside,
                lead.trim_start_matches(' ').to_owned() + &joined + &end,
            ),
        }
    }

    /// The text after these edits, which must not overlap.
    pub(crate) fn edited(&self, edits: &[Edit]) -> String {
        let mut in_order: Vec<_> = edits.iter().collect();
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
        let line = self
            .slice(0..position)
            .rfind('\n')
            .map_or(0, |newline| newline + 1);
        indent_of(self.slice(line..self.text.len()))
    }
}

fn indent_of(line: &str) -> &str {
    let body = line.trim_start_matches([' ', '\t']);
    line.strip_suffix(body).unwrap_or("")
}

impl Layout {
    fn of(text: &str) -> Self {
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

/// Where the members of an object or the elements of a list stand.
pub(crate) fn children(container: &Node<'_>) -> Vec<Range<usize>> {
    match container {
        Node::Object(object) => object.properties.iter().map(span).collect(),
        Node::Array(list) => list.elements.iter().map(span).collect(),
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
        let document = Document::parse(text).unwrap();
        let value = json!({"type": "command", "list": [1]});
        let edit = document.append(&document.root, &[(Some("new"), value)]);
        document.edited(&[edit])
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
        let document = Document::parse(text).unwrap();
        let seven = &document.root.as_object().unwrap().get("a").unwrap().value;
        assert_eq!(document.source(seven), "7");
        assert_eq!(
            document.edited(&[document.replace(seven, "8".to_owned())]),
            "\u{feff}{\"a\": 8}"
        );
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
            let document = Document::parse(text).unwrap();
            let edits = document.remove(&document.root, gone);
            assert_eq!(document.edited(&edits), left);
        }
    }
}
