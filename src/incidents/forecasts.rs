//! Forecasts of the usage windows. The 5-hour forecast is based on the window's latest readings. The weekly forecasts
//! are based on several weeks of readings, and are recomputed only when a window's usage increases.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::readings::{self, Reading, WindowReadings};
use crate::claude::window_usage::WindowUsage;
use crate::journal::{self, Journal, JournalRecord};
use crate::limits::FRESH_FOR;
use crate::limits::kind::Window;
use crate::limits::pace::five_hours::{self, Level};
use crate::limits::pace::week::{self, PastWeeks};
use crate::limits::pace::{Expected, Outlook, WindowStep};
use crate::limits::sample::{MeasuredService, Sample};
use crate::paths::Paths;
use crate::time::{FIVE_HOURS, WEEK};

/// How long a weekly forecast remains valid if the window's usage does not increase. Weekly forecasts are only accurate
/// to within a few hours, so updating them more often would not help.
const VALID_FOR: TimeDelta = TimeDelta::hours(1);

/// The number of readings used to forecast the 5-hour window. More readings would not improve the forecast, and
/// hundreds of them would double the time of a status-line call.
const READINGS_OF_FIVE_HOURS: usize = 40;

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

/// A stored forecast of a weekly window.
#[derive(Debug, Serialize, Deserialize)]
struct WeekForecast {
    account: Option<String>,
    at: DateTime<Utc>,
    /// The forecast, and the state of the window when it was made.
    #[serde(flatten)]
    expected: Expected,
}

impl JournalRecord for WeekForecast {
    const KIND: &'static str = "week";
}

/// Returns the time at which a 5-hour window began. If the window has no reset time, it is assumed to begin now.
fn beginning(usage: &WindowUsage, now: DateTime<Utc>) -> DateTime<Utc> {
    match usage.resets_at {
        Some(reset) => reset - FIVE_HOURS,
        None => now,
    }
}

/// The forecasts for a reading's account.
#[derive(Debug)]
pub(crate) struct Forecasts<'a> {
    readings: WindowReadings<'a>,
    now: DateTime<Utc>,
}

impl<'a> Forecasts<'a> {
    pub(crate) fn new(readings: WindowReadings<'a>) -> Self {
        Self {
            readings,
            now: readings.environment.now,
        }
    }

    /// Returns the forecasts for the windows in a sample that have not reset since then. An old sample has no forecasts,
    /// because it does not show how fast its windows are filling up now.
    pub(crate) fn of(&self, sample: &Sample) -> Vec<Expected> {
        if self.now - sample.measured > FRESH_FOR {
            return Vec::new();
        }
        sample
            .windows()
            .filter(|(_, usage)| !usage.has_reset(self.now))
            .filter_map(|(window, usage)| match window {
                Window::FiveHour => self.of_five_hours(sample, usage),
                week => Some(self.of_week(sample, week)?.expected),
            })
            .collect()
    }

    /// Returns the forecast of the 5-hour window. Returns `None` if the weekly window is full, because the 5-hour
    /// window cannot fill up in that case.
    fn of_five_hours(&self, sample: &Sample, usage: WindowUsage) -> Option<Expected> {
        let is_week_full = sample
            .usage(Window::Weekly)
            .is_some_and(|week| week.is_used_up());
        if is_week_full || !(five_hours::NO_FORECAST_BELOW..100.0).contains(&usage.used_percent) {
            return None;
        }
        let levels = self.five_hour_levels(sample, &usage);
        Some(Expected {
            window: Window::FiveHour,
            usage,
            outlook: five_hours::outlook(&levels, &usage, self.now)?,
            rate: five_hours::Pace::new(&levels, &usage, self.now).map(|pace| pace.recent),
            week_before: None,
        })
    }

    /// Returns the last stored forecast of a weekly window. Returns `None` if no forecast is stored, or if the window
    /// has since reset or filled up.
    fn of_week(&self, sample: &Sample, window: Window) -> Option<WeekForecast> {
        let usage = sample.usage(window)?;
        let mut last = self
            .readings
            .journal
            .records::<WeekForecast>()
            .find(|forecast| {
                forecast.at <= self.now
                    && forecast.expected.window == window
                    && forecast.account == sample.account
            })?;
        let expected = &mut last.expected;
        if !expected.usage.has_same_reset(&usage) || usage.is_used_up() {
            return None;
        }
        if matches!(expected.outlook, Outlook::WillFill(_, latest) if latest <= self.now) {
            expected.outlook = Outlook::Unpredictable;
        }
        expected.usage = usage;
        Some(last)
    }

    /// Updates the weekly forecasts if a window's usage has increased since the previous sample, or if the stored
    /// forecast has expired.
    pub(super) fn update_weeks(&self, sample: &Sample, last: Option<&Sample>) {
        for (window, usage) in sample.windows() {
            if window == Window::FiveHour {
                continue;
            }
            let is_valid = self
                .of_week(sample, window)
                .is_some_and(|forecast| self.now - forecast.at < VALID_FOR);
            let has_step = last.is_none_or(|last| sample.is_step_from(last, window));
            if is_valid && !has_step {
                continue;
            }
            let forecast = WeekForecast {
                account: sample.account.clone(),
                at: self.now,
                expected: self.expect_week(sample, window, usage),
            };
            // If this fails, the forecast is computed again on the next call.
            let _ = journal::append(self.readings.paths, self.now, &forecast);
        }
    }

    fn expect_week(&self, sample: &Sample, window: Window, usage: WindowUsage) -> Expected {
        let from = self.now - WEEK * (week::WEEKS + 1);
        let journal = Journal::between(self.readings.paths, from, self.now);
        let readings = readings::of_account(&journal, sample.account.as_deref());
        let mut steps = self.steps_since(readings, from);
        steps.retain(|step| step.window == window);
        let history = PastWeeks {
            rises: &week::rises(steps.iter().map(|step| (step.at, step.usage))),
            since: steps
                .first()
                .map_or(self.now, |first| week::known_since(first.at, &first.usage)),
        };
        Expected {
            window,
            usage,
            outlook: history.outlook(&usage, self.now),
            rate: None,
            week_before: history.week_before(&usage, self.now),
        }
    }

    /// Returns the usage changes since the given time. `readings` must be sorted from newest to oldest.
    fn steps_since(
        &self,
        readings: impl Iterator<Item = Reading>,
        since: DateTime<Utc>,
    ) -> Vec<WindowStep> {
        steps_of(
            readings
                .filter(|reading| reading.sample.at <= self.now)
                .take_while(|reading| reading.sample.at >= since)
                .collect(),
        )
    }

    /// Returns the usage changes in the current 5-hour window, based on the account's most recent readings.
    fn five_hour_levels(&self, sample: &Sample, usage: &WindowUsage) -> Vec<Level> {
        // Without a capacity, the vector would be reallocated five times.
        let mut latest = Vec::with_capacity(READINGS_OF_FIVE_HOURS);
        latest.extend(
            readings::of_five_hour_window(self.readings.journal, sample.account.as_deref())
                .take(READINGS_OF_FIVE_HOURS),
        );
        self.steps_since(latest.into_iter(), beginning(usage, self.now))
            .into_iter()
            .filter(|step| step.window == Window::FiveHour && step.usage.has_same_reset(usage))
            .map(|step| (step.at, step.usage.used_percent))
            .collect()
    }
}

#[cfg(test)]
#[path = "../../tests/unit/window_steps.rs"]
mod tests;
