//! What is to be expected of the windows: of the five-hour one by its last readings; of weekly ones
//! by what was worked out, from weeks of readings, when they came to another percent.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::readings::{self, Reading, is_same_reset};
use super::window_steps::steps_of;
use super::{Incidents, KnownWindows};
use crate::claude::meters::Meter;
use crate::journal::{self, Journal, JournalRecord};
use crate::limits::FRESH_FOR;
use crate::limits::kind::Window;
use crate::limits::pace::week::{self, PastWeeks, WeekBefore};
use crate::limits::pace::{Expected, Outlook, WindowStep, five_hours};
use crate::time::{FIVE_HOURS, WEEK};

/// What was worked out of a weekly window.
#[derive(Debug, Serialize, Deserialize)]
struct WeekForecast {
    account: Option<String>,
    window: Window,
    at: DateTime<Utc>,
    /// As it was then.
    meter: Meter,
    outlook: Outlook,
    week_before: Option<WeekBefore>,
}

impl JournalRecord for WeekForecast {
    const KIND: &'static str = "week";
}

/// How long one holds while the window does not rise.
const HOLDS_FOR: TimeDelta = TimeDelta::hours(1);

impl Incidents<'_> {
    /// What is to be expected of the windows of this account. Nothing by figures that are not new:
    /// how fast a window fills is only known while they are.
    pub(crate) fn expected(&self, known: &KnownWindows) -> Vec<Expected> {
        let (windows, account) = (&known.windows, known.account.as_deref());
        let is_fresh = self.environment.now - windows.measured <= FRESH_FOR;
        let named = windows.named().filter(|_| is_fresh);
        let expected = named.filter_map(|(name, meter, length)| {
            if length == FIVE_HOURS {
                return self.five_hours(name, meter, account);
            }
            let window = Window::ALL.into_iter().find(|it| it.name() == name)?;
            let known = self.week_forecast(account, window, &meter)?;
            Some(Expected {
                name,
                meter,
                length,
                outlook: known.outlook,
                rate: None,
                week_before: known.week_before,
            })
        });
        expected.collect()
    }

    fn five_hours(
        &self,
        name: &'static str,
        meter: Meter,
        account: Option<&str>,
    ) -> Option<Expected> {
        /// More than a window has percents, told to two sessions: by a part, what was said long ago
        /// and still stands would be another thing at every look.
        const END: usize = 200;
        let now = self.environment.now;
        if !(five_hours::LEAST..100.0).contains(&meter.used_percent) {
            return None;
        }
        let told = self.five_hour_run(meter, account, END).into_iter();
        let levels: Vec<_> = told
            .map(|step| (step.at, step.meter.used_percent))
            .collect();
        Some(Expected {
            name,
            meter,
            length: FIVE_HOURS,
            outlook: five_hours::outlook(&levels, &meter, now)?,
            rate: five_hours::Pace::new(&levels, &meter, now).map(|pace| pace.of_the_hour),
            week_before: None,
        })
    }

    /// What was worked out last of this run of a weekly window.
    fn week_forecast(
        &self,
        account: Option<&str>,
        window: Window,
        meter: &Meter,
    ) -> Option<WeekForecast> {
        let now = self.environment.now;
        let known = self.recent().records::<WeekForecast>("");
        let mut known = known.filter(|known| known.at <= now && known.window == window);
        let mut last = known.find(|known| known.account.as_deref() == account)?;
        if !is_same_reset(&last.meter, meter) || meter.used_percent >= 100.0 {
            return None;
        }
        if matches!(last.outlook, Outlook::Full(_, latest) if latest <= now) {
            last.outlook = Outlook::Open;
        }
        Some(last)
    }

    /// Works out what is to be expected of the weekly windows that a session was told of, where it
    /// is not known already.
    pub(super) fn foresee_weeks(&self, told: &Reading, is_risen: impl Fn(Window) -> bool) {
        let (now, account) = (self.environment.now, told.sample.account.as_deref());
        let weekly = Window::ALL.into_iter();
        for window in weekly.filter(|window| window.length() == WEEK) {
            let Some(meter) = told.sample.meter(window) else {
                continue;
            };
            let known = self.week_forecast(account, window, &meter);
            let holds = known.is_some_and(|known| now - known.at < HOLDS_FOR);
            if holds && !is_risen(window) {
                continue;
            }
            let steps = self.steps_of_weeks(account, window);
            let levels = steps.iter().map(|step| (step.at, step.meter));
            let rises = week::rises(levels);
            let history = PastWeeks {
                rises: &rises,
                since: steps.first().map_or(now, |first| first.at),
            };
            let forecast = WeekForecast {
                account: told.sample.account.clone(),
                window,
                at: now,
                meter,
                outlook: history.outlook(&meter, now),
                week_before: history.week_before(&meter, now),
            };
            // One that cannot be kept is worked out again the next time.
            let _ = journal::add(self.places, now, &forecast);
        }
    }

    /// How a weekly window rose in the weeks that are looked at, oldest first.
    fn steps_of_weeks(&self, account: Option<&str>, window: Window) -> Vec<WindowStep> {
        let now = self.environment.now;
        let from = now - WEEK * (week::WEEKS + 1);
        let journal = Journal::between(self.places, from, now);
        let told = readings::of_account(&journal, account);
        let mut told: Vec<Reading> = told.take_while(|told| told.sample.at >= from).collect();
        told.reverse();
        let mut steps = steps_of(told);
        steps.retain(|step| step.window == window);
        steps
    }
}
