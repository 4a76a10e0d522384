//! A report: what a verb found out, before anybody decides how it is read.

use std::io;

use serde_json::Value;

use super::Table;
use crate::environment::Environment;
use crate::terminal::{Page, Piece, Shown, Tone, bar, cut, print, width};

/// The rows that Claude Code, the status line and the prompt need around an answer (2.1.328).
const ROWS_AROUND: usize = 14;
/// Columns of a meter's bar, and the narrowest page that has bars.
const BAR: usize = 20;
const ROOM_FOR_BARS: usize = 64;

/// Facts for programs, and blocks for people from top to bottom.
#[derive(Debug, Default)]
pub(crate) struct Report {
    facts: Value,
    is_indented: bool,
    blocks: Vec<Block>,
}

/// A piece of a page that is laid out when its width is known.
#[derive(Debug)]
enum Block {
    Gap,
    Section(String),
    /// Set as it is, however wide: what people copy.
    Row(Vec<Piece>),
    /// One row, cut where the page ends.
    Excerpt(usize, Tone, String),
    Paragraph(usize, Tone, String),
    Item(String, Tone, String),
    Labelled(Vec<(Tone, String, usize)>, Tone, String),
    Meter(Meter),
    Table(Table),
}

/// How far something is used, in one row: what, a bar, the percentage, and a remark.
#[derive(Debug)]
pub(crate) struct Meter {
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

    /// The JSON of this report is spread over lines, for people who read it.
    pub(crate) fn indented(self) -> Self {
        Self {
            is_indented: true,
            ..self
        }
    }

    /// Running text.
    pub(crate) fn paragraph(&mut self, tone: Tone, text: impl Into<String>) {
        self.indented_paragraph(0, tone, text);
    }

    /// Running text that starts further to the right.
    pub(crate) fn indented_paragraph(
        &mut self,
        indent: usize,
        tone: Tone,
        text: impl Into<String>,
    ) {
        self.blocks
            .push(Block::Paragraph(indent, tone, text.into()));
    }

    /// A line that is never broken: people copy it.
    pub(crate) fn line(&mut self, text: impl Into<String>) {
        self.row(vec![(Tone::Plain, text.into())]);
    }

    /// A line of several pieces that is never broken.
    pub(crate) fn row(&mut self, pieces: Vec<Piece>) {
        self.blocks.push(Block::Row(pieces));
    }

    /// The beginning of a long text, in one row.
    pub(crate) fn excerpt(&mut self, indent: usize, tone: Tone, text: impl Into<String>) {
        self.blocks.push(Block::Excerpt(indent, tone, text.into()));
    }

    /// An empty line.
    pub(crate) fn gap(&mut self) {
        self.blocks.push(Block::Gap);
    }

    /// A heading after an empty line.
    pub(crate) fn section(&mut self, title: impl Into<String>) {
        self.blocks.push(Block::Section(title.into()));
    }

    /// Text behind a mark.
    pub(crate) fn item(&mut self, mark: &str, tone: Tone, text: impl Into<String>) {
        self.blocks
            .push(Block::Item(mark.to_owned(), tone, text.into()));
    }

    /// Text behind labels, each in its tone and its columns: two columns of text. Where the page is
    /// too narrow for that, the text goes below the labels.
    pub(crate) fn labelled(
        &mut self,
        labels: &[(Tone, &str, usize)],
        tone: Tone,
        text: impl Into<String>,
    ) {
        let labels = labels.iter();
        let labels = labels.map(|(tone, label, columns)| (*tone, (*label).to_owned(), *columns));
        let block = Block::Labelled(labels.collect(), tone, text.into());
        self.blocks.push(block);
    }

    /// How far something is used.
    pub(crate) fn meter(&mut self, meter: Meter) {
        self.blocks.push(Block::Meter(meter));
    }

    /// A table.
    pub(crate) fn table(&mut self, table: Table) {
        self.blocks.push(Block::Table(table));
    }

    /// Prints the facts as JSON, or the blocks as text for whoever is there.
    pub(crate) fn print(&self, as_json: bool, environment: &Environment) -> io::Result<()> {
        if as_json && self.is_indented {
            return print(&Shown::indented_json(&self.facts));
        }
        if as_json {
            return print(&Shown::json(&self.facts));
        }
        let mut page = Page::for_person(environment);
        self.write(&mut page);
        print(&page.into())
    }

    /// Lays the blocks out.
    pub(crate) fn write(&self, page: &mut Page) {
        for block in &self.blocks {
            match block {
                Block::Gap => page.gap(),
                Block::Section(title) => page.section(title),
                Block::Row(pieces) => page.row(pieces),
                Block::Excerpt(indent, tone, text) => {
                    let text = cut(text, page.columns().saturating_sub(*indent));
                    page.indented(*indent, *tone, &text);
                }
                Block::Paragraph(indent, tone, text) => page.indented(*indent, *tone, text),
                Block::Item(mark, tone, text) => page.item(mark, *tone, text),
                Block::Labelled(labels, tone, text) => {
                    let labels = labels.iter();
                    let labels = labels.map(|(tone, label, wide)| (*tone, label.as_str(), *wide));
                    page.labelled(&labels.collect::<Vec<_>>(), *tone, text);
                }
                Block::Meter(meter) => meter.write(page),
                Block::Table(table) => table.write(page),
            }
        }
    }

    /// How many rows the blocks take on a page like this one.
    pub(crate) fn rows_on(&self, page: &Page) -> usize {
        let mut alone = page.like();
        self.write(&mut alone);
        alone.rows()
    }
}

/// The rows that an answer inside a conversation may have, on a terminal of this height. Claude Code
/// shows the end of what does not fit.
pub(crate) fn rows_for_answer(height: Option<usize>) -> Option<usize> {
    height.map(|rows| rows.saturating_sub(ROWS_AROUND))
}

impl Meter {
    fn write(&self, page: &mut Page) {
        let mut row = self.lead.clone();
        if page.columns() >= ROOM_FOR_BARS {
            row.extend(bar(self.percent, BAR, self.tone));
            row.push((Tone::Plain, "  ".to_owned()));
        }
        row.push((self.tone, format!("{:>4}", self.figure)));
        let taken: usize = row.iter().map(|(_, text)| width(text)).sum();
        let fits = |remark: &&String| taken + width(remark) <= page.columns();
        let remark = self.remarks.iter().find(fits).or(self.remarks.last());
        row.push((Tone::Plain, remark.cloned().unwrap_or_default()));
        page.row(&row);
    }
}
