//! Working days that are made up, the same ones everywhere.

use super::super::*;
use crate::claude::meters::Meter;
use crate::time::moment;

pub(super) const DAY: usize = 24 * 60;
pub(super) const DAYS: usize = 28;

/// How somebody works: hours, and minutes of work and pause in between, each drawn anew.
#[derive(Clone, Copy)]
pub(super) struct Kind {
    pub(super) name: &'static str,
    hours: &'static [(f64, f64)],
    work: f64,
    pause: f64,
    sessions: usize,
    /// Subagents in swarms, so many times a day.
    storms: f64,
    on_weekends: f64,
    /// How much one task differs from the next, and for how many minutes it stays so.
    spread: f64,
    task: f64,
    /// Percent of the five-hour window a minute, by plan and person.
    use_of_plan: (f64, f64),
}

#[rustfmt::skip]
const STEADY: Kind = Kind {
    name: "steady", hours: &[(9.0, 12.5), (13.3, 17.7)], work: 60.0, pause: 5.0, sessions: 1, storms: 0.1,
    on_weekends: 0.15, spread: 0.6, task: 45.0, use_of_plan: (0.15, 0.5),
};

/// The rule was chosen on these.
#[rustfmt::skip]
pub(super) const KNOWN: &[Kind] = &[
    STEADY,
    Kind { name: "short bursts", work: 15.0, pause: 20.0, ..STEADY },
    Kind { name: "many meetings", work: 25.0, pause: 40.0, hours: &[(9.0, 10.0), (11.0, 12.5), (15.0, 17.5)], ..STEADY },
    Kind { name: "parallel sessions", sessions: 3, use_of_plan: (0.1, 0.3), ..STEADY },
    Kind { name: "subagent storms", work: 25.0, pause: 12.0, storms: 1.2, ..STEADY },
    Kind { name: "evenings", hours: &[(18.5, 24.0)], work: 30.0, pause: 10.0, on_weekends: 0.8, ..STEADY },
    Kind { name: "a loop by day and night", hours: &[(0.0, 24.0)], work: 4.0, pause: 24.0, on_weekends: 1.0, ..STEADY },
    Kind { name: "a large plan", use_of_plan: (0.04, 0.12), ..STEADY },
    Kind { name: "one thing, then another", work: 30.0, spread: 1.1, task: 130.0, ..STEADY },
];

/// These were made up afterwards.
#[rustfmt::skip]
pub(super) const HELD_OUT: &[Kind] = &[
    Kind { name: "25 minutes on, 5 off", work: 25.0, pause: 5.0, spread: 0.3, ..STEADY },
    Kind { name: "on call", hours: &[(2.0, 4.0), (9.0, 17.0), (20.0, 22.0)], work: 20.0, pause: 50.0, storms: 0.6, on_weekends: 0.6, spread: 0.9, ..STEADY },
    Kind { name: "a late sprint", hours: &[(10.0, 12.0), (14.0, 23.5)], work: 90.0, pause: 15.0, sessions: 2, spread: 0.8, task: 200.0, ..STEADY },
    Kind { name: "a small plan and storms", storms: 2.0, use_of_plan: (0.4, 0.9), work: 20.0, pause: 15.0, ..STEADY },
];

/// `SplitMix64`: the same days everywhere.
struct Draws(u64);

impl Draws {
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((bits ^ (bits >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn between(&mut self, (low, high): (f64, f64)) -> f64 {
        low + (high - low) * self.unit()
    }

    fn lasting(&mut self, mean: f64) -> f64 {
        (-mean * (1.0 - self.unit()).ln()).max(1.0)
    }

    /// About 1, seldom a multiple of it.
    fn factor(&mut self, spread: f64) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        (spread * radius * (std::f64::consts::TAU * self.unit()).cos()).exp()
    }
}

/// What somebody would use if nothing held them up, in percent of the five-hour window by minute.
fn wanted(kind: &Kind, draws: &mut Draws) -> Vec<f64> {
    let mut wanted = vec![0.0; DAYS * DAY];
    let usual = draws.between(kind.use_of_plan);
    for (day, minutes) in wanted.chunks_mut(DAY).enumerate() {
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
                    // What the cache lost is written again.
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
            let between_storms = (until - from) / kind.storms;
            let mut at = from + draws.lasting(between_storms);
            while at < until {
                let end = at + draws.between((6.0, 35.0));
                let height = usual * draws.between((4.0, 12.0));
                while at < end {
                    add(minutes, at, height * draws.factor(0.4));
                    at += 1.0;
                }
                at += draws.lasting(between_storms);
            }
        }
    }
    wanted
}

fn add(minutes: &mut [f64], at: f64, percent: f64) {
    if let Some(minute) = minutes.get_mut(minute_of(at)) {
        *minute += percent;
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "saturates"
)]
fn minute_of(at: f64) -> usize {
    at as usize
}

/// A window minute by minute.
pub(super) struct Life {
    /// In minutes.
    pub(super) length: usize,
    pub(super) level: Vec<f64>,
    pub(super) reset: Vec<usize>,
    pub(super) works: Vec<bool>,
    /// Whenever another whole percent was reached.
    steps: Vec<(usize, f64)>,
}

/// How the window of this length rises for somebody who works like this.
pub(super) fn live(kind: &Kind, seed: u64, length: usize) -> Life {
    let mut draws = Draws(seed);
    let careful = if draws.unit() < 0.3 { 0.5 } else { 1.0 };
    let is_week = length > DAY;
    let mut level: f64 = 0.0;
    // A week ends at some minute of the first one.
    let (share, mut reset) = if is_week {
        (
            draws.between((0.07, 0.16)),
            minute_of(draws.between((0.0, 10_080.0))),
        )
    } else {
        (1.0, 0)
    };
    let mut life = Life {
        length,
        level: Vec::new(),
        reset: Vec::new(),
        works: Vec::new(),
        steps: Vec::new(),
    };
    for (minute, wants) in wanted(kind, &mut draws).into_iter().enumerate() {
        let uses = match level {
            _ if minute >= reset => wants * share,
            100.0.. => 0.0,
            80.0.. => wants * share * careful,
            _ => wants * share,
        };
        if minute >= reset {
            level = 0.0;
            if is_week || uses > 0.0 {
                reset = minute / 10 * 10 + length;
            }
        }
        let before = level.floor();
        level = (level + uses).min(100.0);
        if level.floor() > before {
            life.steps.push((minute, level.floor()));
        }
        life.level.push(level);
        life.reset.push(reset);
        life.works.push(uses > 0.0);
    }
    life
}

/// What is seen at a moment.
pub(super) struct Seen<'a> {
    pub(super) life: &'a Life,
    pub(super) now: usize,
    pub(super) reset: usize,
    pub(super) used: f64,
}

impl Seen<'_> {
    /// Percent a minute over the last so many.
    pub(super) fn rate_over(&self, last: usize) -> f64 {
        let begun = self.reset - self.life.length;
        let from = self.now.saturating_sub(last).max(begun);
        let before = if from == begun {
            0.0
        } else {
            self.life.level[from].floor()
        };
        (self.used - before) / (self.now - from) as f64
    }

    /// Likewise, as it is told. Of a week it is that since it began.
    pub(super) fn recent_rate(&self) -> f64 {
        if self.life.length > DAY {
            return self.rate_over(self.life.length);
        }
        let steps = &self.life.steps;
        let known = steps.partition_point(|step| step.0 <= self.now);
        let end = steps[known.saturating_sub(10)..known].iter();
        let own = end.filter(|step| step.0 >= self.reset - self.life.length);
        let levels = own.map(|step| (at(step.0), step.1));
        recent_rate(levels, &self.meter(), at(self.now)).unwrap()
    }

    pub(super) fn yesterday(&self, ahead: usize) -> f64 {
        let then = self.now - DAY;
        let growth = |minutes| {
            let steps = self.life.level[then..=then + minutes].windows(2);
            let rises = steps.map(|pair| (pair[1] - pair[0]).max(0.0));
            rises.sum::<f64>()
        };
        growth(DAY) * (ahead / DAY) as f64 + growth(ahead % DAY)
    }

    /// In how many minutes it will be full, by what people are told.
    pub(super) fn told_full_in(&self) -> Option<f64> {
        let (now, rate) = (at(self.now), self.recent_rate());
        let length = TimeDelta::minutes(i64::try_from(self.life.length).unwrap());
        match outlook(&self.meter(), length, Some(rate), now)? {
            Outlook::FullAt(at) => Some(minutes(at - now)),
            _ => None,
        }
    }

    fn meter(&self) -> Meter {
        Meter {
            used_percent: self.used,
            resets_at: Some(at(self.reset)),
        }
    }
}

fn at(minute: usize) -> DateTime<Utc> {
    moment(i64::try_from(minute).unwrap() * 60_000)
}
