//! Who asks `/whycap …` inside a conversation, and how wide an answer may be.

use crate::environment::Environment;
use crate::places::Places;

/// What an answer may look at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Question<'a> {
    pub(crate) places: &'a Places,
    pub(crate) environment: &'a Environment,
    /// The session that asks.
    pub(crate) session: Option<&'a str>,
}

/// Columns for an answer: the client indents it, and its own frame takes some.
pub(crate) fn width(environment: &Environment) -> usize {
    environment
        .columns()
        .unwrap_or(90)
        .saturating_sub(6)
        .max(40)
}
