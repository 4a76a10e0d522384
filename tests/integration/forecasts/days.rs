//! Generates workdays, which are the same on every machine.

use chrono::{DateTime, Utc};
use whycap::claude::window_usage::WindowUsage;
use whycap::limits::pace::Outlook;
use whycap::limits::pace::five_hours::{CURRENT_LASTS, Level, Pace, outlook};
use whycap::time::datetime_from_millis;

use super::draws::Draws;
use super::whole;

pub const DAY: usize = 24 * 60;
pub const DAYS: usize = 28;
/// The length of the usage window in minutes.
pub const LENGTH: usize = 300;

/// A person's working habits. Working hours, stretches of work, and breaks all vary randomly.
#[derive(Clone, Copy)]
pub struct Kind {
    pub name: &'static str,
    hours: &'static [(f64, f64)],
    work: f64,
    pause: f64,
    sessions: usize,
    /// The number of times per day that the person runs many subagents at once.
    subagent_bursts_per_day: f64,
    on_weekends: f64,
    /// The variation of usage between tasks, and the average length of a task in minutes.
    spread: f64,
    task: f64,
    /// The range of the person's usage per minute, as a percentage of the 5-hour window. It depends on the plan.
    use_of_plan: (f64, f64),
}

#[rustfmt::skip]
const STEADY: Kind = Kind {
    name: "steady", hours: &[(9.0, 12.5), (13.3, 17.7)], work: 60.0, pause: 5.0, sessions: 1, subagent_bursts_per_day: 0.1,
    on_weekends: 0.15, spread: 0.6, task: 45.0, use_of_plan: (0.15, 0.5),
};

/// The kinds of days that were used to choose the forecasting rule.
#[rustfmt::skip]
pub const KNOWN: &[Kind] = &[
    STEADY,
    Kind { name: "short bursts", work: 15.0, pause: 20.0, ..STEADY },
    Kind { name: "many meetings", work: 25.0, pause: 40.0, hours: &[(9.0, 10.0), (11.0, 12.5), (15.0, 17.5)], ..STEADY },
    Kind { name: "parallel sessions", sessions: 3, use_of_plan: (0.1, 0.3), ..STEADY },
    Kind { name: "subagent storms", work: 25.0, pause: 12.0, subagent_bursts_per_day: 1.2, ..STEADY },
    Kind { name: "evenings", hours: &[(18.5, 24.0)], work: 30.0, pause: 10.0, on_weekends: 0.8, ..STEADY },
    Kind { name: "a loop by day and night", hours: &[(0.0, 24.0)], work: 4.0, pause: 24.0, on_weekends: 1.0, ..STEADY },
    Kind { name: "a large plan", use_of_plan: (0.04, 0.12), ..STEADY },
    Kind { name: "one thing, then another", work: 30.0, spread: 1.1, task: 130.0, ..STEADY },
];

/// Kinds of days that were added after the forecasting rule was chosen.
#[rustfmt::skip]
pub const HELD_OUT: &[Kind] = &[
    Kind { name: "25 minutes on, 5 off", work: 25.0, pause: 5.0, spread: 0.3, ..STEADY },
    Kind { name: "on call", hours: &[(2.0, 4.0), (9.0, 17.0), (20.0, 22.0)], work: 20.0, pause: 50.0, subagent_bursts_per_day: 0.6, on_weekends: 0.6, spread: 0.9, ..STEADY },
    Kind { name: "a late sprint", hours: &[(10.0, 12.0), (14.0, 23.5)], work: 90.0, pause: 15.0, sessions: 2, spread: 0.8, task: 200.0, ..STEADY },
    Kind { name: "a small plan and storms", subagent_bursts_per_day: 2.0, use_of_plan: (0.4, 0.9), work: 20.0, pause: 15.0, ..STEADY },
];

/// Returns the percentage of the 5-hour window that a person would use in each minute if there were no limit.
fn demand(kind: &Kind, draws: &mut Draws) -> Vec<f64> {
    let mut demand = vec![0.0; DAYS * DAY];
    let usual = draws.between(kind.use_of_plan);
    for (day, minutes) in demand.chunks_mut(DAY).enumerate() {
        let works = if day % 7 < 5 { 0.93 } else { kind.on_weekends };
        if draws.unit() > works {
            continue;
        }
        let mood = usual * draws.factor(0.35);
        for (from, until) in kind.hours {
            let [from, until] =
                [from, until].map(|hour| hour * 60.0 + draws.between((-30.0, 30.0)));
            for _ in 0..kind.sessions {
                let (mut task, mut task_until) = (1.0, 0.0);
                let mut at = from + draws.lasting(kind.pause);
                while at < until {
                    let end = (at + draws.lasting(kind.work)).min(until);
                    // After a break, the prompt cache has expired and has to be rewritten.
                    let mut cold = 4.0;
                    while at < end {
                        if at >= task_until {
                            task = draws.factor(kind.spread);
                            task_until = at + draws.lasting(kind.task);
                        }
                        let height = mood * task * cold * 0.6;
                        add(minutes, at, height * draws.factor(0.9));
                        (at, cold) = (at + 1.0, 1.0);
                    }
                    at += draws.lasting(kind.pause);
                }
            }
            let between_bursts = (until - from) / kind.subagent_bursts_per_day;
            let mut at = from + draws.lasting(between_bursts);
            while at < until {
                let end = at + draws.between((6.0, 35.0));
                let height = usual * draws.between((4.0, 12.0));
                while at < end {
                    add(minutes, at, height * draws.factor(0.4));
                    at += 1.0;
                }
                at += draws.lasting(between_bursts);
            }
        }
    }
    demand
}

fn add(minutes: &mut [f64], at: f64, percent: f64) {
    if let Some(minute) = minutes.get_mut(whole(at)) {
        *minute += percent;
    }
}

/// The usage of a person's windows in each minute.
pub struct UsageHistory {
    pub level: Vec<f64>,
    pub reset: Vec<usize>,
    pub works: Vec<bool>,
    /// The minutes in which usage reached a new whole percentage, along with that percentage.
    pub steps: Vec<(usize, f64)>,
}

/// Simulates the 5-hour windows of a person with these working habits.
pub fn simulate(kind: &Kind, seed: u64) -> UsageHistory {
    let mut draws = Draws::new(seed);
    let careful = if draws.unit() < 0.3 { 0.5 } else { 1.0 };
    let mut level: f64 = 0.0;
    let mut reset = 0;
    let mut history = UsageHistory {
        level: Vec::new(),
        reset: Vec::new(),
        works: Vec::new(),
        steps: Vec::new(),
    };
    for (minute, wants) in demand(kind, &mut draws).into_iter().enumerate() {
        let uses = match level {
            _ if minute >= reset => wants,
            100.0.. => 0.0,
            80.0.. => wants * careful,
            _ => wants,
        };
        if minute >= reset {
            level = 0.0;
            if uses > 0.0 {
                reset = minute / 10 * 10 + LENGTH;
            }
        }
        let before = level.floor();
        level = (level + uses).min(100.0);
        if level.floor() > before {
            history.steps.push((minute, level.floor()));
        }
        history.level.push(level);
        history.reset.push(reset);
        history.works.push(uses > 0.0);
    }
    history
}

/// The data that is available in a given minute.
pub struct Seen<'a> {
    pub history: &'a UsageHistory,
    pub now: usize,
    pub reset: usize,
    pub used: f64,
}

/// Returns how much an increase counts that began the given number of minutes ago.
fn weight_at(ago: f64) -> f64 {
    (1.0 + ago / 240.0).powi(-4)
}

impl Seen<'_> {
    /// Returns the average increase over the last `last` minutes in percentage points per minute.
    pub fn rate_over(&self, last: usize) -> f64 {
        let begun = self.reset - LENGTH;
        let from = self.now.saturating_sub(last).max(begun);
        let before = if from == begun {
            0.0
        } else {
            self.history.level[from].floor()
        };
        (self.used - before) / (self.now - from) as f64
    }

    /// Returns the steps in the current window.
    fn steps(&self) -> &[(usize, f64)] {
        let steps = &self.history.steps;
        let begun = steps.partition_point(|step| step.0 < self.reset - LENGTH);
        &steps[begun..steps.partition_point(|step| step.0 <= self.now)]
    }

    fn levels(&self) -> Vec<Level> {
        let steps = self.steps().iter();
        steps.map(|(minute, level)| (at(*minute), *level)).collect()
    }

    /// Returns the weighted average increase in percentage points per minute. The last hour has the highest weight.
    pub fn recent_rate(&self) -> f64 {
        let now = self.now as f64;
        let all = (self.now + LENGTH - self.reset) as f64;
        let steps = self.steps();
        let past_steps = steps[steps.len().saturating_sub(18)..]
            .iter()
            .map(|(at, level)| (now - *at as f64, *level));
        let (mut since, mut level, mut sum) = (all, 0.0, 0.0);
        for (ago, next) in past_steps.chain([(0.0, self.used)]) {
            if next > level {
                let span = (since - ago).max(1.0);
                sum += (next - level) / span * (weight_at(ago) - weight_at(ago + span));
                level = next;
            }
            since = ago;
        }
        sum / (1.0 - weight_at(all))
    }

    /// Returns the predicted increase over the given number of minutes in percentage points.
    pub fn rise_in(&self, minutes: usize) -> f64 {
        let pace = Pace::new(&self.levels(), &self.usage(), at(self.now));
        let (pace, minutes) = (pace.unwrap(), minutes as f64);
        pace.current * minutes.min(CURRENT_LASTS) + pace.recent * (minutes - CURRENT_LASTS).max(0.0)
    }

    pub fn yesterday(&self, ahead: usize) -> f64 {
        let then = self.now - DAY;
        let steps = self.history.level[then..=then + ahead].windows(2);
        steps.map(|pair| (pair[1] - pair[0]).max(0.0)).sum()
    }

    /// Returns the time at which the window will be full according to the forecast that users see.
    pub fn shown_full_at(&self) -> Option<DateTime<Utc>> {
        full(outlook(&self.levels(), &self.usage(), at(self.now)))
    }

    /// Returns the number of minutes until the given time.
    pub fn until(&self, moment: DateTime<Utc>) -> f64 {
        (moment - at(self.now)).num_seconds() as f64 / 60.0
    }

    fn usage(&self) -> WindowUsage {
        WindowUsage {
            used_percent: self.used,
            resets_at: Some(at(self.reset)),
        }
    }
}

fn full(outlook: Option<Outlook>) -> Option<DateTime<Utc>> {
    match outlook? {
        Outlook::WillFill(at, _) => Some(at),
        _ => None,
    }
}

fn at(minute: usize) -> DateTime<Utc> {
    datetime_from_millis(i64::try_from(minute).unwrap() * 60_000)
}
