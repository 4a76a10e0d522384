//! HTML in which a text is a text: what comes from outside cannot become markup, cannot hide and
//! cannot turn its line around.

use std::fmt::Write;

use crate::render::{Cell, Table};
use crate::terminal::visible;

/// A name and a value.
pub(super) type Attribute<'a> = (&'static str, &'a str);

/// HTML being written.
#[derive(Debug, Default)]
pub(super) struct Markup(String);

impl Markup {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// A text from anywhere.
    pub(super) fn text(&mut self, text: &str) {
        for character in visible(text).chars() {
            match character {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                plain => self.0.push(plain),
            }
        }
    }

    /// An element and what is in it.
    pub(super) fn inside(
        &mut self,
        name: &'static str,
        attributes: &[Attribute<'_>],
        fill: impl FnOnce(&mut Self),
    ) {
        let _ = write!(self.0, "<{name}");
        for (name, value) in attributes {
            let _ = write!(self.0, " {name}=\"");
            self.text(value);
            self.0.push('"');
        }
        self.0.push('>');
        fill(self);
        let _ = writeln!(self.0, "</{name}>");
    }

    /// An element with nothing but a text in it.
    pub(super) fn text_in(&mut self, name: &'static str, attributes: &[Attribute<'_>], text: &str) {
        self.inside(name, attributes, |element| element.text(text));
    }

    /// A sentence.
    pub(super) fn sentence(&mut self, text: &str) {
        self.text_in("p", &[], text);
    }

    /// A sentence of less weight.
    pub(super) fn note(&mut self, text: &str) {
        self.text_in("p", &[("class", "quiet")], text);
    }

    /// A table as a report has it, with a caption for those who do not see it. The first cell of a row
    /// names it.
    pub(super) fn table(&mut self, class: &str, caption: &str, table: &Table) {
        self.inside("table", &[("class", class)], |page| {
            page.text_in("caption", &[("class", "unseen")], caption);
            page.inside("thead", &[], |head| {
                head.inside("tr", &[], |line| {
                    for column in &table.columns {
                        line.text_in("th", &[("scope", "col")], &column.name);
                    }
                });
            });
            page.inside("tbody", &[], |body| {
                for row in &table.rows {
                    body.inside("tr", &[], |line| {
                        for (column, cell) in row.cells.iter().enumerate() {
                            line.cell(column == 0, cell);
                        }
                    });
                }
            });
        });
    }

    /// A table behind a click.
    pub(super) fn table_behind(&mut self, says: &str, class: &str, caption: &str, table: &Table) {
        self.inside("details", &[], |page| {
            page.text_in("summary", &[], says);
            page.table(class, caption, table);
        });
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
    pub(super) fn legend<'i>(
        &mut self,
        attributes: &[Attribute<'_>],
        items: impl IntoIterator<Item = (&'i str, String, String)>,
    ) {
        self.inside("ul", attributes, |list| {
            for (class, name, remark) in items {
                list.inside("li", &[], |item| {
                    item.text_in("span", &[("class", class)], "");
                    item.text(&name);
                    if !remark.is_empty() {
                        item.text_in("span", &[("class", "quiet")], &remark);
                    }
                });
            }
        });
    }

    fn cell(&mut self, is_name: bool, cell: &Cell) {
        let value = cell.exact.as_deref().map(|value| ("data-v", value));
        let scope = is_name.then_some(("scope", "row"));
        let color = cell.shade.map(shade);
        let color = color.map(|class| [("class", class), ("title", &*cell.text)]);
        let attributes = scope.into_iter().chain(value);
        let attributes: Vec<Attribute<'_>> =
            attributes.chain(color.into_iter().flatten()).collect();
        let name = if is_name { "th" } else { "td" };
        self.inside(name, &attributes, |element| {
            if color.is_some() {
                element.text_in("span", &[("class", "unseen")], &cell.text);
            } else {
                element.text(&cell.text);
            }
            if let Some(share) = cell.bar {
                bar(element, share);
            }
        });
    }
}

/// Of shaded cells: nothing, and five steps up to what is most.
pub(super) const SHADES: [&str; 6] = ["h0", "h1", "h2", "h3", "h4", "h5"];

fn shade(share: f64) -> &'static str {
    let mut steps = SHADES.into_iter().zip(0..);
    let reached = steps.find(|(_, step)| share * 5.0 <= f64::from(*step));
    reached.map_or("h5", |(class, _)| class)
}

/// A bar as long as this share of what is longest.
fn bar(page: &mut Markup, share: f64) {
    let attributes = [
        ("class", "bar"),
        ("viewBox", "0 0 100 1"),
        ("preserveAspectRatio", "none"),
        ("aria-hidden", "true"),
    ];
    page.inside("svg", &attributes, |svg| {
        let width = number((share * 100.0).clamp(0.0, 100.0));
        svg.text_in("rect", &[("width", &width), ("height", "1")], "");
    });
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
        page.text_in("p", &[("title", hostile)], hostile);
        let shown =
            "&lt;/script&gt;&lt;img src=x onerror=&quot;alert(1)&quot;&gt;&#39;\\u{202e}&amp;amp;";
        assert_eq!(page.as_str(), format!("<p title=\"{shown}\">{shown}</p>\n"));
    }
}
