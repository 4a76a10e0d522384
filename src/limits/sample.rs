//! Defines the usage-window figures that Claude Code passes to each status-line call.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::evidence::RefusedWindow;
use super::kind::Window;
use crate::claude::account::Account;
use crate::claude::meters::{Meter, OtherMeters, USED_UP};
use crate::claude::status_payload::StatusPayload;
use crate::time::{is_in_supported_range, rfc3339};

/// The 5-hour window has ample room if its usage is below this percentage.
const AMPLE_BELOW: f64 = 25.0;
/// A window is nearly full if its usage has reached this percentage.
const NEARLY_FULL: f64 = 90.0;

/// A set of usage-window figures reported by one session.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// The time of the first status-line call with these figures.
    #[serde(deserialize_with = "rfc3339::deserialize")]
    pub since: DateTime<Utc>,
    /// The time of the last status-line call with these figures.
    #[serde(deserialize_with = "rfc3339::deserialize")]
    pub at: DateTime<Utc>,
    /// The time of the first status-line call after the response that provided the figures. Claude Code repeats the
    /// figures of the last response, so repeated figures are new only if another response has arrived in the meantime.
    #[serde(deserialize_with = "rfc3339::deserialize")]
    pub measured: DateTime<Utc>,
    /// A time before the response that provided the figures, if an earlier response had the same figures. Not every
    /// status-line call is stored, so that response may be much older than `measured`.
    #[serde(
        default,
        deserialize_with = "rfc3339::deserialize_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub repeated_after: Option<DateTime<Utc>>,
    /// The running total of API time, in milliseconds. It increases with every response, but not with failed requests.
    pub api_ms: Option<f64>,
    /// The 5-hour window.
    pub five_hour: Option<Meter>,
    /// The weekly window.
    pub seven_day: Option<Meter>,
    /// Meters that only a few accounts have.
    #[serde(default, skip_serializing_if = "OtherMeters::is_none")]
    pub others: OtherMeters,
    /// A hash that identifies the account.
    pub account: Option<String>,
    /// The model in use.
    pub model: Option<String>,
    /// True if fast mode was on. Only usage credits can pay for fast mode.
    pub fast_mode: bool,
    /// The version of Claude Code.
    pub version: Option<String>,
}

/// The service that the usage figures apply to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MeasuredService {
    Plan,
    Gateway,
}

impl Sample {
    /// Creates a sample from the payload of a status-line call. Returns `None` if the payload has no usage-window
    /// figures.
    pub fn from_payload(payload: &StatusPayload, now: DateTime<Utc>) -> Option<Self> {
        let sample = Self {
            since: now,
            at: now,
            measured: now,
            repeated_after: None,
            api_ms: payload.client_api_ms,
            five_hour: payload.five_hour,
            seven_day: payload.seven_day,
            others: payload.others,
            account: None,
            model: payload.model_id.clone(),
            fast_mode: payload.fast_mode,
            version: payload.version.clone(),
        };
        sample.has_meters().then_some(sample)
    }

    pub(crate) fn has_meters(&self) -> bool {
        self.meters().next().is_some()
    }

    /// Returns the service that the figures apply to. Only gateways report a spend limit.
    pub(crate) fn service(&self) -> MeasuredService {
        match self.others.spend_limit {
            Some(_) => MeasuredService::Gateway,
            None => MeasuredService::Plan,
        }
    }

    /// Returns true if every timestamp in the sample is in the supported range. Damaged records may contain arbitrary
    /// dates.
    pub(crate) fn has_sound_dates(&self) -> bool {
        self.meters()
            .filter_map(|meter| meter.resets_at)
            .chain([self.since, self.at, self.measured])
            .chain(self.repeated_after)
            .all(is_in_supported_range)
    }

    /// Returns a window's meter. Claude Code rarely reports the windows for individual models.
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

    /// Returns the plan's windows for which there is a meter.
    pub(crate) fn windows(&self) -> impl Iterator<Item = (Window, Meter)> {
        Window::ALL
            .into_iter()
            .filter_map(|window| Some((window, self.meter(window)?)))
    }

    /// Returns true if any of the plan's windows has reached the given percentage.
    pub(crate) fn is_full(&self, percent: f64) -> bool {
        self.windows()
            .any(|(_, meter)| meter.used_percent >= percent)
    }

    /// Returns true if the 5-hour window has ample room and no other window is nearly full. In that case, no window can
    /// fill up within a minute.
    pub(crate) fn has_ample_room(&self) -> bool {
        self.five_hour
            .is_some_and(|meter| meter.used_percent < AMPLE_BELOW)
            && !self.is_full(NEARLY_FULL)
    }

    /// Returns true if any of the plan's windows is used up.
    pub(crate) fn has_full_window(&self) -> bool {
        self.is_full(USED_UP)
    }

    /// Returns the meters of the plan's windows and the meter of the gateway's spend limit.
    fn meters(&self) -> impl Iterator<Item = Meter> {
        let spend_limit = self.others.spend_limit.map(|limit| limit.meter);
        self.windows().map(|(_, meter)| meter).chain(spend_limit)
    }

    /// Returns true if every meter shows the same whole percentage and the same reset time in both samples.
    pub(crate) fn has_same_figures_as(&self, other: &Self) -> bool {
        self.others.spend_limit == other.others.spend_limit
            && !Window::ALL
                .into_iter()
                .any(|window| self.is_step_from(other, window))
    }

    /// Carries over the times of the session's previous sample if the figures have not changed. The measurement time is
    /// carried over only if there was no response in between.
    pub(crate) fn after(mut self, previous: Option<&Self>) -> Self {
        let Some(previous) = previous.filter(|previous| self.has_same_figures_as(previous)) else {
            return self;
        };
        self.since = previous.since;
        self.repeated_after = previous.repeated_after;
        // Without the API time, there is no way to tell whether another response has arrived.
        let has_api_time = previous.api_ms.is_some() && self.api_ms.is_some();
        if has_api_time && previous.api_ms == self.api_ms {
            self.measured = previous.measured;
        } else if has_api_time {
            self.repeated_after = Some(previous.at);
        }
        self
    }

    /// Returns the earliest time at which the figures may have been measured.
    pub(crate) fn earliest(&self) -> DateTime<Utc> {
        self.repeated_after.unwrap_or(self.since)
    }

    /// Returns whether the sample belongs to the account, or `None` if either hash is missing.
    pub(crate) fn is_of(&self, account: Option<&Account>) -> Option<bool> {
        Some(self.account.as_ref()? == account?.owner.fingerprint.as_ref()?)
    }

    /// Returns true if a window's meter appeared, disappeared, or moved to a different whole percentage.
    pub(crate) fn is_step_from(&self, previous: &Self, window: Window) -> bool {
        match (previous.meter(window), self.meter(window)) {
            (Some(before), Some(after)) => after.is_step_from(&before),
            (None, None) => false,
            (Some(_), None) | (None, Some(_)) => true,
        }
    }

    /// Removes the windows that have already reset or whose reset time is unknown.
    pub(crate) fn without_past_windows(mut self, now: DateTime<Utc>) -> Self {
        for window in Window::ALL {
            *self.meter_mut(window) = self.meter(window).filter(|meter| resets_after(meter, now));
        }
        if let Some(limit) = self.others.spend_limit
            && !resets_after(&limit.meter, now)
        {
            self.others.spend_limit = None;
        }
        self
    }

    /// Sets a refused window to 100%, because it filled up after the figures were measured.
    pub(crate) fn with_refusal(mut self, refused: &RefusedWindow) -> Self {
        if refused.at >= self.earliest() {
            *self.meter_mut(refused.window) = Some(Meter {
                used_percent: USED_UP,
                resets_at: Some(refused.resets_at),
            });
        }
        self
    }

    /// Fills in missing meters from another sample.
    pub(crate) fn or(mut self, other: &Self) -> Self {
        for window in Window::ALL {
            *self.meter_mut(window) = self.meter(window).or(other.meter(window));
        }
        self.others.spend_limit = self.others.spend_limit.or(other.others.spend_limit);
        self
    }
}

fn resets_after(meter: &Meter, moment: DateTime<Utc>) -> bool {
    meter.resets_at.is_some_and(|reset| reset > moment)
}
