//! A table as CSV (RFC 4180): one line a row, exact figures.

use std::borrow::Cow;
use std::io;

use super::{Cell, Table};
use crate::terminal::{Shown, print, visible};

/// Prints the names of the columns, and each row.
#[expect(
    clippy::disallowed_methods,
    reason = "each field is made visible, and lines end as RFC 4180 wants"
)]
pub(crate) fn print_csv(table: &Table) -> io::Result<()> {
    print(&Shown::as_it_is(csv(table)))
}

fn csv(table: &Table) -> String {
    let names = table.columns.iter().map(|column| column.name.as_str());
    let mut text = line(names);
    for row in &table.rows {
        let exact = |cell: &Cell| cell.exact.clone().unwrap_or_else(|| cell.text.clone());
        let cells: Vec<String> = row.cells.iter().map(exact).collect();
        text.push_str(&line(cells.iter().map(String::as_str)));
    }
    text
}

fn line<'f>(fields: impl Iterator<Item = &'f str>) -> String {
    fields.map(quoted).collect::<Vec<_>>().join(",") + "\r\n"
}

fn quoted(field: &str) -> String {
    let field = without_formula(visible(field));
    if field.contains([',', '"']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.into_owned()
    }
}

/// A spreadsheet calculates what begins like a formula, and a branch's name may be anybody's: with an
/// apostrophe before it, it is a text. Figures stay figures.
fn without_formula(field: Cow<'_, str>) -> Cow<'_, str> {
    if field.starts_with(['=', '+', '-', '@']) && field.parse::<f64>().is_err() {
        Cow::Owned(format!("'{field}"))
    } else {
        field
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_with_a_comma_or_a_quote_is_quoted_and_each_is_one_line() {
        let fields = ["plain", "a,b", "say \"hi\"", "two\nlines"];
        assert_eq!(
            line(fields.into_iter()),
            "plain,\"a,b\",\"say \"\"hi\"\"\",two lines\r\n"
        );
    }

    #[test]
    fn what_begins_like_a_formula_is_a_text_and_a_figure_is_a_figure() {
        let of = |field| line([field].into_iter());
        assert_eq!(of("=cmd|'/c calc'!A1"), "'=cmd|'/c calc'!A1\r\n");
        assert_eq!(of("+1+1"), "'+1+1\r\n");
        assert_eq!(of("@SUM(1,2)"), "\"'@SUM(1,2)\"\r\n");
        assert_eq!(of("-main"), "'-main\r\n");
        assert_eq!(of("-0.25"), "-0.25\r\n");
    }
}
