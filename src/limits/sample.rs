//! What the status line was told of the windows at a moment.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::kind::Window;
use crate::claude::account::Account;
use crate::claude::meters::{Meter, OtherMeters, USED_UP};
use crate::claude::status_payload::StatusPayload;
use crate::time::is_reckonable;

/// What the client told the status line about the windows.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// When it was told first, with these figures.
    pub since: DateTime<Utc>,
    /// When it was told last.
    pub at: DateTime<Utc>,
    /// Since when the figures can be as old as this: the client repeats the last ones it got, so
    /// without a request in between, the same figures are no newer.
    pub measured: DateTime<Utc>,
    /// The client's running total of API time in milliseconds, which tells requests apart.
    pub api_ms: Option<f64>,
    /// The five-hour window.
    pub five_hour: Option<Meter>,
    /// The weekly window.
    pub seven_day: Option<Meter>,
    /// Meters that few are told of.
    #[serde(default, skip_serializing_if = "OtherMeters::is_none")]
    pub others: OtherMeters,
    /// The account's hash.
    pub account: Option<String>,
    /// The model in use.
    pub model: Option<String>,
    /// Whether fast mode was on, which draws on usage credits only.
    pub fast_mode: bool,
    /// The client's version.
    pub version: Option<String>,
}

/// Whose meters a sample tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Teller {
    Plan,
    Gateway,
}

impl Sample {
    /// What a status line is told now; None if nothing about the windows.
    pub fn told(payload: &StatusPayload, now: DateTime<Utc>) -> Option<Self> {
        let sample = Self {
            since: now,
            at: now,
            measured: now,
            api_ms: payload.client_api_ms,
            five_hour: payload.five_hour,
            seven_day: payload.seven_day,
            others: payload.others,
            account: None,
            model: payload.model_id.clone(),
            fast_mode: payload.fast_mode,
            version: payload.version.clone(),
        };
        sample.tells_any().then_some(sample)
    }

    /// Whether any meter is told.
    pub(crate) fn tells_any(&self) -> bool {
        self.meters().next().is_some()
    }

    pub(crate) fn teller(&self) -> Teller {
        match self.others.spend_limit {
            Some(_) => Teller::Gateway,
            None => Teller::Plan,
        }
    }

    /// Whether its dates can be reckoned with.
    pub(crate) fn has_sound_dates(&self) -> bool {
        let resets = self.meters().filter_map(|meter| meter.resets_at);
        let mut dates = resets.chain([self.since, self.at, self.measured]);
        dates.all(is_reckonable)
    }

    /// The meter of a window. Of those of single models Claude Code mostly tells none.
    pub(crate) fn meter(&self, window: Window) -> Option<Meter> {
        match window {
            Window::FiveHour => self.five_hour,
            Window::Weekly => self.seven_day,
            Window::WeeklyOpus => self.others.opus,
            Window::WeeklySonnet => self.others.sonnet,
            Window::WeeklyFable => self.others.fable,
        }
    }

    fn meter_mut(&mut self, window: Window) -> &mut Option<Meter> {
        match window {
            Window::FiveHour => &mut self.five_hour,
            Window::Weekly => &mut self.seven_day,
            Window::WeeklyOpus => &mut self.others.opus,
            Window::WeeklySonnet => &mut self.others.sonnet,
            Window::WeeklyFable => &mut self.others.fable,
        }
    }

    /// The plan's windows, as far as they are told.
    pub(crate) fn windows(&self) -> impl Iterator<Item = (Window, Meter)> {
        let windows = Window::ALL.into_iter();
        windows.filter_map(|window| Some((window, self.meter(window)?)))
    }

    /// Whether one of the plan's windows is as full as that, in percent.
    pub(crate) fn is_full(&self, from: f64) -> bool {
        self.windows().any(|(_, meter)| meter.used_percent >= from)
    }

    /// Whether one of the plan's windows is used up.
    pub(crate) fn has_full_window(&self) -> bool {
        self.is_full(USED_UP)
    }

    /// These, and a gateway's limit.
    fn meters(&self) -> impl Iterator<Item = Meter> {
        let limit = self.others.spend_limit.map(|limit| limit.meter);
        self.windows().map(|(_, meter)| meter).chain(limit)
    }

    /// Whether every meter says the same.
    pub(crate) fn has_figures_of(&self, other: &Self) -> bool {
        let windows = |sample: &Self| (sample.five_hour, sample.seven_day, sample.others);
        windows(self) == windows(other)
    }

    /// As it is after the last one of its session: the same figures were told since then, and are as
    /// old as they were, for the client repeats its last ones, and only a request makes them new.
    pub(crate) fn after(mut self, last: Option<&Self>) -> Self {
        if let Some(last) = last.filter(|last| self.has_figures_of(last)) {
            self.since = last.since;
            if last.api_ms.is_some() && last.api_ms == self.api_ms {
                self.measured = last.measured;
            }
        }
        self
    }

    /// Whether it is of an account. None where that is not known.
    pub(crate) fn is_of(&self, account: Option<&Account>) -> Option<bool> {
        Some(self.account.as_ref()? == account?.owner.fingerprint.as_ref()?)
    }

    /// Whether something else is told of a window than before.
    pub(crate) fn tells_step(&self, window: Window, before: &Self) -> bool {
        match (before.meter(window), self.meter(window)) {
            (Some(before), Some(told)) => told.is_step_from(&before),
            (before, told) => before.is_some() != told.is_some(),
        }
    }

    /// Without the windows that are over.
    pub(crate) fn ahead(mut self, now: DateTime<Utc>) -> Self {
        let is_ahead = |meter: &Meter| meter.resets_at.is_some_and(|at| at > now);
        for window in Window::ALL {
            *self.meter_mut(window) = self.meter(window).filter(is_ahead);
        }
        let limit = &mut self.others.spend_limit;
        *limit = limit.filter(|limit| is_ahead(&limit.meter));
        self
    }

    /// With the meters of another one where it has none.
    pub(crate) fn or(mut self, other: &Self) -> Self {
        for window in Window::ALL {
            *self.meter_mut(window) = self.meter(window).or(other.meter(window));
        }
        let limit = &mut self.others.spend_limit;
        *limit = limit.or(other.others.spend_limit);
        self
    }
}
