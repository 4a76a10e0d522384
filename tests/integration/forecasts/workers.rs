//! Simulates the weekly windows of workers, hour by hour.
//!
//! The workers were designed before any of the rules that are tested with them. They are based on public data about
//! working hours:
//! - American Time Use Survey, 2018 (bls.gov/tus): 89% of people with a full-time job work on a given weekday, and 31%
//!   on a given weekend day. On the days that they work, they work 8.5 and 5.4 hours, respectively.
//! - The same survey, leave module, 2011: 21% take leave in a given week, for 15.6 hours on average.
//! - Claes and others, ICSE 2018 (86 projects, times of commits): two thirds of developers keep office hours (10:00 to
//!   18:00) and work neither nights nor weekends. The differences between people are much larger than those between
//!   days.
//! - Threads about the weekly limit (claude-code 9424, 94867): some people use it up in two or three days, others
//!   "finish the week with about 20% left", and running agents for a night uses as much as an entire week did before.

use super::draws::Draws;
use super::whole;

pub const WEEK: usize = 7 * 24;
/// The number of simulated weeks, the first of which only provide history.
pub const WEEKS: usize = 8;

/// A kind of worker. Times are hours of the day.
#[derive(Clone, Copy)]
pub struct Worker {
    pub name: &'static str,
    /// The percentage of people who are this kind of worker.
    pub share: usize,
    /// The probability of working on each day of the week, starting with Monday.
    days: [f64; 7],
    /// The ranges for the start and the length of a workday. Days on the weekend are shorter.
    begins: (f64, f64),
    lasts: (f64, f64),
    /// The probability of working a few more hours on the evening of a workday.
    evenings: f64,
    /// The fraction of the working hours in which the worker uses Claude Code.
    busy: f64,
    /// The variation of usage between weeks, days, and hours.
    spread: [f64; 3],
    /// The probability per day that agents run unattended, and their usage per hour compared with an hour of attended
    /// work.
    runs: f64,
    height: f64,
}

const OFFICE: Worker = Worker {
    name: "office hours",
    share: 35,
    days: [0.89, 0.89, 0.89, 0.89, 0.89, 0.05, 0.05],
    begins: (8.5, 10.5),
    lasts: (7.5, 9.5),
    evenings: 0.05,
    busy: 0.6,
    spread: [0.25, 0.45, 0.8],
    runs: 0.0,
    height: 0.0,
};

#[rustfmt::skip]
pub const WORKERS: &[Worker] = &[
    OFFICE,
    Worker { name: "office hours and evenings", share: 15, days: [0.89, 0.89, 0.89, 0.89, 0.89, 0.31, 0.31], evenings: 0.5, ..OFFICE },
    Worker { name: "part-time", share: 6, days: [0.1, 0.9, 0.9, 0.9, 0.1, 0.05, 0.05], ..OFFICE },
    Worker { name: "own hours", share: 12, days: [0.75; 7], begins: (7.0, 15.0), lasts: (3.0, 11.0), evenings: 0.4, spread: [0.4, 0.6, 0.9], ..OFFICE },
    Worker { name: "after work", share: 10, days: [0.6, 0.6, 0.6, 0.6, 0.4, 0.75, 0.75], begins: (18.0, 20.5), lasts: (2.0, 4.5), busy: 0.8, spread: [0.4, 0.5, 0.8], ..OFFICE },
    Worker { name: "nights", share: 5, days: [0.85, 0.85, 0.85, 0.85, 0.7, 0.5, 0.6], begins: (14.0, 17.0), lasts: (8.0, 12.0), ..OFFICE },
    Worker { name: "sprints", share: 9, spread: [0.6, 0.6, 0.8], ..OFFICE },
    Worker { name: "agents over night", share: 8, runs: 0.25, height: 2.0, ..OFFICE },
];

/// The usage of a person's weekly windows in each hour.
pub struct Weeks {
    /// The increase during each hour, in percentage points.
    pub rises: Vec<f64>,
    /// The usage at the end of each hour.
    pub levels: Vec<f64>,
    /// True for each hour in which the person was working.
    pub watched: Vec<bool>,
    /// The hour of the week at which the window resets.
    pub reset: usize,
}

impl Weeks {
    pub fn simulate(worker: &Worker, seed: u64) -> Self {
        let mut draws = Draws::new(seed);
        let hours = WEEK * WEEKS;
        let (mut demand, mut watched) = (vec![0.0; hours], vec![false; hours]);
        for week in 0..WEEKS {
            let mut intensity = draws.factor(worker.spread[0]);
            // The worker may be on leave for part of the week or all of it.
            let leave = match draws.unit() {
                unit if unit < 0.05 => 7,
                unit if unit < 0.21 => 2,
                _ => 0,
            };
            let leave_from = whole(draws.between((0.0, 5.0)));
            if leave == 0 && draws.unit() < 0.03 {
                intensity *= 2.5;
            }
            for day in 0..7 {
                let is_away = (leave_from..leave_from + leave).contains(&day);
                let midnight = (week * 7 + day) * 24;
                if draws.unit() < worker.runs {
                    let from = midnight + whole(draws.between((18.0, 24.0)));
                    let until = from + whole(draws.between((2.0, 9.0)));
                    for wants in demand.iter_mut().take(until).skip(from) {
                        *wants += intensity * worker.height * draws.factor(0.4);
                    }
                }
                if is_away || draws.unit() > worker.days[day] {
                    continue;
                }
                let mood = intensity * draws.factor(worker.spread[1]);
                let from = midnight as f64 + draws.between(worker.begins);
                let length = draws.between(worker.lasts) * if day < 5 { 1.0 } else { 0.64 };
                let mut parts = vec![(from, from + length)];
                if draws.unit() < worker.evenings {
                    let from = midnight as f64 + draws.between((20.0, 21.5));
                    parts.push((from, from + draws.between((1.0, 3.0))));
                }
                for (from, until) in parts {
                    for hour in whole(from)..whole(until).min(hours) {
                        watched[hour] = true;
                        if draws.unit() < worker.busy {
                            demand[hour] += mood * draws.factor(worker.spread[2]);
                        }
                    }
                }
            }
        }
        // The amount of work relative to the size of the plan. In a typical week, the work requires between a fifth of
        // the window and more than the whole window.
        let usual = draws.between((20.0, 125.0));
        let reset = whole(draws.between((0.0, WEEK as f64)));
        Self::filled(demand, watched, usual, reset)
    }

    /// Simulates a person's windows from the usage that the person wants in each hour. In a typical week, this adds up
    /// to `usual` percent of a window.
    fn filled(demand: Vec<f64>, watched: Vec<bool>, usual: f64, reset: usize) -> Self {
        let mean = demand.iter().sum::<f64>() / WEEKS as f64;
        let mut weeks = Self {
            rises: Vec::new(),
            levels: Vec::new(),
            watched,
            reset,
        };
        let mut level: f64 = 0.0;
        for (hour, wants) in demand.into_iter().enumerate() {
            if hour % WEEK == reset {
                level = 0.0;
            }
            let before = level;
            level = (level + wants * usual / mean.max(0.01)).min(100.0);
            weeks.rises.push(level - before);
            weeks.levels.push(level);
        }
        weeks
    }

    /// Returns the hours of each complete window.
    pub fn windows(&self) -> impl Iterator<Item = std::ops::Range<usize>> + '_ {
        let first = self.reset;
        let begins = (0..WEEKS).map(move |nth| first + nth * WEEK);
        begins
            .map(|from| from..from + WEEK)
            .filter(|run| run.end <= self.levels.len())
    }
}

/// Simulates hundreds of people. In each hundred, the number of workers of each kind matches its share.
pub fn people(hundreds: std::ops::Range<usize>) -> Vec<Weeks> {
    let each = WORKERS.iter().flat_map(|worker| {
        let numbers = worker.share * hundreds.start..worker.share * hundreds.end;
        numbers.map(move |nth| (worker, nth))
    });
    each.map(|(worker, nth)| {
        let name = worker.name.bytes();
        let seed = name.fold(nth as u64, |seed, byte| {
            seed.wrapping_mul(31) + u64::from(byte)
        });
        Weeks::simulate(worker, seed)
    })
    .collect()
}

/// A function that returns the usage in a given hour of a given day. Day 0 is a Monday.
type Hours = fn(usize, usize) -> f64;

fn is_office(day: usize, hour: usize) -> f64 {
    f64::from(u8::from(day % 7 < 5 && (9..18).contains(&hour)))
}

/// People described in public issues. They were designed from these descriptions by somebody who had not seen the
/// workers above.
#[rustfmt::skip]
const OTHERS: [(&str, Hours); 8] = [
    ("nine to six", is_office),
    ("busy Mondays", |day, hour| is_office(day, hour) * if day % 7 == 0 { 4.0 } else { 1.0 }),
    ("evenings and weekends", |day, hour| f64::from(u8::from(if day % 7 < 5 { (19..23).contains(&hour) } else { (10..22).contains(&hour) }))),
    ("agents by day and night", |_, _| 1.0),
    ("Monday to Wednesday", |day, hour| is_office(day, hour) * if day % 7 < 3 { 1.0 } else { 0.0 }),
    ("shifts by week", |day, hour| f64::from(u8::from(day % 7 < 5 && (if day / 7 % 2 == 0 { 6..14 } else { 14..22 }).contains(&hour)))),
    ("one project in three weeks", |day, hour| is_office(day, hour) * if day / 7 % 3 == 0 { 4.0 } else { 1.0 }),
    ("more every week", |day, hour| is_office(day, hour) * (1.0 + day as f64 / 14.0)),
];

/// Simulates `each` people of every kind.
pub fn others(each: usize) -> Vec<Weeks> {
    let numbered = OTHERS
        .iter()
        .zip(0_u64..)
        .flat_map(|(kind, nth)| (0..each as u64).map(move |number| (kind, nth * 1_000 + number)));
    let lived = numbered.map(|((_, hours), seed)| {
        let mut draws = Draws::new(seed);
        let mut demand = Vec::new();
        for day in 0..WEEKS * 7 {
            let mood = if draws.unit() < 0.08 {
                0.0
            } else {
                draws.factor(0.4)
            };
            demand.extend((0..24).map(|hour| hours(day, hour) * mood * draws.factor(0.7)));
        }
        let watched = demand.iter().map(|wants| *wants > 0.0).collect();
        let usual = draws.between((20.0, 125.0));
        let reset = whole(draws.between((0.0, WEEK as f64)));
        Weeks::filled(demand, watched, usual, reset)
    });
    lived.collect()
}
