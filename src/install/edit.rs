//! Changing a JSON text at one place, in the style that the text already has.
//!
//! Every change is kept with what it replaced, so that the exact text before can be had back.

use std::ops::Range;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::document::{self, Member, Node, Refusal};

/// One replacement as it can be undone: at byte `at`, `length` bytes become `text` again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undo {
    /// Byte offset in the text after the change.
    pub at: usize,
    /// Bytes that the change put there.
    pub length: usize,
    /// What stood there before.
    pub text: String,
}

/// A text, its scan, and how to undo what was done to it.
#[derive(Debug, Clone)]
pub struct Draft {
    text: String,
    root: Node,
    undo: Vec<Undo>,
    style: Style,
}

/// How a text is laid out.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Style {
    /// Line ending; None when the document stands on one line.
    newline: Option<&'static str>,
    /// One step of indentation.
    unit: String,
    /// What stands between a key and its value.
    colon: &'static str,
    /// What stands between two values on one line.
    comma: &'static str,
}

impl Draft {
    /// Takes a text. An empty one (or white space only) becomes an empty object first.
    pub fn new(text: String) -> Result<Self, Refusal> {
        let blank = text.trim_start_matches('\u{feff}').trim().is_empty();
        let mut draft = Self {
            root: document::scan(if blank { "{}" } else { &text })?,
            style: Style::of(&text),
            text,
            undo: Vec::new(),
        };
        if blank {
            draft.replace(0..draft.text.len(), "{}\n")?;
        }
        Ok(draft)
    }

    /// The document as it is now.
    pub fn root(&self) -> &Node {
        &self.root
    }

    /// The text that a node stands in.
    pub fn source(&self, node: &Node) -> &str {
        self.text.get(node.span.clone()).unwrap_or("")
    }

    /// The whole text as it is now.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text, and the undo steps in the order in which the changes were made.
    pub fn finish(self) -> (String, Vec<Undo>) {
        (self.text, self.undo)
    }

    /// Puts `text` where `range` is.
    pub fn replace(&mut self, range: Range<usize>, text: &str) -> Result<(), Refusal> {
        let undo = Undo {
            at: range.start,
            length: text.len(),
            text: self.text.get(range.clone()).unwrap_or("").to_owned(),
        };
        let mut changed = self.text.clone();
        changed.replace_range(range, text);
        self.root = document::scan(&changed)?;
        self.text = changed;
        self.undo.push(undo);
        Ok(())
    }

    /// Adds a member at the end of the object at `path`.
    pub fn append_member(
        &mut self,
        path: &[&str],
        key: &str,
        value: &Value,
    ) -> Result<(), Refusal> {
        let Some(object) = self.at(path) else {
            return Ok(());
        };
        let children = member_spans(object);
        let key = Value::String(key.to_owned());
        let (range, text) = self.appended(&object.span, &children, |style, indent| {
            format!("{key}{}{}", style.colon, style.render(value, indent))
        });
        self.replace(range, &text)
    }

    /// Adds an element at the end of the array at `path`.
    pub fn append_element(&mut self, path: &[&str], value: &Value) -> Result<(), Refusal> {
        let Some(array) = self.at(path) else {
            return Ok(());
        };
        let children = element_spans(array);
        let (range, text) = self.appended(&array.span, &children, |style, indent| {
            style.render(value, indent)
        });
        self.replace(range, &text)
    }

    /// Takes out the member at the end of `path`.
    pub fn remove_member(&mut self, path: &[&str]) -> Result<(), Refusal> {
        let Some((key, parent)) = path.split_last() else {
            return Ok(());
        };
        let Some(object) = self.at(parent) else {
            return Ok(());
        };
        let children = object.members().unwrap_or_default();
        let Some(index) = children.iter().position(|member| member.key == *key) else {
            return Ok(());
        };
        let range = removal(&object.span, &member_spans(object), index);
        self.replace(range, "")
    }

    /// Takes out element `index` of `array`, which must be a node of the present document.
    pub fn remove_element(&mut self, array: &Node, index: usize) -> Result<(), Refusal> {
        let range = removal(&array.span, &element_spans(array), index);
        self.replace(range, "")
    }

    /// `value` as it would be written at `node`'s place.
    pub fn rendered_at(&self, node: &Node, value: &Value) -> String {
        let indent = self.line_indent(node.span.start);
        self.style.render(value, &indent)
    }

    fn at(&self, path: &[&str]) -> Option<&Node> {
        path.iter().try_fold(&self.root, |node, key| node.get(key))
    }

    /// Leading white space of the line that holds this byte.
    fn line_indent(&self, position: usize) -> String {
        let before = self.text.get(..position).unwrap_or("");
        let line = before.rfind('\n').map_or(0, |newline| newline + 1);
        self.text
            .get(line..)
            .unwrap_or("")
            .chars()
            .take_while(|c| *c == ' ' || *c == '\t')
            .collect()
    }

    /// Where and what to write so that one more child stands at the end of a container.
    fn appended(
        &self,
        container: &Range<usize>,
        children: &[Range<usize>],
        child: impl Fn(&Style, &str) -> String,
    ) -> (Range<usize>, String) {
        let inside = container.start + 1..container.end.saturating_sub(1);
        let Some((last, others)) = children.split_last() else {
            let Some(newline) = self.style.newline else {
                return (inside, child(&self.style, ""));
            };
            let outer = self.line_indent(container.start);
            let inner = format!("{outer}{}", self.style.unit);
            let text = format!(
                "{newline}{inner}{}{newline}{outer}",
                child(&self.style, &inner)
            );
            return (inside, text);
        };
        let previous = others.last().map_or(inside.start, |child| child.end);
        let gap = self.text.get(previous..last.start).unwrap_or("");
        let newline = self.style.newline.filter(|_| gap.contains('\n'));
        let text = if let Some(newline) = newline {
            let indent = self.line_indent(last.start);
            format!(",{newline}{indent}{}", child(&self.style, &indent))
        } else {
            let one_line = Style {
                newline: None,
                ..self.style.clone()
            };
            format!("{}{}", self.style.comma, child(&one_line, ""))
        };
        (last.end..last.end, text)
    }
}

fn member_spans(object: &Node) -> Vec<Range<usize>> {
    let span = |member: &Member| member.start..member.value.span.end;
    object.members().into_iter().flatten().map(span).collect()
}

fn element_spans(array: &Node) -> Vec<Range<usize>> {
    let span = |element: &Node| element.span.clone();
    array.elements().into_iter().flatten().map(span).collect()
}

/// What to delete so that child `index` is gone: its comma goes with it.
fn removal(container: &Range<usize>, children: &[Range<usize>], index: usize) -> Range<usize> {
    let inside = container.start + 1..container.end.saturating_sub(1);
    let Some(child) = children.get(index) else {
        return inside.start..inside.start;
    };
    let before = index.checked_sub(1).and_then(|i| children.get(i));
    match (before, children.get(index + 1)) {
        (Some(before), _) => before.end..child.end,
        (None, Some(after)) => child.start..after.start,
        (None, None) => inside,
    }
}

impl Style {
    fn of(text: &str) -> Self {
        let first_line_end = text.trim_end().find('\n');
        let newline = match first_line_end {
            Some(end) if text.get(..end).is_some_and(|line| line.ends_with('\r')) => Some("\r\n"),
            Some(_) => Some("\n"),
            // A document without any member has no layout yet: the usual one is chosen for it.
            None if !text.contains(':') => Some(if text.contains("\r\n") { "\r\n" } else { "\n" }),
            None => None,
        };
        let unit = text
            .split('\n')
            .skip(1)
            .map(|line| {
                let body = line.trim_start_matches([' ', '\t']);
                (line.get(..line.len() - body.len()).unwrap_or(""), body)
            })
            .find(|(indent, body)| !indent.is_empty() && body.starts_with('"'))
            .map_or("  ", |(indent, _)| indent);
        let tight = newline.is_none() && !text.contains("\": ");
        Self {
            newline,
            unit: unit.to_owned(),
            colon: if tight { ":" } else { ": " },
            comma: if tight { "," } else { ", " },
        }
    }

    fn render(&self, value: &Value, indent: &str) -> String {
        let (open, close, children): (_, _, Vec<String>) = match value {
            Value::Object(map) if !map.is_empty() => {
                let inner = format!("{indent}{}", self.unit);
                let member = |(key, value): (&String, &Value)| {
                    let key = Value::String(key.clone());
                    format!("{key}{}{}", self.colon, self.render(value, &inner))
                };
                ('{', '}', map.iter().map(member).collect())
            }
            Value::Array(list) if !list.is_empty() => {
                let inner = format!("{indent}{}", self.unit);
                let element = |value: &Value| self.render(value, &inner);
                ('[', ']', list.iter().map(element).collect())
            }
            scalar => return scalar.to_string(),
        };
        match self.newline {
            Some(newline) => {
                let unit = &self.unit;
                let body = children.join(&format!(",{newline}{indent}{unit}"));
                format!("{open}{newline}{indent}{unit}{body}{newline}{indent}{close}")
            }
            None => format!("{open}{}{close}", children.join(self.comma)),
        }
    }
}

/// Takes changes back, newest first. None if a step does not fit the text.
pub fn undone(text: &str, steps: &[Undo]) -> Option<String> {
    let mut text = text.to_owned();
    for step in steps.iter().rev() {
        let range = step.at..step.at.checked_add(step.length)?;
        text.get(range.clone())?;
        text.replace_range(range, &step.text);
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn appended(text: &str) -> String {
        let mut draft = Draft::new(text.to_owned()).unwrap();
        let value = json!({"type": "command", "list": [1]});
        draft.append_member(&[], "new", &value).unwrap();
        let (after, undo) = draft.finish();
        assert_eq!(undone(&after, &undo).unwrap(), text);
        after
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
        for (text, key, left) in [
            ("{ \"a\": 1, \"b\": 2 }", "a", "{ \"b\": 2 }"),
            ("{ \"a\": 1, \"b\": 2 }", "b", "{ \"a\": 1 }"),
            ("{\n  \"a\": 1\n}", "a", "{}"),
            ("{\"a\":1,\"b\":2,\"c\":3}", "b", "{\"a\":1,\"c\":3}"),
        ] {
            let mut draft = Draft::new(text.to_owned()).unwrap();
            draft.remove_member(&[key]).unwrap();
            assert_eq!(draft.finish().0, left);
        }
    }
}
