//! The one door: everything that whycap says goes out here, and only as a type that cannot hold
//! what would command a terminal.
//!
//! Nobody else escapes anything: pieces and pages make their text visible when it is put on them,
//! JSON when it becomes text, problems when they are told. clippy.toml forbids the ways around.

#![expect(clippy::disallowed_methods, reason = "the door for standard streams")]

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};

use serde_json::Value;

use super::text::{escaped_json, visible, visible_lines};
use super::{Palette, Piece};

/// A value as JSON in one line, in which everything can be seen.
pub(crate) fn json_in_one_line(value: &impl serde::Serialize) -> String {
    escaped_json(serde_json::to_string(value).unwrap_or_default())
}

/// What may be printed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shown(String);

impl Shown {
    /// One JSON value in one line.
    pub fn json(value: &Value) -> Self {
        Self(escaped_json(value.to_string()) + "\n")
    }

    /// One JSON value, indented.
    pub fn indented_json(value: &Value) -> Self {
        Self(escaped_json(format!("{value:#}")) + "\n")
    }

    /// Plain text as its lines are broken; its own end of line included.
    pub fn text(text: &str) -> Self {
        Self(visible_lines(text))
    }

    /// Text that is neither looked at nor changed: made of our own words only (help, a man page, a
    /// script), or by the program whose output the user told us to hand on.
    pub(crate) fn as_it_is(text: String) -> Self {
        Self(text)
    }

    /// Rows of pieces in their colors.
    pub(crate) fn rows(rows: &[Vec<Piece>], palette: Palette) -> Self {
        let mut shown = Self::default();
        for row in rows {
            shown.add_row(row, palette);
        }
        shown
    }

    /// Adds a row of pieces in their colors.
    pub(crate) fn add_row(&mut self, pieces: &[Piece], palette: Palette) {
        let painted = pieces.iter().map(|(tone, text)| palette.paint(*tone, text));
        self.0.extend(painted);
        self.0.push('\n');
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// This, and then that.
    #[must_use]
    pub fn then(mut self, next: &Self) -> Self {
        self.0.push_str(&next.0);
        self
    }
}

/// Whether standard output is a terminal, which a person looks at.
pub fn is_seen_by_person() -> bool {
    io::stdout().is_terminal()
}

/// Writes to standard output in one piece. A reader that went away is not an error.
pub fn print(shown: &Shown) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let written = out.write_all(shown.0.as_bytes()).and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            let why = format!("could not write to standard output: {error}; check where it leads");
            Err(io::Error::new(error.kind(), why))
        }
        _ => Ok(()),
    }
}

/// Writes one line to standard error, under the program's name. If that is closed there is nobody
/// left to tell.
pub fn complain(problem: &str) {
    let _ = writeln!(io::stderr(), "whycap: {}", shortened(&visible(problem)));
}

/// A problem that echoes a long argument or a long path keeps its beginning and its end, where it
/// says what happened and what to do.
fn shortened(problem: &str) -> Cow<'_, str> {
    const LONGEST: usize = 560;
    let count = problem.chars().count();
    if count <= LONGEST {
        return Cow::Borrowed(problem);
    }
    let beginning = problem.chars().take(LONGEST / 2);
    let end = problem.chars().skip(count - LONGEST / 2);
    Cow::Owned(beginning.chain("…".chars()).chain(end).collect())
}

/// Says on standard error what is being waited for, to a person only: scripts expect silence.
pub fn remark(sentence: &str) {
    if io::stderr().is_terminal() {
        let _ = writeln!(io::stderr(), "{}", visible(sentence));
    }
}

/// Replaces the line on standard output that was shown before, for a person only. `end` ends the
/// line for good.
pub fn replace_line(sentence: &str, end: bool) -> io::Result<()> {
    if !is_seen_by_person() {
        return Ok(());
    }
    let end = if end { "\n" } else { "" };
    let line = format!("\r\u{1b}[K{}{end}", visible(sentence));
    print(&Shown(line))
}
