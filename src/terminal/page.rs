//! A page: paragraphs, sections, lists and entries, laid out for a width and a palette.

use super::{Palette, Piece, Theme, Tone, is_seen_by_person, visible, width_for_person, wrap};
use crate::environment::Environment;

/// The widest that running text is set: longer lines are hard to read.
const WIDEST: usize = 96;

/// The narrowest: below it nothing can be laid out.
const NARROWEST: usize = 20;

/// Text being laid out. Whatever is put on it is made visible, so a page can be printed as it is.
#[derive(Debug)]
pub struct Page {
    text: String,
    columns: usize,
    palette: Palette,
    is_terminal: bool,
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

    /// An empty page of this many columns.
    pub fn new(columns: usize, palette: Palette) -> Self {
        Self {
            text: String::new(),
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

    /// Whether it is for a terminal, where what only catches the eye has its place.
    pub fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// Columns of the page. Running text takes at most 96 of them.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// An empty page of the same columns and colours, to try something out on.
    #[must_use]
    pub fn like(&self) -> Self {
        Self::new(self.columns, self.palette)
    }

    /// What was laid out on another page.
    pub fn add(&mut self, other: &Self) {
        self.text.push_str(&other.text);
    }

    /// A line that is not wrapped.
    pub fn line(&mut self, line: &str) {
        self.text.push_str(&visible(line));
        self.text.push('\n');
    }

    /// A row of pieces that is not wrapped. Blanks at its end are left out.
    pub fn row(&mut self, pieces: &[Piece]) {
        let mut pieces = pieces.to_vec();
        while pieces.pop_if(|(_, text)| text.trim().is_empty()).is_some() {}
        if let Some((_, text)) = pieces.last_mut() {
            text.truncate(text.trim_end().len());
        }
        self.text.push_str(&self.palette.paint_all(&pieces));
        self.text.push('\n');
    }

    /// An empty line.
    pub fn gap(&mut self) {
        self.text.push('\n');
    }

    /// A heading after an empty line.
    pub fn section(&mut self, title: &str) {
        self.gap();
        self.row(&[(Tone::Strong, title.to_owned())]);
    }

    /// Running text.
    pub fn paragraph(&mut self, tone: Tone, text: &str) {
        self.indented(0, tone, text);
    }

    /// Running text that starts further to the right.
    pub fn indented(&mut self, indent: usize, tone: Tone, text: &str) {
        self.hanging(&" ".repeat(indent), indent, tone, text);
    }

    /// Text behind a mark, later lines set below the first.
    pub fn item(&mut self, mark: &str, tone: Tone, text: &str) {
        self.hanging(&visible(mark), mark.chars().count(), tone, text);
    }

    /// Text behind labels, each in its tone and its columns; later lines stand below the first. On
    /// a page that is too narrow for it, the text goes below the labels.
    pub fn labelled(&mut self, labels: &[(Tone, &str, usize)], tone: Tone, text: &str) {
        let mut lead = Vec::new();
        let mut column = 0;
        for (tone, label, columns) in labels {
            let padding = super::padding(label, *columns);
            lead.push((*tone, (*label).to_owned()));
            lead.push((Tone::Plain, padding));
            column += columns;
        }
        let lead = self.palette.paint_all(&lead);
        if self.columns < column + NARROWEST {
            self.text.push_str(lead.trim());
            self.gap();
            self.indented(2, tone, text);
        } else {
            self.hanging(&lead, column, tone, text);
        }
    }

    fn hanging(&mut self, lead: &str, indent: usize, tone: Tone, text: &str) {
        let room = self.columns.min(WIDEST).saturating_sub(indent);
        let below = " ".repeat(indent);
        for (index, row) in wrap(text, room).into_iter().enumerate() {
            self.text.push_str(if index == 0 { lead } else { &below });
            self.row(&[(tone, row)]);
        }
    }

    /// How many rows are on it.
    pub fn rows(&self) -> usize {
        self.text.lines().count()
    }

    /// What is on it, each row ended.
    pub fn into_text(self) -> String {
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_lines_of_an_item_stand_below_its_first() {
        let mut page = Page::new(20, Palette::none());
        page.item("1. ", Tone::Plain, "Wait until the window starts afresh.");
        assert_eq!(
            page.into_text(),
            "1. Wait until the\n   window starts\n   afresh.\n"
        );
    }

    #[test]
    fn what_comes_from_outside_cannot_move_the_cursor() {
        let mut page = Page::new(40, Palette::none());
        page.paragraph(Tone::Plain, "a\u{1b}[2Jb\u{7}c");
        page.line("\u{9b}2J");
        page.row(&[(Tone::Plain, "\u{202e}".to_owned())]);
        assert_eq!(
            page.into_text(),
            "a\\u{1b}[2Jb\\u{7}c\n\\u{9b}2J\n\\u{202e}\n"
        );
    }
}
