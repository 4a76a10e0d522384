//! Renders the results of commands.
//!
//! A [`Report`] contains facts for programs and text for users. It is rendered as JSON or as text of a given width.
//! Tables can also be rendered as CSV and, in the `html` module, as HTML. Sentences come from named templates in JSON
//! files next to the code.

mod csv;
mod page;
mod report;
mod table;

use std::collections::HashMap;
use std::fmt::Display;

pub(crate) use csv::print_csv;
pub use page::Page;
pub use report::Report;
pub(crate) use report::{MeterRow, conversation_rows, merge_objects};
pub(crate) use table::{Cell, Column, Table};

/// The name of a placeholder and its value.
pub(crate) type Argument<'a> = (&'a str, &'a dyn Display);

/// Sentence templates by name.
#[derive(Debug, Default, serde::Deserialize)]
pub(crate) struct Texts(HashMap<String, String>);

impl Texts {
    /// Fills in the template with this name. Returns an empty string if there is none.
    pub(crate) fn format(&self, name: &str, arguments: &[Argument<'_>]) -> String {
        match self.0.get(name) {
            Some(template) => fill_template(template, arguments),
            None => String::new(),
        }
    }
}

/// Replaces placeholders in a template, such as `{amount}`, with arguments. A placeholder without an argument is
/// replaced with its own name.
pub(crate) fn fill_template(template: &str, arguments: &[Argument<'_>]) -> String {
    let mut filled = String::new();
    for (index, piece) in template.split(['{', '}']).enumerate() {
        let is_placeholder = index % 2 == 1;
        match arguments.iter().find(|(name, _)| *name == piece) {
            Some((_, value)) if is_placeholder => filled.push_str(&value.to_string()),
            _ => filled.push_str(piece),
        }
    }
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_is_used_and_gets_its_arguments() {
        let code = include_str!("../spend/notes.rs");
        let Texts(texts) = serde_json::from_str(include_str!("../spend/notes.json")).unwrap();
        assert!(!texts.is_empty());
        for (name, template) in texts {
            assert!(
                code.contains(&format!("\"{name}\"")),
                "nothing uses the template {name}"
            );
            for rest in template.split('{').skip(1) {
                let placeholder = rest.split('}').next().unwrap();
                let argument = format!("(\"{placeholder}\", ");
                assert!(code.contains(&argument), "{name}: {placeholder}");
            }
        }
    }

    #[test]
    fn an_argument_that_looks_like_a_placeholder_is_not_replaced() {
        assert_eq!(
            fill_template("{a} {b}!", &[("b", &"{a}"), ("a", &1)]),
            "1 {a}!"
        );
    }
}
