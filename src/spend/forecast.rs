//! What a month will come to, if it goes on as the last days did.

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, TimeDelta, Utc};
use serde_json::{Value, json};

use super::tally::Tally;
use crate::ledger::SpendRow;
use crate::pricing::Money;
use crate::time::{Clock, Millis};

/// How many whole days before today say how it goes.
const LOOKED_AT: u64 = 7;

/// A guess, and what it rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Forecast {
    month: NaiveDate,
    so_far: Money,
    /// A day, on the average of `days`.
    per_day: Money,
    days: i64,
    total: Money,
}

/// Adds up what a forecast needs.
#[derive(Debug, Clone)]
pub(crate) struct MonthSoFar {
    clock: Clock,
    begins: DateTime<Utc>,
    ends: DateTime<Utc>,
    first: NaiveDate,
    /// When the days that are looked at begin and end.
    from: DateTime<Utc>,
    today: DateTime<Utc>,
    so_far: Money,
    lately: Money,
    earliest: Option<Millis>,
}

impl MonthSoFar {
    /// None at the ends of the calendar.
    pub(crate) fn new(clock: Clock) -> Option<Self> {
        let today = clock.zone.day(clock.now);
        let first = today.with_day(1)?;
        let from = today.checked_sub_days(Days::new(LOOKED_AT))?;
        let midnight = |day| clock.zone.midnight(day);
        Some(Self {
            clock,
            begins: midnight(first),
            ends: midnight(first.checked_add_months(Months::new(1))?),
            first,
            from: midnight(from),
            today: midnight(today),
            so_far: Money::ZERO,
            lately: Money::ZERO,
            earliest: None,
        })
    }

    pub(crate) fn add(&mut self, row: &SpendRow<'_>) {
        let cost = Tally::of(row).cost();
        let is_in = |from: DateTime<Utc>, until: DateTime<Utc>| {
            (from.timestamp_millis()..until.timestamp_millis()).contains(&row.at)
        };
        if is_in(self.begins, self.ends) {
            self.so_far += cost;
        }
        if is_in(self.from, self.today) {
            self.lately += cost;
        }
        self.earliest = Some(
            self.earliest
                .map_or(row.at, |earliest| earliest.min(row.at)),
        );
    }

    /// None where no whole day has passed since anything was spent, or nothing was spent lately.
    pub(crate) fn forecast(&self) -> Option<Forecast> {
        let earliest = crate::time::moment(self.earliest?);
        let first_day = self.clock.zone.day(earliest.max(self.from));
        let days = (self.clock.zone.day(self.today) - first_day).num_days();
        if days < 1 || self.lately == Money::ZERO {
            return None;
        }
        let per_day = self.lately.share(1, days.unsigned_abs().into());
        let left = (self.ends - self.clock.now).num_seconds().max(0);
        let day = TimeDelta::days(1).num_seconds();
        let to_come = per_day.share(left.unsigned_abs().into(), day.unsigned_abs().into());
        Some(Forecast {
            month: self.first,
            so_far: self.so_far,
            per_day,
            days,
            total: self.so_far + to_come,
        })
    }
}

impl Forecast {
    /// For people.
    pub(crate) fn sentence(&self) -> String {
        let days = match self.days {
            1 => "of yesterday".to_owned(),
            days => format!("of the last {days} days"),
        };
        format!(
            "Forecast for {}: about {}, if each day to come costs {}, the average {days}.",
            self.month.format("%B"),
            self.total.show(),
            self.per_day.show(),
        )
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "month": self.month.format("%Y-%m").to_string(),
            "cost_usd": self.total.usd(),
            "so_far_usd": self.so_far.usd(),
            "per_day_usd": self.per_day.usd(),
            "average_of_days": self.days,
        })
    }
}
