//! Renders a table as CSV (RFC 4180).

use std::io;

use super::{Cell, Table};
use crate::terminal::{Shown, escape, print};

/// Prints the column names and all rows of a table. Values are exact.
#[expect(clippy::disallowed_methods, reason = "each field is escaped")]
pub(crate) fn print_csv(table: &Table) -> io::Result<()> {
    let mut text = csv_line(table.columns.iter().map(|column| column.name.as_str()));
    for row in &table.rows {
        text += &csv_line(row.cells.iter().map(exact_value));
    }
    print(&Shown::unescaped(text))
}

fn exact_value(cell: &Cell) -> &str {
    cell.exact.as_deref().unwrap_or(&cell.text)
}

fn csv_line<'f>(fields: impl Iterator<Item = &'f str>) -> String {
    fields.map(csv_field).collect::<Vec<_>>().join(",") + "\r\n"
}

/// The characters that can start a formula in a spreadsheet. Some spreadsheets also accept the full-width characters of
/// East Asian keyboards.
const FORMULA_SIGNS: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];

/// Escapes a field. A spreadsheet evaluates any text that looks like a formula, and an attacker can choose the name of
/// a branch. Such text therefore gets an apostrophe as a prefix unless it is a number.
fn csv_field(field: &str) -> String {
    let mut escaped = escape(field).into_owned();
    if escaped.starts_with(FORMULA_SIGNS) && escaped.parse::<f64>().is_err() {
        escaped.insert(0, '\'');
    }
    if escaped.contains([',', '"']) {
        format!("\"{}\"", escaped.replace('"', "\"\""))
    } else {
        escaped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_with_a_comma_or_a_quote_is_quoted_and_each_field_is_in_one_line() {
        assert_eq!(
            csv_line(["plain", "a,b", "say \"hi\"", "two\nlines"].into_iter()),
            "plain,\"a,b\",\"say \"\"hi\"\"\",two lines\r\n"
        );
    }

    #[test]
    fn a_text_that_looks_like_a_formula_is_not_evaluated() {
        for (field, escaped) in [
            ("=cmd|'/c calc'!A1", "'=cmd|'/c calc'!A1"),
            ("+1+1", "'+1+1"),
            ("@SUM(1,2)", "\"'@SUM(1,2)\""),
            ("-main", "'-main"),
            ("-0.25", "-0.25"),
            ("＝1+1", "'＝1+1"),
            ("＋1", "'＋1"),
            ("－1", "'－1"),
            ("＠SUM(1)", "'＠SUM(1)"),
        ] {
            assert_eq!(csv_field(field), escaped);
        }
    }
}
