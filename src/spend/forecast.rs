//! What a day and a month will come to, if they go on as the same weekdays did of late; and what a
//! subscription is worth: what was used, as the API would charge it, beside what the plan costs.

use chrono::{DateTime, Datelike, Days, NaiveDate, TimeDelta, Utc, Weekday};
use serde_json::{Value, json};

use crate::config::Currency;
use crate::ledger::SpendRow;
use crate::pricing::Money;
use crate::time::{Clock, moment};

/// How many whole days before today say how it goes: four of each weekday.
const LOOKED_AT: usize = 28;

/// From how many of them a day's forecast follows: single days begin and end as they like.
const ENOUGH_FOR_A_DAY: usize = 3;

/// A guess, and what it rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Forecast {
    /// The month's name, or that it is today.
    of: String,
    pub(crate) total: Money,
    /// "if the days to come are like the last 5 days"
    pub(crate) basis: String,
    /// The contract's fields.
    pub(crate) facts: Value,
}

/// What was spent on a day before today.
#[derive(Debug, Clone, Copy, Default)]
struct PastDay {
    all: Money,
    /// Of it, at later times of the day than it is now.
    later: Money,
}

/// How spend went today, this month, and on the days before today.
#[derive(Debug, Clone)]
pub(crate) struct Course {
    clock: Clock,
    today: NaiveDate,
    /// When it began.
    midnight: DateTime<Utc>,
    /// When the month begins and ends.
    pub(crate) month: [DateTime<Utc>; 2],
    /// When the days that are looked at begin.
    from: DateTime<Utc>,
    pub(crate) spent_today: Money,
    pub(crate) spent_this_month: Money,
    /// From yesterday on backwards.
    past: [PastDay; LOOKED_AT],
    earliest: Option<DateTime<Utc>>,
    earliest_today: Option<DateTime<Utc>>,
}

impl Course {
    pub(crate) fn new(clock: Clock) -> Self {
        let Clock { zone, now, .. } = clock;
        let today = zone.day(now);
        Self {
            clock,
            today,
            midnight: zone.midnight(today),
            month: zone.month_bounds(now).into(),
            from: zone.midnight(today - Days::new(LOOKED_AT as u64)),
            spent_today: Money::ZERO,
            spent_this_month: Money::ZERO,
            past: [PastDay::default(); LOOKED_AT],
            earliest: None,
            earliest_today: None,
        }
    }

    pub(crate) fn add(&mut self, row: &SpendRow<'_>) {
        let cost = row.tally.cost();
        let at = moment(row.at);
        let [begins, ends] = self.month;
        if (begins..ends).contains(&at) {
            self.spent_this_month += cost;
        }
        if at >= self.midnight {
            self.spent_today += cost;
            self.earliest_today = Some(self.earliest_today.map_or(at, |known| known.min(at)));
        }
        if (self.from..self.midnight).contains(&at) {
            let zone = self.clock.zone;
            let at = zone.at(at);
            let back = (self.today - at.date_naive()).num_days() - 1;
            let back = usize::try_from(back).unwrap_or_default();
            if let Some(day) = self.past.get_mut(back) {
                day.all += cost;
                if at.time() > zone.at(self.clock.now).time() {
                    day.later += cost;
                }
            }
        }
        self.earliest = Some(self.earliest.map_or(at, |known| known.min(at)));
    }

    pub(crate) fn first_of_month(&self) -> NaiveDate {
        self.clock.zone.day(self.month[0])
    }

    /// What an hour costs today, since the first of it was spent, and when that was. Before ten
    /// minutes have passed, that means nothing.
    pub(crate) fn per_hour(&self) -> Option<(Money, DateTime<Utc>)> {
        let since = self.earliest_today?;
        let hour = TimeDelta::hours(1);
        Some((rate(self.spent_today, since, self.clock.now, hour)?, since))
    }

    /// What a day costs this month.
    pub(crate) fn per_day(&self) -> Option<Money> {
        let day = TimeDelta::days(1);
        rate(self.spent_this_month, self.month[0], self.clock.now, day)
    }

    /// How many of the days that are looked at have a history before or on them. None where nothing
    /// was spent on them.
    fn days(&self) -> Option<usize> {
        let first_day = self.clock.zone.day(self.earliest?.max(self.from));
        let days = usize::try_from((self.today - first_day).num_days()).ok()?;
        let is_spent = self.past.iter().any(|day| day.all != Money::ZERO);
        (days >= 1 && is_spent).then_some(days)
    }

    /// What such a weekday costs, by those of the days that are known, and by days like it as if they
    /// were one more of it.
    fn usual(&self, weekday: Weekday, days: usize, part: impl Fn(&PastDay) -> Money) -> Money {
        let known = (1..).zip(self.past.iter().take(days));
        let known = known.filter_map(|(back, spent)| {
            let day = self.today.checked_sub_days(Days::new(back))?;
            Some((day.weekday(), part(spent)))
        });
        let known: Vec<(Weekday, Money)> = known.collect();
        let (alike, many) = match sum_of(&known, |day| is_weekend(day) == is_weekend(weekday)) {
            (_, 0) => sum_of(&known, |_| true),
            alike => alike,
        };
        let (same, times) = sum_of(&known, |day| day == weekday);
        (same + alike.share(1, many)).share(1, times + 1)
    }

    /// None where no whole day has passed since anything was spent, or nothing was spent lately.
    pub(crate) fn forecast(&self) -> Option<Forecast> {
        let days = self.days()?;
        let ends = self.clock.zone.day(self.month[1]);
        let tomorrow = self.today.succ_opt()?;
        let left = tomorrow.iter_days().take_while(|day| *day < ends);
        let left = left.map(|day| self.usual(day.weekday(), days, |past| past.all));
        let to_come = left.fold(self.rest_of_today(days), |sum, day| sum + day);
        let (total, first) = (self.spent_this_month + to_come, self.first_of_month());
        let [day, left] = [TimeDelta::days(1), self.month[1] - self.clock.now].map(seconds);
        Some(Forecast {
            of: first.format("%B").to_string(),
            total,
            basis: format!("if the days to come are like {}", in_words(days)),
            facts: json!({
                "month": first.format("%Y-%m").to_string(),
                "cost_usd": total.usd(),
                "so_far_usd": self.spent_this_month.usd(),
                "per_day_usd": to_come.share(day, left).usd(),
                "average_of_days": days,
            }),
        })
    }

    fn rest_of_today(&self, days: usize) -> Money {
        self.usual(self.today.weekday(), days, |past| past.later)
    }

    /// Today, if the rest of it costs what the same hours of the same weekdays did. None before
    /// there are some.
    pub(crate) fn day_forecast(&self) -> Option<Forecast> {
        let days = self.days().filter(|days| *days >= ENOUGH_FOR_A_DAY)?;
        let to_come = self.rest_of_today(days);
        let total = self.spent_today + to_come;
        let (like, after) = (in_words(days), self.clock.time(self.clock.now));
        Some(Forecast {
            of: "today".to_owned(),
            total,
            basis: format!(
                "if the rest of the day costs {}, like {like} after {after}",
                to_come.show()
            ),
            facts: json!({
                "cost_usd": total.usd(),
                "rest_of_day_usd": to_come.usd(),
                "average_of_days": days,
            }),
        })
    }
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
fn sum_of(days: &[(Weekday, Money)], is_meant: impl Fn(Weekday) -> bool) -> (Money, u128) {
    let meant = days.iter().filter(|(day, _)| is_meant(*day));
    meant.fold((Money::ZERO, 0), |(sum, many), (_, spent)| {
        (sum + *spent, many + 1)
    })
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

/// A plan in the month that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlanWorth {
    month: NaiveDate,
    monthly: Money,
    used: Money,
}

impl PlanWorth {
    /// None for a plan that costs nothing.
    pub(crate) fn new(monthly: Money, course: &Course) -> Option<Self> {
        (monthly > Money::ZERO).then(|| Self {
            month: course.first_of_month(),
            monthly,
            used: course.spent_this_month,
        })
    }

    fn factor(&self) -> f64 {
        self.used.usd() / self.monthly.usd()
    }

    /// For people.
    pub(crate) fn sentence(&self, currency: &Currency) -> String {
        let factor = self.factor();
        let worth = if factor >= 1.0 {
            format!("{factor:.1} times")
        } else {
            format!("{:.0}% of", factor * 100.0)
        };
        format!(
            "At API prices {} would have cost {} so far, {worth} the {} of your plan.",
            self.month.format("%B"),
            self.used.show_both(currency),
            self.monthly.show_both(currency)
        )
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "month": self.month.format("%Y-%m").to_string(),
            "monthly_usd": self.monthly.usd(),
            "api_price_usd": self.used.usd(),
            "factor": self.factor(),
        })
    }
}

#[cfg(test)]
#[path = "../../tests/unit/money_forecasts.rs"] // it drives what the library shows to nobody
mod money_forecasts;
