//! Forecasts whether a usage window will fill up before it resets.
//!
//! The methods for the 5-hour window and the weekly window were chosen by comparing the accuracy of several candidates.
//! Their accuracy is documented in docs/pace.md and measured in tests/integration/forecasts.

pub mod five_hours;
pub mod week;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::kind::Window;
use crate::claude::window_usage::WindowUsage;

/// The forecast for a usage window.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Outlook {
    /// The window will fill up before it resets. The first value is the most likely time, and the second is the latest
    /// likely time.
    #[serde(rename = "Full")]
    WillFill(DateTime<Utc>, DateTime<Utc>),
    /// The window will reset before it fills up, even at twice the pace.
    #[serde(rename = "Lasts")]
    WillNotFill,
    /// No forecast is possible.
    #[serde(rename = "Open")]
    Unpredictable,
}

impl Outlook {
    /// Returns the most likely and the latest likely time at which the window fills up.
    pub(crate) fn full(self) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        match self {
            Self::WillFill(at, latest) => Some((at, latest)),
            Self::WillNotFill | Self::Unpredictable => None,
        }
    }
}

/// A usage window and its forecast.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Expected {
    /// The window.
    pub window: Window,
    /// The current usage.
    #[serde(rename = "meter")]
    pub usage: WindowUsage,
    /// The forecast.
    pub outlook: Outlook,
    /// The recent pace of the 5-hour window, in percentage points per minute.
    #[serde(skip)]
    pub rate: Option<f64>,
    /// The weekly window's usage one week earlier.
    pub week_before: Option<week::WeekBefore>,
}

/// A reading that shows a new whole percentage or a reset.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct WindowStep {
    pub(crate) at: DateTime<Utc>,
    /// A hash that identifies the account, if known.
    pub(crate) account: Option<String>,
    /// The size of the account's plan at the time, if known.
    pub(crate) plan: Option<String>,
    pub(crate) window: Window,
    pub(crate) usage: WindowUsage,
    /// The first session that received the new figures.
    pub(crate) session: String,
}

/// Returns the time since the start of a window, or `None` if the reset time has passed or is unknown.
fn time_since_start(
    usage: &WindowUsage,
    length: TimeDelta,
    now: DateTime<Utc>,
) -> Option<TimeDelta> {
    let reset = usage.resets_at?;
    let since_start = now - (reset - length);
    (reset > now && since_start > TimeDelta::zero()).then_some(since_start)
}

fn in_minutes(span: TimeDelta) -> f64 {
    span.num_seconds() as f64 / 60.0
}

/// Converts minutes to a duration in whole seconds.
fn from_minutes(minutes: f64) -> TimeDelta {
    #[expect(clippy::cast_possible_truncation, reason = "saturates")]
    TimeDelta::try_seconds((minutes * 60.0) as i64).unwrap_or_default()
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    /// Creates a forecast for a window with the given usage and an unknown reset time.
    pub(crate) fn expected(window: Window, used_percent: f64, outlook: Outlook) -> Expected {
        Expected {
            window,
            usage: WindowUsage {
                used_percent,
                resets_at: None,
            },
            outlook,
            rate: None,
            week_before: None,
        }
    }
}
