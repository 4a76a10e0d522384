//! The section `[hints]`, which configures hints about avoidable costs.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// A hint that can be turned off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum HintName {
    /// The prompt cache has expired or is about to expire.
    ColdCache,
    /// The prompt cache is rewritten unnecessarily.
    WrittenAgain,
    /// Prompts are so long that their tokens cost more.
    LongContext,
    /// Fast mode is enabled.
    FastMode,
    /// Subagents cost more than the conversations that started them.
    Subagents,
    /// Subagents of the same type also ran on a cheaper model.
    CheaperModel,
}

/// The hint settings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HintConfig {
    /// The hints that are turned off.
    pub off: Vec<HintName>,
}
