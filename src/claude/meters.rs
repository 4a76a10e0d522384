//! The meters of a plan's windows, as Claude Code tells them.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::pricing::Money;
use crate::time::{FIVE_HOURS, WEEK};

/// A window is used up from here on; below, the server rounds.
const USED_UP: f64 = 100.0;

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

    /// Every meter that is told.
    pub(crate) fn told(&self) -> impl Iterator<Item = Meter> {
        let spend_limit = self.spend_limit.map(|spend_limit| spend_limit.meter);
        let told = [self.opus, self.sonnet, self.fable, spend_limit];
        told.into_iter().flatten()
    }

    /// Those that `keep` says.
    #[must_use]
    pub(crate) fn filter(self, keep: impl Fn(&Meter) -> bool) -> Self {
        Self {
            opus: self.opus.filter(&keep),
            sonnet: self.sonnet.filter(&keep),
            fable: self.fable.filter(&keep),
            spend_limit: self.spend_limit.filter(|limit| keep(&limit.meter)),
        }
    }

    /// These, and where one is missing the other's.
    #[must_use]
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            opus: self.opus.or(other.opus),
            sonnet: self.sonnet.or(other.sonnet),
            fable: self.fable.or(other.fable),
            spend_limit: self.spend_limit.or(other.spend_limit),
        }
    }
}

/// The windows that Claude Code tells of, and when they were measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Windows {
    /// The five-hour window.
    pub five_hour: Option<Meter>,
    /// The weekly window.
    pub seven_day: Option<Meter>,
    /// Others.
    pub others: OtherMeters,
    /// When the figures came.
    pub measured: DateTime<Utc>,
}

impl Windows {
    /// Whether one of the plan's windows is used up.
    pub(crate) fn has_a_full_one(&self) -> bool {
        self.named().any(|(_, meter, _)| meter.is_used_up())
    }

    /// The windows by the names that people read, as far as they are told, with their lengths.
    pub(crate) fn named(&self) -> impl Iterator<Item = (&'static str, Meter, TimeDelta)> {
        let given = [
            ("5h", self.five_hour, FIVE_HOURS),
            ("week", self.seven_day, WEEK),
            ("Opus week", self.others.opus, WEEK),
            ("Sonnet week", self.others.sonnet, WEEK),
            ("Fable week", self.others.fable, WEEK),
        ];
        let told = given.into_iter();
        told.filter_map(|(name, meter, length)| Some((name, meter?, length)))
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
