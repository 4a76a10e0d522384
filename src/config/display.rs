//! The sections `[display]` and `[currency]`, which determine how times and amounts are shown.

use serde::{Deserialize, Serialize};

/// The clock format for times of day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClockChoice {
    /// The format of the user's locale.
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
    /// The clock format for times of day.
    pub clock: ClockChoice,
}

/// The second currency, in which amounts are shown next to dollars.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Currency {
    /// The value of one dollar in this currency. Without it, amounts are shown only in dollars.
    pub rate: Option<f64>,
    /// The symbol that precedes an amount.
    pub symbol: String,
}

impl Default for Currency {
    fn default() -> Self {
        Self {
            rate: None,
            symbol: "\u{20ac}".to_owned(),
        }
    }
}
