//! What a piece of text means, and how that looks.

use super::themes::{THEMES, Theme};
use super::{is_seen_by_person, visible};
use crate::environment::Environment;

/// Whether and how to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Palette {
    /// None: no colours.
    theme: Option<&'static Theme>,
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
        Self::usual(!environment.no_color())
    }

    /// Colours for a person: only when standard output is a terminal that can show them.
    pub fn for_person(environment: &Environment) -> Self {
        let dumb = environment.text("TERM") == Some("dumb");
        let may = !environment.no_color() && !dumb && is_seen_by_person();
        Self::usual(may && understands_colors())
    }

    /// Whether anything is coloured.
    pub fn is_on(self) -> bool {
        self.theme.is_some()
    }

    /// No colours at all: text for files, JSON and the host's message fields.
    pub fn none() -> Self {
        Self { theme: None }
    }

    fn usual(is_on: bool) -> Self {
        let theme = THEMES.first().filter(|_| is_on);
        Self { theme }
    }

    /// The same in another theme. Where there are no colours there are none in any.
    #[must_use]
    pub(crate) fn in_theme(self, theme: &'static Theme) -> Self {
        let theme = self.theme.map(|_| theme);
        Self { theme }
    }

    /// `text` in this tone, and all of it visible.
    fn paint(self, tone: Tone, text: &str) -> String {
        let text = visible(text);
        match self.theme.and_then(|theme| theme.style(tone)) {
            Some(style) if !text.is_empty() => format!("{style}{text}{style:#}"),
            _ => text.into_owned(),
        }
    }

    /// Pieces one after the other.
    pub(super) fn paint_all(self, pieces: &[Piece]) -> String {
        let painted = pieces.iter().map(|(tone, text)| self.paint(*tone, text));
        painted.collect()
    }
}

/// Whether the console takes colors as they are written everywhere else. A console of Windows that
/// can must be told to.
#[cfg(windows)]
fn understands_colors() -> bool {
    crossterm::ansi_support::supports_ansi()
}

/// Every terminal that is not `dumb` does.
#[cfg(not(windows))]
fn understands_colors() -> bool {
    true
}
