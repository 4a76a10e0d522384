//! Who asks `/whycap …` inside a conversation.

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
