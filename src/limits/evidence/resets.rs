//! Collects reset times from all available sources and chooses the most reliable one.

use chrono::{DateTime, TimeDelta, Utc};

use crate::claude::window_usage::is_same_reset;

/// The source of a reset time, most reliable first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ResetSource {
    /// The server's refusal.
    Server,
    /// A reading of the usage window.
    Reading,
    /// The text of the message.
    Text,
    /// The calendar. Some limits always end at the start of the next month.
    Calendar,
}

/// A reset time and its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reset {
    /// The reset time.
    pub at: DateTime<Utc>,
    /// The source of the time.
    pub source: ResetSource,
}

impl Reset {
    /// Returns the reset that a reading of a usage window states.
    pub(crate) fn reported(at: DateTime<Utc>) -> Self {
        Self {
            at,
            source: ResetSource::Reading,
        }
    }

    /// Returns the time at which the limit is certainly over. The result includes a safety margin because clocks differ
    /// and because messages round times to the minute.
    pub(crate) fn surely_over(self) -> DateTime<Utc> {
        let slack = match self.source {
            ResetSource::Text => TimeDelta::seconds(60),
            ResetSource::Server | ResetSource::Reading | ResetSource::Calendar => {
                TimeDelta::seconds(5)
            }
        };
        self.at + slack
    }
}

/// The most reliable reset time and the candidates that differ from it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resets {
    /// The most reliable reset time.
    pub chosen: Option<Reset>,
    /// The reset times that differ from the chosen one.
    pub others: Vec<Reset>,
}

impl Resets {
    /// Chooses the most reliable of several candidate reset times.
    pub(crate) fn choose(candidates: impl IntoIterator<Item = Reset>) -> Self {
        let mut sorted: Vec<Reset> = candidates.into_iter().collect();
        sorted.sort_by_key(|reset| reset.source);

        let mut resets = sorted.into_iter();
        let chosen = resets.next();
        let others = resets
            .filter(|other| chosen.is_some_and(|chosen| !is_same_reset(chosen.at, other.at)))
            .collect();
        Self { chosen, others }
    }

    /// Returns the most reliable reset time if it has not passed.
    pub(crate) fn ahead(&self, now: DateTime<Utc>) -> Option<Reset> {
        self.chosen.filter(|reset| reset.at > now)
    }

    /// Returns false if the most reliable reset time is later than the given time.
    pub(crate) fn are_over_at(&self, moment: DateTime<Utc>) -> bool {
        self.ahead(moment).is_none()
    }

    /// Returns the most reliable reset time if it has passed.
    pub(crate) fn passed(&self, now: DateTime<Utc>) -> Option<Reset> {
        self.chosen.filter(|reset| reset.at <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stated_time_takes_precedence_over_the_calendar() {
        let calendar = Reset {
            at: "2026-12-01T00:00:00Z".parse().unwrap(),
            source: ResetSource::Calendar,
        };
        assert_eq!(Resets::choose([calendar]).chosen, Some(calendar));
        for source in [ResetSource::Server, ResetSource::Reading, ResetSource::Text] {
            let stated = Reset {
                at: "2026-11-18T00:00:00Z".parse().unwrap(),
                source,
            };
            assert_eq!(Resets::choose([calendar, stated]).chosen, Some(stated));
        }
    }
}
