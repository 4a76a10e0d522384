//! HTML in which a text is a text: what comes from outside cannot become markup, cannot hide and
//! cannot turn its line around.

use std::fmt::Display;

use crate::render::{Cell, Table};
use crate::terminal::visible;

/// HTML being written.
#[derive(Debug, Default)]
pub(super) struct Markup(String);

impl Markup {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// Markup, which is always our own.
    pub(super) fn own(&mut self, words: &'static str) {
        self.0.push_str(words);
    }

    /// The same, with texts from anywhere in its places `{}`, in their order.
    pub(super) fn put(&mut self, pattern: &'static str, texts: &[&dyn Display]) {
        let (first, others) = pattern.split_once("{}").unwrap_or((pattern, ""));
        self.own(first);
        for (text, words) in texts.iter().zip(others.split("{}")) {
            self.text(&text.to_string());
            self.own(words);
        }
    }

    fn text(&mut self, text: &str) {
        for character in visible(text).chars() {
            match character {
                '&' => self.own("&amp;"),
                '<' => self.own("&lt;"),
                '>' => self.own("&gt;"),
                '"' => self.own("&quot;"),
                '\'' => self.own("&#39;"),
                plain => self.0.push(plain),
            }
        }
    }

    /// A sentence.
    pub(super) fn sentence(&mut self, text: &str) {
        self.put("<p>{}</p>\n", &[&text]);
    }

    /// Each of these as a sentence of less weight; none where there is none.
    pub(super) fn notes(&mut self, texts: impl IntoIterator<Item = impl Display>) {
        for text in texts {
            self.put("<p class=\"quiet\">{}</p>\n", &[&text]);
        }
    }

    /// A table as a report has it, with a caption for those who do not see it. The first cell of a row
    /// names it.
    pub(super) fn table(&mut self, class: &str, caption: &str, table: &Table) {
        let begins = "<table class=\"{}\"><caption class=\"unseen\">{}</caption>\n<thead><tr>";
        self.put(begins, &[&class, &caption]);
        for column in &table.columns {
            self.put("<th scope=\"col\">{}</th>\n", &[&column.name]);
        }
        self.own("</tr>\n</thead>\n<tbody>");
        for row in &table.rows {
            self.own("<tr>");
            for (column, cell) in row.cells.iter().enumerate() {
                self.cell(column == 0, cell);
            }
            self.own("</tr>\n");
        }
        self.own("</tbody>\n</table>\n");
    }

    /// A table behind a click.
    pub(super) fn table_behind(&mut self, says: &str, class: &str, caption: &str, table: &Table) {
        self.put("<details><summary>{}</summary>\n", &[&says]);
        self.table(class, caption, table);
        self.own("</details>\n");
    }

    /// A table whose first rows are in sight, the others behind a click.
    pub(super) fn table_in_part(&mut self, class: &str, caption: &str, mut table: Table) {
        /// So many stand in sight.
        const FIRST: usize = 20;
        let others = table.rows.split_off(FIRST.min(table.rows.len()));
        self.table(class, caption, &table);
        if !others.is_empty() {
            let says = format!("{} more", others.len());
            table.rows = others;
            self.table_behind(&says, class, &format!("{caption}, the others"), &table);
        }
    }

    /// What the colors of a drawing mean: the class of each, its name, and a remark of less weight.
    pub(super) fn legend(&mut self, items: impl IntoIterator<Item = (String, String, String)>) {
        for (class, name, remark) in items {
            self.put("<li><span class=\"{}\"></span>\n{}", &[&class, &name]);
            if !remark.is_empty() {
                self.put("<span class=\"quiet\">{}</span>\n", &[&remark]);
            }
            self.own("</li>\n");
        }
        self.own("</ul>\n");
    }

    fn cell(&mut self, is_name: bool, cell: &Cell) {
        self.own(if is_name { "<th scope=\"row\"" } else { "<td" });
        if let Some(exact) = &cell.exact {
            self.put(" data-v=\"{}\"", &[exact]);
        }
        if let Some(share) = cell.shade {
            let colored = " class=\"h{}\" title=\"{}\"><span class=\"unseen\">{}</span>\n";
            self.put(colored, &[&shade(share), &cell.text, &cell.text]);
        } else {
            self.put(">{}", &[&cell.text]);
        }
        if let Some(share) = cell.bar {
            let bar = "<svg class=\"bar\" viewBox=\"0 0 100 1\" preserveAspectRatio=\"none\" aria-hidden=\"true\"><rect width=\"{}\" height=\"1\"></rect>\n</svg>\n";
            self.put(bar, &[&number((share * 100.0).clamp(0.0, 100.0))]);
        }
        self.own(if is_name { "</th>\n" } else { "</td>\n" });
    }
}

/// The most shaded cells are; the least, 0, is nothing.
pub(super) const DARKEST: u8 = 5;

fn shade(share: f64) -> u8 {
    let mut steps = 0..DARKEST;
    let reached = steps.find(|step| share * f64::from(DARKEST) <= f64::from(*step));
    reached.unwrap_or(DARKEST)
}

/// At most two digits behind the point.
pub(super) fn number(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_text_stays_a_text_in_content_and_in_attributes() {
        let mut page = Markup::default();
        let hostile = "</script><img src=x onerror=\"alert(1)\">'\u{202e}&amp;";
        page.put("<p title=\"{}\">{}</p>\n", &[&hostile, &hostile]);
        let shown =
            "&lt;/script&gt;&lt;img src=x onerror=&quot;alert(1)&quot;&gt;&#39;\\u{202e}&amp;amp;";
        assert_eq!(page.as_str(), format!("<p title=\"{shown}\">{shown}</p>\n"));
    }
}
