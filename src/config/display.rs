//! The section `[display]`, which configures how times are displayed.

use serde::{Deserialize, Serialize};

/// The format for times of day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClockChoice {
    /// The format for the user's locale.
    #[default]
    #[serde(rename = "auto")]
    Auto,
    /// The 12-hour format.
    #[serde(rename = "12")]
    Twelve,
    /// The 24-hour format.
    #[serde(rename = "24")]
    TwentyFour,
}

/// The settings for displaying times.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DisplayConfig {
    /// The format for times of day.
    pub clock: ClockChoice,
}
