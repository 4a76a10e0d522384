//! How the windows of each account rose, by what its sessions were told, and what is to be expected of
//! them: of the five-hour one by its last readings; of weekly ones by what was worked out, from weeks of
//! readings, when they came to another percent.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::Incidents;
use super::readings::{self, Reading};
use crate::claude::meters::Meter;
use crate::journal::{self, Journal, JournalRecord};
use crate::limits::FRESH_FOR;
use crate::limits::kind::Window;
use crate::limits::pace::week::{self, PastWeeks};
use crate::limits::pace::{Expected, Outlook, WindowStep, five_hours};
use crate::limits::sample::{Sample, Teller};
use crate::places::Places;
use crate::time::{FIVE_HOURS, WEEK};

/// The steps from `from` to `until`, oldest first.
pub(crate) fn steps(places: &Places, from: DateTime<Utc>, until: DateTime<Utc>) -> Vec<WindowStep> {
    let mut told: Vec<Reading> = Journal::between(places, from, until).records("").collect();
    told.retain(|it| it.sample.has_sound_dates() && it.sample.teller() == Teller::Plan);
    let mut steps = steps_of(told);
    steps.retain(|step| (from..=until).contains(&step.at));
    steps.sort_by_key(|step| step.at);
    steps
}

/// Where readings, the newest first, differ from what their account was told before; oldest first. A
/// session that was idle may tell older figures: these are passed over.
fn steps_of(readings: Vec<Reading>) -> Vec<WindowStep> {
    let mut known: HashMap<Option<String>, Sample> = HashMap::new();
    let mut steps = Vec::new();
    for told in readings.into_iter().rev() {
        let sample = told.sample;
        let before = known.get(&sample.account);
        if before.is_some_and(|before| before.measured >= sample.measured) {
            continue;
        }
        for (window, meter) in sample.windows() {
            let known = before.and_then(|before| before.meter(window));
            if known.is_none_or(|known| meter.is_step_from(&known)) {
                steps.push(WindowStep {
                    at: sample.at,
                    account: sample.account.clone(),
                    plan: told.plan.clone(),
                    window,
                    meter,
                    session: told.session.clone(),
                });
            }
        }
        known.insert(sample.account.clone(), sample);
    }
    steps
}

/// What was worked out of a weekly window.
#[derive(Debug, Serialize, Deserialize)]
struct WeekForecast {
    account: Option<String>,
    at: DateTime<Utc>,
    /// Of the window as it was then.
    #[serde(flatten)]
    expected: Expected,
}

impl JournalRecord for WeekForecast {
    const KIND: &'static str = "week";
}

/// How long one holds while the window does not rise.
const HOLDS_FOR: TimeDelta = TimeDelta::hours(1);

impl Incidents<'_> {
    /// What is to be expected of the windows of this account. Nothing by figures that are not new:
    /// how fast a window fills is only known while they are.
    pub(crate) fn expected(&self, known: &Sample) -> Vec<Expected> {
        let is_fresh = self.environment.now - known.measured <= FRESH_FOR;
        let windows = known.windows().filter(|_| is_fresh);
        let expected = windows.filter_map(|(window, meter)| match window {
            Window::FiveHour => self.five_hours(known, meter),
            week => Some(self.week_forecast(known, week)?.expected),
        });
        expected.collect()
    }

    fn five_hours(&self, known: &Sample, meter: Meter) -> Option<Expected> {
        /// More than a window has percents, told to two sessions: by a part, what was said long ago
        /// and still stands would be another thing at every look.
        const END: usize = 200;
        let now = self.environment.now;
        // Where the week is full, nothing fills these hours.
        let full_week = known.meter(Window::Weekly).filter(Meter::is_used_up);
        if full_week.is_some() || !(five_hours::LEAST..100.0).contains(&meter.used_percent) {
            return None;
        }
        let told = self.five_hour_run(known, END)?.into_iter();
        let levels: Vec<_> = told.map(|it| (it.at, it.meter.used_percent)).collect();
        Some(Expected {
            window: Window::FiveHour,
            meter,
            outlook: five_hours::outlook(&levels, &meter, now)?,
            rate: five_hours::Pace::new(&levels, &meter, now).map(|pace| pace.of_the_hour),
            week_before: None,
        })
    }

    /// What was worked out last of this run of a weekly window.
    fn week_forecast(&self, told: &Sample, window: Window) -> Option<WeekForecast> {
        let (now, meter) = (self.environment.now, told.meter(window)?);
        let known = self.recent().records::<WeekForecast>("");
        let mut known = known.filter(|known| known.at <= now && known.expected.window == window);
        let mut last = known.find(|known| known.account == told.account)?;
        let expected = &mut last.expected;
        if !expected.meter.is_of_run(&meter) || meter.is_used_up() {
            return None;
        }
        if matches!(expected.outlook, Outlook::Full(_, latest) if latest <= now) {
            expected.outlook = Outlook::Open;
        }
        expected.meter = meter;
        Some(last)
    }

    /// Works out what is to be expected of the weekly windows that a session was told of, where it
    /// is not known already, or they rose since it was told of them `last`.
    pub(super) fn foresee_weeks(&self, told: &Sample, last: Option<&Sample>) {
        let now = self.environment.now;
        let weekly = told.windows();
        for (window, meter) in weekly.filter(|(window, _)| *window != Window::FiveHour) {
            let known = self.week_forecast(told, window);
            let holds = known.is_some_and(|known| now - known.at < HOLDS_FOR);
            if holds && !last.is_none_or(|last| told.tells_step(window, last)) {
                continue;
            }
            let from = now - WEEK * (week::WEEKS + 1);
            let journal = Journal::between(self.places, from, now);
            let known = readings::of_account(&journal, told.account.as_deref());
            let mut steps = self.rises(known, from);
            steps.retain(|step| step.window == window);
            let history = PastWeeks {
                rises: &week::rises(steps.iter().map(|step| (step.at, step.meter))),
                since: steps.first().map_or(now, |first| first.at),
            };
            let forecast = WeekForecast {
                account: told.account.clone(),
                at: now,
                expected: Expected {
                    window,
                    meter,
                    outlook: history.outlook(&meter, now),
                    rate: None,
                    week_before: history.week_before(&meter, now),
                },
            };
            // One that cannot be kept is worked out again the next time.
            let _ = journal::add(self.places, now, &forecast);
        }
    }

    /// How the windows of an account rose since a moment, by its readings, the newest first.
    fn rises(&self, told: impl Iterator<Item = Reading>, since: DateTime<Utc>) -> Vec<WindowStep> {
        let told = told.filter(|told| told.sample.at <= self.environment.now);
        let told = told.take_while(|told| told.sample.at >= since);
        steps_of(told.collect())
    }

    /// The steps of the five-hour window of these figures since it began, by the last `most` readings.
    fn five_hour_run(&self, known: &Sample, most: usize) -> Option<Vec<WindowStep>> {
        let meter = known.five_hour?;
        let resets_at = meter.resets_at;
        let begun = resets_at.map_or(self.environment.now, |at| at - FIVE_HOURS);
        let told = readings::of_account(self.recent(), known.account.as_deref());
        let mut steps = self.rises(told.take(most), begun);
        steps.retain(|step| step.window == Window::FiveHour && step.meter.is_of_run(&meter));
        Some(steps)
    }

    /// What each session had in the rise of the plan's five-hour window, as a share; none unless
    /// there are several. Whoever was told a rise first gets it, also that of a session that is told
    /// nothing, so it is about right, and no more.
    pub(crate) fn five_hour_shares(&self) -> Vec<(String, f64)> {
        /// Of fewer points a share means nothing.
        const POINTS: f64 = 10.0;
        let known = self.known_of(Teller::Plan);
        let mut risen: IndexMap<String, f64> = IndexMap::new();
        let mut level = None;
        let steps = known.and_then(|known| self.five_hour_run(&known, usize::MAX));
        for step in steps.unwrap_or_default() {
            let used = step.meter.used_percent;
            // What it was at first was told to nobody as a rise.
            let before = level.unwrap_or(used);
            *risen.entry(step.session).or_default() += (used - before).max(0.0);
            level = Some(used.max(before));
        }
        let total: f64 = risen.values().sum();
        let several = risen.values().filter(|risen| **risen > 0.0).count() > 1;
        let shares = risen.into_iter().filter(|_| several && total >= POINTS);
        let shares = shares.map(|(session, risen)| (session, risen / total));
        shares.collect()
    }
}

#[cfg(test)]
#[path = "../../tests/unit/window_steps.rs"]
mod tests;
