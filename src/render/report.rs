//! The result of a command: facts for programs, and blocks of text for users.

use std::io;

use serde_json::Value;

use super::Table;
use super::page::{Label, Page, PageWriter};
use crate::environment::Environment;
use crate::terminal::{Piece, Shown, Tone, bar, is_stdout_terminal, print, width};

/// The number of rows that Claude Code, the status line, and the prompt take up around a message (2.1.328).
const ROWS_AROUND_MESSAGE: usize = 14;

/// The width of a meter's bar, in columns.
const METER_BAR_COLUMNS: usize = 20;

/// The minimum page width for meters with bars.
const MIN_COLUMNS_FOR_METER_BARS: usize = 64;

/// The result of a command, which can be rendered as JSON or as text.
#[derive(Default)]
pub struct Report {
    facts: Value,
    blocks: Vec<ReportBlock>,
}

/// A part of a report. The layout is computed once the page width is known.
type ReportBlock = Box<dyn Fn(&mut PageWriter)>;

/// A row that shows how much of something is used: a label, a bar, a percentage, and a remark.
#[derive(Debug)]
pub(crate) struct MeterRow {
    /// The label, which is padded to the same width in all rows.
    pub label: Vec<Piece>,
    pub percent: f64,
    /// The formatted percentage.
    pub percent_text: String,
    /// The tone of the bar and the percentage.
    pub tone: Tone,
    /// Alternative remarks, longest first. The first one that fits is shown. If none fits, the last one is shown.
    pub remarks: Vec<String>,
}

impl Report {
    /// Creates a report from facts.
    pub(crate) fn new(facts: Value) -> Self {
        Self {
            facts,
            ..Self::default()
        }
    }

    /// Creates a report that contains only a paragraph.
    pub(crate) fn from_paragraph(text: impl Into<String>) -> Self {
        let mut report = Self::default();
        report.paragraph(Tone::Plain, text);
        report
    }

    /// Creates a report from lines that are never wrapped so that users can copy them.
    pub(crate) fn from_lines(text: &str) -> Self {
        let mut report = Self::default();
        for line in text.lines() {
            report.line(line);
        }
        report
    }

    /// Creates a report from a document in Markdown. Long lines are wrapped only on a terminal.
    pub(crate) fn from_document(text: &str) -> Self {
        let mut report = Self::default();
        for line in text.lines() {
            let line_to_show = line.to_owned();
            report.add_block(move |writer| writer.document_line(&line_to_show));
        }
        report
    }

    /// Adds a paragraph.
    pub(crate) fn paragraph(&mut self, tone: Tone, text: impl Into<String>) {
        self.indented_paragraph(0, tone, text);
    }

    /// Adds each text as a paragraph.
    pub(crate) fn paragraphs(
        &mut self,
        tone: Tone,
        texts: impl IntoIterator<Item = impl Into<String>>,
    ) {
        for text in texts {
            self.paragraph(tone, text);
        }
    }

    /// Adds an indented paragraph.
    pub(crate) fn indented_paragraph(
        &mut self,
        indent: usize,
        tone: Tone,
        text: impl Into<String>,
    ) {
        let text_to_show = text.into();
        self.add_block(move |writer| writer.indented_text(indent, tone, &text_to_show));
    }

    /// Adds a line that is never wrapped so that users can copy it.
    pub(crate) fn line(&mut self, text: impl Into<String>) {
        self.row(vec![(Tone::Plain, text.into())]);
    }

    /// Adds a line that consists of several pieces and is never wrapped.
    pub(crate) fn row(&mut self, pieces: Vec<Piece>) {
        self.add_block(move |writer| writer.row(pieces.clone()));
    }

    /// Adds an empty line.
    pub(crate) fn gap(&mut self) {
        self.row(Vec::new());
    }

    /// Adds an empty line and a heading.
    pub(crate) fn section(&mut self, title: impl Into<String>) {
        self.gap();
        self.paragraph(Tone::Strong, title);
    }

    /// Adds a paragraph after a marker such as "1. ".
    pub(crate) fn item(&mut self, marker: &str, tone: Tone, text: impl Into<String>) {
        let text_to_show = text.into();
        let indent = width(marker);
        let marker = [(Tone::Plain, marker.to_owned())];
        self.add_block(move |writer| writer.hanging_text(&marker, indent, tone, &text_to_show));
    }

    /// Adds a paragraph after labels. Each label has a tone, a text, and a width. If the page is too narrow, the
    /// paragraph is placed below the labels.
    pub(crate) fn labelled(
        &mut self,
        labels: &[(Tone, &str, usize)],
        tone: Tone,
        text: impl Into<String>,
    ) {
        let text_to_show = text.into();
        let labels: Vec<Label> = labels
            .iter()
            .map(|(tone, text, columns)| Label {
                tone: *tone,
                text: (*text).to_owned(),
                columns: *columns,
            })
            .collect();
        self.add_block(move |writer| writer.labelled_text(&labels, tone, &text_to_show));
    }

    /// Adds a row with a bar and a percentage.
    pub(crate) fn meter(&mut self, meter: MeterRow) {
        self.add_block(move |writer| meter.write(writer));
    }

    /// Adds a table.
    pub(crate) fn table(&mut self, table: Table) {
        self.add_block(move |writer| table.write(writer));
    }

    /// Adds a heading and a table. If the table has no rows, returns false and adds nothing.
    pub(crate) fn table_below(&mut self, title: &str, table: Table) -> bool {
        let has_rows = !table.rows.is_empty();
        if has_rows {
            self.section(title);
            self.table(table);
        }
        has_rows
    }

    fn add_block(&mut self, block: impl Fn(&mut PageWriter) + 'static) {
        self.blocks.push(Box::new(block));
    }

    /// Adds the blocks of another report, but not its facts.
    pub(crate) fn add(&mut self, other: Self) {
        self.blocks.extend(other.blocks);
    }

    /// Returns true if the report has no blocks.
    pub(crate) fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// Prints the facts as JSON, or the blocks as text. JSON is indented on a terminal, where a person reads it, and is on
    /// a single line otherwise.
    pub(crate) fn print(&self, as_json: bool, environment: &Environment) -> io::Result<()> {
        let shown = if !as_json {
            self.render(Page::for_stdout(environment))
        } else if is_stdout_terminal() {
            Shown::indented_json(&self.facts)
        } else {
            Shown::json(&self.facts)
        };
        print(&shown)
    }

    /// Renders the blocks on a page.
    pub(crate) fn render(&self, page: Page) -> Shown {
        let mut writer = PageWriter::new(page);
        for block in &self.blocks {
            block(&mut writer);
        }
        writer.shown
    }

    /// Renders the blocks as text.
    pub fn text(&self, page: Page) -> String {
        self.render(page).as_str().to_owned()
    }

    /// Returns the number of rows that the blocks take up on a page.
    pub(crate) fn row_count(&self, page: Page) -> usize {
        self.render(page).as_str().lines().count()
    }
}

/// Merges JSON objects into one. Values that are not objects are ignored.
pub(crate) fn merge_objects(parts: impl IntoIterator<Item = Value>) -> Value {
    let mut fields = serde_json::Map::new();
    for part in parts {
        if let Value::Object(part) = part {
            fields.extend(part);
        }
    }
    Value::Object(fields)
}

/// Returns how many rows a message in a conversation may have, given the height of the terminal. If a message is
/// longer, Claude Code shows only its end.
pub(crate) fn conversation_rows(terminal_rows: Option<usize>) -> Option<usize> {
    terminal_rows.map(|rows| rows.saturating_sub(ROWS_AROUND_MESSAGE))
}

impl MeterRow {
    fn write(&self, writer: &mut PageWriter) {
        let mut row = self.label.clone();
        if writer.page.columns >= MIN_COLUMNS_FOR_METER_BARS {
            row.extend(bar(self.percent, METER_BAR_COLUMNS, self.tone));
            row.push((Tone::Plain, "  ".to_owned()));
        }
        row.push((self.tone, format!("{:>4}", self.percent_text)));

        let columns: usize = row.iter().map(|(_, text)| width(text)).sum();
        let room = writer.page.columns.saturating_sub(columns);
        let remark = self
            .remarks
            .iter()
            .find(|remark| width(remark) <= room)
            .or(self.remarks.last());
        row.push((Tone::Plain, remark.cloned().unwrap_or_default()));
        writer.row(row);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal::Palette;

    #[test]
    fn all_lines_of_an_item_start_in_the_same_column() {
        let mut report = Report::default();
        report.item("1. ", Tone::Plain, "Wait until the window starts afresh.");
        assert_eq!(
            report.text(Page::new(20, Palette::none())),
            "1. Wait until the\n   window starts\n   afresh.\n"
        );
    }

    #[test]
    fn text_from_other_programs_cannot_move_the_cursor() {
        let mut report = Report::default();
        report.paragraph(Tone::Plain, "a\u{1b}[2Jb\u{7}c");
        report.line("\u{9b}2J");
        report.row(vec![(Tone::Plain, "\u{202e}".to_owned())]);
        assert_eq!(
            report.text(Page::new(40, Palette::none())),
            "a\\u{1b}[2Jb\\u{7}c\n\\u{9b}2J\n\\u{202e}\n"
        );
    }
}
