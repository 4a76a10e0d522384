//! A JSON text that is changed at chosen places, in the style that it already has.
//!
//! A settings file belongs to its user, so it is never written anew: `jsonc-parser` keeps all that
//! nobody touched, and lays out what is new like its neighbors. What is not plain JSON (comments,
//! trailing commas, a key twice) is refused with its place, not repaired.

use std::collections::HashSet;

use anyhow::{Context, anyhow};
use jsonc_parser::cst::{CstNode, CstRootNode};
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};
use serde_json::Value;

use crate::terminal::cut;

/// A JSON text that can be changed.
pub(crate) struct Document {
    byte_order_mark: &'static str,
    /// The text with its changes: a change of any of its nodes is one of it.
    tree: CstRootNode,
    is_one_line: bool,
}

impl Document {
    /// Takes a text apart: its root, and what it says. A byte order mark is kept and an empty text is an empty object, both as
    /// the client has it.
    pub(crate) fn parse(text: &str) -> anyhow::Result<(Self, CstNode, Value)> {
        let (byte_order_mark, text) = match text.strip_prefix('\u{feff}') {
            Some(rest) => ("\u{feff}", rest),
            None => ("", text),
        };
        let text = if text.trim().is_empty() { "{}\n" } else { text };
        // What else is no JSON is refused below, by the library that reads settings everywhere.
        let options = ParseOptions {
            allow_comments: false,
            allow_trailing_commas: false,
            allow_missing_commas: false,
            ..ParseOptions::default()
        };
        parse_to_ast(text, &CollectOptions::default(), &options)?;
        let tree = CstRootNode::parse(text, &options)?;
        let root = tree.value().context("there is no value in it")?;
        let mut nodes = vec![root.clone()];
        while let Some(node) = nodes.pop() {
            let mut seen = HashSet::new();
            for child in node.children_exclude_trivia_and_tokens() {
                let key = child
                    .as_object_prop()
                    .and_then(|member| member.decoded_name());
                if let Some(key) = key.filter(|key| !seen.insert(key.clone())) {
                    let reason = format!("The key \"{}\" stands twice", cut(&key, 40));
                    return Err(refusal(&child, &reason));
                }
                nodes.push(child);
            }
        }
        let value = serde_json::from_str(text)?;
        let document = Self {
            byte_order_mark,
            tree,
            // A text without any member has no layout yet.
            is_one_line: text.contains(':') && !text.trim_end().contains('\n'),
        };
        Ok((document, root, value))
    }

    /// The text with all changes made. What stood on one line goes on standing on one.
    pub(crate) fn text(&self) -> String {
        let text = self.tree.to_string();
        let mut edited = self.byte_order_mark.to_owned();
        if !self.is_one_line {
            return edited + &text;
        }
        // A line break inside a string is escaped, so those here part values.
        let body = text.trim_end();
        for line in body.lines() {
            edited += if edited.ends_with(',') { " " } else { "" };
            edited += line.trim_start();
        }
        edited + text.strip_prefix(body).unwrap_or_default()
    }
}

/// A refusal because of what stands here.
pub(crate) fn refusal(node: &CstNode, reason: &str) -> anyhow::Error {
    let before = text_before(node);
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    anyhow!("{reason} on line {line} column {column}")
}

/// What stands before a node in its text.
fn text_before(node: &CstNode) -> String {
    let Some(parent) = node.parent() else {
        return String::new();
    };
    let siblings = parent.children().into_iter().take(node.child_index());
    let siblings = siblings.map(|sibling| sibling.to_string());
    text_before(&parent.into()) + &siblings.collect::<String>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jsonc_parser::json;

    fn refused(text: &str) -> String {
        match Document::parse(text) {
            Ok(_) => panic!("{text}"),
            Err(why) => why.to_string(),
        }
    }

    fn appended(text: &str) -> String {
        let (document, root, _) = Document::parse(text).unwrap();
        let value = json!({"type": "command", "list": [{"a": 1}]});
        root.as_object().unwrap().append("new", value);
        document.text()
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
        let (document, root, _) = Document::parse(text).unwrap();
        root.as_object()
            .unwrap()
            .get("a")
            .unwrap()
            .set_value(json!(8));
        assert_eq!(document.text(), "\u{feff}{\"a\": 8}");
    }

    #[test]
    fn a_new_member_takes_on_the_indentation_of_the_file() {
        assert_eq!(
            appended("{\n\t\"a\": 1\n}\n"),
            "{\n\t\"a\": 1,\n\t\"new\": {\n\t\t\"type\": \"command\",\n\t\t\"list\": [\n\t\t\t{\n\t\t\t\t\"a\": 1\n\t\t\t}\n\t\t]\n\t}\n}\n"
        );
        assert_eq!(
            appended("{\r\n    \"a\": {}\r\n}"),
            "{\r\n    \"a\": {},\r\n    \"new\": {\r\n        \"type\": \"command\",\r\n        \"list\": [\r\n            {\r\n                \"a\": 1\r\n            }\r\n        ]\r\n    }\r\n}"
        );
    }

    #[test]
    fn a_file_on_one_line_stays_on_one_line() {
        assert_eq!(
            appended("{\"a\":1}"),
            "{\"a\":1, \"new\": {\"type\": \"command\", \"list\": [{\"a\": 1}]}}"
        );
        assert_eq!(
            appended("{\"a\": 1}\n"),
            "{\"a\": 1, \"new\": {\"type\": \"command\", \"list\": [{\"a\": 1}]}}\n"
        );
    }

    #[test]
    fn an_empty_file_and_an_empty_object_get_the_usual_layout() {
        let usual = "{\n  \"new\": {\n    \"type\": \"command\",\n    \"list\": [\n      {\n        \"a\": 1\n      }\n    ]\n  }\n}";
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
            ("[1, 2, 3, 4]", &[0, 1, 3], "[ 3]"),
            ("[1, 2, 3, 4]", &[1, 2], "[1, 4]"),
            ("[1, 2]", &[0, 1], "[]"),
        ] {
            let (document, root, _) = Document::parse(text).unwrap();
            for (place, child) in root
                .children_exclude_trivia_and_tokens()
                .into_iter()
                .enumerate()
            {
                if gone.contains(&place) {
                    child.remove();
                }
            }
            assert_eq!(document.text(), left);
        }
    }
}
