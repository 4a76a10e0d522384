//! Compares whycap's forecast of the weekly window with alternative rules.

use chrono::{DateTime, TimeDelta, Utc};
use whycap::claude::window_usage::WindowUsage;
use whycap::limits::pace::Outlook;
use whycap::limits::pace::week::{PastWeeks, Rise};
use whycap::time::datetime_from_millis;

use super::workers::{WEEK, Weeks, others, people};
use super::{one_if, people_per_kind, report, requested_people, shown, whole};

fn at(hour: f64) -> DateTime<Utc> {
    datetime_from_millis(i64::try_from(whole(hour * 3_600_000.0)).unwrap())
}

/// The data that is available at a given time, which may be partway through an hour.
struct Seen<'w> {
    begun: usize,
    hour: usize,
    part: f64,
    used: f64,
    rises: &'w [Rise],
    /// The total usage before each hour. Resets do not reduce the total.
    sums: &'w [f64],
}

impl Seen<'_> {
    fn now(&self) -> f64 {
        self.hour as f64 + self.part
    }

    fn reset(&self) -> usize {
        self.begun + WEEK
    }

    /// Returns the increase in usage between two times, which are given in hours.
    fn rose(&self, from: f64, until: f64) -> f64 {
        self.total_until(until) - self.total_until(from)
    }

    /// Returns the sum of all increases until the given hour.
    fn total_until(&self, hour: f64) -> f64 {
        let full_hours = whole(hour);
        let [before, after] = [full_hours, full_hours + 1].map(|hour| {
            let last = self.sums.len() - 1;
            self.sums[hour.min(last)]
        });
        before + (after - before) * (hour - full_hours as f64)
    }

    fn usage(&self) -> WindowUsage {
        WindowUsage {
            used_percent: self.used,
            resets_at: Some(at(self.reset() as f64)),
        }
    }

    /// Returns the history before this time.
    fn history(&self) -> PastWeeks<'_> {
        let known = self.rises.partition_point(|rise| rise.at <= at(self.now()));
        PastWeeks {
            rises: &self.rises[..known],
            since: at(0.0),
        }
    }

    fn straight(&self, hours: f64) -> f64 {
        self.used / (self.now() - self.begun as f64) * hours
    }

    fn last_day(&self, hours: f64) -> f64 {
        let from = (self.now() - 24.0).max(self.begun as f64);
        self.rose(from, self.now()) / (self.now() - from) * hours
    }

    /// Returns the average increase during the same hours of previous weeks.
    fn before(&self, hours: f64, weeks: usize) -> f64 {
        let known = (1..=weeks).filter(|back| self.begun >= back * WEEK);
        let grown: Vec<f64> = known
            .map(|back| {
                let from = self.now() - (back * WEEK) as f64;
                self.rose(from, from + hours)
            })
            .collect();
        grown.iter().sum::<f64>() / grown.len().max(1) as f64
    }

    fn growth(&self, hours: f64) -> f64 {
        let growth = self.history().growth(&self.usage(), at(self.now()));
        growth.map_or(0.0, |growth| growth[whole(hours) - 1])
    }
}

type Growth = fn(&Seen<'_>, f64) -> f64;

const WEEKLY: &str = "**week**: as the weeks before went on, if two thirds of it are enough";
#[rustfmt::skip]
const RULES: [(&str, Growth); 6] = [
    ("a straight line since the window began", |seen, hours| seen.straight(hours)),
    ("the same for 2 days at most (as before)", |seen, hours| seen.straight(hours.min(50.4))),
    ("a straight line of the last day", |seen, hours| seen.last_day(hours)),
    ("the same hours of last week", |seen, hours| seen.before(hours, 1)),
    ("the same hours of the last four weeks", |seen, hours| seen.before(hours, 4)),
    (WEEKLY, |seen, hours| seen.growth(hours)),
];

/// Returns the number of hours until the window is full according to the given rule, or `None` if it does not fill up.
fn full_in((name, growth): (&str, Growth), seen: &Seen<'_>) -> Option<f64> {
    let left = seen.reset() as f64 - seen.now();
    if name == WEEKLY {
        return match seen.history().outlook(&seen.usage(), at(seen.now())) {
            Outlook::WillFill(full, _) => Some((full - at(seen.now())).num_minutes() as f64 / 60.0),
            _ => None,
        };
    }
    if seen.used + growth(seen, left) < 100.0 {
        return None;
    }
    let mut hours = (1..=whole(left)).map(|hours| hours as f64);
    hours
        .find(|hours| seen.used + growth(seen, *hours) >= 100.0)
        .or(Some(left))
}

#[derive(Default)]
struct Score {
    errors: [(usize, Vec<f64>); 3],
    time_errors: Vec<f64>,
    windows: f64,
    false_alarms: f64,
    full: f64,
    missed: f64,
    late: f64,
}

impl Score {
    fn add(&mut self, rule: (&str, Growth), person: &Person, begun: usize) {
        let Person { weeks, rises, sums } = person;
        let run = begun..begun + WEEK;
        let full = run.clone().find(|hour| weeks.levels[*hour] >= 100.0);
        let (mut is_said, mut is_in_time) = (false, false);
        // The status line is rendered only while the user is active.
        for hour in run.skip(1).filter(|hour| weeks.watched[*hour]) {
            for quarter in 1..=4 {
                let part = f64::from(quarter) / 4.0;
                let level = weeks.levels[hour] - weeks.rises[hour] * (1.0 - part);
                let used = level.floor();
                if used < 10.0 || level >= 100.0 {
                    continue;
                }
                let seen = Seen {
                    begun,
                    hour,
                    part,
                    used,
                    rises,
                    sums,
                };
                if quarter == 4 {
                    for (ahead, errors) in &mut self.errors {
                        if hour + *ahead < begun + WEEK {
                            let predicted = (used + rule.1(&seen, *ahead as f64)).min(100.0);
                            errors.push((predicted - weeks.levels[hour + *ahead]).abs());
                        }
                    }
                }
                if let Some(predicted) = full_in(rule, &seen) {
                    is_said = true;
                    if let Some(full) = full {
                        self.time_errors
                            .push((seen.now() + predicted - full as f64).abs());
                        is_in_time |= full >= hour + 11;
                    }
                }
            }
        }
        self.windows += 1.0;
        self.false_alarms += one_if(full.is_none() && is_said);
        self.full += one_if(full.is_some());
        self.missed += one_if(full.is_some() && !is_said);
        self.late += one_if(full.is_some() && is_said && !is_in_time);
    }

    fn false_share(&self) -> f64 {
        self.false_alarms / (self.windows - self.full)
    }

    fn row(&self, name: &str) -> String {
        let [near, middle, far] = self.errors.each_ref().map(|(_, errors)| shown(errors, 1));
        let [missed, late] = [self.missed, self.late].map(|of| 100.0 * of / self.full);
        let (alarms, time) = (100.0 * self.false_share(), shown(&self.time_errors, 0));
        format!(
            "| {name} | {near} | {middle} | {far} | {alarms:.1}% | {missed:.1}% | {late:.0}% | {time} |\n"
        )
    }
}

struct Person {
    weeks: Weeks,
    rises: Vec<Rise>,
    sums: Vec<f64>,
}

impl From<Weeks> for Person {
    fn from(weeks: Weeks) -> Self {
        let rising_hours = weeks
            .rises
            .iter()
            .enumerate()
            .filter(|(_, rise)| **rise > 0.0);
        let rises = rising_hours
            // Usage is reported every 15 minutes.
            .flat_map(|(hour, rise)| {
                (1..=4).map(move |quarter| (hour as f64 + f64::from(quarter) / 4.0, rise / 4.0))
            })
            .scan(0.0, |total, (hour, percent)| {
                *total += percent;
                Some(Rise {
                    at: at(hour) - TimeDelta::seconds(1),
                    total: *total,
                })
            })
            .collect();
        let mut sums = vec![0.0];
        for rise in &weeks.rises {
            sums.push(sums[sums.len() - 1] + rise);
        }
        Self { weeks, rises, sums }
    }
}

/// The number of weeks before the first forecast, which only provide history.
const KNOWN: usize = 2;

/// Returns the scores of all rules and a table of the scores.
fn score_rules(people: &[Person]) -> (Vec<Score>, String) {
    let mut table = String::new();
    let mut scores = Vec::new();
    for rule in RULES {
        if rule.0 != WEEKLY && requested_people().is_none() {
            continue;
        }
        let mut score = Score {
            errors: [24, 48, 72].map(|ahead| (ahead, Vec::new())),
            ..Score::default()
        };
        for person in people {
            for window in person.weeks.windows().skip(KNOWN) {
                score.add(rule, person, window.start);
            }
        }
        table += &score.row(rule.0);
        scores.push(score);
    }
    let (windows, full) = (scores[0].windows, scores[0].full);
    report(&format!(
        "{windows} weeks, {full} of them full\n\n\
         | forecast | 1 day | 2 days | 3 days | false alarms | missed | late | hours |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- |\n{table}"
    ));
    (scores, table)
}

#[test]
fn the_weekly_forecast_predicts_most_full_weeks() {
    /// The test skips the first few hundred people, because the rule was chosen using them.
    const FROM: usize = 3;
    let people: Vec<Person> = people(FROM..FROM + people_per_kind().div_ceil(3))
        .into_iter()
        .map(Person::from)
        .collect();
    let (scores, table) = score_rules(&people);
    let weekly = scores.last().unwrap();
    assert!(weekly.false_share() < 0.1, "{table}");
    assert!(weekly.missed < 0.05 * weekly.full, "{table}");
}

#[test]
fn the_weekly_forecast_gives_no_more_false_alarms_for_independent_profiles() {
    let people: Vec<Person> = others(people_per_kind())
        .into_iter()
        .map(Person::from)
        .collect();
    let (scores, table) = score_rules(&people);
    let weekly = scores.last().unwrap();
    assert!(weekly.false_share() < 0.1, "{table}");
    assert!(weekly.missed < 0.05 * weekly.full, "{table}");
}
