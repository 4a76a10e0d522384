//! Whether a window will be full before it starts afresh.
//!
//! Both rules were chosen by measuring them beside others: docs/pace.md.

pub mod five_hours;
pub mod week;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::kind::Window;
use crate::claude::meters::Meter;

/// What is to be expected of a window.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Outlook {
    /// Full about then, before it starts afresh; at the latest at the second moment, as far as can
    /// be told.
    Full(DateTime<Utc>, DateTime<Utc>),
    /// It starts afresh before it is full, even at twice the pace.
    Lasts,
    /// Nobody can tell.
    Open,
}

impl Outlook {
    /// When it is full, likely and at the latest, if it will be.
    pub(crate) fn full(self) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        match self {
            Self::Full(at, latest) => Some((at, latest)),
            Self::Lasts | Self::Open => None,
        }
    }
}

/// A window, and what is to be expected of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Expected {
    /// Which.
    pub window: Window,
    /// How far it is used.
    pub meter: Meter,
    /// Whether it lasts.
    pub outlook: Outlook,
    /// How fast the five-hour window rises of late, in percent a minute.
    #[serde(skip)]
    pub rate: Option<f64>,
    /// Of a weekly window, what it was a week ago at this time, and at its end.
    pub week_before: Option<week::WeekBefore>,
}

/// A window came to another whole percent, or began anew.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct WindowStep {
    pub(crate) at: DateTime<Utc>,
    /// The account's hash, if it is known.
    pub(crate) account: Option<String>,
    /// The size of its plan then, likewise.
    pub(crate) plan: Option<String>,
    pub(crate) window: Window,
    pub(crate) meter: Meter,
    /// The session that was told first.
    pub(crate) session: String,
}

/// How long a window has been running. None if that is over, or is not known.
fn passed(meter: &Meter, length: TimeDelta, now: DateTime<Utc>) -> Option<TimeDelta> {
    let begun = meter.resets_at.filter(|at| *at > now)? - length;
    Some(now - begun).filter(|passed| *passed > TimeDelta::zero())
}

fn minutes(span: TimeDelta) -> f64 {
    span.num_seconds() as f64 / 60.0
}

/// A span of so many minutes, to the second.
fn of_minutes(minutes: f64) -> TimeDelta {
    #[expect(clippy::cast_possible_truncation, reason = "saturates")]
    TimeDelta::try_seconds((minutes * 60.0) as i64).unwrap_or_default()
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    /// Of a window that is so full; nobody knows when it resets.
    pub(crate) fn expected(window: Window, used_percent: f64, outlook: Outlook) -> Expected {
        Expected {
            window,
            meter: Meter {
                used_percent,
                resets_at: None,
            },
            outlook,
            rate: None,
            week_before: None,
        }
    }
}
