//! What a percent of a window is worth: what was spent here while it rose. Pure.
//!
//! A rise that others caused too (another machine, claude.ai, a member) makes a percent look cheaper,
//! never dearer. So a window's spans are held against one another and an upper one is taken: a lower
//! bound in any case, and close where some spans were worked here alone. Another plan is another series.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::history::Write;
use crate::limits::kind::Window;
use crate::limits::pace::WindowStep;
use crate::pricing::Money;
use crate::terminal::counted;
use crate::time::{Millis, moment, rfc3339};

/// What a percent was worth in the week from `since`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct WeekWorth {
    pub(crate) account: Option<String>,
    /// The size of the account's plan, where it is known.
    pub(crate) plan: Option<String>,
    /// Whether that is the one that it has now.
    pub(crate) is_of_plan_now: bool,
    pub(crate) window: Window,
    pub(crate) since: Millis,
    pub(crate) worth: Money,
    /// How often the window rose meanwhile.
    pub(crate) rises: usize,
    /// What is left of the run that goes on, if one does.
    pub(crate) left: Option<Money>,
}

/// What is known of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct PercentWorth {
    /// By account, window and plan, the newest week first.
    pub(crate) weeks: Vec<WeekWorth>,
    /// What a prompt usually cost.
    pub(crate) prompt: Option<Money>,
}

/// Percents are told whole: over so many, what is cut off is a tenth at most.
const SPAN: f64 = 10.0;
/// Fewer spans say nothing.
const LEAST_SPANS: usize = 3;
/// Of spans in order of their worth, the one that this share lies below is taken.
const UPPER: usize = 70;
/// Of spans that were all worked here alone, that one lies up to a fortieth above what is true.
const NOISE: u128 = 40;
const WEEK: Millis = 7 * 24 * 3_600_000;
/// Of fewer prompts none is the usual one.
const LEAST_PROMPTS: usize = 5;

/// Something that was spent, and the account's hash if it is known.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SpentHere {
    pub(crate) at: Millis,
    pub(crate) cost: Money,
    pub(crate) account: Option<String>,
}

impl PercentWorth {
    /// The worth in each of the weeks before `now`. `steps` and `spent` are in order of time.
    pub(crate) fn new(steps: &[WindowStep], spent: &[SpentHere], now: DateTime<Utc>) -> Self {
        let now = now.timestamp_millis();
        let mut runs: BTreeMap<_, Vec<&WindowStep>> = BTreeMap::new();
        let mut plans = HashMap::new();
        for step in steps {
            let key = (&step.account, step.window, &step.plan);
            runs.entry(key).or_default().push(step);
            plans.insert((&step.account, step.window), &step.plan);
        }
        let mut found = Self::default();
        for ((account, window, plan), steps) in runs {
            let is_of_plan_now = plans.get(&(account, window)) == Some(&plan);
            for (week, (mut spans, rises)) in spans_by_week(&steps, spent, now) {
                spans.sort_unstable();
                let upper = spans.get(spans.len() * UPPER / 100).copied();
                let worth = upper.unwrap_or_default().share(NOISE - 1, NOISE);
                if spans.len() < LEAST_SPANS || upper <= Some(Money::ZERO) {
                    continue;
                }
                let is_newest = week == 0 && is_of_plan_now;
                found.weeks.push(WeekWorth {
                    account: account.clone(),
                    plan: plan.clone(),
                    is_of_plan_now,
                    window,
                    since: now - (week + 1) * WEEK,
                    worth,
                    rises,
                    left: left(&steps, worth, now).filter(|_| is_newest),
                });
            }
        }
        found
    }

    /// Adds what a prompt usually cost: of these answers' prompts the middle one.
    pub(crate) fn with_prompts(mut self, writes: &[Write]) -> Self {
        let mut prompts: HashMap<&str, Money> = HashMap::new();
        for write in writes {
            if let Some(prompt) = &write.prompt {
                *prompts.entry(&prompt.id).or_default() += write.total;
            }
        }
        let mut costs: Vec<Money> = prompts.into_values().collect();
        costs.sort_unstable();
        let middle = costs.get(costs.len() / 2).copied();
        self.prompt = middle.filter(|cost| costs.len() >= LEAST_PROMPTS && *cost > Money::ZERO);
        self
    }

    /// What it was worth in the last seven days, on the plan of now.
    pub(crate) fn lately(&self, now: DateTime<Utc>) -> impl Iterator<Item = &WeekWorth> {
        let is_now = move |week: &&WeekWorth| week.is_of_plan_now && week.weeks_ago(now) == 0;
        self.weeks.iter().filter(is_now)
    }

    /// A sentence for each window that rose in the last seven days, with the oldest week that is known.
    pub(crate) fn sentences(&self, now: DateTime<Utc>) -> Vec<String> {
        let sentence = |newest: &WeekWorth| {
            let series = |week: &WeekWorth| (week.account.clone(), week.window);
            let older = self.weeks.iter().filter(|week| {
                week.is_of_plan_now && week.weeks_ago(now) > 0 && series(week) == series(newest)
            });
            let before = older.max_by_key(|week| week.weeks_ago(now)).map(|before| {
                let weeks = counted(before.weeks_ago(now).unsigned_abs(), "week");
                format!("; {weeks} before, {}", before.worth)
            });
            let left = newest.left.map(|left| {
                let prompts = self.prompts_in(left).unwrap_or_default();
                format!(" What is left of it: {left} or more{prompts}.")
            });
            let [before, left] = [before, left].map(Option::unwrap_or_default);
            let (limit, worth) = (newest.window.limit(), newest.worth);
            let rises = counted(newest.rises as u64, "rise");
            format!(
                "1% of the {limit} was worth {worth} or more in the last 7 days ({rises}{before}).{left}"
            )
        };
        self.lately(now).map(sentence).collect()
    }

    /// How many prompts that much pays for, if any.
    fn prompts_in(&self, left: Money) -> Option<String> {
        let many = left.ratio(self.prompt?, 1).unsigned_abs();
        let prompts = counted(many, "prompt");
        (many > 0).then(|| format!(", about {prompts} of {}", self.prompt.unwrap_or_default()))
    }

    pub(crate) fn json(&self) -> Vec<Value> {
        let week = |week: &WeekWorth| {
            json!({
                "account": week.account.as_deref().unwrap_or("unknown"),
                "plan": week.plan,
                "window": week.window.rate_limit_type(),
                "since": rfc3339(moment(week.since)),
                "usd": week.worth.usd(),
                "rises": week.rises,
                "left_usd": week.left.map(Money::usd),
            })
        };
        self.weeks.iter().map(week).collect()
    }
}

impl WeekWorth {
    fn weeks_ago(&self, now: DateTime<Utc>) -> i64 {
        (now.timestamp_millis() - self.since).div_euclid(WEEK) - 1
    }
}

/// By how many weeks ago they ended: what a percent was worth in each span, and all rises in them.
type SpansByWeek = BTreeMap<i64, (Vec<Money>, usize)>;

fn spans_by_week(steps: &[&WindowStep], spent: &[SpentHere], now: Millis) -> SpansByWeek {
    let mut weeks = SpansByWeek::new();
    let mut span: Option<(&WindowStep, usize)> = None;
    for &step in steps {
        let goes_on = span.filter(|(start, _)| is_same_run(start, step));
        let (start, rises) = goes_on.map_or((step, 0), |(start, rises)| (start, rises + 1));
        span = Some((start, rises));
        let percent = step.meter.used_percent - start.meter.used_percent;
        if percent >= SPAN {
            let at = step.at.timestamp_millis();
            let week = weeks.entry((now - at).div_euclid(WEEK)).or_default();
            let worth = Money::from_noisy_usd(between(spent, start, step).usd() / percent);
            week.0.push(worth.unwrap_or_default());
            week.1 += rises;
            span = Some((step, 0));
        }
    }
    weeks
}

/// What the rest of the run that goes on is worth.
fn left(steps: &[&WindowStep], worth: Money, now: Millis) -> Option<Money> {
    let meter = steps.last()?.meter;
    let is_over = meter.resets_at?.timestamp_millis() <= now;
    Money::from_noisy_usd(worth.usd() * (100.0 - meter.used_percent).max(0.0)).filter(|_| !is_over)
}

/// Whether the window only rose meanwhile: not reset, neither by time nor by the user.
fn is_same_run(start: &WindowStep, step: &WindowStep) -> bool {
    step.meter.used_percent >= start.meter.used_percent
        && step.meter.resets_at.is_some()
        && step.meter.is_of_run(&start.meter)
}

/// What the account spent here between two steps; another account's is not its.
fn between(spent: &[SpentHere], start: &WindowStep, end: &WindowStep) -> Money {
    let place = |end: &WindowStep| spent.partition_point(|it| it.at <= end.at.timestamp_millis());
    let within = spent.get(place(start)..place(end));
    let may_be_its = |spent: &&SpentHere| {
        let accounts = spent.account.as_ref().zip(start.account.as_ref());
        accounts.is_none_or(|(one, other)| one == other)
    };
    let spent = within.unwrap_or_default().iter().filter(may_be_its);
    spent.map(|spent| spent.cost).sum()
}

#[cfg(test)]
#[path = "../../tests/unit/percent_worth.rs"]
mod tests;
