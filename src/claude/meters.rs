//! The meters of a plan's windows, as Claude Code tells them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// How far one usage window is used.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Meter {
    /// Share used, 0 to 100; the server may report a little more.
    pub used_percent: f64,
    /// When the window starts afresh.
    pub resets_at: Option<DateTime<Utc>>,
}

/// The windows that Claude Code tells of, and when they were measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Windows {
    /// The five-hour window.
    pub five_hour: Option<Meter>,
    /// The weekly window.
    pub seven_day: Option<Meter>,
    /// When the figures came.
    pub measured: DateTime<Utc>,
}
