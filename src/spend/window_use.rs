//! Estimates how much of a usage window was used elsewhere: by another machine, claude.ai, or another member.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::pricing::Money;
use crate::terminal::percent_text;
use crate::time::{Millis, format_rfc3339};

/// The minimum pause on this machine before an increase in usage is attributed to usage elsewhere. After a shorter
/// pause, the increase may be due to responses that were reported late.
const MIN_PAUSE: Millis = 10 * 60_000;
/// The maximum delay before a response shows up in the readings.
const REPORT_DELAY: Millis = 3 * 60_000;
/// The minimum increase worth mentioning, in percentage points. Readings are whole percentages.
const MIN_RISE: f64 = 2.0;

/// An amount that was spent on this machine.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spent {
    pub(crate) at: Millis,
    pub(crate) cost: Money,
}

/// A percentage that was reported for a window.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Level {
    pub(crate) at: Millis,
    pub(crate) percent: f64,
}

/// The usage of a window since it started.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct WindowUse {
    /// The name of the window.
    name: &'static str,
    since: DateTime<Utc>,
    /// The cost of the usage on this machine, at list prices.
    pub(crate) cost: Money,
    /// The increase in usage while this machine was idle, in percentage points.
    elsewhere: f64,
}

impl WindowUse {
    /// Compares the spend since the start of a window with its levels. Both must be in chronological order.
    pub(crate) fn new(
        name: &'static str,
        since: DateTime<Utc>,
        spent: &[Spent],
        levels: &[Level],
    ) -> Self {
        Self {
            name,
            since,
            cost: spent.iter().map(|spent| spent.cost).sum(),
            elsewhere: rise_elsewhere(spent, levels),
        }
    }

    /// Returns a sentence about usage elsewhere, or `None` if there is no sign of any.
    pub(crate) fn sentence(&self) -> Option<String> {
        if self.elsewhere < MIN_RISE {
            return None;
        }
        Some(format!(
            "{}: up {} while this machine spent nothing (used by another machine, claude.ai, or another member)",
            self.name,
            percent_text(self.elsewhere.floor())
        ))
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "window": self.name,
            "since": format_rfc3339(self.since),
            "cost_usd": self.cost.usd(),
            "rose_elsewhere_percent": self.elsewhere.floor(),
        })
    }
}

/// The increase between two levels, in percentage points, and the spend on this machine in the meantime.
#[derive(Debug, Clone, Copy, Default)]
struct Rise {
    percent: f64,
    usd: f64,
}

/// Estimates how much a window's usage increased while this machine was idle, in percentage points.
///
/// The first response after a pause reveals the increase during the pause. Part of the increase may be due to responses
/// shortly before the pause, so their share is subtracted. The share is estimated from the cost of one percent while
/// this machine was in use.
fn rise_elsewhere(spent: &[Spent], levels: &[Level]) -> f64 {
    let usd_between = |from: Millis, until: Millis| {
        spent
            .iter()
            .filter(|spent| from < spent.at && spent.at <= until)
            .map(|spent| spent.cost)
            .sum::<Money>()
            .usd()
    };

    let mut work = Rise::default();
    let mut pauses: Vec<Rise> = Vec::new();
    for (before, after) in levels.iter().zip(levels.iter().skip(1)) {
        let times = spent
            .iter()
            .map(|spent| spent.at)
            .filter(|at| before.at < *at && *at <= after.at);
        let (Some(first), Some(last)) = (times.clone().min(), times.max()) else {
            continue;
        };
        let percent = after.percent - before.percent;
        if first == last && last - before.at >= MIN_PAUSE {
            pauses.push(Rise {
                percent,
                usd: usd_between(before.at - REPORT_DELAY, before.at),
            });
        } else {
            work.percent += percent;
            work.usd += usd_between(before.at, after.at);
        }
    }
    if work.percent <= 0.0 {
        work = Rise {
            percent: pauses.iter().map(|pause| pause.percent).sum(),
            usd: usd_between(Millis::MIN, Millis::MAX),
        };
    }

    pauses
        .iter()
        .map(|pause| pause.percent - pause.usd * work.percent / work.usd)
        .filter(|percent| *percent > 0.0)
        .fold(0.0, |sum, percent| sum + percent)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Millis = 60_000;

    fn spent(minute: Millis, dollars: i64) -> Spent {
        Spent {
            at: minute * MINUTE,
            cost: Money::from_nano(dollars * 1_000_000_000),
        }
    }

    fn level(minute: Millis, percent: f64) -> Level {
        Level {
            at: minute * MINUTE,
            percent,
        }
    }

    fn used(spent: &[Spent], levels: &[Level]) -> WindowUse {
        WindowUse::new("5h", DateTime::UNIX_EPOCH, spent, levels)
    }

    #[test]
    fn an_increase_during_a_pause_was_used_elsewhere() {
        // One dollar is one percentage point. The machine spends twenty dollars in twenty minutes.
        let mut all: Vec<Spent> = (0..20).map(|minute| spent(minute, 1)).collect();
        let mut levels: Vec<Level> = (0_u8..20)
            .map(|minute| level(minute.into(), minute.into()))
            .collect();
        assert_eq!(used(&all, &levels).sentence(), None);
        // The first response after an hour-long pause reports an increase of thirty points.
        all.push(spent(80, 1));
        levels.push(level(80, 49.0));
        let late = used(&all, &levels);
        assert!((25.0..30.0).contains(&late.elsewhere), "{late:?}");
        assert!(
            late.sentence()
                .unwrap()
                .contains("while this machine spent nothing")
        );
    }

    #[test]
    fn an_increase_that_this_machine_may_have_caused_is_not_attributed_elsewhere() {
        // The usage of a request just before a pause may be reported only after the pause.
        let before_pause = [spent(0, 10), spent(60, 1)];
        let late = used(&before_pause, &[level(0, 5.0), level(60, 15.0)]);
        assert_eq!(late.sentence(), None);
        // If this machine has worked the whole time, no usage elsewhere can be detected.
        let busy: Vec<Spent> = (0..60).map(|minute| spent(minute, 1)).collect();
        let all_the_time = used(&busy, &[level(0, 5.0), level(59, 95.0)]);
        assert_eq!(all_the_time.sentence(), None);
        let unused = used(&[], &[level(0, 5.0), level(90, 50.0)]);
        assert_eq!(unused.sentence(), None);
    }
}
