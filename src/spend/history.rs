//! The spend of the current month over time, and its pace.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::Amount;
use super::pace::{Level, Pace, PacePeriod};
use crate::ledger::{SpendRow, Tally};
use crate::pricing::Money;
use crate::time::{Clock, Millis, datetime_from_millis};

/// The spend in each quarter hour.
#[derive(Debug, Clone)]
pub(crate) struct SpendHistory {
    clock: Clock,
    quarters: BTreeMap<Millis, Tally>,
}

/// The spend in a period, and its pace in dollars.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct PeriodSpend {
    pub spent: Amount,
    pub ends_at: DateTime<Utc>,
    /// The pace since the first spend of the period, or `None` if that is too recent.
    pub pace: Option<Pace>,
}

impl SpendHistory {
    /// Creates an empty history.
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            clock,
            quarters: BTreeMap::new(),
        }
    }

    pub(crate) fn add(&mut self, row: &SpendRow<'_>) {
        *self.quarters.entry(row.at).or_default() += row.tally;
    }

    /// Returns today's spend. The pace counts from the quarter hour of the first spend today.
    pub(crate) fn today(&self) -> PeriodSpend {
        let bounds = self.clock.zone.day_bounds(self.clock.now);
        self.spend_in(bounds, |first| first)
    }

    /// Returns this month's spend. The pace counts from the first day with spend, because the user may not have used
    /// Claude Code before.
    pub(crate) fn this_month(&self) -> PeriodSpend {
        let zone = self.clock.zone;
        self.spend_in(zone.month_bounds(self.clock.now), |first| {
            zone.day_bounds(first).0
        })
    }

    /// Returns the spend between two times, up to now. `start_of` returns the start of the pace from the first quarter hour
    /// with spend.
    fn spend_in(
        &self,
        (start, end): (DateTime<Utc>, DateTime<Utc>),
        start_of: impl Fn(DateTime<Utc>) -> DateTime<Utc>,
    ) -> PeriodSpend {
        let now = self.clock.now;
        let mut spent = Tally::default();
        let mut readings = Vec::new();
        // Rows in the future are due to an incorrect clock.
        let until_now = start.timestamp_millis()..=now.timestamp_millis();
        for (at, tally) in self.quarters.range(until_now.clone()) {
            readings.push(Level {
                at: datetime_from_millis(*at),
                used: spent.cost().usd(),
            });
            spent += *tally;
        }
        let pace = self
            .quarters
            .range(until_now)
            .next()
            .and_then(|(first, _)| {
                let period = PacePeriod {
                    start: start_of(datetime_from_millis(*first)).max(start),
                    end,
                };
                let used = spent.cost().usd();
                Pace::new(period, &readings, Level { at: now, used })
            });
        PeriodSpend {
            spent: Amount::from_tally(&spent),
            ends_at: end,
            pace,
        }
    }
}

/// Returns the average spend per hour, for example "$0.67 per hour since 09:00, including breaks". Returns `None` if nothing
/// was spent.
pub(crate) fn hourly_rate(pace: &Pace, clock: Clock) -> Option<String> {
    let rate = Money::from_noisy_usd(pace.per_hour).filter(|rate| *rate > Money::ZERO)?;
    let since = clock.format_time(pace.since);
    Some(format!(
        "{} per hour since {since}, including breaks",
        rate.show()
    ))
}
