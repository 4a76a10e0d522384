//! A table as CSV (RFC 4180): one line a row, exact figures.

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
    let field = visible(field);
    if field.contains([',', '"']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.into_owned()
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
}
