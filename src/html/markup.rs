//! Writes HTML in which text from other programs cannot become markup.

use std::fmt::Display;

use crate::render::{Cell, Column, Table};
use crate::terminal::escape;

/// An HTML document under construction.
#[derive(Debug, Default)]
pub(super) struct Markup(String);

/// An entry in a chart's legend.
pub(super) struct LegendItem {
    /// The CSS class for the color.
    pub(super) class: String,
    pub(super) name: String,
    /// Additional text, which may be empty.
    pub(super) remark: String,
}

impl Markup {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// Writes markup without escaping.
    pub(super) fn raw(&mut self, markup: &'static str) {
        self.0.push_str(markup);
    }

    /// Writes markup. Each `{}` is replaced with the next item of `texts`, escaped.
    pub(super) fn write(&mut self, template: &'static str, texts: &[&dyn Display]) {
        let mut pieces = template.split("{}");
        self.raw(pieces.next().unwrap_or_default());
        for (piece, text) in pieces.zip(texts) {
            self.text(&text.to_string());
            self.raw(piece);
        }
    }

    fn text(&mut self, text: &str) {
        for character in escape(text).chars() {
            match character {
                '&' => self.raw("&amp;"),
                '<' => self.raw("&lt;"),
                '>' => self.raw("&gt;"),
                '"' => self.raw("&quot;"),
                '\'' => self.raw("&#39;"),
                _ => self.0.push(character),
            }
        }
    }

    /// Writes a paragraph.
    pub(super) fn paragraph(&mut self, text: &str) {
        self.write("<p>{}</p>\n", &[&text]);
    }

    /// Writes each text as a paragraph in a subdued style.
    pub(super) fn notes(&mut self, texts: impl IntoIterator<Item = impl Display>) {
        for text in texts {
            self.write("<p class=\"quiet\">{}</p>\n", &[&text]);
        }
    }

    /// Writes a table. The caption is only for screen readers. The first cell in each row is a heading. The script
    /// sorts columns with the class `figure` as numbers.
    pub(super) fn table(&mut self, class: &str, caption: &str, table: &Table) {
        self.write(
            "<table class=\"{}\"><caption class=\"unseen\">{}</caption>\n<thead><tr>",
            &[&class, &caption],
        );
        for column in &table.columns {
            self.raw("<th scope=\"col\"");
            match (column.class, column.is_number) {
                (Some(class), true) => self.write(" class=\"{} figure\"", &[&class]),
                (Some(class), false) => self.write(" class=\"{}\"", &[&class]),
                (None, true) => self.raw(" class=\"figure\""),
                (None, false) => {}
            }
            self.write(">{}</th>\n", &[&column.name]);
        }
        self.raw("</tr>\n</thead>\n<tbody>");
        for row in &table.rows {
            self.raw("<tr>");
            for (index, (cell, column)) in row.cells.iter().zip(&table.columns).enumerate() {
                self.cell(cell, column, index == 0);
            }
            self.raw("</tr>\n");
        }
        self.raw("</tbody>\n</table>\n");
    }

    fn cell(&mut self, cell: &Cell, column: &Column, is_heading: bool) {
        self.raw(if is_heading {
            "<th scope=\"row\""
        } else {
            "<td"
        });
        if let Some(class) = column.class {
            self.write(" class=\"{}\"", &[&class]);
        }
        if let Some(exact) = &cell.exact {
            self.write(" data-v=\"{}\"", &[exact]);
        }
        match cell.shade {
            Some(share) => self.write(
                " class=\"h{}\" title=\"{}\"><span class=\"unseen\">{}</span>\n",
                &[&shade(share), &cell.text, &cell.text],
            ),
            None => self.write(">{}", &[&cell.text]),
        }
        if let Some(share) = cell.bar {
            self.write(
                "<svg class=\"bar\" viewBox=\"0 0 100 1\" preserveAspectRatio=\"none\" aria-hidden=\"true\"><rect width=\"{}\" height=\"1\"></rect>\n</svg>\n",
                &[&number((share * 100.0).clamp(0.0, 100.0))],
            );
        }
        self.raw(if is_heading { "</th>\n" } else { "</td>\n" });
    }

    /// Writes a table that is collapsed until the reader clicks on the summary.
    pub(super) fn collapsed_table(
        &mut self,
        summary: &str,
        class: &str,
        caption: &str,
        table: &Table,
    ) {
        self.write("<details><summary>{}</summary>\n", &[&summary]);
        self.table(class, caption, table);
        self.raw("</details>\n");
    }

    /// Writes a table. If it has more than 20 rows, the others are collapsed.
    pub(super) fn long_table(&mut self, class: &str, caption: &str, mut table: Table) {
        const VISIBLE_ROWS: usize = 20;

        let hidden_rows = table.rows.split_off(VISIBLE_ROWS.min(table.rows.len()));
        self.table(class, caption, &table);
        if !hidden_rows.is_empty() {
            let summary = format!("{} more", hidden_rows.len());
            table.rows = hidden_rows;
            self.collapsed_table(&summary, class, &format!("{caption} (the rest)"), &table);
        }
    }

    /// Writes the entries of a legend and closes the list.
    pub(super) fn legend_items(&mut self, items: impl IntoIterator<Item = LegendItem>) {
        for item in items {
            self.write(
                "<li><span class=\"{}\"></span>\n{}",
                &[&item.class, &item.name],
            );
            if !item.remark.is_empty() {
                self.write("<span class=\"quiet\">{}</span>\n", &[&item.remark]);
            }
            self.raw("</li>\n");
        }
        self.raw("</ul>\n");
    }
}

/// The darkest shade of a cell. Shades range from 0 (no shade) to this value.
pub(super) const DARKEST: u8 = 5;

/// Returns the shade for a share of the highest cost.
fn shade(share: f64) -> u8 {
    (0..DARKEST)
        .find(|shade| share * f64::from(DARKEST) <= f64::from(*shade))
        .unwrap_or(DARKEST)
}

/// Formats a number with at most two decimal places.
pub(super) fn number(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_stays_text_in_content_and_in_attributes() {
        let mut page = Markup::default();
        let hostile = "</script><img src=x onerror=\"alert(1)\">'\u{202e}&amp;";
        page.write("<p title=\"{}\">{}</p>\n", &[&hostile, &hostile]);
        let escaped =
            "&lt;/script&gt;&lt;img src=x onerror=&quot;alert(1)&quot;&gt;&#39;\\u{202e}&amp;amp;";
        assert_eq!(
            page.as_str(),
            format!("<p title=\"{escaped}\">{escaped}</p>\n")
        );
    }
}
