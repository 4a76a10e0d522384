//! The section `[statusline]`, which configures the content and appearance of the status line.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// The number of segments that are shown by default, in declaration order.
const DEFAULT_SEGMENTS: usize = 7;

/// A segment of the status line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum SegmentName {
    /// The model in use.
    Model,
    /// The cost of the session.
    Session,
    /// The cost of all sessions today.
    Today,
    /// The plan's usage windows, or the spend limit of a gateway.
    Windows,
    /// The weekly windows of individual models, as last shown by `/usage`.
    ModelWeeks,
    /// The usage window that will fill up first at the current pace, and when it will fill up.
    Pace,
    /// The percentage of the context window that is in use.
    Context,
    /// The working directory.
    Directory,
    /// The branch that is checked out in the working directory.
    Branch,
    /// The used and remaining usage credits, as last shown by `/usage`.
    Credits,
}

/// The appearance of the status line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LineConfig {
    /// The segments, in order.
    pub segments: Vec<SegmentName>,
}

impl LineConfig {
    /// Returns true if the user has not chosen the segments.
    pub(crate) fn has_default_segments(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for LineConfig {
    fn default() -> Self {
        Self {
            segments: SegmentName::value_variants()
                .iter()
                .copied()
                .take(DEFAULT_SEGMENTS)
                .collect(),
        }
    }
}
