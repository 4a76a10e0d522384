//! Estimates how much money one percent of a usage window is worth.
//!
//! The estimate divides the spend on this machine by the increase in the window's usage. Usage elsewhere (on another
//! machine, on claude.ai, or by another member) can only make one percent look cheaper than it is. Therefore, the
//! estimate is one of the higher observed values, and is still a lower bound. It is close to the real value if this
//! machine was sometimes the only one in use. Each plan has its own estimate.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::history::CacheWrite;
use crate::limits::kind::Window;
use crate::limits::pace::WindowStep;
use crate::pricing::Money;
use crate::terminal::count_noun;
use crate::time::{Millis, datetime_from_millis, format_rfc3339};

/// The estimate for one week.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct WeekEstimate {
    pub(crate) account: Option<String>,
    /// The account's plan at the time, if known.
    pub(crate) plan: Option<String>,
    /// True if the account is still on this plan.
    pub(crate) is_current_plan: bool,
    pub(crate) window: Window,
    /// The start of the week.
    pub(crate) since: Millis,
    /// The estimated value of one percent.
    pub(crate) percent_value: Money,
    /// The number of readings on which the estimate is based.
    pub(crate) readings: usize,
    /// The value of the unused part of the window, or `None` if the window has since reset.
    pub(crate) left: Option<Money>,
}

/// The estimates for all weeks, and the cost of a typical prompt.
#[derive(Debug, Clone, Default)]
pub(crate) struct PercentValue {
    /// The estimates for each account, window, and plan, most recent week first.
    pub(crate) weeks: Vec<WeekEstimate>,
    /// The median cost of a prompt.
    pub(crate) prompt: Option<Money>,
}

/// The increase in a window's usage, in percentage points, that completes an interval. Claude Code reports whole
/// percentages, so the error of an interval is at most one tenth.
const SPAN_PERCENT: f64 = 10.0;
/// The minimum number of intervals for an estimate.
const MIN_SPANS: usize = 3;
/// The percentile of the interval values that serves as the estimate. See docs/drain.md for the measured errors.
const PERCENTILE: usize = 70;
/// If only this machine is in use, the percentile is too high by about 1/`PERCENTILE_ERROR_DIVISOR`, so this fraction
/// is subtracted.
const PERCENTILE_ERROR_DIVISOR: u128 = 40;
const WEEK: Millis = 7 * 24 * 3_600_000;
/// The minimum number of prompts needed for a median.
const MIN_PROMPTS: usize = 5;

/// An amount spent on this machine.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SpentHere {
    pub(crate) at: Millis,
    pub(crate) cost: Money,
    /// A hash of the account that paid, if known.
    pub(crate) account: Option<String>,
}

/// The account, the window, and the plan of a series of usage steps. Each series has its own estimates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Series<'steps> {
    account: &'steps Option<String>,
    window: Window,
    plan: &'steps Option<String>,
}

impl PercentValue {
    /// Estimates the value of one percent for each week before `now`. `steps` and `spent` must be in chronological
    /// order.
    pub(crate) fn new(steps: &[WindowStep], spent: &[SpentHere], now: DateTime<Utc>) -> Self {
        let now_millis = now.timestamp_millis();
        let mut steps_of: BTreeMap<Series<'_>, Vec<&WindowStep>> = BTreeMap::new();
        let mut current_plans = HashMap::new();
        for step in steps {
            let series = Series {
                account: &step.account,
                window: step.window,
                plan: &step.plan,
            };
            steps_of.entry(series).or_default().push(step);
            current_plans.insert((&step.account, step.window), &step.plan);
        }

        let mut weeks = Vec::new();
        for (series, steps) in steps_of {
            let current_plan = current_plans.get(&(series.account, series.window));
            let is_current_plan = current_plan == Some(&series.plan);
            for (weeks_ago, spans) in WeekSpans::by_week(&steps, spent, now_millis) {
                let Some(percent_value) = spans.percent_value() else {
                    continue;
                };
                weeks.push(WeekEstimate {
                    account: series.account.clone(),
                    plan: series.plan.clone(),
                    is_current_plan,
                    window: series.window,
                    since: now_millis - (weeks_ago + 1) * WEEK,
                    percent_value,
                    readings: spans.readings,
                    left: if weeks_ago == 0 && is_current_plan {
                        value_left(&steps, percent_value, now_millis)
                    } else {
                        None
                    },
                });
            }
        }
        Self {
            weeks,
            prompt: None,
        }
    }

    /// Adds the median cost of a prompt, including all of its responses, unless there are too few prompts.
    pub(crate) fn with_prompts(self, writes: &[CacheWrite]) -> Self {
        let mut by_prompt: HashMap<&str, Money> = HashMap::new();
        for write in writes {
            if let Some(prompt) = &write.prompt {
                *by_prompt.entry(&prompt.id).or_default() += write.total;
            }
        }
        let mut costs: Vec<Money> = by_prompt.into_values().collect();
        costs.sort_unstable();
        let prompt = if costs.len() < MIN_PROMPTS {
            None
        } else {
            costs
                .get(costs.len() / 2)
                .copied()
                .filter(|cost| *cost > Money::ZERO)
        };
        Self { prompt, ..self }
    }

    /// Returns each window's estimate for the last seven days on the current plan.
    pub(crate) fn current(&self, now: DateTime<Utc>) -> impl Iterator<Item = &WeekEstimate> {
        self.weeks
            .iter()
            .filter(move |week| week.is_current_plan && week.weeks_ago(now) == 0)
    }

    /// Returns a sentence about each current estimate.
    pub(crate) fn sentences(&self, now: DateTime<Utc>) -> Vec<String> {
        self.current(now)
            .map(|week| self.sentence(week, now))
            .collect()
    }

    fn sentence(&self, newest: &WeekEstimate, now: DateTime<Utc>) -> String {
        let oldest = self
            .weeks
            .iter()
            .filter(|week| {
                week.is_current_plan
                    && week.weeks_ago(now) > 0
                    && week.account == newest.account
                    && week.window == newest.window
            })
            .max_by_key(|week| week.weeks_ago(now));
        let comparison = match oldest {
            Some(oldest) => {
                let weeks = count_noun(oldest.weeks_ago(now).unsigned_abs(), "week");
                format!("; {weeks} earlier: {}", oldest.percent_value)
            }
            None => String::new(),
        };
        let left = match newest.left {
            Some(left) if left > Money::ZERO => {
                format!(" You have at least {left} left{}.", self.prompts_for(left))
            }
            Some(_) | None => String::new(),
        };
        format!(
            "1% of your {} is worth at least {} (based on {} in the last 7 days{comparison}).{left}",
            newest.window.limit(),
            newest.percent_value,
            count_noun(newest.readings as u64, "reading"),
        )
    }

    /// Describes how many prompts an amount pays for. The text is empty if that is less than one prompt or if the cost
    /// of a prompt is unknown.
    fn prompts_for(&self, amount: Money) -> String {
        let Some(prompt) = self.prompt else {
            return String::new();
        };
        match amount.ratio(prompt, 1).unsigned_abs() {
            0 => String::new(),
            1 => format!(", or about 1 prompt at {prompt}"),
            count => format!(", or about {count} prompts at {prompt} each"),
        }
    }

    pub(crate) fn json(&self) -> Vec<Value> {
        self.weeks
            .iter()
            .map(|week| {
                json!({
                    "account": week.account.as_deref().unwrap_or("unknown"),
                    "plan": week.plan,
                    "window": week.window.rate_limit_type(),
                    "since": format_rfc3339(datetime_from_millis(week.since)),
                    "usd": week.percent_value.usd(),
                    "rises": week.readings,
                    "left_usd": week.left.map(Money::usd),
                })
            })
            .collect()
    }
}

impl WeekEstimate {
    fn weeks_ago(&self, now: DateTime<Utc>) -> i64 {
        (now.timestamp_millis() - self.since).div_euclid(WEEK) - 1
    }
}

/// The intervals of a window that ended in a given week.
#[derive(Debug, Default)]
struct WeekSpans {
    /// The value of one percent in each interval.
    values: Vec<Money>,
    readings: usize,
}

impl WeekSpans {
    /// Splits a window's steps into intervals and groups them by how many weeks ago they ended.
    fn by_week(steps: &[&WindowStep], spent: &[SpentHere], now: Millis) -> BTreeMap<i64, Self> {
        let mut weeks: BTreeMap<i64, Self> = BTreeMap::new();
        let mut span: Option<(&WindowStep, usize)> = None;
        for &step in steps {
            let (start, readings) = match span {
                Some((start, readings)) if is_same_run(start, step) => (start, readings + 1),
                _ => (step, 0),
            };
            span = Some((start, readings));

            let rise = step.usage.used_percent - start.usage.used_percent;
            if rise >= SPAN_PERCENT {
                let value = spent_between(spent, start, step).usd() / rise;
                let weeks_ago = (now - step.at.timestamp_millis()).div_euclid(WEEK);
                let week = weeks.entry(weeks_ago).or_default();
                week.values
                    .push(Money::from_noisy_usd(value).unwrap_or_default());
                week.readings += readings;
                span = Some((step, 0));
            }
        }
        weeks
    }

    /// Returns the estimate, or `None` if there are too few intervals or if nothing was spent in most of them.
    fn percent_value(&self) -> Option<Money> {
        if self.values.len() < MIN_SPANS {
            return None;
        }
        let mut values = self.values.clone();
        values.sort_unstable();
        let upper = *values.get(values.len() * PERCENTILE / 100)?;
        if upper <= Money::ZERO {
            return None;
        }
        Some(upper.times(PERCENTILE_ERROR_DIVISOR - 1, PERCENTILE_ERROR_DIVISOR))
    }
}

/// Returns the value of the unused part of a window, or `None` if the window has reset since its latest reading.
fn value_left(steps: &[&WindowStep], percent_value: Money, now: Millis) -> Option<Money> {
    let usage = steps.last()?.usage;
    if usage.resets_at?.timestamp_millis() <= now {
        return None;
    }
    Money::from_noisy_usd(percent_value.usd() * (100.0 - usage.used_percent).max(0.0))
}

/// Returns true if the window did not reset between two steps, either on schedule or early.
fn is_same_run(start: &WindowStep, step: &WindowStep) -> bool {
    step.usage.used_percent >= start.usage.used_percent
        && step.usage.resets_at.is_some()
        && step.usage.has_same_reset(&start.usage)
}

/// Returns the amount spent on this machine between two steps. Amounts known to have been paid by another account are
/// excluded.
fn spent_between(spent: &[SpentHere], start: &WindowStep, end: &WindowStep) -> Money {
    let position =
        |step: &WindowStep| spent.partition_point(|spent| spent.at <= step.at.timestamp_millis());
    spent
        .get(position(start)..position(end))
        .unwrap_or_default()
        .iter()
        .filter(|spent| match (&spent.account, &start.account) {
            (Some(payer), Some(account)) => payer == account,
            _ => true,
        })
        .map(|spent| spent.cost)
        .sum()
}

#[cfg(test)]
#[path = "../../tests/unit/percent_value.rs"]
mod tests;
