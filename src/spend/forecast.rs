//! What a day and a month will come to, if they go on as the last days did.

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, TimeDelta, Utc};
use serde_json::{Value, json};

use super::tally::Tally;
use crate::ledger::SpendRow;
use crate::pricing::Money;
use crate::time::{Clock, Millis, moment};

/// How many whole days before today say how it goes.
const LOOKED_AT: u64 = 7;

/// From how many of them a day's forecast follows: single days begin and end as they like.
const ENOUGH_FOR_A_DAY: i64 = 3;

/// A guess, and what it rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Forecast {
    month: NaiveDate,
    so_far: Money,
    /// A day, on the average of `days`.
    per_day: Money,
    days: i64,
    pub(crate) total: Money,
}

/// Likewise for today.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DayForecast {
    /// The time of day, after which this was spent on the average of `days`.
    after: String,
    to_come: Money,
    days: i64,
    pub(crate) total: Money,
}

/// How spend went today, this month, and on the days before today.
#[derive(Debug, Clone)]
pub(crate) struct Course {
    clock: Clock,
    /// When the month begins and ends.
    month: [DateTime<Utc>; 2],
    first: NaiveDate,
    /// When the days that are looked at begin and end.
    from: DateTime<Utc>,
    today: DateTime<Utc>,
    pub(crate) spent_today: Money,
    pub(crate) spent_this_month: Money,
    lately: Money,
    /// Of it, what was spent at later times of the day than it is now.
    lately_after_now: Money,
    earliest: Option<Millis>,
    earliest_today: Option<Millis>,
}

impl Course {
    /// None at the ends of the calendar.
    pub(crate) fn new(clock: Clock) -> Option<Self> {
        let today = clock.zone.day(clock.now);
        let first = today.with_day(1)?;
        let from = today.checked_sub_days(Days::new(LOOKED_AT))?;
        let midnight = |day| clock.zone.midnight(day);
        let next = first.checked_add_months(Months::new(1))?;
        Some(Self {
            clock,
            month: [midnight(first), midnight(next)],
            first,
            from: midnight(from),
            today: midnight(today),
            spent_today: Money::ZERO,
            spent_this_month: Money::ZERO,
            lately: Money::ZERO,
            lately_after_now: Money::ZERO,
            earliest: None,
            earliest_today: None,
        })
    }

    pub(crate) fn add(&mut self, row: &SpendRow<'_>) {
        let cost = Tally::of(row).cost();
        let is_in = |from: DateTime<Utc>, until: DateTime<Utc>| {
            (from.timestamp_millis()..until.timestamp_millis()).contains(&row.at)
        };
        let [begins, ends] = self.month;
        if is_in(begins, ends) {
            self.spent_this_month += cost;
        }
        if row.at >= self.today.timestamp_millis() {
            self.spent_today += cost;
            earlier(&mut self.earliest_today, row.at);
        }
        if is_in(self.from, self.today) {
            self.lately += cost;
            let time = |at| self.clock.zone.at(at).time();
            if time(moment(row.at)) > time(self.clock.now) {
                self.lately_after_now += cost;
            }
        }
        earlier(&mut self.earliest, row.at);
    }

    pub(crate) fn first_of_month(&self) -> NaiveDate {
        self.first
    }

    /// When the month begins and ends.
    pub(crate) fn month(&self) -> [DateTime<Utc>; 2] {
        self.month
    }

    /// When the first of today was spent, to the quarter of an hour.
    pub(crate) fn since_today(&self) -> Option<DateTime<Utc>> {
        self.earliest_today.map(moment)
    }

    /// How many of the days that are looked at have a history before or on them. None where nothing
    /// was spent on them.
    fn days(&self) -> Option<i64> {
        let first_day = self.clock.zone.day(moment(self.earliest?).max(self.from));
        let days = (self.clock.zone.day(self.today) - first_day).num_days();
        (days >= 1 && self.lately != Money::ZERO).then_some(days)
    }

    /// None where no whole day has passed since anything was spent, or nothing was spent lately.
    pub(crate) fn forecast(&self) -> Option<Forecast> {
        let days = self.days()?;
        let per_day = self.lately.share(1, days.unsigned_abs().into());
        let left = (self.month[1] - self.clock.now).num_seconds().max(0);
        let day = TimeDelta::days(1).num_seconds();
        let to_come = per_day.share(left.unsigned_abs().into(), day.unsigned_abs().into());
        Some(Forecast {
            month: self.first,
            so_far: self.spent_this_month,
            per_day,
            days,
            total: self.spent_this_month + to_come,
        })
    }

    /// Today, if the rest of it costs what the same hours of the last days did. None before there
    /// are some.
    pub(crate) fn day_forecast(&self) -> Option<DayForecast> {
        let days = self.days().filter(|days| *days >= ENOUGH_FOR_A_DAY)?;
        let to_come = self.lately_after_now.share(1, days.unsigned_abs().into());
        Some(DayForecast {
            after: self.clock.time(self.clock.now),
            to_come,
            days,
            total: self.spent_today + to_come,
        })
    }
}

fn earlier(known: &mut Option<Millis>, at: Millis) {
    *known = Some(known.map_or(at, |known| known.min(at)));
}

/// What `spent` since a moment comes to by the hour or the day. Before a sixth of one has passed,
/// that means nothing.
pub(crate) fn rate(
    spent: Money,
    since: DateTime<Utc>,
    now: DateTime<Utc>,
    unit: TimeDelta,
) -> Option<Money> {
    let passed = now - since;
    (passed >= unit / 6).then(|| {
        let [unit, passed] = [unit, passed].map(|time| time.num_seconds().unsigned_abs());
        spent.share(unit.into(), passed.into())
    })
}

/// "of the last 7 days"
fn of_days(days: i64) -> String {
    match days {
        1 => "of yesterday".to_owned(),
        days => format!("of the last {days} days"),
    }
}

impl Forecast {
    /// For people.
    pub(crate) fn sentence(&self) -> String {
        format!(
            "Forecast for {}: about {}, {}.",
            self.month.format("%B"),
            self.total.show(),
            self.basis(),
        )
    }

    /// What it rests on.
    pub(crate) fn basis(&self) -> String {
        let per_day = self.per_day.show();
        let days = of_days(self.days);
        format!("if each day to come costs {per_day}, the average {days}")
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

impl DayForecast {
    /// What it rests on.
    pub(crate) fn basis(&self) -> String {
        let (to_come, days) = (self.to_come.show(), of_days(self.days));
        format!(
            "if the rest of the day costs {to_come}, the average {days} after {}",
            self.after
        )
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "cost_usd": self.total.usd(),
            "rest_of_day_usd": self.to_come.usd(),
            "average_of_days": self.days,
        })
    }
}
