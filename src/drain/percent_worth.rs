//! What a percent of a window is worth: what was spent here while it rose. Pure.
//!
//! A rise that others caused too (another machine, claude.ai, a member) makes a percent look cheaper,
//! never dearer. So a window's spans are held against one another and an upper one is taken: a lower
//! bound in any case, and close where some spans were worked here alone.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::pricing::Money;
use crate::terminal::counted;
use crate::time::{Millis, moment, rfc3339};

/// A window came to another percent.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SeenPercent {
    pub(crate) at: Millis,
    /// The account's hash, if it is known.
    pub(crate) account: Option<String>,
    /// The window as the server names it.
    pub(crate) window: &'static str,
    pub(crate) percent: f64,
    /// When the window starts afresh: which run of it this is.
    pub(crate) resets_at: Option<Millis>,
}

/// What a percent was worth in the week from `since`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PercentWorth {
    pub(crate) account: Option<String>,
    pub(crate) window: &'static str,
    pub(crate) since: Millis,
    pub(crate) worth: Money,
    /// How often the window rose meanwhile.
    pub(crate) rises: usize,
    /// What is left of the run that goes on, if one does.
    pub(crate) left: Option<Money>,
}

/// Percents are told whole: over so many, what is cut off is a tenth at most.
const SPAN: f64 = 10.0;
/// Fewer spans say nothing.
const LEAST_SPANS: usize = 3;
/// Of spans in order of their worth, the one that this share lies below is taken.
const UPPER: usize = 70;
/// The server rounds resets.
const SAME_RESET: Millis = 60_000;
const WEEK: Millis = 7 * 24 * 3_600_000;

/// Something that was spent, and the account's hash if it is known.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SpentHere {
    pub(crate) at: Millis,
    pub(crate) cost: Money,
    pub(crate) account: Option<String>,
}

/// The worth in each of the weeks before `now`. `levels` and `spent` are in order of time.
pub(crate) fn percent_worth(
    levels: &[SeenPercent],
    spent: &[SpentHere],
    now: Millis,
) -> Vec<PercentWorth> {
    let mut runs: BTreeMap<(Option<&str>, &str), Vec<&SeenPercent>> = BTreeMap::new();
    for level in levels {
        let key = (level.account.as_deref(), level.window);
        runs.entry(key).or_default().push(level);
    }
    let mut found = Vec::new();
    for levels in runs.values() {
        let mut weeks: BTreeMap<Millis, (Vec<Money>, usize)> = BTreeMap::new();
        let mut span: Option<(&SeenPercent, usize)> = None;
        for level in levels {
            let goes_on = span.filter(|(start, _)| is_same_run(start, level));
            let Some((start, rises)) = goes_on else {
                span = Some((level, 0));
                continue;
            };
            let percent = level.percent - start.percent;
            if percent < SPAN {
                span = Some((start, rises + 1));
                continue;
            }
            let week = weeks.entry((now - level.at).div_euclid(WEEK)).or_default();
            week.0.push(worth(between(spent, start, level), percent));
            week.1 += rises + 1;
            span = Some((level, 0));
        }
        for (week, (mut spans, rises)) in weeks {
            spans.sort_unstable();
            let place = spans.len() * UPPER / 100;
            let level = levels.first().filter(|_| spans.len() >= LEAST_SPANS);
            let upper = spans.get(place).filter(|worth| **worth > Money::ZERO);
            found.extend(level.zip(upper).map(|(level, worth)| PercentWorth {
                account: level.account.clone(),
                window: level.window,
                since: now - (week + 1) * WEEK,
                worth: *worth,
                rises,
                left: left(levels, *worth, now).filter(|_| week == 0),
            }));
        }
    }
    found
}

/// What the rest of the run that goes on is worth.
fn left(levels: &[&SeenPercent], worth: Money, now: Millis) -> Option<Money> {
    let last = levels.last().filter(|last| last.resets_at > Some(now))?;
    Money::from_noisy_usd(worth.usd() * (100.0 - last.percent).max(0.0))
}

/// A sentence for each window that rose in the last seven days, with the oldest week that is known.
pub(crate) fn sentences(worths: &[PercentWorth], now: Millis) -> Vec<String> {
    let weeks_ago = |worth: &PercentWorth| (now - worth.since).div_euclid(WEEK) - 1;
    let newest = worths.iter().filter(|worth| weeks_ago(worth) == 0);
    let sentence = |worth: &PercentWorth| {
        let limit = match worth.window {
            "five_hour" => "5-hour limit".to_owned(),
            "seven_day" => "weekly limit".to_owned(),
            other => format!("{} limit", other.replace('_', " ")),
        };
        let is_same = |other: &&PercentWorth| {
            (&other.account, other.window) == (&worth.account, worth.window)
        };
        let before = worths
            .iter()
            .filter(is_same)
            .max_by_key(|other| weeks_ago(other));
        let before = before.filter(|before| weeks_ago(before) > 0).map(|before| {
            let weeks = counted(weeks_ago(before).unsigned_abs(), "week");
            format!("; {weeks} before, {}", before.worth.show())
        });
        let left = worth
            .left
            .map(|left| format!(" What is left of it: {} or more.", left.show()));
        format!(
            "1% of the {limit} was worth {} or more in the last 7 days ({}{}).{}",
            worth.worth.show(),
            counted(worth.rises as u64, "rise"),
            before.unwrap_or_default(),
            left.unwrap_or_default()
        )
    };
    newest.map(sentence).collect()
}

impl PercentWorth {
    pub(crate) fn json(&self) -> Value {
        json!({
            "account": self.account.as_deref().unwrap_or("unknown"),
            "window": self.window,
            "since": rfc3339(moment(self.since)),
            "usd": self.worth.usd(),
            "rises": self.rises,
            "left_usd": self.left.map(Money::usd),
        })
    }
}

/// Whether the window only rose meanwhile: not reset, neither by time nor by the user.
fn is_same_run(start: &SeenPercent, level: &SeenPercent) -> bool {
    let resets = start.resets_at.zip(level.resets_at);
    level.percent >= start.percent
        && resets.is_some_and(|(one, other)| (one - other).abs() <= SAME_RESET)
}

/// What the account spent here between two levels; another account's is not its.
fn between(spent: &[SpentHere], start: &SeenPercent, end: &SeenPercent) -> Money {
    let place = |end: Millis| spent.partition_point(|spent| spent.at <= end);
    let within = spent.get(place(start.at)..place(end.at));
    let is_anothers = |spent: &&SpentHere| {
        let accounts = spent.account.as_ref().zip(start.account.as_ref());
        accounts.is_some_and(|(one, other)| one != other)
    };
    let mine = within.unwrap_or_default().iter();
    mine.filter(|spent| !is_anothers(spent))
        .map(|spent| spent.cost)
        .sum()
}

fn worth(spent: Money, percent: f64) -> Money {
    Money::from_noisy_usd(spent.usd() / percent).unwrap_or_default()
}

#[cfg(test)]
#[path = "../../tests/unit/percent_worth.rs"]
mod tests;
