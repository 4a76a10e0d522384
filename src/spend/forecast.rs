//! What a day and a month will come to, if they go on as the same weekdays did of late; and what a
//! subscription is worth: what was used, as the API would charge it, beside what the plan costs.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, TimeDelta, Utc, Weekday};
use serde_json::{Value, json};

use crate::config::Currency;
use crate::ledger::SpendRow;
use crate::pricing::Money;
use crate::time::{Clock, Millis, moment};

/// How many whole days before today say how it goes: four of each weekday.
const LOOKED_AT: u64 = 28;

/// From how many of them a day's forecast follows: single days begin and end as they like.
const ENOUGH_FOR_A_DAY: usize = 3;

/// A guess, and what it rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Forecast {
    /// The month's name, or that it is today.
    pub(crate) of: String,
    pub(crate) total: Money,
    /// "if the days to come are like the last 5 days"
    pub(crate) basis: String,
    /// The contract's fields.
    pub(crate) facts: Value,
}

/// What was spent on a day before today, or in a part of it.
type PastDay = (Weekday, Money);

/// How spend went today, this month, and on the days before today.
#[derive(Debug, Clone)]
pub(crate) struct Course {
    clock: Clock,
    today: NaiveDate,
    /// When the month begins and ends.
    pub(crate) month: [DateTime<Utc>; 2],
    /// What was spent, by quarters of an hour.
    quarters: BTreeMap<Millis, Money>,
}

impl Course {
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            clock,
            today: clock.zone.day(clock.now),
            month: clock.zone.month_bounds(clock.now).into(),
            quarters: BTreeMap::new(),
        }
    }

    pub(crate) fn add(&mut self, row: &SpendRow<'_>) {
        *self.quarters.entry(row.at).or_default() += row.tally.cost();
    }

    fn midnight(&self, day: NaiveDate) -> Millis {
        self.clock.zone.midnight(day).timestamp_millis()
    }

    pub(crate) fn spent_today(&self) -> Money {
        self.spent_on(self.today, |_| true)
    }

    /// What was spent from the first of the month until the end of today.
    pub(crate) fn spent_this_month(&self) -> Money {
        let (begins, ends) = (self.month[0], self.today + Days::new(1));
        let period = begins.timestamp_millis()..self.midnight(ends);
        self.quarters.range(period).map(|(_, cost)| *cost).sum()
    }

    pub(crate) fn first_of_month(&self) -> NaiveDate {
        self.clock.zone.day(self.month[0])
    }

    /// What an hour costs today, since the first of it was spent, and when that was. Before ten
    /// minutes have passed, that means nothing.
    pub(crate) fn per_hour(&self) -> Option<(Money, DateTime<Utc>)> {
        let (first, _) = self.quarters.range(self.midnight(self.today)..).next()?;
        let (since, hour) = (moment(*first), TimeDelta::hours(1));
        let rate = rate(self.spent_today(), since, self.clock.now, hour)?;
        Some((rate, since))
    }

    /// What a day costs this month.
    pub(crate) fn per_day(&self) -> Option<Money> {
        let (since, day) = (self.month[0], TimeDelta::days(1));
        rate(self.spent_this_month(), since, self.clock.now, day)
    }

    /// The days that are looked at, as far as there is a history before or on them, and of each what
    /// was spent at the times that are meant.
    fn past_days(&self, is_meant: impl Fn(NaiveTime) -> bool) -> Vec<PastDay> {
        let earliest = self.quarters.keys().next();
        let earliest = earliest.map_or(self.today, |at| self.clock.zone.day(moment(*at)));
        let first = earliest.max(self.today - Days::new(LOOKED_AT));
        let days = first.iter_days().take_while(|day| *day < self.today);
        let spent = days.map(|day| (day.weekday(), self.spent_on(day, &is_meant)));
        spent.collect()
    }

    /// What was spent on a day at the times that are meant. Under a wrong clock rows lie ahead of it.
    fn spent_on(&self, day: NaiveDate, is_meant: impl Fn(NaiveTime) -> bool) -> Money {
        let bounds = self.midnight(day)..self.midnight(day + Days::new(1));
        let (zone, quarters) = (self.clock.zone, self.quarters.range(bounds));
        let meant = quarters.filter(|(at, _)| is_meant(zone.at(moment(**at)).time()));
        meant.map(|(_, cost)| *cost).sum()
    }

    /// The same of whole days. None where nothing was spent on them.
    fn whole_days(&self) -> Option<Vec<PastDay>> {
        let days = self.past_days(|_| true);
        let is_spent = days.iter().any(|(_, cost)| *cost != Money::ZERO);
        is_spent.then_some(days)
    }

    fn rest_of_today(&self) -> Money {
        let now = self.clock.zone.at(self.clock.now).time();
        usual(self.today.weekday(), &self.past_days(|time| time > now))
    }

    /// None where no whole day has passed since anything was spent, or nothing was spent lately.
    pub(crate) fn forecast(&self) -> Option<Forecast> {
        let days = self.whole_days()?;
        let ends = self.clock.zone.day(self.month[1]);
        let tomorrow = self.today.succ_opt()?;
        let left = tomorrow.iter_days().take_while(|day| *day < ends);
        let left = left.map(|day| usual(day.weekday(), &days));
        let to_come = left.fold(self.rest_of_today(), |sum, day| sum + day);
        let (spent, first) = (self.spent_this_month(), self.first_of_month());
        let [day, left] = [TimeDelta::days(1), self.month[1] - self.clock.now].map(seconds);
        Some(Forecast {
            of: first.format("%B").to_string(),
            total: spent + to_come,
            basis: format!("if the days to come are like {}", in_words(days.len())),
            facts: json!({
                "month": first.format("%Y-%m").to_string(),
                "cost_usd": (spent + to_come).usd(),
                "so_far_usd": spent.usd(),
                "per_day_usd": to_come.share(day, left).usd(),
                "average_of_days": days.len(),
            }),
        })
    }

    /// Today, if the rest of it costs what the same hours of the same weekdays did. None before
    /// there are some.
    pub(crate) fn day_forecast(&self) -> Option<Forecast> {
        let days = self.whole_days()?.len();
        let rest = self.rest_of_today();
        let (total, shown) = (self.spent_today() + rest, rest.show());
        let (like, after) = (in_words(days), self.clock.time(self.clock.now));
        (days >= ENOUGH_FOR_A_DAY).then(|| Forecast {
            of: "today".to_owned(),
            total,
            basis: format!("if the rest of the day costs {shown}, like {like} after {after}"),
            facts: json!({
                "cost_usd": total.usd(),
                "rest_of_day_usd": rest.usd(),
                "average_of_days": days,
            }),
        })
    }
}

/// What such a weekday costs, by those of the days that are known, and by days like it as if they
/// were one more of it.
fn usual(weekday: Weekday, known: &[PastDay]) -> Money {
    let (alike, many) = match sum_of(known, |day| is_weekend(day) == is_weekend(weekday)) {
        (_, 0) => sum_of(known, |_| true),
        alike => alike,
    };
    let (same, times) = sum_of(known, |day| day == weekday);
    (same + alike.share(1, many)).share(1, times + 1)
}

/// The days that say how it goes.
fn in_words(days: usize) -> String {
    match days {
        1 => "yesterday".to_owned(),
        days @ ..14 => format!("the last {days} days"),
        days => format!("the same weekdays of the last {} weeks", days / 7),
    }
}

/// What was spent on the weekdays that are meant, and how many those are.
fn sum_of(days: &[PastDay], is_meant: impl Fn(Weekday) -> bool) -> (Money, u128) {
    let meant = days.iter().filter(|(day, _)| is_meant(*day));
    let many = meant.clone().count() as u128;
    (meant.map(|(_, spent)| *spent).sum(), many)
}

fn is_weekend(day: Weekday) -> bool {
    matches!(day, Weekday::Sat | Weekday::Sun)
}

/// What `spent` since a moment comes to by the hour or the day. Before a sixth of one has passed,
/// that means nothing.
fn rate(spent: Money, since: DateTime<Utc>, now: DateTime<Utc>, unit: TimeDelta) -> Option<Money> {
    let passed = now - since;
    (passed >= unit / 6).then(|| spent.share(seconds(unit), seconds(passed)))
}

/// The rate of today, in the words of every verb.
pub(crate) fn in_an_hour(rate: Money, since: DateTime<Utc>, clock: Clock) -> String {
    format!("{} an hour since {}", rate.show(), clock.time(since))
}

fn seconds(span: TimeDelta) -> u128 {
    span.num_seconds().unsigned_abs().into()
}

impl Forecast {
    /// For people.
    pub(crate) fn sentence(&self) -> String {
        let (of, total, basis) = (&self.of, self.total.show(), &self.basis);
        format!("Forecast for {of}: about {total}, {basis}.")
    }
}

/// What was used of a plan in the month that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlanWorth {
    /// For people.
    pub(crate) sentence: String,
    /// The contract's fields.
    pub(crate) facts: Value,
}

impl PlanWorth {
    /// None for a plan that costs nothing.
    pub(crate) fn new(monthly: Money, course: &Course, currency: &Currency) -> Option<Self> {
        let (month, used) = (course.first_of_month(), course.spent_this_month());
        let factor = used.usd() / monthly.usd();
        let worth = match factor {
            1.0.. => format!("{factor:.1} times"),
            _ => format!("{:.0}% of", factor * 100.0),
        };
        let [at_api_prices, plan] = [used, monthly].map(|money| money.show_both(currency));
        let sentence = format!(
            "At API prices {} would have cost {at_api_prices} so far, {worth} the {plan} of your plan.",
            month.format("%B"),
        );
        let facts = json!({
            "month": month.format("%Y-%m").to_string(),
            "monthly_usd": monthly.usd(),
            "api_price_usd": used.usd(),
            "factor": factor,
        });
        (monthly > Money::ZERO).then_some(Self { sentence, facts })
    }
}

#[cfg(test)]
#[path = "../../tests/unit/money_forecasts.rs"] // it drives what the library shows to nobody
mod money_forecasts;
