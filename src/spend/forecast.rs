//! Forecasts today's and this month's spend from the same weekdays in previous weeks, and calculates how much a
//! subscription has been worth so far.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, TimeDelta, Utc, Weekday};
use serde_json::{Value, json};

use crate::config::Currency;
use crate::ledger::{SpendRow, Tally};
use crate::pricing::Money;
use crate::spend::Amount;
use crate::terminal::percent_text;
use crate::time::{Clock, Millis, QUARTER_HOUR, datetime_from_millis};

/// The number of full days before today that a forecast is based on. Each weekday occurs four times.
const BASIS_DAYS: u64 = 28;

/// The minimum number of full days required to forecast today's spend. With fewer days, the forecast would depend too
/// much on when work happened to start and stop.
const MIN_DAYS_FOR_DAY_FORECAST: usize = 3;

/// A forecast and the assumption behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Forecast {
    /// The name of the month, or "today".
    pub(crate) period_name: String,
    pub(crate) total: Money,
    /// The assumption behind the forecast, such as "if the days to come are like the last 5 days".
    pub(crate) basis: String,
    /// The fields for JSON output.
    pub(crate) facts: Value,
}

/// The spend on a past day, which may be limited to the spend after a certain time of day.
struct PastDay {
    weekday: Weekday,
    cost: Money,
}

/// The average spend per hour since a certain time today.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HourlyRate {
    pub(crate) rate: Money,
    pub(crate) since: DateTime<Utc>,
}

impl HourlyRate {
    /// Formats the rate, for example "$0.67 per hour since 09:00, including breaks".
    pub(crate) fn format(self, clock: Clock) -> String {
        format!(
            "{} per hour since {}, including breaks",
            self.rate.show(),
            clock.format_time(self.since)
        )
    }
}

/// The average spend per day since the first day of this month with any spend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DailyRate {
    pub(crate) rate: Money,
    first_day: NaiveDate,
}

impl DailyRate {
    /// Formats the rate, for example "$1.90 per day this month". If the first days of the month had no spend, the text names
    /// the day on which the spend began, as in "$4.93 per day since Nov 13".
    pub(crate) fn format(self) -> String {
        let rate = self.rate.show();
        if self.first_day.day() == 1 {
            format!("{rate} per day this month")
        } else {
            format!("{rate} per day since {}", self.first_day.format("%b %-d"))
        }
    }
}

/// The spend today, this month, and on previous days.
#[derive(Debug, Clone)]
pub(crate) struct SpendHistory {
    clock: Clock,
    today: NaiveDate,
    /// The start and the end of the month.
    pub(crate) month: [DateTime<Utc>; 2],
    /// The exact time of today's first response, if known. All other times are rounded to quarter hours.
    first_response: Option<Millis>,
    /// The spend in each quarter hour.
    quarters: BTreeMap<Millis, Tally>,
}

impl SpendHistory {
    /// Creates an empty history. `first_response` is the exact time of today's first response, if known.
    pub(crate) fn new(clock: Clock, first_response: Option<Millis>) -> Self {
        Self {
            clock,
            today: clock.zone.day(clock.now),
            month: clock.zone.month_bounds(clock.now).into(),
            first_response,
            quarters: BTreeMap::new(),
        }
    }

    pub(crate) fn add(&mut self, row: &SpendRow<'_>) {
        *self.quarters.entry(row.at).or_default() += row.tally;
    }

    fn midnight(&self, day: NaiveDate) -> Millis {
        self.clock.zone.midnight(day).timestamp_millis()
    }

    pub(crate) fn spent_today(&self) -> Amount {
        Amount::from_tally(&self.tally_of(self.today, None))
    }

    /// Returns the spend from the first of the month through the end of today.
    pub(crate) fn spent_this_month(&self) -> Amount {
        let [start, _] = self.month;
        let end_of_today = self.midnight(self.today + Days::new(1));
        let tally = self
            .quarters
            .range(start.timestamp_millis()..end_of_today)
            .map(|(_, tally)| *tally)
            .sum();
        Amount::from_tally(&tally)
    }

    pub(crate) fn first_of_month(&self) -> NaiveDate {
        let [start, _] = self.month;
        self.clock.zone.day(start)
    }

    /// Returns the average spend per hour since the first spend today. Returns `None` during the first ten minutes,
    /// when the average is not yet meaningful.
    pub(crate) fn per_hour(&self) -> Option<HourlyRate> {
        let (first_quarter, _) = self.quarters.range(self.midnight(self.today)..).next()?;
        let first_spend = match self.first_response {
            Some(first) if first - first_quarter < QUARTER_HOUR => first,
            // Unrecorded spend can precede the first response.
            Some(_) | None => *first_quarter,
        };
        let since = datetime_from_millis(first_spend);
        let rate = average(
            self.spent_today().money,
            self.clock.now - since,
            TimeDelta::hours(1),
        )?;
        Some(HourlyRate { rate, since })
    }

    /// Returns the average spend per day since the first day of this month with any spend. Earlier days do not count, because
    /// the user may not have used Claude Code then. Returns `None` if this day is today or if there was no spend.
    pub(crate) fn per_day(&self) -> Option<DailyRate> {
        let [start, _] = self.month;
        let (first_spend, _) = self.quarters.range(start.timestamp_millis()..).next()?;
        let first_day = self.clock.zone.day(datetime_from_millis(*first_spend));
        if first_day >= self.today {
            return None;
        }
        let rate = average(
            self.spent_this_month().money,
            self.clock.now - self.clock.zone.midnight(first_day),
            TimeDelta::days(1),
        )?;
        Some(DailyRate { rate, first_day })
    }

    /// Returns the spend on a day, optionally limited to spend after the time of day `after`. Rows whose time is in the
    /// future because of an incorrect clock are excluded.
    fn tally_of(&self, day: NaiveDate, after: Option<NaiveTime>) -> Tally {
        let day_bounds = self.midnight(day)..self.midnight(day + Days::new(1));
        self.quarters
            .range(day_bounds)
            .filter(|(at, _)| match after {
                Some(after) => self.clock.zone.at(datetime_from_millis(**at)).time() > after,
                None => true,
            })
            .map(|(_, tally)| *tally)
            .sum()
    }

    /// Returns the last [`BASIS_DAYS`] days before today, or fewer if the history is shorter. If `after` is given, each
    /// day's spend includes only spend after that time of day.
    fn past_days(&self, after: Option<NaiveTime>) -> Vec<PastDay> {
        let first_day_of_history = match self.quarters.keys().next() {
            Some(first) => self.clock.zone.day(datetime_from_millis(*first)),
            None => self.today,
        };
        first_day_of_history
            .max(self.today - Days::new(BASIS_DAYS))
            .iter_days()
            .take_while(|day| *day < self.today)
            .map(|day| PastDay {
                weekday: day.weekday(),
                cost: self.tally_of(day, after).cost(),
            })
            .collect()
    }

    /// Returns the full days before today and their spend. Returns `None` if there was no spend on any of them.
    fn whole_past_days(&self) -> Option<Vec<PastDay>> {
        let days = self.past_days(None);
        if days.iter().any(|day| day.cost != Money::ZERO) {
            Some(days)
        } else {
            None
        }
    }

    fn expected_rest_of_today(&self) -> Money {
        let now = self.clock.zone.at(self.clock.now).time();
        expected_on(self.today.weekday(), &self.past_days(Some(now)))
    }

    /// Returns this month's forecast. Returns `None` if there is no full day since the first spend, or if there was no
    /// spend in the last [`BASIS_DAYS`] days.
    pub(crate) fn forecast(&self) -> Option<Forecast> {
        let past_days = self.whole_past_days()?;
        let [_, end] = self.month;
        let end_day = self.clock.zone.day(end);
        let expected_from_tomorrow: Money = self
            .today
            .succ_opt()?
            .iter_days()
            .take_while(|day| *day < end_day)
            .map(|day| expected_on(day.weekday(), &past_days))
            .sum();
        let expected = self.expected_rest_of_today() + expected_from_tomorrow;

        let spent = self.spent_this_month().money;
        let first = self.first_of_month();
        let per_day = expected.times(seconds(TimeDelta::days(1)), seconds(end - self.clock.now));
        Some(Forecast {
            period_name: first.format("%B").to_string(),
            total: spent + expected,
            basis: format!(
                "if the coming days are like {}",
                describe_days(past_days.len())
            ),
            facts: json!({
                "month": first.format("%Y-%m").to_string(),
                "cost_usd": (spent + expected).usd(),
                "so_far_usd": spent.usd(),
                "per_day_usd": per_day.usd(),
                "average_of_days": past_days.len(),
            }),
        })
    }

    /// Returns today's forecast, based on the same hours of the same weekdays. Returns `None` if there are fewer than
    /// [`MIN_DAYS_FOR_DAY_FORECAST`] full days.
    pub(crate) fn day_forecast(&self) -> Option<Forecast> {
        let day_count = self.whole_past_days()?.len();
        if day_count < MIN_DAYS_FOR_DAY_FORECAST {
            return None;
        }
        let rest = self.expected_rest_of_today();
        let total = self.spent_today().money + rest;
        Some(Forecast {
            period_name: "today".to_owned(),
            total,
            basis: format!(
                "if the rest of the day costs {}, as it did on {} after {}",
                rest.show(),
                describe_days(day_count),
                self.clock.format_time(self.clock.now)
            ),
            facts: json!({
                "cost_usd": total.usd(),
                "rest_of_day_usd": rest.usd(),
                "average_of_days": day_count,
            }),
        })
    }
}

impl Forecast {
    pub(crate) fn sentence(&self) -> String {
        format!(
            "Forecast for {}: about {}, {}.",
            self.period_name,
            self.total.show(),
            self.basis
        )
    }
}

/// Returns the expected spend on a weekday: the average of all past occurrences of that weekday and one additional day.
/// The additional day is an average workday or, for a Saturday or Sunday, an average weekend day. If the history
/// contains no days of that kind, it is an average day.
fn expected_on(weekday: Weekday, past_days: &[PastDay]) -> Money {
    let similar = DaySum::of(past_days, |day| is_weekend(day) == is_weekend(weekday));
    let similar = if similar.count == 0 {
        DaySum::of(past_days, |_| true)
    } else {
        similar
    };
    let same = DaySum::of(past_days, |day| day == weekday);
    (same.cost + similar.cost.times(1, similar.count)).times(1, same.count + 1)
}

/// A number of days and their total spend.
struct DaySum {
    cost: Money,
    count: u128,
}

impl DaySum {
    fn of(days: &[PastDay], is_included: impl Fn(Weekday) -> bool) -> Self {
        let mut sum = Self {
            cost: Money::ZERO,
            count: 0,
        };
        for day in days.iter().filter(|day| is_included(day.weekday)) {
            sum.cost += day.cost;
            sum.count += 1;
        }
        sum
    }
}

fn is_weekend(day: Weekday) -> bool {
    matches!(day, Weekday::Sat | Weekday::Sun)
}

/// Describes the days that a forecast is based on.
fn describe_days(count: usize) -> String {
    match count {
        1 => "yesterday".to_owned(),
        ..14 => format!("the last {count} days"),
        _ => format!("the same weekdays in the last {} weeks", count / 7),
    }
}

/// Returns the average spend per unit of time. Returns `None` until a sixth of a unit has passed, because the average
/// is not meaningful before then.
fn average(spent: Money, passed: TimeDelta, unit: TimeDelta) -> Option<Money> {
    if passed < unit / 6 {
        return None;
    }
    Some(spent.times(seconds(unit), seconds(passed)))
}

fn seconds(duration: TimeDelta) -> u128 {
    duration.num_seconds().unsigned_abs().into()
}

/// The value of a subscription this month: what the same usage would have cost at API prices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlanValue {
    pub(crate) sentence: String,
    /// The fields for JSON output.
    pub(crate) facts: Value,
}

impl PlanValue {
    /// Calculates the value of a plan. Returns `None` for a free plan.
    pub(crate) fn new(monthly: Money, history: &SpendHistory, currency: &Currency) -> Option<Self> {
        if monthly <= Money::ZERO {
            return None;
        }
        let month = history.first_of_month();
        let spent = history.spent_this_month().money;
        let factor = spent.usd() / monthly.usd();
        let ratio = if factor >= 1.0 {
            format!("{factor:.1} times")
        } else {
            format!("{} of", percent_text(factor * 100.0))
        };
        Some(Self {
            sentence: format!(
                "At API prices, {} would have cost {} so far, which is {ratio} the {} price of your plan.",
                month.format("%B"),
                spent.show_both(currency),
                monthly.show_both(currency)
            ),
            facts: json!({
                "month": month.format("%Y-%m").to_string(),
                "monthly_usd": monthly.usd(),
                "api_price_usd": spent.usd(),
                "factor": factor,
            }),
        })
    }
}

#[cfg(test)]
#[path = "../../tests/unit/money_forecasts.rs"] // The test uses private functions.
mod money_forecasts;
