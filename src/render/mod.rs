//! Renders the results of commands.
//!
//! A [`Report`] contains facts for programs and text for users. It is rendered as JSON, or as text for a given width.
//! Tables can also be rendered as CSV and, in the `html` module, as HTML.

mod csv;
mod page;
mod report;
mod table;

use std::fmt::Display;

pub(crate) use csv::print_csv;
pub use page::Page;
pub use report::Report;
pub(crate) use report::{MeterRow, conversation_rows, merge_objects};
pub(crate) use table::{Cell, Column, HeadedCell, Table};

/// The name of a placeholder and its value.
pub(crate) type Argument<'a> = (&'a str, &'a dyn Display);

/// Replaces placeholders in a template, such as `{amount}`, with arguments. If there is no argument for a placeholder,
/// its name is inserted.
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
    fn an_argument_that_looks_like_a_placeholder_is_not_replaced() {
        assert_eq!(
            fill_template("{a} {b}!", &[("b", &"{a}"), ("a", &1)]),
            "1 {a}!"
        );
    }
}
