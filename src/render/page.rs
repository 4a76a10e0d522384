//! The paper that a report is drawn on: a width and a palette; and paragraphs, lists and labels on it.

use crate::environment::Environment;
use crate::terminal::{
    Palette, Piece, Shown, Theme, Tone, is_seen_by_person, width_for_person, wrap,
};

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
        Self {
            is_terminal: is_seen_by_person(),
            ..Self::new(
                width_for_person(environment),
                Palette::for_person(environment),
            )
        }
    }

    /// A page for a message field inside a conversation: of a reason for holding a prompt back,
    /// Claude Code shows ten columns less than the terminal has (2.1.328).
    pub fn in_conversation(environment: &Environment) -> Self {
        let columns = environment.columns().unwrap_or(90).saturating_sub(10);
        Self::new(columns.max(40), Palette::none())
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
    #[must_use]
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
    pub(super) fn new(page: Page) -> Self {
        let shown = Shown::default();
        Self { page, shown }
    }

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
        let indent = if indent * 4 > self.page.columns {
            2
        } else {
            indent
        };
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
    use crate::render::Report;

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
