//! The meters of a plan's windows, as Claude Code tells them.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::pricing::Money;

/// A window is used up from here on; below, the server rounds.
const USED_UP: f64 = 100.0;
/// The server rounds: resets that differ by no more are the same one.
const SAME_RESET: TimeDelta = TimeDelta::minutes(1);

/// How far one usage window is used.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Meter {
    /// Share used, 0 to 100; the server may report a little more.
    pub used_percent: f64,
    /// When the window starts afresh.
    pub resets_at: Option<DateTime<Utc>>,
}

impl Meter {
    pub(crate) fn is_used_up(&self) -> bool {
        self.used_percent >= USED_UP
    }

    /// Whether two figures are of one run of a window.
    pub(crate) fn is_of_run(&self, other: &Self) -> bool {
        match (self.resets_at, other.resets_at) {
            (Some(one), Some(other)) => (one - other).abs() <= SAME_RESET,
            (one, other) => one == other,
        }
    }

    /// Whether the window came to another whole percent since, or began anew.
    pub(crate) fn is_step_from(&self, known: &Self) -> bool {
        #[expect(clippy::float_cmp, reason = "whole numbers")]
        let other_percent = known.used_percent.floor() != self.used_percent.floor();
        other_percent || !self.is_of_run(known)
    }
}

/// Meters that few are told of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct OtherMeters {
    /// The weekly window for Opus models. Of the windows of single models clients up to 2.1.329
    /// tell none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opus: Option<Meter>,
    /// The weekly window for Sonnet models.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sonnet: Option<Meter>,
    /// The weekly window for Fable models.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fable: Option<Meter>,
    /// Behind a Claude gateway, the fullest of the user's limits there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spend_limit: Option<SpendMeter>,
}

/// How far a limit in dollars is used.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SpendMeter {
    /// Share used, and when the period is over.
    #[serde(flatten)]
    pub meter: Meter,
    /// Spent so far, by the gateway's count.
    pub used: Option<Money>,
    /// The limit.
    pub limit: Option<Money>,
    /// What the limit covers.
    pub period: Option<SpendPeriod>,
}

/// What a limit in dollars covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpendPeriod {
    /// One day.
    Daily,
    /// One week.
    Weekly,
    /// One month.
    Monthly,
}

impl OtherMeters {
    /// Whether none is told.
    pub(crate) fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

impl SpendMeter {
    /// Its name as people read it.
    pub(crate) fn name(&self) -> &'static str {
        match self.period {
            Some(SpendPeriod::Daily) => "daily spend",
            Some(SpendPeriod::Weekly) => "weekly spend",
            Some(SpendPeriod::Monthly) => "monthly spend",
            None => "spend limit",
        }
    }
}
