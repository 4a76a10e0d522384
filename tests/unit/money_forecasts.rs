//! Measures the accuracy of the forecasts of a day's and a month's spend. The ten kinds of workers are based on
//! descriptions in public issues and were designed before the forecasting rule.
//! `cargo test --lib money_forecasts -- --nocapture` prints the table in `tests/integration/forecasts/README.md`.

use std::ops::Range;

use chrono::{Datelike, Timelike};

use super::*;
use crate::environment::Environment;
use crate::ledger::{Origin, Tally};

const WEEKS: i64 = 14;
/// The first week for which forecasts are made. The weeks before it only provide history.
const FIRST: i64 = 6;

struct Worker {
    name: &'static str,
    /// Returns the cost of an hour in cents, given the number of days since the beginning and the hour of the day.
    hour: fn(i64, u32) -> u64,
    /// True if the cost does not vary randomly from day to day.
    is_even: bool,
}

fn is_office(hour: u32) -> bool {
    (9..18).contains(&hour)
}

/// The ten kinds of workers. Amounts are in cents, and day 0 is a Monday.
const WORKERS: &[Worker] = &[
    Worker {
        name: "nine to six",
        is_even: false,
        hour: |day, hour| {
            if day % 7 < 5 && is_office(hour) {
                110
            } else {
                0
            }
        },
    },
    Worker {
        name: "$10 each weekday",
        is_even: true,
        hour: |day, hour| if day % 7 < 5 && hour == 14 { 1_000 } else { 0 },
    },
    Worker {
        name: "busy Mondays",
        is_even: false,
        hour: |day, hour| match day % 7 {
            0 if is_office(hour) => 300,
            1..5 if is_office(hour) => 70,
            _ => 0,
        },
    },
    Worker {
        name: "evenings and weekends",
        is_even: false,
        hour: |day, hour| match (day % 7, hour) {
            (0..5, 19..23) => 150,
            (5.., 10..22) => 120,
            _ => 0,
        },
    },
    Worker {
        name: "agents by day and night",
        is_even: false,
        hour: |_, _| 45,
    },
    Worker {
        name: "Monday to Wednesday",
        is_even: false,
        hour: |day, hour| {
            if day % 7 < 3 && is_office(hour) {
                180
            } else {
                0
            }
        },
    },
    Worker {
        name: "shifts by week",
        is_even: false,
        hour: |day, hour| {
            let first = if day / 7 % 2 == 0 { 6 } else { 14 };
            if day % 7 < 5 && (first..first + 8).contains(&hour) {
                120
            } else {
                0
            }
        },
    },
    Worker {
        name: "one project in three weeks",
        is_even: false,
        hour: |day, hour| {
            if day / 7 % 3 == 0 && day % 7 < 6 && is_office(hour) {
                250
            } else if day % 7 < 5 && hour == 10 {
                60
            } else {
                0
            }
        },
    },
    Worker {
        name: "more every week",
        is_even: false,
        hour: |day, hour| {
            if day % 7 < 5 && is_office(hour) {
                30 + 2 * day.unsigned_abs()
            } else {
                0
            }
        },
    },
    Worker {
        name: "a fortnight's leave",
        is_even: false,
        hour: |day, hour| {
            if day % 7 < 5 && is_office(hour) && !(56..70).contains(&day) {
                110
            } else {
                0
            }
        },
    },
];

/// Simulates a worker and returns the spend of each hour in cents.
fn simulate_spend(worker: &Worker, seed: u64) -> Vec<u64> {
    let mut state = seed;
    let mut chance = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % 1_000
    };
    let mut spent = Vec::new();
    for day in 0..WEEKS * 7 {
        // On one in twelve days, the worker spends nothing. On other days, the spend is between one third and five
        // thirds of the usual amount.
        let mood = match chance() {
            ..83 => 0,
            other => 333 + other * 4 / 3,
        };
        for hour in 0..24 {
            let noise = 500 + chance();
            let share = if worker.is_even {
                1_000_000
            } else {
                mood * noise
            };
            spent.push((worker.hour)(day, hour) * share / 1_000_000);
        }
    }
    spent
}

/// Returns a Monday that is the first day of a month.
fn beginning() -> DateTime<Utc> {
    "2026-06-01T00:00:00Z".parse().unwrap()
}

fn money(cents: u64) -> Money {
    Money::from_nano(i64::try_from(cents).unwrap() * 10_000_000)
}

fn history(spent: &[u64], now: DateTime<Utc>) -> SpendHistory {
    let environment = Environment::new([("TZ".into(), "UTC".into())], now);
    let mut history = SpendHistory::new(environment.clock(), None);
    let origin = Origin::default();
    let hours = (0..).zip(spent).skip(spent.len().saturating_sub(35 * 24));
    for (hour, cents) in hours.filter(|(_, cents)| **cents > 0) {
        let at = beginning() + TimeDelta::hours(hour);
        history.add(&SpendRow {
            tally: Tally {
                recorded: money(*cents),
                ..Tally::default()
            },
            at: at.timestamp_millis(),
            origin: &origin,
            model: "m",
            ..SpendRow::default()
        });
    }
    history
}

/// Forecasts spend with the previous rule, the average of the last seven days.
fn as_before(spent: &[u64], now: DateTime<Utc>, hours: usize) -> f64 {
    let known = spent.len() / 24 * 24;
    let days = spent[known - 7 * 24..known].chunks(24);
    let whole: u64 = days.clone().flatten().sum();
    let later: u64 = days.flat_map(|day| &day[now.hour() as usize..]).sum();
    let today = 24 - now.hour() as usize;
    if hours <= today {
        later as f64 / 700.0
    } else {
        whole as f64 / 700.0 * hours as f64 / 24.0
    }
}

#[derive(Default)]
struct Errors {
    before: Vec<f64>,
    now: Vec<f64>,
}

impl Errors {
    /// Adds the errors of both rules for a period, as percentages of the average spend per workday. `predicted` is the
    /// current rule's forecast in dollars, and `spent` contains the real spend per hour in cents.
    fn add(&mut self, predicted: f64, spent: &[u64], a_day: f64, period: Range<DateTime<Utc>>) {
        let [passed, hours] = [period.start - beginning(), period.end - period.start]
            .map(|duration| usize::try_from(duration.num_hours()).unwrap());
        let Some(to_come) = spent.get(passed..passed + hours) else {
            return;
        };
        let truth = to_come.iter().sum::<u64>() as f64 / 100.0;
        self.now.push((predicted - truth).abs() / a_day * 100.0);
        let by_previous_rule = as_before(&spent[..passed], period.start, hours);
        self.before
            .push((by_previous_rule - truth).abs() / a_day * 100.0);
    }

    /// Returns the median error and the 90th percentile.
    fn shown(errors: &mut [f64]) -> (f64, f64) {
        errors.sort_by(f64::total_cmp);
        (errors[errors.len() / 2], errors[errors.len() * 9 / 10])
    }
}

fn compare(worker: &Worker) -> [Errors; 2] {
    let [mut of_days, mut of_months] = [Errors::default(), Errors::default()];
    for seed in 0..3 {
        let spent = simulate_spend(worker, seed * 977 + 13);
        let total: u64 = spent.iter().sum();
        let a_day = total as f64 / 100.0 / (WEEKS * 5) as f64;
        for day in FIRST * 7..WEEKS * 7 {
            for hour in [9, 12, 15] {
                let passed = usize::try_from(day * 24 + hour).unwrap();
                let now = beginning() + TimeDelta::hours(day * 24 + hour);
                let past = history(&spent[..passed], now);
                let predicted = past.day_forecast().map_or(0.0, |forecast| {
                    (forecast.total - past.spent_today().money).usd()
                });
                let midnight = beginning() + TimeDelta::days(day + 1);
                of_days.add(predicted, &spent, a_day, now..midnight);
                if hour == 12 && [5, 12, 20].contains(&now.day()) {
                    let predicted = past.forecast().map_or(0.0, |forecast| {
                        (forecast.total - past.spent_this_month().money).usd()
                    });
                    of_months.add(predicted, &spent, a_day, now..past.month[1]);
                }
            }
        }
    }
    [of_days, of_months]
}

#[test]
#[expect(
    clippy::disallowed_macros,
    reason = "the table, for whoever runs it by hand"
)]
fn forecasts_by_weekday_are_closer_than_an_average_for_workers_of_ten_kinds() {
    println!(
        "| worker | day, before | day | month, before | month |\n| --- | --- | --- | --- | --- |"
    );
    let [mut days, mut months] = [Errors::default(), Errors::default()];
    for worker in WORKERS {
        let [mut of_days, mut of_months] = compare(worker);
        let mut cells = Vec::new();
        for (errors, all) in [(&mut of_days, &mut days), (&mut of_months, &mut months)] {
            all.before.extend(&errors.before);
            all.now.extend(&errors.now);
            for errors in [&mut errors.before, &mut errors.now] {
                let (median, tenth) = Errors::shown(errors);
                cells.push(format!("{median:.0} / {tenth:.0}"));
            }
        }
        println!("| {} | {} |", worker.name, cells.join(" | "));
    }
    for (errors, least) in [(&mut days, 0.9), (&mut months, 1.0)] {
        let (before, before_tenth) = Errors::shown(&mut errors.before);
        let (now, now_tenth) = Errors::shown(&mut errors.now);
        println!(
            "all: {before:.0} / {before_tenth:.0} before, {now:.0} / {now_tenth:.0} now, of {}",
            errors.now.len()
        );
        assert!(now < before * least && now_tenth < before_tenth * least);
    }
}
