//! Renders spend and limits as a single HTML page.
//!
//! The page is self-contained. Its content security policy keeps the browser from loading anything and from running
//! other scripts. Text from other programs is always escaped. The size of the page depends only on the number of days,
//! models, projects, and sessions. Without JavaScript, the content is the same, but tables cannot be sorted.

mod chart;
mod limits;
mod page;
mod sums;

use chrono::{DateTime, Utc};
use maud::{Markup, PreEscaped, html};

use crate::environment::Paths;
use crate::limits::Past;
use crate::render::{Cell, Column, Table};
use crate::spend::{Statement, page_totals};
use crate::terminal::escape;
use crate::time::Clock;

pub(crate) use sums::PageSums;

const VERSION: &str = env!("CARGO_PKG_VERSION");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The start of every page, which identifies files that were written by whycap.
pub(crate) const BEGINNING: &str = "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"generator\" content=\"whycap\">\n";

/// The contents of a page.
#[derive(Debug)]
pub(crate) struct Contents<'c> {
    /// The spend, grouped by session.
    pub statement: Statement,
    /// The totals of the same rows, grouped by project, model, and day.
    pub sums: PageSums,
    /// The stops in the period, or `None` if the page is about exports, which do not contain them.
    pub past: Option<Past>,
    /// True if names are left out so that the page can be shared.
    pub is_anonymous: bool,
    pub paths: &'c Paths,
    pub clock: Clock,
}

impl Contents<'_> {
    /// Renders the page.
    pub(crate) fn page(mut self) -> String {
        self.sums.sort();
        let body = self.body().into_string();
        // Maud escapes markup, but not the characters that reverse or hide text. These characters never occur in the
        // markup itself.
        let body = escape(&body);

        // A script that another program has added to the page cannot know the nonce.
        let nonce = format!("{:032x}", xxhash_rust::xxh3::xxh3_128(body.as_bytes()));
        let policy = format!(
            "default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; base-uri 'none'; form-action 'none'"
        );
        let rest = html! {
            meta http-equiv="Content-Security-Policy" content=(policy);
            meta name="viewport" content="width=device-width";
            meta name="color-scheme" content="light dark";
            meta name="referrer" content="no-referrer";
            title { "Claude Code spend, " (self.sums.period()) }
            style nonce=(nonce) { (PreEscaped(STYLE)) }
            (PreEscaped(&body))
            script nonce=(nonce) { (PreEscaped(SCRIPT)) }
        };
        format!("{BEGINNING}{}\n</html>\n", rest.into_string())
    }

    fn body(&self) -> Markup {
        let zone = if self.is_anonymous {
            "local time"
        } else {
            &self.statement.request.zone
        };
        let has_spend = !self.sums.days.is_empty();
        html! {
            header {
                h1 { "What Claude Code cost" }
                p { (self.sums.period()) " \u{b7} " (zone) }
                p.quiet { "Written by whycap " (VERSION) " on " (self.format_minute(self.clock.now)) }
            }
            main {
                (section("totals", "Totals", &self.totals()))
                @if has_spend {
                    (section("days", "By day", &self.days()))
                    (section("projects", "By project", &self.projects()))
                    (section("models", "By model", &self.models()))
                }
                @if let Some(past) = &self.past {
                    (section("limits", "Limit errors", &limits::stops(self, past)))
                }
                @if has_spend {
                    (section("sessions", "Sessions", &self.sessions()))
                }
            }
        }
    }

    /// Renders the cost and other key figures.
    fn totals(&self) -> Markup {
        let statement = &self.statement;
        let total = statement.shown_total();
        let counts = [
            ("sessions", statement.groups.len().to_string()),
            ("projects", self.sums.projects.len().to_string()),
        ];
        let paths = if self.is_anonymous {
            None
        } else {
            Some(self.paths)
        };
        html! {
            dl.figures {
                div {
                    dt { "cost" }
                    dd data-v=(total.cost().exact()) { (statement.total_amount().show()) }
                }
                @for (name, figure) in page_totals(&total).into_iter().chain(counts) {
                    div { dt { (name) } dd { (figure) } }
                }
            }
            (notes(statement.notes(paths)))
        }
    }

    /// Formats a time without seconds.
    fn format_minute(&self, at: DateTime<Utc>) -> String {
        self.clock
            .zone
            .at(at)
            .format("%Y-%m-%d %H:%M")
            .to_string()
    }
}

fn section(id: &str, title: &str, content: &Markup) -> Markup {
    html! {
        section id=(id) aria-labelledby={ (id) "-heading" } {
            h2 id={ (id) "-heading" } { (title) }
            (content)
        }
    }
}

/// Renders each text as a paragraph in a subdued style.
fn notes(texts: impl IntoIterator<Item = String>) -> Markup {
    html! {
        @for text in texts {
            p.quiet { (text) }
        }
    }
}

/// Renders a table. The caption is only for screen readers. The first cell in each row is a heading. The script sorts
/// columns with the class `figure` as numbers.
fn table(class: &str, caption: &str, table: &Table) -> Markup {
    html! {
        table class=(class) {
            caption.unseen { (caption) }
            thead {
                tr {
                    @for column in &table.columns {
                        th scope="col" class=(heading_class(column)) { (column.name) }
                    }
                }
            }
            tbody {
                @for row in &table.rows {
                    tr {
                        @for (index, (cell, column)) in row.cells.iter().zip(&table.columns).enumerate() {
                            (table_cell(cell, column, index == 0))
                        }
                    }
                }
            }
        }
    }
}

fn heading_class(column: &Column) -> String {
    let class = column.class.unwrap_or_default();
    if column.is_number {
        format!("{class} figure").trim_start().to_owned()
    } else {
        class.to_owned()
    }
}

fn table_cell(cell: &Cell, column: &Column, is_heading: bool) -> Markup {
    html! {
        @if is_heading {
            th scope="row" data-v=[&cell.exact] { (cell.text) }
        } @else {
            td class=[column.class] data-v=[&cell.exact] { (cell.text) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Red, green, and blue components from 0 to 1.
    type Rgb = [f64; 3];

    /// Converts a color in the form `0xrrggbb`.
    fn rgb_of_hex(hex: u32) -> Rgb {
        [16, 8, 0].map(|shift| f64::from(hex >> shift & 0xff) / 255.0)
    }

    /// Returns the contrast ratio of two colors, as defined by WCAG 2.
    fn contrast(first: Rgb, second: Rgb) -> f64 {
        let first = relative_luminance(first);
        let second = relative_luminance(second);
        (first.max(second) + 0.05) / (first.min(second) + 0.05)
    }

    fn relative_luminance(color: Rgb) -> f64 {
        let [red, green, blue] = color.map(|part| {
            if part <= 0.04045 {
                part / 12.92
            } else {
                ((part + 0.055) / 1.055).powf(2.4)
            }
        });
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }

    /// Returns the colors in the style sheet, each with its name and its light and dark values.
    fn colors() -> Vec<(&'static str, [u32; 2])> {
        let hex =
            |text: &str| u32::from_str_radix(text.trim().trim_start_matches('#'), 16).unwrap();
        let named = STYLE.lines().filter_map(|line| {
            let (name, value) = line.trim().strip_prefix("--")?.split_once(':')?;
            let (light, dark) = value
                .trim()
                .strip_prefix("light-dark(")?
                .split_once(',')?;
            Some((name, [hex(light), hex(dark.split_once(')')?.0)]))
        });
        named.collect()
    }

    #[test]
    fn text_and_charts_have_enough_contrast_in_both_themes() {
        let all_colors = colors();
        let color = |name: &str| {
            all_colors
                .iter()
                .find(|known| known.0 == name)
                .unwrap()
                .1
        };
        for (name, least, grounds) in [
            ("text", 4.5, ["ground", "raised"]),
            ("quiet", 4.5, ["ground", "raised"]),
            ("link", 4.5, ["ground", "ground"]),
            ("edge", 3.0, ["ground", "ground"]),
            ("bar", 3.0, ["ground", "ground"]),
        ] {
            for (theme, ground) in grounds
                .iter()
                .flat_map(|ground| [(0, *ground), (1, *ground)])
            {
                let ratio = contrast(
                    rgb_of_hex(color(name)[theme]),
                    rgb_of_hex(color(ground)[theme]),
                );
                assert!(
                    ratio >= least,
                    "{name} on {ground}, theme {theme}: {ratio:.2}"
                );
            }
        }
    }

    #[test]
    fn hostile_text_stays_text_in_content_and_in_attributes() {
        let hostile = "</script><img src=x onerror=\"alert(1)\">'&amp;";
        let mut cells = Table::new(["name"]);
        cells.row([hostile]);
        let page = table(hostile, hostile, &cells).into_string();
        assert!(
            !page.contains("<img") && !page.contains("\"alert"),
            "{page}"
        );
        assert_eq!(page.matches("&amp;amp;").count(), 3, "{page}");
    }

    #[test]
    fn the_style_and_the_script_load_nothing() {
        for word in [
            "http",
            "//",
            "url(",
            "@import",
            "fetch",
            "import(",
            "eval",
            "innerHTML",
        ] {
            let script: String = SCRIPT
                .lines()
                .filter(|line| !line.trim().starts_with("//"))
                .collect();
            assert!(!STYLE.contains(word) && !script.contains(word), "{word}");
        }
    }
}
