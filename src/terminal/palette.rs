//! Tones and colors. A tone is the meaning of a piece of text, and each tone has a color.

use anstyle::{AnsiColor, Style};

use super::{escape, is_stdout_terminal};
use crate::environment::Environment;

/// The meaning of a piece of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tone {
    /// Normal text in the terminal's default color.
    #[default]
    Plain,
    /// Text that is less important, such as labels, separators, and reasons.
    Quiet,
    /// A heading, or the most important number.
    Strong,
    /// Everything is fine.
    Good,
    /// A problem that needs attention soon.
    Warning,
    /// A problem that blocks work.
    Alarm,
    /// A name, or a command to type.
    Accent,
}

/// A piece of text with its tone.
pub type Piece = (Tone, String);

/// The output colors, if any. They are the terminal's own, which suit its background.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Palette {
    is_on: bool,
}

impl Palette {
    /// Returns the palette for output that Claude Code reads from a pipe and displays in color. If the user has set
    /// `NO_COLOR` (<https://no-color.org>), it has no colors.
    pub fn for_claude_code(environment: &Environment) -> Self {
        Self {
            is_on: environment.variable("NO_COLOR").is_none(),
        }
    }

    /// Returns the palette for standard output. It has no colors unless standard output is a terminal that supports
    /// them.
    pub fn for_stdout(environment: &Environment) -> Self {
        if environment.text("TERM") == Some("dumb") || !is_stdout_terminal() {
            return Self::none();
        }
        // This also enables ANSI colors in the Windows console.
        #[cfg(windows)]
        if anstyle_query::windows::enable_ansi_colors() == Some(false) {
            return Self::none();
        }
        Self::for_claude_code(environment)
    }

    /// Returns a palette without colors, for files, JSON, and messages.
    pub fn none() -> Self {
        Self { is_on: false }
    }

    /// Returns true if the palette has colors.
    pub fn is_on(self) -> bool {
        self.is_on
    }

    /// Escapes text and colors it according to its tone.
    pub(super) fn paint(self, tone: Tone, text: &str) -> String {
        let text = escape(text);
        if !self.is_on || tone == Tone::Plain || text.is_empty() {
            return text.into_owned();
        }
        let style = tone.style();
        format!("{style}{text}{style:#}")
    }
}

impl Tone {
    fn style(self) -> Style {
        match self {
            Self::Plain => Style::new(),
            Self::Quiet => Style::new().dimmed(),
            Self::Strong => Style::new().bold(),
            Self::Good => AnsiColor::Green.on_default(),
            Self::Warning => AnsiColor::Yellow.on_default(),
            Self::Alarm => AnsiColor::Red.on_default().bold(),
            Self::Accent => AnsiColor::Cyan.on_default(),
        }
    }
}
