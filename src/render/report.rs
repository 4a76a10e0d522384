//! A report: what a verb found out, before anybody decides how it is read; and the paper that it is
//! drawn on: a width and a palette.

use std::io;

use serde_json::Value;

use super::Table;
use crate::environment::Environment;
use crate::terminal::{
    Palette, Piece, Shown, Theme, Tone, bar, cut, is_seen_by_person, padding, print, width,
    width_for_person, wrap,
};

/// The rows that Claude Code, the status line and the prompt need around an answer (2.1.328).
const ROWS_AROUND: usize = 14;
/// Columns of a meter's bar, and the narrowest page that has bars.
const BAR: usize = 20;
const ROOM_FOR_BARS: usize = 64;

/// Facts for programs, and blocks for people from top to bottom.
#[derive(Default)]
pub struct Report {
    facts: Value,
    is_indented: bool,
    blocks: Vec<Element>,
}

/// A piece of a page that is laid out when its width is known.
type Element = Box<dyn Fn(&mut Sheet)>;

/// How far something is used, in one row: what, a bar, the percentage, and a remark.
#[derive(Debug)]
pub(crate) struct MeterRow {
    /// What is used, padded to its columns.
    pub(crate) lead: Vec<Piece>,
    pub(crate) percent: f64,
    /// The percentage, as it is said.
    pub(crate) figure: String,
    /// Of bar and figure.
    pub(crate) tone: Tone,
    /// The first that fits is said, else the last.
    pub(crate) remarks: Vec<String>,
}

impl Report {
    /// A report whose JSON is these facts, in one line.
    pub(crate) fn new(facts: Value) -> Self {
        Self {
            facts,
            ..Self::default()
        }
    }

    /// A report of nothing but one paragraph.
    pub(crate) fn from_paragraph(text: impl Into<String>) -> Self {
        let mut report = Self::default();
        report.paragraph(Tone::Plain, text);
        report
    }

    /// A report that people copy as it is: lines that are never broken.
    pub(crate) fn from_lines(text: &str) -> Self {
        let mut report = Self::default();
        for line in text.lines() {
            report.line(line);
        }
        report
    }

    /// The JSON of this report is spread over lines, for people who read it.
    pub(crate) fn indented(mut self) -> Self {
        self.is_indented = true;
        self
    }

    /// Running text.
    pub(crate) fn paragraph(&mut self, tone: Tone, text: impl Into<String>) {
        self.indented_paragraph(0, tone, text);
    }

    /// Each of these as running text; none where there is none.
    pub(crate) fn paragraphs(
        &mut self,
        tone: Tone,
        texts: impl IntoIterator<Item = impl Into<String>>,
    ) {
        for text in texts {
            self.paragraph(tone, text);
        }
    }

    /// Running text that starts further to the right.
    pub(crate) fn indented_paragraph(
        &mut self,
        indent: usize,
        tone: Tone,
        text: impl Into<String>,
    ) {
        let text = text.into();
        self.draw(move |sheet| sheet.indented(indent, tone, &text));
    }

    /// A line that is never broken: people copy it.
    pub(crate) fn line(&mut self, text: impl Into<String>) {
        self.row(vec![(Tone::Plain, text.into())]);
    }

    /// A line of several pieces that is never broken.
    pub(crate) fn row(&mut self, pieces: Vec<Piece>) {
        self.draw(move |sheet| sheet.row(pieces.clone()));
    }

    /// The beginning of a long text, in one row.
    pub(crate) fn excerpt(&mut self, indent: usize, tone: Tone, text: impl Into<String>) {
        let text = text.into();
        self.draw(move |sheet| {
            let text = cut(&text, sheet.page.columns.saturating_sub(indent));
            sheet.indented(indent, tone, &text);
        });
    }

    /// An empty line.
    pub(crate) fn gap(&mut self) {
        self.row(Vec::new());
    }

    /// A heading after an empty line.
    pub(crate) fn section(&mut self, title: impl Into<String>) {
        self.gap();
        self.row(vec![(Tone::Strong, title.into())]);
    }

    /// Text behind a mark.
    pub(crate) fn item(&mut self, mark: &str, tone: Tone, text: impl Into<String>) {
        let (lead, text) = ([(Tone::Plain, mark.to_owned())], text.into());
        let indent = width(mark);
        self.draw(move |sheet| sheet.hanging(&lead, indent, tone, &text));
    }

    /// Text behind labels, each in its tone and its columns: two columns of text. Where the page is
    /// too narrow for that, the text goes below the labels.
    pub(crate) fn labelled(
        &mut self,
        labels: &[(Tone, &str, usize)],
        tone: Tone,
        text: impl Into<String>,
    ) {
        let column: usize = labels.iter().map(|(_, _, columns)| columns).sum();
        let lead = labels.iter().flat_map(|(tone, label, columns)| {
            let gap = (Tone::Plain, padding(label, *columns));
            [(*tone, (*label).to_owned()), gap]
        });
        let (lead, text): (Vec<Piece>, String) = (lead.collect(), text.into());
        self.draw(move |sheet| sheet.labelled(&lead, column, tone, &text));
    }

    /// How far something is used.
    pub(crate) fn meter(&mut self, meter: MeterRow) {
        self.draw(move |sheet| meter.write(sheet));
    }

    /// A table.
    pub(crate) fn table(&mut self, table: Table) {
        self.draw(move |sheet| table.write(sheet));
    }

    /// A table below a title. False, and neither, if it has no rows.
    pub(crate) fn table_below(&mut self, title: &str, table: Table) -> bool {
        let has_rows = !table.rows.is_empty();
        if has_rows {
            self.section(title);
            self.table(table);
        }
        has_rows
    }

    fn draw(&mut self, block: impl Fn(&mut Sheet) + 'static) {
        self.blocks.push(Box::new(block));
    }

    /// What another report says, below this.
    pub(crate) fn add(&mut self, other: Self) {
        self.blocks.extend(other.blocks);
    }

    /// Whether there is nothing to read.
    pub(crate) fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// Prints the facts as JSON, or the blocks as text for whoever is there.
    pub(crate) fn print(&self, as_json: bool, environment: &Environment) -> io::Result<()> {
        print(&match (as_json, self.is_indented) {
            (true, true) => Shown::indented_json(&self.facts),
            (true, false) => Shown::json(&self.facts),
            (false, _) => self.drawn(Page::for_person(environment)),
        })
    }

    /// The blocks, laid out on a page.
    pub(crate) fn drawn(&self, page: Page) -> Shown {
        let shown = Shown::default();
        let mut sheet = Sheet { page, shown };
        for block in &self.blocks {
            block(&mut sheet);
        }
        sheet.shown
    }

    /// The same as text.
    pub fn text(&self, page: Page) -> String {
        self.drawn(page).as_str().to_owned()
    }

    /// How many rows the blocks take on such a page.
    pub(crate) fn rows_on(&self, page: Page) -> usize {
        self.drawn(page).as_str().lines().count()
    }
}

/// One object with the fields of each of these, for programs. What is no object has none.
pub(crate) fn joined(parts: impl IntoIterator<Item = Value>) -> Value {
    let parts = parts.into_iter().filter_map(|part| match part {
        Value::Object(fields) => Some(fields),
        _ => None,
    });
    Value::Object(parts.flatten().collect())
}

/// The rows that an answer inside a conversation may have, on a terminal of this height. Claude Code
/// shows the end of what does not fit.
pub(crate) fn rows_for_answer(height: Option<usize>) -> Option<usize> {
    height.map(|rows| rows.saturating_sub(ROWS_AROUND))
}

impl MeterRow {
    fn write(&self, sheet: &mut Sheet) {
        let mut row = self.lead.clone();
        if sheet.page.columns >= ROOM_FOR_BARS {
            row.extend(bar(self.percent, BAR, self.tone));
            row.push((Tone::Plain, "  ".to_owned()));
        }
        row.push((self.tone, format!("{:>4}", self.figure)));
        let taken: usize = row.iter().map(|(_, text)| width(text)).sum();
        let fits = |remark: &&String| taken + width(remark) <= sheet.page.columns;
        let remark = self.remarks.iter().find(fits).or(self.remarks.last());
        row.push((Tone::Plain, remark.cloned().unwrap_or_default()));
        sheet.row(row);
    }
}

/// The widest that running text is set: longer lines are hard to read.
const WIDEST: usize = 96;

/// The narrowest: below it nothing can be laid out.
const NARROWEST: usize = 20;

/// How wide a report is drawn, and in which colors.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    /// Running text takes at most 96 of them.
    pub(super) columns: usize,
    palette: Palette,
    /// What only catches the eye has its place on a terminal.
    pub(super) is_terminal: bool,
}

impl Page {
    /// A page for a person at a terminal.
    pub fn for_person(environment: &Environment) -> Self {
        let palette = Palette::for_person(environment);
        let mut page = Self::new(width_for_person(environment), palette);
        page.is_terminal = is_seen_by_person();
        page
    }

    /// A page for a message field inside a conversation: of a reason for holding a prompt back,
    /// Claude Code shows ten columns less than the terminal has (2.1.328).
    pub fn in_conversation(environment: &Environment) -> Self {
        let columns = environment.columns().unwrap_or(90).saturating_sub(10);
        Self::new(columns, Palette::none())
    }

    /// A page of this many columns.
    pub fn new(columns: usize, palette: Palette) -> Self {
        Self {
            columns: columns.max(NARROWEST),
            palette,
            is_terminal: false,
        }
    }

    /// The same in another theme.
    pub(crate) fn in_theme(self, theme: &'static Theme) -> Self {
        let palette = self.palette.in_theme(theme);
        Self { palette, ..self }
    }
}

/// A page being filled, row by row.
pub(super) struct Sheet {
    pub(super) page: Page,
    /// What is on it, each row ended.
    pub(super) shown: Shown,
}

impl Sheet {
    /// A row that is not wrapped. Blanks at its end are left out.
    pub(super) fn row(&mut self, mut pieces: Vec<Piece>) {
        while pieces.pop_if(|(_, text)| text.trim().is_empty()).is_some() {}
        if let Some((_, text)) = pieces.last_mut() {
            text.truncate(text.trim_end().len());
        }
        self.shown.add_row(&pieces, self.page.palette);
    }

    /// Running text behind a lead of so many columns, later lines set below the first. What starts
    /// far to the right on a narrow page starts at the second column.
    pub(super) fn hanging(&mut self, lead: &[Piece], indent: usize, tone: Tone, text: &str) {
        let room = self.page.columns.min(WIDEST).saturating_sub(indent);
        let below = [(Tone::Plain, " ".repeat(indent))];
        for (index, line) in wrap(text, room).into_iter().enumerate() {
            let mut pieces = if index == 0 { lead } else { &below }.to_vec();
            pieces.push((tone, line));
            self.row(pieces);
        }
    }

    /// Running text that starts further to the right; on a page that is too narrow for that, a
    /// little.
    pub(super) fn indented(&mut self, indent: usize, tone: Tone, text: &str) {
        let is_narrow = indent * 4 > self.page.columns;
        let indent = if is_narrow { 2 } else { indent };
        self.hanging(&[(Tone::Plain, " ".repeat(indent))], indent, tone, text);
    }

    /// Text behind a lead of so many columns, later lines below the first. On a page that is too
    /// narrow for it, the text goes below the lead.
    pub(super) fn labelled(&mut self, lead: &[Piece], column: usize, tone: Tone, text: &str) {
        if self.page.columns < column + NARROWEST {
            let is_blank = |(_, text): &&Piece| text.trim().is_empty();
            self.row(lead.iter().skip_while(is_blank).cloned().collect());
            self.indented(2, tone, text);
        } else {
            self.hanging(lead, column, tone, text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_lines_of_an_item_stand_below_its_first() {
        let mut report = Report::default();
        report.item("1. ", Tone::Plain, "Wait until the window starts afresh.");
        assert_eq!(
            report.text(Page::new(20, Palette::none())),
            "1. Wait until the\n   window starts\n   afresh.\n"
        );
    }

    #[test]
    fn what_comes_from_outside_cannot_move_the_cursor() {
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
