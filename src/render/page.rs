//! The width and colors for rendering a report.

use crate::environment::Environment;
use crate::terminal::{
    Palette, Piece, Shown, Tone, is_stdout_terminal, output_width, padding, width, wrap_words,
};

/// The maximum width of a paragraph. Longer lines are hard to read.
const MAX_TEXT_COLUMNS: usize = 96;

/// The minimum width of a page. Narrower layouts are not supported.
const MIN_COLUMNS: usize = 20;

/// The number of columns that Claude Code uses next to the message about a blocked prompt (2.1.328).
const CONVERSATION_MARGIN: usize = 10;

/// The width of a conversation if the width of the terminal is unknown.
const DEFAULT_CONVERSATION_COLUMNS: usize = 90;

/// The indentation on narrow pages.
const NARROW_INDENT: usize = 2;

/// The width and colors for rendering a report.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    pub(super) columns: usize,
    palette: Palette,
    /// True if the output is a terminal. Bars next to tables are shown only on terminals.
    pub(super) is_terminal: bool,
    /// True if words that are longer than a row are split. This is false for output that programs read, which need
    /// whole paths.
    splits_words: bool,
}

impl Page {
    /// Creates a page for standard output.
    pub fn for_stdout(environment: &Environment) -> Self {
        let page = Self::new(output_width(environment), Palette::for_stdout(environment));
        Self {
            is_terminal: is_stdout_terminal(),
            splits_words: is_stdout_terminal(),
            ..page
        }
    }

    /// Creates a page for a message in a Claude Code conversation.
    pub fn in_conversation(environment: &Environment) -> Self {
        let columns = environment
            .columns()
            .unwrap_or(DEFAULT_CONVERSATION_COLUMNS)
            .saturating_sub(CONVERSATION_MARGIN);
        Self::new(columns, Palette::none())
    }

    /// Creates a page for output that does not go to a terminal.
    pub fn new(columns: usize, palette: Palette) -> Self {
        Self {
            columns: columns.max(MIN_COLUMNS),
            palette,
            is_terminal: false,
            splits_words: true,
        }
    }
}

/// Renders blocks on a page, row by row.
pub(super) struct PageWriter {
    pub page: Page,
    /// The rows written so far.
    pub shown: Shown,
}

impl PageWriter {
    pub(super) fn new(page: Page) -> Self {
        Self {
            page,
            shown: Shown::default(),
        }
    }

    /// Writes a row without wrapping it. Trailing whitespace is removed.
    pub(super) fn row(&mut self, mut pieces: Vec<Piece>) {
        while pieces
            .pop_if(|(_, text)| text.trim().is_empty())
            .is_some()
        {}
        if let Some((_, text)) = pieces.last_mut() {
            text.truncate(text.trim_end().len());
        }
        self.shown.add_row(&pieces, self.page.palette);
    }

    /// Writes a paragraph after a label. All lines of the text start at column `indent`, which must be the width of the
    /// label.
    pub(super) fn hanging_text(&mut self, label: &[Piece], indent: usize, tone: Tone, text: &str) {
        let columns = self
            .page
            .columns
            .min(MAX_TEXT_COLUMNS)
            .saturating_sub(indent);
        for (index, line) in wrap_words(text, columns, self.page.splits_words)
            .into_iter()
            .enumerate()
        {
            let mut pieces = if index == 0 {
                label.to_vec()
            } else {
                vec![blank(indent)]
            };
            pieces.push((tone, line));
            self.row(pieces);
        }
    }

    /// Writes a line of a Markdown document, which users may copy. On a terminal, a line that is too long is wrapped.
    pub(super) fn document_line(&mut self, line: &str) {
        if !self.page.is_terminal || width(line) <= self.page.columns {
            self.row(vec![(Tone::Plain, line.to_owned())]);
            return;
        }
        let unindented = line.trim_start();
        let marker_length = if unindented.starts_with("- ") { 2 } else { 0 };
        let indent = line.len() - unindented.len() + marker_length;
        let (marker, text) = line.split_at(indent);
        self.hanging_text(
            &[(Tone::Plain, marker.to_owned())],
            indent,
            Tone::Plain,
            text,
        );
    }

    /// Writes an indented paragraph. If the indentation is more than a quarter of the page, it is reduced.
    pub(super) fn indented_text(&mut self, indent: usize, tone: Tone, text: &str) {
        let indent = if indent * 4 > self.page.columns {
            NARROW_INDENT
        } else {
            indent
        };
        self.hanging_text(&[blank(indent)], indent, tone, text);
    }

    /// Writes a paragraph to the right of its labels, or below them if the page is too narrow.
    pub(super) fn labelled_text(&mut self, labels: &[Label], tone: Tone, text: &str) {
        let indent = labels.iter().map(|label| label.columns).sum();
        if self.page.columns >= indent + MIN_COLUMNS {
            let lead: Vec<Piece> = labels.iter().flat_map(Label::pieces).collect();
            self.hanging_text(&lead, indent, tone, text);
        } else {
            let lead = labels
                .iter()
                .skip_while(|label| label.text.trim().is_empty())
                .flat_map(Label::pieces)
                .collect();
            self.row(lead);
            self.indented_text(NARROW_INDENT, tone, text);
        }
    }
}

/// A label with a fixed width, followed by other text.
#[derive(Debug, Clone)]
pub(super) struct Label {
    pub tone: Tone,
    pub text: String,
    pub columns: usize,
}

impl Label {
    fn pieces(&self) -> [Piece; 2] {
        [
            (self.tone, self.text.clone()),
            (Tone::Plain, padding(&self.text, self.columns)),
        ]
    }
}

fn blank(columns: usize) -> Piece {
    (Tone::Plain, " ".repeat(columns))
}
