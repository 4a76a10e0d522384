//! What a piece of text means, and how that looks.

use anstyle::{AnsiColor, Style};

use super::{is_seen_by_person, visible};
use crate::environment::Environment;

/// Whether and how to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Palette {
    on: bool,
}

/// A piece of a row: what it means, and its text.
pub type Piece = (Tone, String);

/// What a piece of text means; the palette decides how that looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// As the terminal has it.
    Plain,
    /// Less important: labels, separators, reasons.
    Quiet,
    /// A heading or the figure that matters.
    Strong,
    /// All is well.
    Good,
    /// Look at it soon.
    Warning,
    /// Work is blocked.
    Alarm,
    /// A name or a command to type.
    Accent,
}

impl Palette {
    /// Colours for a host that renders ANSI from a pipe (the status line), unless `NO_COLOR` is set.
    pub fn for_host(environment: &Environment) -> Self {
        Self {
            on: !environment.no_color(),
        }
    }

    /// Colours for a person: only when standard output is a terminal that can show them.
    pub fn for_person(environment: &Environment) -> Self {
        let dumb = environment.text("TERM") == Some("dumb");
        Self {
            on: !environment.no_color() && !dumb && is_seen_by_person(),
        }
    }

    /// Whether anything is coloured.
    pub fn is_on(self) -> bool {
        self.on
    }

    /// No colours at all: text for files, JSON and the host's message fields.
    pub fn none() -> Self {
        Self { on: false }
    }

    /// `text` in this tone, and all of it visible.
    fn paint(self, tone: Tone, text: &str) -> String {
        let text = visible(text);
        let style = match tone {
            Tone::Plain => return text.into_owned(),
            Tone::Quiet => Style::new().dimmed(),
            Tone::Strong => Style::new().bold(),
            Tone::Good => AnsiColor::Green.on_default(),
            Tone::Warning => AnsiColor::Yellow.on_default(),
            Tone::Alarm => AnsiColor::Red.on_default().bold(),
            Tone::Accent => AnsiColor::Cyan.on_default(),
        };
        if self.on && !text.is_empty() {
            format!("{style}{text}{style:#}")
        } else {
            text.into_owned()
        }
    }

    /// Pieces one after the other.
    pub(super) fn paint_all(self, pieces: &[Piece]) -> String {
        let painted = pieces.iter().map(|(tone, text)| self.paint(*tone, text));
        painted.collect()
    }
}
