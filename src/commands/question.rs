//! Who asks `/whycap …` inside a conversation, and how wide an answer may be.

use std::path::Path;

use crate::environment::Environment;
use crate::places::Places;

/// What an answer may look at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Question<'a> {
    pub(crate) places: &'a Places,
    pub(crate) environment: &'a Environment,
    /// The session that asks.
    pub(crate) session: Option<&'a str>,
    /// Its transcript.
    pub(crate) transcript: Option<&'a Path>,
}

/// Columns for an answer: of a reason for holding a prompt back the client shows ten less than
/// the terminal has (2.1.328).
pub(crate) fn width(environment: &Environment) -> usize {
    environment
        .columns()
        .unwrap_or(90)
        .saturating_sub(10)
        .max(40)
}
