//! The changes in the usage of the windows, and the paces that follow from them.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};

use super::readings::{self, Reading, WindowReadings};
use crate::claude::window_usage::WindowUsage;
use crate::journal::Journal;
use crate::limits::FRESH_FOR;
use crate::limits::kind::Window;
use crate::limits::sample::{MeasuredService, Sample};
use crate::pace::{self, Pace};
use crate::paths::Paths;

/// The number of readings from which the pace of the 5-hour window is measured. Hundreds of them would double the time of
/// a status-line call.
const READINGS_OF_FIVE_HOURS: usize = 60;

/// A reading that shows a new whole percentage or a reset.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct WindowStep {
    pub(crate) at: DateTime<Utc>,
    /// A hash that identifies the account, if known.
    pub(crate) account: Option<String>,
    /// The size of the account's plan at the time, if known.
    pub(crate) plan: Option<String>,
    pub(crate) window: Window,
    pub(crate) usage: WindowUsage,
    /// The first session that received the new figures.
    pub(crate) session: String,
}

/// Returns the changes in the usage of all windows between two times, oldest first.
pub(crate) fn steps(paths: &Paths, from: DateTime<Utc>, until: DateTime<Utc>) -> Vec<WindowStep> {
    let mut readings: Vec<Reading> = Journal::between(paths, from, until).records().collect();
    readings.retain(|reading| {
        reading.sample.has_sound_dates() && reading.sample.service() == MeasuredService::Plan
    });
    let mut steps = steps_of(readings);
    steps.retain(|step| (from..=until).contains(&step.at));
    steps.sort_by_key(|step| step.at);
    steps
}

/// Returns the sessions that reported usage windows of the account's plan in this part of the journal, with the processes
/// that reported them. An unknown process is `None`.
pub(crate) fn reporting_processes(
    journal: &Journal,
    account: Option<&str>,
) -> HashMap<String, Vec<Option<String>>> {
    let mut by_session: HashMap<String, Vec<Option<String>>> = HashMap::new();
    for reading in journal.records::<Reading>() {
        let is_of_account = reading.sample.account.as_deref() == account;
        if is_of_account && reading.sample.service() == MeasuredService::Plan {
            let processes = by_session.entry(reading.session).or_default();
            if !processes.contains(&reading.sample.process) {
                processes.push(reading.sample.process);
            }
        }
    }
    by_session
}

/// Returns the readings that differ from the same account's previous reading, oldest first. `readings` must be sorted
/// from newest to oldest. Outdated figures from idle sessions are skipped.
fn steps_of(readings: Vec<Reading>) -> Vec<WindowStep> {
    let mut newest: BTreeMap<Option<String>, Sample> = BTreeMap::new();
    let mut steps = Vec::new();
    for reading in readings.into_iter().rev() {
        let sample = reading.sample;
        let before = newest.get(&sample.account);
        if before.is_some_and(|before| before.measured >= sample.measured) {
            continue;
        }
        for (window, usage) in sample.windows() {
            let is_step = match before.and_then(|before| before.usage(window)) {
                Some(before) => usage.is_step_from(&before),
                None => true,
            };
            if is_step {
                steps.push(WindowStep {
                    at: sample.at,
                    account: sample.account.clone(),
                    plan: reading.plan.clone(),
                    window,
                    usage,
                    session: reading.session.clone(),
                });
            }
        }
        newest.insert(sample.account.clone(), sample);
    }
    steps
}

/// The pace of a usage window, in percent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WindowPace {
    /// The window.
    pub window: Window,
    /// The pace.
    pub pace: Pace,
}

impl WindowPace {
    /// Creates a pace at which the window is full at `full_at`, or at which it lasts.
    #[cfg(test)]
    pub(crate) fn example(
        window: Window,
        used: f64,
        now: DateTime<Utc>,
        full_at: Option<DateTime<Utc>>,
    ) -> Self {
        let per_hour = full_at.map_or(0.0, |at| {
            (100.0 - used) * 3600.0 / (at - now).num_seconds() as f64
        });
        Self {
            window,
            pace: Pace {
                now: pace::Reading { at: now, used },
                since: now,
                per_hour,
                at_end: if full_at.is_some() { 100.0 } else { used },
            },
        }
    }

    /// Returns the time at which the window is full at this pace, or `None` if it resets before that.
    pub(crate) fn full_at(&self) -> Option<DateTime<Utc>> {
        self.pace.full_at(100.0)
    }
}

impl WindowReadings<'_> {
    /// Returns the paces of the windows in a sample. An old sample has none, because it does not show how fast its windows
    /// are filling up now. The 5-hour window has none while a weekly window is full, because it cannot fill up then.
    ///
    /// Only the 5-hour window has earlier readings, because the journal may not go back far enough for the others.
    pub(crate) fn paces(&self, sample: &Sample) -> Vec<WindowPace> {
        let now = self.environment.now;
        if now - sample.measured > FRESH_FOR {
            return Vec::new();
        }
        let is_week_full = sample
            .usage(Window::Weekly)
            .is_some_and(|week| week.is_used_up());
        sample
            .windows()
            .filter(|(window, _)| !(is_week_full && *window == Window::FiveHour))
            .filter_map(|(window, usage)| {
                let earlier = match window {
                    Window::FiveHour => self.earlier_in_five_hours(sample),
                    _ => Vec::new(),
                };
                let used = pace::Reading {
                    at: now,
                    used: usage.used_percent,
                };
                let pace = Pace::of_window(usage.resets_at?, window.length(), &earlier, used)?;
                Some(WindowPace { window, pace })
            })
            .collect()
    }

    /// Returns the account's newest readings of the current 5-hour window.
    fn earlier_in_five_hours(&self, sample: &Sample) -> Vec<pace::Reading> {
        readings::of_five_hour_window(self.journal, sample.account.as_deref())
            .take(READINGS_OF_FIVE_HOURS)
            .filter_map(|reading| {
                let usage = reading.sample.five_hour?;
                let current = sample.five_hour.as_ref()?;
                usage.has_same_reset(current).then_some(pace::Reading {
                    at: reading.sample.at,
                    used: usage.used_percent,
                })
            })
            .collect()
    }
}

#[cfg(test)]
#[path = "../../tests/unit/window_steps.rs"]
mod tests;
