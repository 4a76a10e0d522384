//! The sections `[display]` and `[currency]`, which configure how times and amounts are displayed.

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

/// A second currency for amounts, which are displayed next to the dollar amounts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Currency {
    /// The value of one dollar in this currency, or `None` to show amounts only in dollars.
    pub rate: Option<f64>,
    /// The currency symbol, which precedes the amount.
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
