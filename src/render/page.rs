//! The page on which a report is rendered, with its width and its colors.

use crate::environment::Environment;
use crate::terminal::{
    Palette, Piece, Shown, Theme, Tone, is_stdout_terminal, output_width, padding, wrap,
};

/// The maximum width of running text. Longer lines are hard to read.
const MAX_TEXT_COLUMNS: usize = 96;

/// The minimum width of a page. Narrower layouts are not supported.
const MIN_COLUMNS: usize = 20;

/// The number of columns that Claude Code itself takes up beside a message that explains why a prompt was held back (as
/// of 2.1.328).
const CONVERSATION_MARGIN: usize = 10;

/// The width of a conversation when the width of the terminal is unknown.
const DEFAULT_CONVERSATION_COLUMNS: usize = 90;

/// The indentation on a page that is too narrow for a larger one.
const NARROW_INDENT: usize = 2;

/// The width and the colors of a rendered report.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    pub(super) columns: usize,
    palette: Palette,
    /// True if the page is shown on a terminal. Bars next to tables appear only on a terminal.
    pub(super) is_terminal: bool,
}

impl Page {
    /// Returns a page for standard output.
    pub fn for_stdout(environment: &Environment) -> Self {
        let page = Self::new(output_width(environment), Palette::for_stdout(environment));
        Self {
            is_terminal: is_stdout_terminal(),
            ..page
        }
    }

    /// Returns a page for a message in a Claude Code conversation.
    pub fn in_conversation(environment: &Environment) -> Self {
        let columns = environment
            .columns()
            .unwrap_or(DEFAULT_CONVERSATION_COLUMNS)
            .saturating_sub(CONVERSATION_MARGIN);
        Self::new(columns, Palette::none())
    }

    /// Returns a page with the given width and colors, for output that does not go to a terminal.
    pub fn new(columns: usize, palette: Palette) -> Self {
        Self {
            columns: columns.max(MIN_COLUMNS),
            palette,
            is_terminal: false,
        }
    }

    /// Returns the page with the colors of another theme.
    pub(crate) fn with_theme(self, theme: &'static Theme) -> Self {
        Self {
            palette: self.palette.with_theme(theme),
            ..self
        }
    }
}

/// Renders blocks on a page, row by row.
pub(super) struct PageWriter {
    pub(super) page: Page,
    /// The rows written so far.
    pub(super) shown: Shown,
}

impl PageWriter {
    pub(super) fn new(page: Page) -> Self {
        Self {
            page,
            shown: Shown::default(),
        }
    }

    /// Writes a row without wrapping it. Trailing white space is removed.
    pub(super) fn row(&mut self, mut pieces: Vec<Piece>) {
        while pieces.pop_if(|(_, text)| text.trim().is_empty()).is_some() {}
        if let Some((_, text)) = pieces.last_mut() {
            text.truncate(text.trim_end().len());
        }
        self.shown.add_row(&pieces, self.page.palette);
    }

    /// Writes running text after a label. All lines start at column `indent`, which must be the width of the label.
    pub(super) fn hanging_text(&mut self, label: &[Piece], indent: usize, tone: Tone, text: &str) {
        let columns = self
            .page
            .columns
            .min(MAX_TEXT_COLUMNS)
            .saturating_sub(indent);
        for (index, line) in wrap(text, columns).into_iter().enumerate() {
            let mut pieces = if index == 0 {
                label.to_vec()
            } else {
                vec![blank(indent)]
            };
            pieces.push((tone, line));
            self.row(pieces);
        }
    }

    /// Writes indented running text. If the indentation would take up more than a quarter of the page, it is reduced.
    pub(super) fn indented_text(&mut self, indent: usize, tone: Tone, text: &str) {
        let indent = if indent * 4 > self.page.columns {
            NARROW_INDENT
        } else {
            indent
        };
        self.hanging_text(&[blank(indent)], indent, tone, text);
    }

    /// Writes text in a column to the right of its labels. If the page is too narrow for both, the text is written
    /// below the labels.
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

/// A label of a fixed width that precedes other text.
#[derive(Debug, Clone)]
pub(super) struct Label {
    pub(super) tone: Tone,
    pub(super) text: String,
    pub(super) columns: usize,
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
