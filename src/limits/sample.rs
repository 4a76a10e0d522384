//! Defines the usage-window figures that Claude Code passes to each status-line call.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::evidence::{FRESH_FOR, RefusedWindow};
use super::kind::Window;
use crate::claude::account::Account;
use crate::claude::status_payload::StatusPayload;
use crate::claude::window_usage::{OtherLimits, USED_UP, WindowUsage, is_same_reset};
use crate::time::{is_in_supported_range, rfc3339};

/// The 5-hour window has ample room if its usage is below this percentage.
const AMPLE_BELOW: f64 = 25.0;
/// A window is nearly full if its usage has reached this percentage.
pub(crate) const NEARLY_FULL: f64 = 90.0;

/// A set of usage-window figures reported by one session.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// The time of the first status-line call with these figures.
    #[serde(deserialize_with = "rfc3339::deserialize")]
    pub since: DateTime<Utc>,
    /// The time of the last status-line call with these figures.
    #[serde(deserialize_with = "rfc3339::deserialize")]
    pub at: DateTime<Utc>,
    /// The time of the first status-line call after the response that provided the figures. If this call was not stored, it is
    /// the time of the response. If the figures were older than those of another session, it is the time of the request.
    /// Claude Code repeats the figures of the last response, so repeated figures are new only if another response has arrived
    /// in the meantime.
    #[serde(deserialize_with = "rfc3339::deserialize")]
    pub measured: DateTime<Utc>,
    /// The time of an earlier sample with the same figures, if a new response has repeated them since then. Not every
    /// status-line call is stored, so that response may have arrived long before `measured`.
    #[serde(
        default,
        deserialize_with = "rfc3339::deserialize_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub repeated_after: Option<DateTime<Utc>>,
    /// The earliest time at which the server may have determined the figures, such as the time of the request. `None`
    /// if unknown, in which case the figures may be minutes older than the response that reported them.
    #[serde(
        default,
        deserialize_with = "rfc3339::deserialize_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub determined_since: Option<DateTime<Utc>>,
    /// The model that sent the response with these figures. [`Self::model`] may already be a different one. `None` if
    /// the response was not found, or if an old version of whycap stored the sample.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_model: Option<String>,
    /// The running total of API time, in milliseconds. It increases with every response, but not with failed requests.
    pub api_ms: Option<f64>,
    /// The 5-hour window.
    pub five_hour: Option<WindowUsage>,
    /// The weekly window.
    pub seven_day: Option<WindowUsage>,
    /// Limits that only a few accounts have.
    #[serde(default, skip_serializing_if = "OtherLimits::is_none")]
    pub others: OtherLimits,
    /// A hash that identifies the account.
    pub account: Option<String>,
    /// A hash that identifies the process that reported the figures. `None` if the process did not identify itself, or if
    /// an old version of whycap stored the sample.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<String>,
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
            determined_since: None,
            response_model: None,
            api_ms: payload.client_api_ms,
            five_hour: payload.five_hour,
            seven_day: payload.seven_day,
            others: payload.others,
            account: None,
            process: None,
            model: payload.model_id.clone(),
            fast_mode: payload.fast_mode,
            version: payload.version.clone(),
        };
        sample.has_figures().then_some(sample)
    }

    pub(crate) fn has_figures(&self) -> bool {
        self.usages().next().is_some()
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
        self.usages()
            .filter_map(|usage| usage.resets_at)
            .chain([self.since, self.at, self.measured])
            .chain(self.repeated_after)
            .chain(self.determined_since)
            .all(is_in_supported_range)
    }

    /// Returns a window's usage. Claude Code rarely reports the windows for individual models.
    pub(crate) fn usage(&self, window: Window) -> Option<WindowUsage> {
        match window {
            Window::FiveHour => self.five_hour,
            Window::Weekly => self.seven_day,
            Window::WeeklyOpus => self.others.opus,
            Window::WeeklySonnet => self.others.sonnet,
            Window::WeeklyFable => self.others.fable,
        }
    }

    fn usage_mut(&mut self, window: Window) -> &mut Option<WindowUsage> {
        match window {
            Window::FiveHour => &mut self.five_hour,
            Window::Weekly => &mut self.seven_day,
            Window::WeeklyOpus => &mut self.others.opus,
            Window::WeeklySonnet => &mut self.others.sonnet,
            Window::WeeklyFable => &mut self.others.fable,
        }
    }

    /// Returns each of the plan's windows whose usage is known, along with its usage.
    pub(crate) fn windows(&self) -> impl Iterator<Item = (Window, WindowUsage)> {
        Window::ALL
            .into_iter()
            .filter_map(|window| Some((window, self.usage(window)?)))
    }

    /// Returns true if any of the plan's windows has reached the given percentage.
    pub(crate) fn has_window_at(&self, percent: f64) -> bool {
        self.windows()
            .any(|(_, usage)| usage.used_percent >= percent)
    }

    /// Returns true if the 5-hour window has ample room and no other window is nearly full. In that case, no window can
    /// fill up within a minute.
    pub(crate) fn has_ample_room(&self) -> bool {
        self.five_hour
            .is_some_and(|usage| usage.used_percent < AMPLE_BELOW)
            && !self.has_window_at(NEARLY_FULL)
    }

    /// Returns true if any of the plan's windows is used up.
    pub(crate) fn has_full_window(&self) -> bool {
        self.has_window_at(USED_UP)
    }

    /// Returns true if a window that may apply to this model is used up and is not known to have reset.
    pub(crate) fn has_full_window_for(&self, model: Option<&str>, now: DateTime<Utc>) -> bool {
        self.windows().any(|(window, usage)| {
            window.may_apply_to(model) && usage.is_used_up() && !usage.has_reset(now)
        })
    }

    /// Returns the usage of each of the plan's windows and of the gateway's spend limit.
    fn usages(&self) -> impl Iterator<Item = WindowUsage> {
        let spend_limit = self.others.spend_limit.map(|limit| limit.usage);
        self.windows().map(|(_, usage)| usage).chain(spend_limit)
    }

    /// Returns true if both samples show the same figures: the percentages are equal when rounded down, and the reset
    /// times are equal.
    pub(crate) fn has_same_figures_as(&self, other: &Self) -> bool {
        self.others.spend_limit == other.others.spend_limit
            && !Window::ALL
                .into_iter()
                .any(|window| self.is_step_from(other, window))
    }

    /// Carries over the times and the account of the session's previous sample if the figures have not changed, and the
    /// windows that have reset since then, which Claude Code leaves out. The measurement time is carried over only if there
    /// was no response in between.
    pub(crate) fn after(mut self, previous: Option<&Self>) -> Self {
        let Some(previous) = previous.filter(|previous| self.has_same_figures_as(previous)) else {
            return self;
        };
        self.since = previous.since;
        self.repeated_after = previous.repeated_after;
        // Right after a login, Claude Code still reports the previous account's figures.
        self.account.clone_from(&previous.account);
        // Without the API time, there is no way to tell whether another response has arrived.
        let has_api_time = previous.api_ms.is_some() && self.api_ms.is_some();
        if self.has_same_api_time_as(previous) {
            self.measured = previous.measured;
        } else if has_api_time {
            self.repeated_after = Some(previous.at);
        }
        self.or(previous)
    }

    /// Returns true if a window has less usage in this sample than in the other one, and the same reset.
    pub(crate) fn shows_less_than(&self, other: &Self) -> bool {
        self.windows().any(|(window, usage)| {
            other.usage(window).is_some_and(|other| {
                usage.has_same_reset(&other)
                    && usage.is_step_from(&other)
                    && usage.used_percent < other.used_percent
            })
        })
    }

    /// Sets the time at which the server determined the figures, which is older than it seemed.
    pub(crate) fn determined_at(self, moment: DateTime<Utc>) -> Self {
        Self {
            since: moment,
            measured: moment,
            repeated_after: None,
            determined_since: Some(moment),
            ..self
        }
    }

    /// Sets the earliest time at which the server determined the repeated figures again.
    pub(crate) fn repeated_since(self, moment: DateTime<Utc>) -> Self {
        Self {
            repeated_after: Some(moment),
            determined_since: Some(moment),
            ..self
        }
    }

    /// Copies the times from another session's sample, because this sample only repeats the figures of that one. Also
    /// copies the windows that have reset since then, which Claude Code leaves out.
    pub(crate) fn dated_like(self, original: &Self) -> Self {
        Self {
            since: original.since,
            at: original.at,
            measured: original.measured,
            repeated_after: original.repeated_after,
            determined_since: original.determined_since,
            response_model: original.response_model.clone(),
            ..self
        }
        .or(original)
    }

    /// Returns true if no response arrived between the two samples of a session. Returns false if that is unknown.
    pub(crate) fn has_same_api_time_as(&self, previous: &Self) -> bool {
        self.api_ms.is_some() && self.api_ms == previous.api_ms
    }

    /// Returns the earliest time at which the figures may have been measured.
    pub(crate) fn earliest(&self) -> DateTime<Utc> {
        self.repeated_after.unwrap_or(self.since)
    }

    /// Returns whether the sample belongs to the account, or `None` if either hash is missing.
    pub(crate) fn is_of(&self, account: Option<&Account>) -> Option<bool> {
        Some(self.account.as_ref()? == account?.owner.fingerprint.as_ref()?)
    }

    /// Returns true if a window's usage appeared, disappeared, or moved to a different whole percentage. If the window has
    /// reset, its disappearance does not count: Claude Code repeats the figures of the last response, but without the
    /// windows that have reset since then (2.1.331).
    pub(crate) fn is_step_from(&self, previous: &Self, window: Window) -> bool {
        match (previous.usage(window), self.usage(window)) {
            (Some(before), Some(after)) => after.is_step_from(&before),
            (Some(before), None) => !before.has_reset(self.at),
            (None, None) => false,
            (None, Some(_)) => true,
        }
    }

    /// Removes the windows that have already reset or whose reset time is unknown. If the figures are fresh, a window that
    /// has reset is shown as empty instead, because it can hardly have been used since then.
    pub(crate) fn without_past_windows(mut self, now: DateTime<Utc>) -> Self {
        let is_fresh = now - self.measured <= FRESH_FOR;
        for window in Window::ALL {
            let current = match self.usage(window) {
                Some(usage) if usage.has_reset(now) => is_fresh.then_some(WindowUsage {
                    used_percent: 0.0,
                    ..usage
                }),
                usage => usage.filter(|usage| resets_after(usage, now)),
            };
            *self.usage_mut(window) = current;
        }
        if let Some(limit) = self.others.spend_limit
            && !resets_after(&limit.usage, now)
        {
            self.others.spend_limit = None;
        }
        self
    }

    /// Sets a window to 100%, because its limit still applies. Newer figures may be a little lower, for example those of
    /// a response that was in progress when the limit was reached. Figures with a clearly later reset stay, because they
    /// are about the next window.
    pub(crate) fn with_refusal(mut self, refused: &RefusedWindow) -> Self {
        let reset = self.usage(refused.window).and_then(|usage| usage.resets_at);
        if let Some(reset) = reset
            && reset > refused.resets_at
            && !is_same_reset(reset, refused.resets_at)
        {
            return self;
        }
        *self.usage_mut(refused.window) = Some(WindowUsage {
            used_percent: USED_UP,
            resets_at: Some(refused.resets_at),
        });
        self
    }

    /// Fills in missing figures from another sample.
    pub(crate) fn or(mut self, other: &Self) -> Self {
        for window in Window::ALL {
            *self.usage_mut(window) = self.usage(window).or(other.usage(window));
        }
        self.others.spend_limit = self.others.spend_limit.or(other.others.spend_limit);
        self
    }
}

fn resets_after(usage: &WindowUsage, moment: DateTime<Utc>) -> bool {
    usage.resets_at.is_some_and(|reset| reset > moment)
}
