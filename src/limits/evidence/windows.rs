//! Determines from the readings how full each usage window was when the error occurred.

use std::cell::OnceCell;
use std::collections::HashSet;
use std::ops::RangeInclusive;

use chrono::{DateTime, TimeDelta, Utc};

use super::Evidence;
use crate::claude::window_usage::{SpendLimitUsage, USED_UP, WindowUsage, is_same_reset};
use crate::limits::catalog::Message;
use crate::limits::decide::Ending;
use crate::limits::kind::{LimitedResource, Window};
use crate::limits::sample::{NEARLY_FULL, Sample};
use crate::transcript::tail::ErrorLine;

/// A usage window is considered full at or above this percentage.
pub(crate) const FULL_FROM: f64 = 97.0;
/// The maximum age at which a reading can prove that a limit error is false.
pub(crate) const FRESH_FOR: TimeDelta = TimeDelta::minutes(15);
/// If a recent reading is below this percentage, the window cannot have filled up before the error.
const CANNOT_FILL_UP_FROM: f64 = 90.0;
/// A window at or below this percentage certainly had room, unless it can have filled up at [`FASTEST_USE`] since the
/// reading. Closer to 100%, a single response could fill the window.
const MOST_CERTAIN_ROOM: f64 = 90.0;
/// If a recent reading is below this percentage, a message that the window is full stays unconfirmed for a few seconds,
/// until Claude Code has reported new figures. Closer to 100%, a single response could fill the window, so the message
/// is believed at once.
const DOUBTFUL_BELOW: f64 = 95.0;
/// The time that Claude Code may need after an error to report new figures. Until then, it may repeat the figures of
/// the last response.
pub(crate) const SETTLED_AFTER: TimeDelta = TimeDelta::minutes(2);
/// The maximum time between a response and the status-line call that reports its figures. Claude Code calls the status
/// line 0.3 to 0.4 s after a response, but a busy machine may delay the call. A window that is reported to be full
/// later than this may have filled up after the response.
pub(crate) const REPORTED_WITHIN: TimeDelta = TimeDelta::seconds(10);
/// A window that is reported to be full within this time after an error counts as full at the time of the error, even
/// if an older reading makes this unlikely. If several sessions are working, their requests are refused shortly after
/// one another.
const FULL_SOON_AFTER: TimeDelta = TimeDelta::seconds(60);
/// The fastest growth of a window's usage that is considered possible, in percentage points per minute. At this rate, a
/// 5-hour window is used up in 20 minutes, 15 times as fast as at an even pace.
pub(crate) const FASTEST_USE: f64 = 5.0;
/// The time within which a window with ample room cannot fill up.
const AMPLE_FOR: TimeDelta = TimeDelta::minutes(1);
/// If a later reading of a full window is below this percentage, the window has reset or was not full.
pub(crate) const RESET_BELOW: f64 = 90.0;
/// The maximum time after an error at which a reading still counts as evidence.
const SAME_EVENT: TimeDelta = TimeDelta::minutes(10);

/// The tolerance when comparing window start times, which are calculated from the reset time.
const SAME_START: TimeDelta = TimeDelta::minutes(1);

/// Returns true if a window with this usage is full.
pub(crate) fn is_full(usage: WindowUsage) -> bool {
    usage.used_percent >= FULL_FROM
}

/// Returns true if a request was certainly sent after `moment`. `requested_at` is the earliest time at which the request
/// may have been sent. If it is unknown, the request is assumed to have taken at most [`SETTLED_AFTER`].
pub(crate) fn is_request_later(
    moment: DateTime<Utc>,
    requested_at: Option<DateTime<Utc>>,
    responded_at: DateTime<Utc>,
) -> bool {
    match requested_at {
        Some(requested_at) => requested_at > moment,
        None => responded_at > moment + SETTLED_AFTER,
    }
}

/// The usage of a window at a given time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Measurement {
    pub(crate) window: Window,
    pub(crate) percent: f64,
    pub(crate) resets_at: Option<DateTime<Utc>>,
    /// The time of the measurement. If the figure may predate the error, this is the earliest possible time.
    pub(crate) measured: DateTime<Utc>,
    /// True if only the message of another error says that the window is full.
    pub(crate) is_unconfirmed: bool,
    /// True if this is not a reading: the server refused another request because of this window.
    pub(crate) is_refusal: bool,
}

impl Measurement {
    fn new(window: Window, usage: WindowUsage, measured: DateTime<Utc>) -> Self {
        Self {
            window,
            percent: usage.used_percent,
            resets_at: usage.resets_at,
            measured,
            is_unconfirmed: false,
            is_refusal: false,
        }
    }

    pub(crate) fn is_full(self) -> bool {
        self.percent >= FULL_FROM
    }

    /// Returns true if the window cannot have filled up by the given time, not even at [`FASTEST_USE`].
    pub(crate) fn has_room_at(self, time: DateTime<Utc>) -> bool {
        let minutes = (time - self.measured).as_seconds_f64().max(0.0) / 60.0;
        self.percent + FASTEST_USE * minutes < FULL_FROM
    }

    /// Returns true if the window had room, but may have filled up by the given time.
    pub(crate) fn may_have_filled_up_by(self, time: DateTime<Utc>) -> bool {
        !self.is_full() && !self.has_room_at(time)
    }

    /// Returns the usage at the start of the next window, which begins with this reset.
    pub(crate) fn emptied_at(self, reset: DateTime<Utc>) -> Self {
        Self {
            percent: 0.0,
            measured: reset,
            ..self
        }
    }

    /// Returns true if the window is known to have reset by the given time.
    pub(crate) fn has_reset(self, by: DateTime<Utc>) -> bool {
        self.resets_at.is_some_and(|reset| reset <= by)
    }
}

/// A usage window that caused a request to be refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefusedWindow {
    /// The window.
    pub window: Window,
    /// The time at which the request was refused.
    pub at: DateTime<Utc>,
    /// The time at which the window resets.
    pub resets_at: DateTime<Utc>,
    /// True if only the message says that the window is full.
    pub is_unconfirmed: bool,
}

impl From<RefusedWindow> for Measurement {
    /// Converts a refusal to a measurement of 100%.
    fn from(refused: RefusedWindow) -> Self {
        Self {
            window: refused.window,
            percent: USED_UP,
            resets_at: Some(refused.resets_at),
            measured: refused.at,
            is_unconfirmed: refused.is_unconfirmed,
            is_refusal: true,
        }
    }
}

/// The state of a usage window at the time of the error.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum WindowState {
    /// The window was full.
    Full(Measurement),
    /// The window was not full, so it cannot have caused the error.
    Room(Measurement),
    /// The window may have filled up between the last reading and the error.
    NearlyFull,
    /// Only the last known usage of the current window is available, which may be hours old. The error may be older, because
    /// its text was pasted, or newer.
    LastKnown(Measurement),
    /// The window appears only in `/usage`, whose figures may be outdated.
    OnUsagePage,
    /// There are no figures for the window.
    Unknown,
}

/// The readings that are relevant to an error.
#[derive(Debug, Clone)]
pub(crate) struct Readings<'a> {
    evidence: &'a Evidence,
    message: &'a Message,
    /// The readings that were definitely measured shortly after the error, oldest first.
    after: Vec<&'a Sample>,
    /// The last reading that may predate the error.
    before: Option<&'a Sample>,
    /// See [`Collected::awaits_figures`](super::Collected::awaits_figures).
    awaits_figures: bool,
    /// The time at which the error was over, if it is known. Usage from then on belongs to later events, so it does not
    /// change the explanation of the error. The time is determined only when it is needed, because searching the
    /// message for a reset takes long.
    over_at: OnceCell<Option<DateTime<Utc>>>,
}

impl<'a> Readings<'a> {
    /// Collects the readings around the error with this message.
    pub(crate) fn around(evidence: &'a Evidence, message: &'a Message) -> Self {
        let at = evidence.at();
        let (mut after, before): (Vec<&Sample>, Vec<&Sample>) = evidence
            .error
            .readings
            .iter()
            .filter(|reading| is_usable(reading, evidence) && reading.since <= at + SAME_EVENT)
            .partition(|reading| reading.earliest() >= at);
        after.sort_by_key(|reading| reading.measured);
        Self {
            evidence,
            message,
            after,
            before: before
                .into_iter()
                .max_by_key(|reading| measured_relative_to(reading, at)),
            awaits_figures: evidence.collected.awaits_figures,
            over_at: OnceCell::new(),
        }
    }

    /// Returns the time at which the error was over: the session's next response, the known end, or the result of
    /// [`Self::find_reset`], whichever came first.
    fn find_end(&self) -> Option<DateTime<Utc>> {
        let evidence = self.evidence;
        let response = evidence.error.later_response.as_ref();
        let stored_end = evidence
            .known_end()
            .filter(|end| end.ending != Ending::HitAgain);
        response
            .and_then(|response| response.at)
            .into_iter()
            .chain(stored_end.map(|end| end.at))
            .chain(self.find_reset())
            .min()
    }

    /// Returns the reset that ended the error, or `None` if it is unknown or has not passed yet.
    ///
    /// If the server named the full window, this is the reset that the server stated or, without one, the reset in the
    /// readings. Otherwise, the earlier of these two counts:
    ///
    /// - The reset of the window in the message according to the readings. If that window was not full, the last reset
    ///   of the windows that were full.
    /// - The reset that the server stated. If it did not state one, and the readings do not contain the reset of the
    ///   window in the message, the reset in the message.
    fn find_reset(&self) -> Option<DateTime<Utc>> {
        let server_reset = self.evidence.server_reset();
        if let Some(window) = self.evidence.refused_window() {
            return server_reset
                .or_else(|| self.reset_of_full(window))
                .filter(|reset| self.is_passed_reset(*reset));
        }
        let reset_of_named = self
            .message
            .window
            .and_then(|window| self.reset_of_full(window));
        let last_reset = Window::ALL
            .into_iter()
            .filter(|window| !window.is_of_one_model())
            .filter_map(|window| self.reset_of_full(window))
            .max();
        let reset_with_error = if server_reset.is_some() || reset_of_named.is_some() {
            server_reset
        } else {
            self.stated_reset()
        };
        reset_of_named
            .or(last_reset)
            .into_iter()
            .chain(reset_with_error)
            .filter(|reset| self.is_passed_reset(*reset))
            .min()
    }

    /// Returns the reset time in the message, if the limit ends when a usage window resets.
    fn stated_reset(&self) -> Option<DateTime<Utc>> {
        let message = self.message;
        if message.row.limit.is_awaited() {
            message.reset_time(self.evidence.at(), message.window, self.evidence.clock.zone)
        } else {
            None
        }
    }

    /// Returns the reset time of the window in the message.
    pub(crate) fn reset_of(&self, window: Window) -> Option<DateTime<Utc>> {
        let evidence = self.evidence;
        let measured = self.shown(window);
        evidence
            .server_reset()
            .or(measured.and_then(|measurement| measurement.resets_at))
            .or_else(|| {
                self.message
                    .reset_time(evidence.at(), Some(window), evidence.clock.zone)
            })
    }

    /// Returns true if the reset time is after the error and has passed.
    fn is_passed_reset(&self, reset: DateTime<Utc>) -> bool {
        reset > self.evidence.at() && reset <= self.evidence.clock.now
    }

    /// Returns the first reset of a window after the error, if the window was full.
    fn reset_of_full(&self, window: Window) -> Option<DateTime<Utc>> {
        self.after
            .iter()
            .copied()
            .chain(self.before)
            .filter_map(|reading| reading.usage(window))
            .filter(|usage| is_full(*usage))
            .filter_map(|usage| usage.resets_at)
            .filter(|reset| *reset > self.evidence.at())
            .min()
    }

    /// Returns the state of a usage window at the time of the error.
    pub(crate) fn state(&self, window: Window) -> WindowState {
        let at = self.evidence.at();
        if self.evidence.is_pasted() {
            return self.last_known_state(window);
        }
        // The first readings after the error may repeat earlier figures, so `measured_after` prefers readings that show
        // a full window. It ignores readings of a later window.
        if let Some(after) = self.measured_after(window) {
            return if after.is_full() {
                WindowState::Full(after)
            } else {
                WindowState::Room(after)
            };
        }
        match self.measurement(self.before, window) {
            // Usage never decreases before the window resets.
            Some(before)
                if before.is_full() && !before.has_reset(at) && self.is_of_refusal(&before) =>
            {
                WindowState::Full(before)
            }
            Some(before) if at - before.measured <= FRESH_FOR && !self.is_before_outdated() => {
                if before.percent < CANNOT_FILL_UP_FROM
                    && !self.may_have_filled_up_unseen(window, before)
                {
                    WindowState::Room(before)
                } else {
                    WindowState::NearlyFull
                }
            }
            _ if self.is_on_usage_page(window) => WindowState::OnUsagePage,
            _ => WindowState::Unknown,
        }
    }

    /// Returns the state of a usage window for a pasted message. The last known usage proves nothing about a message whose
    /// time is unknown.
    fn last_known_state(&self, window: Window) -> WindowState {
        let known = self
            .shown(window)
            .filter(|known| !known.has_reset(self.evidence.clock.now));
        match known {
            Some(known) if known.is_full() || known.percent < CANNOT_FILL_UP_FROM => {
                WindowState::LastKnown(known)
            }
            Some(_) => WindowState::NearlyFull,
            None if self.is_on_usage_page(window) => WindowState::OnUsagePage,
            None => WindowState::Unknown,
        }
    }

    /// Returns the first measurement from after the error that is evidence about it. Measurements of a full window take
    /// precedence.
    fn measured_after(&self, window: Window) -> Option<Measurement> {
        let before = self.valid_before(window);
        let measured = self.after.iter().filter_map(|reading| {
            let measurement = self.measurement(Some(reading), window)?;
            let is_evidence = if measurement.is_full() {
                // The window may have filled up only after the error, or only after the error was over.
                self.is_of_refusal(&measurement)
                    && !self.is_after_any_end(measurement.measured)
                    && !self.fills_up_later(&measurement)
            } else {
                !self.may_be_outdated(reading) && self.may_refute(&measurement, before)
            };
            is_evidence.then_some(measurement)
        });
        let full = measured.clone().find(|measurement| measurement.is_full());
        full.or_else(|| measured.clone().next())
    }

    /// Returns true if the window may have filled up between its last reading and the error without being measured.
    fn may_have_filled_up_unseen(&self, window: Window, before: Measurement) -> bool {
        self.is_not_measured(window) && !before.has_room_at(self.evidence.at())
    }

    /// Returns true if the error may be about this window, but no reading can contain its figures at that time. A session
    /// without a status line, such as a `claude -p` run, does not report the figures of its refused request. Only the window
    /// counts that the server or, if it blamed none, the message blames. A message about usage credits may be about any
    /// window, because credits are needed only while a window is full.
    fn is_not_measured(&self, window: Window) -> bool {
        let may_be_to_blame = match self.evidence.refused_window().or(self.message.window) {
            Some(blamed) => blamed == window,
            None => self.message.row.limit.limited_resource() == LimitedResource::Credits,
        };
        may_be_to_blame
            && self
                .evidence
                .line()
                .is_some_and(ErrorLine::is_outside_terminal)
    }

    /// Returns true if it is unknown whether the plan had usage left when the error occurred: the server blamed no window,
    /// no window is known to have been full, and at least one may have filled up after its last reading.
    pub(crate) fn has_doubtful_room(&self) -> bool {
        self.evidence.refused_window().is_none()
            && self.full_window().is_none()
            && Window::ALL.into_iter().any(|window| {
                self.state(window) == WindowState::NearlyFull && self.is_not_measured(window)
            })
    }

    /// Returns true if a window may have filled up between this reading and the error, and Claude Code may still report
    /// newer figures.
    fn may_be_outdated(&self, reading: &Sample) -> bool {
        let at = self.evidence.at();
        let cannot_have_filled_up =
            at - measured_relative_to(reading, at) <= AMPLE_FOR && reading.has_ample_room();
        self.awaits_figures && !cannot_have_filled_up
    }

    fn is_before_outdated(&self) -> bool {
        self.before
            .is_some_and(|before| self.may_be_outdated(before))
    }

    /// Returns the readings as if Claude Code had already reported the figures of the refused request.
    fn as_if_final(&self) -> Self {
        Self {
            awaits_figures: false,
            ..self.clone()
        }
    }

    /// Returns true if the figures reported so far show that no window was full, but newer figures may still contradict
    /// them.
    pub(crate) fn awaits_decisive_figures(&self) -> bool {
        self.room().is_none() && self.full_window().is_none() && self.as_if_final().room().is_some()
    }

    /// Returns true if the figures reported so far show that this window was not full, but newer figures may still
    /// contradict them. Figures from before the error count as long as they can prove a false alarm. Otherwise, whycap
    /// would first report a limit and take it back seconds later.
    pub(crate) fn awaits_figures_of(&self, window: Window) -> bool {
        if !self.awaits_figures || self.full_window().is_some() {
            return false;
        }
        if let WindowState::Full(_) | WindowState::Room(_) = self.state(window) {
            return false;
        }
        match self.as_if_final().state(window) {
            WindowState::Room(_) => true,
            WindowState::NearlyFull => self
                .measurement(self.before, window)
                .is_some_and(|before| before.percent < DOUBTFUL_BELOW),
            WindowState::Full(_)
            | WindowState::LastKnown(_)
            | WindowState::OnUsagePage
            | WindowState::Unknown => false,
        }
    }

    /// Returns the last measurement from before the error if it still applied when the error occurred. A full window
    /// remains full until it resets, but other figures are valid only for a short time.
    fn valid_before(&self, window: Window) -> Option<Measurement> {
        let at = self.evidence.at();
        let before = self.measurement(self.before, window)?;
        let is_current = !before.has_reset(at);
        let is_valid = before.is_full() || at - before.measured <= FRESH_FOR;
        (is_current && is_valid).then_some(before)
    }

    /// Returns true if a measurement from after the error may show that the window was not full when the error
    /// occurred. It proves nothing if the window has since reset or if the error was already over, because the usage
    /// may have decreased by then.
    fn may_refute(&self, after: &Measurement, before: Option<Measurement>) -> bool {
        let Some(before) = before else {
            let reset = self.evidence.server_reset();
            let is_refused = self.evidence.refused_window() == Some(after.window);
            return !is_refused || reset.is_none_or(|reset| reset > after.measured);
        };
        let is_same_window = match (before.resets_at, after.resets_at) {
            (Some(reset), Some(later)) => is_same_reset(reset, later) && reset > after.measured,
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        is_same_window && !self.is_after_end(after.measured)
    }

    /// Returns true if the error was already over at the given time.
    fn is_after_end(&self, moment: DateTime<Utc>) -> bool {
        self.end().is_some_and(|over_at| moment >= over_at)
    }

    /// Returns the time at which the error was over, or `None` if that is unknown.
    fn end(&self) -> Option<DateTime<Utc>> {
        *self.over_at.get_or_init(|| self.find_end())
    }

    /// Like [`Self::is_after_end`], but a response in another session also counts as the end of the error. After such a
    /// response, a full window or a refusal is not evidence about the error. A reading that shows room still counts as
    /// evidence, because usage does not decrease before the reset.
    fn is_after_any_end(&self, moment: DateTime<Utc>) -> bool {
        self.any_end().is_some_and(|over_at| moment >= over_at)
    }

    /// Like [`Self::end`], but a response in another session also counts as the end of the error.
    fn any_end(&self) -> Option<DateTime<Utc>> {
        let elsewhere = self.evidence.collected.over_elsewhere_at;
        [self.end(), elsewhere].into_iter().flatten().min()
    }

    /// Returns false if the server refused the request because of the same window but stated a clearly different reset
    /// time.
    fn is_of_refusal(&self, full: &Measurement) -> bool {
        self.evidence
            .may_be_refused_window(full.window, full.resets_at)
    }

    /// Returns true if a window filled up only after the error: the readings from around the error show that it
    /// certainly had room, and it was not reported to be full within [`FULL_SOON_AFTER`]. A reading that was requested
    /// before the error but reported after it does not count, because the refused request may have come in between.
    fn fills_up_later(&self, full: &Measurement) -> bool {
        let at = self.evidence.at();
        if full.measured <= at + FULL_SOON_AFTER {
            return false;
        }
        let reported_before = self
            .evidence
            .error
            .readings
            .iter()
            .filter(|reading| is_usable(reading, self.evidence) && reading.measured < at)
            .max_by_key(|reading| reading.measured);
        let without_late_reports = Self {
            before: reported_before,
            ..self.clone()
        };
        without_late_reports.certainly_had_room(full.window)
    }

    /// Returns true if a reading or a refusal from the given time on shows a full window, and the error was not over
    /// yet at that time.
    pub(crate) fn shows_full_window_after(&self, moment: DateTime<Utc>) -> bool {
        let is_measured = self
            .since_error()
            .any(|reading| reading.measured >= moment && reading.has_window_at(FULL_FROM));
        let is_refused = self
            .refused_windows()
            .any(|refused| refused.measured >= moment);
        (is_measured || is_refused) && !self.is_after_end(moment)
    }

    /// Returns the readings that were definitely measured after the error. The newest one comes last and may appear
    /// twice.
    fn since_error(&self) -> impl Iterator<Item = &'a Sample> {
        let newest = self.newest_since(self.evidence.at());
        self.after.iter().copied().chain(newest)
    }

    /// Returns true if the window may have filled up only with a response since the error: a reading from in between shows room,
    /// and no earlier response is known to have filled the window. `requested_at` is the earliest time at which the response may
    /// have been requested. If it is unknown, one full reading from before the response may be its own.
    pub(crate) fn may_be_filled_by_response(
        &self,
        window: Window,
        requested_at: Option<DateTime<Utc>>,
        responded_at: DateTime<Utc>,
    ) -> bool {
        let full_before: HashSet<DateTime<Utc>> = self
            .usage_since_error(window)
            .filter(|usage| usage.percent >= USED_UP)
            .map(|usage| usage.measured)
            .filter(|measured| *measured < requested_at.unwrap_or(responded_at))
            .collect();
        let most_own_readings = usize::from(requested_at.is_none());
        full_before.len() <= most_own_readings && self.had_room_before(window, responded_at)
    }

    /// Returns true if a reading from between the error and the given time shows that the window had ample room. A response that
    /// was requested before the error, but reported after it, may show a little room although the window was full.
    pub(crate) fn had_room_before(&self, window: Window, moment: DateTime<Utc>) -> bool {
        self.usage_since_error(window)
            .any(|usage| usage.percent < RESET_BELOW && usage.measured < moment)
    }

    /// Returns the measurements of the window that were definitely taken after the error and before its reset. The newest one may
    /// appear twice.
    fn usage_since_error(&self, window: Window) -> impl Iterator<Item = Measurement> {
        let resets_at = self.reset_of(window);
        self.since_error()
            .filter_map(move |reading| self.measurement(Some(reading), window))
            .filter(move |usage| match (usage.resets_at, resets_at) {
                (Some(measured_reset), Some(reset)) => is_same_reset(measured_reset, reset),
                _ => false,
            })
    }

    /// Returns a window's usage from a reading, or `None` if the window started after the error.
    fn measurement(&self, reading: Option<&Sample>, window: Window) -> Option<Measurement> {
        let reading = reading?;
        let usage = reading.usage(window)?;
        let began = usage.resets_at.map(|reset| reset - window.length());
        let is_later = began.is_some_and(|began| began > self.evidence.at() + SAME_START);
        (!is_later || self.evidence.is_pasted()).then(|| {
            let measured = measured_relative_to(reading, self.evidence.at());
            Measurement::new(window, usage, measured)
        })
    }

    fn is_on_usage_page(&self, window: Window) -> bool {
        let page = self.evidence.collected.usage_page.as_ref();
        page.is_some_and(|page| page.windows.iter().any(|shown| window.is_shown_as(shown)))
    }

    /// Returns the full window that resets last, because work cannot resume until then. If the server blamed a window that is
    /// not known to have room, another one that is only nearly at 100% does not block work after the reset.
    pub(crate) fn full_window(&self) -> Option<Measurement> {
        let blamed = self
            .evidence
            .refused_window()
            .filter(|blamed| !matches!(self.state(*blamed), WindowState::Room(_)));
        Window::ALL
            .into_iter()
            .filter(|window| !window.is_of_one_model())
            .filter_map(|window| match self.state(window) {
                WindowState::Full(measurement) => Some(measurement),
                WindowState::Room(_)
                | WindowState::NearlyFull
                | WindowState::LastKnown(_)
                | WindowState::OnUsagePage
                | WindowState::Unknown => None,
            })
            .filter(|full| {
                full.percent >= USED_UP || blamed.is_none_or(|blamed| blamed == full.window)
            })
            .chain(
                self.refused_before_end()
                    .filter(|refused| !refused.is_unconfirmed && !self.fills_up_later(refused)),
            )
            .max_by_key(|measurement| measurement.resets_at)
    }

    /// Returns the windows that caused refusals of the payer's other requests. A window is left out if a later reading
    /// shows that it is no longer full.
    fn refused_windows(&self) -> impl Iterator<Item = Measurement> {
        self.evidence
            .collected
            .refused_windows
            .iter()
            .copied()
            .map(Measurement::from)
            .filter(|refused| !self.has_room_since(refused))
    }

    /// Returns true if the newest reading was measured after this measurement of a full window and shows that the window
    /// has room, for example because it was reset early.
    fn has_room_since(&self, full: &Measurement) -> bool {
        has_room(self.newest_since(full.measured), full.window)
    }

    /// Like [`Self::has_room_since`], but ignores readings from after the given time and from after the end of the error.
    fn has_room_before(&self, until: Option<DateTime<Utc>>, full: &Measurement) -> bool {
        let until = [until, self.any_end()].into_iter().flatten().min();
        has_room(self.newest_between(full.measured, until), full.window)
    }

    /// Returns the windows of [`Self::refused_windows`] that were full before the error was over. For a
    /// pasted message, there are none, because the time at which the user received it is unknown.
    fn refused_before_end(&self) -> impl Iterator<Item = Measurement> {
        self.refused_windows().filter(|refused| {
            !self.evidence.is_pasted() && !self.is_after_any_end(refused.measured)
        })
    }

    /// Returns a used-up window, other than `window`, that resets later than `reset`. An unconfirmed window is returned
    /// only if there is no other. The window may have filled up after the error. It does not count if it filled up
    /// after the error was over, or after the session's next attempt, which has its own error. It does not count either
    /// if it was reset early, before `reset`. If it was reset later, it has blocked work until then.
    pub(crate) fn used_up_until_later(
        &self,
        window: Window,
        reset: Option<DateTime<Utc>>,
    ) -> Option<Measurement> {
        let error = &self.evidence.error;
        let ended_at = error
            .later_response
            .as_ref()
            .map(|response| response.at.unwrap_or(error.at));
        let next_attempt_at = self.evidence.collected.hit_again.map(|next| next.at);
        self.since_error()
            .filter(|reading| ended_at.is_none_or(|ended_at| reading.measured <= ended_at))
            .filter(|reading| !self.is_after_any_end(reading.measured))
            .flat_map(|reading| {
                Window::ALL
                    .into_iter()
                    .filter_map(|other| self.measurement(Some(reading), other))
            })
            .chain(self.refused_before_end())
            .filter(|other| next_attempt_at.is_none_or(|next| other.measured < next))
            .filter(|other| other.window != window && !other.window.is_of_one_model())
            .filter(|other| other.percent >= USED_UP && other.resets_at > reset)
            .filter(|other| !self.has_room_before(reset.or(other.resets_at), other))
            .max_by_key(|other| !other.is_unconfirmed)
    }

    /// Returns the time of the first reading in which none of these windows is full any longer. A reading does not
    /// count if a later one shows that the same window is still full, because a session may report figures from before
    /// the error long afterward.
    pub(crate) fn reset_measured_at(&self, windows: &[Window]) -> Option<DateTime<Utc>> {
        let refused = self.refused_by(windows);
        let longest = refused.iter().map(|window| window.window.length()).max()?;
        let settled = self.evidence.at() + SETTLED_AFTER;
        let period = settled..=settled + longest;
        // The account's readings are sorted by time, so the search can stop at the first match.
        let first_of_account = self
            .of_account_between(&period)
            .find(|reading| self.shows_reset(reading, &refused, settled));
        self.of_error_between(&period)
            .filter(|reading| self.shows_reset(reading, &refused, settled))
            .chain(first_of_account)
            .map(|reading| reading.measured)
            .min()
    }

    /// Returns true if the reading was measured after the given time and shows that none of these windows is full any
    /// longer. A window that began after the error may be full, because its start shows that the earlier one has reset.
    fn shows_reset(&self, reading: &Sample, refused: &[FullSince], settled: DateTime<Utc>) -> bool {
        reading.earliest() > settled
            && refused.iter().all(|refused| {
                reading.usage(refused.window).is_some_and(|usage| {
                    let is_next_window = !self.began_before_error(refused.window, usage);
                    (is_next_window || usage.used_percent < RESET_BELOW)
                        && usage.resets_at.is_none_or(|reset| reset > reading.measured)
                        && (refused.last_full <= Some(reading.measured)
                            || !self.is_of_refused_window(reading, refused))
                })
            })
            && is_usable(reading, self.evidence)
    }

    /// Returns true if a reading from after the given time shows that one of these windows has not reset since the
    /// error.
    pub(crate) fn is_full_since(&self, windows: &[Window], moment: DateTime<Utc>) -> bool {
        self.refused_by(windows)
            .iter()
            .any(|refused| refused.last_full > Some(moment))
    }

    /// Returns the given windows and all windows that were full at the time of the error.
    fn refused_by(&self, windows: &[Window]) -> Vec<FullSince> {
        let mut refused: Vec<FullSince> = Vec::new();
        for window in Window::ALL {
            let resets_at = match self.state(window) {
                WindowState::Full(measurement) => measurement.resets_at,
                _ if !windows.contains(&window) => continue,
                _ if self.evidence.refused_window() == Some(window) => self.evidence.server_reset(),
                _ => None,
            };
            let mut full = FullSince {
                window,
                resets_at,
                last_full: None,
            };
            full.last_full = self.last_full(&full);
            refused.push(full);
        }
        refused
    }

    /// Returns the time of the last reading since the error that shows that this window is still full.
    fn last_full(&self, refused: &FullSince) -> Option<DateTime<Utc>> {
        let at = self.evidence.at();
        let period = at..=at + refused.window.length();
        let mut last = self
            .of_error_between(&period)
            .filter(|reading| self.shows_full(reading, refused))
            .map(Sample::earliest)
            .max();
        for reading in self.of_account_between(&period).rev() {
            // All remaining readings were measured even earlier.
            if last >= Some(reading.measured) {
                break;
            }
            if self.shows_full(reading, refused) {
                last = last.max(Some(reading.earliest()));
            }
        }
        last
    }

    /// Returns true if the reading shows that the window from the time of the error is still full.
    fn shows_full(&self, reading: &Sample, refused: &FullSince) -> bool {
        reading.usage(refused.window).is_some_and(is_full)
            && is_usable(reading, self.evidence)
            && self.is_of_refused_window(reading, refused)
    }

    /// Returns the time of the last reading in which this window is used up. A session may have reported the same
    /// figures again after another response, so this time may be later than the measurement.
    pub(crate) fn last_shown(&self, full: Measurement) -> DateTime<Utc> {
        let period = DateTime::<Utc>::MIN_UTC..=self.evidence.clock.now;
        // The account's readings are sorted by time, so the search can stop at the first match.
        let last_of_account = self
            .of_account_between(&period)
            .rev()
            .find(|reading| self.shows_used_up(reading, full));
        self.of_error_between(&period)
            .filter(|reading| self.shows_used_up(reading, full))
            .chain(last_of_account)
            .map(|reading| reading.measured)
            .fold(full.measured, Ord::max)
    }

    /// Returns true if the reading shows that the window of this measurement is used up, with the same reset time.
    fn shows_used_up(&self, reading: &Sample, full: Measurement) -> bool {
        reading
            .usage(full.window)
            .is_some_and(|usage| usage.is_used_up() && usage.resets_at == full.resets_at)
            && is_usable(reading, self.evidence)
    }

    /// Returns true if the reading is about the window that was full at the time of the error, as opposed to a later
    /// one.
    fn is_of_refused_window(&self, reading: &Sample, refused: &FullSince) -> bool {
        let Some(measurement) = self.measurement(Some(reading), refused.window) else {
            return false;
        };
        match (refused.resets_at, measurement.resets_at) {
            (Some(refused), Some(reset)) => is_same_reset(refused, reset),
            (None, _) | (_, None) => true,
        }
    }

    /// Returns a window's usage at the given time, based on the first reading from then on or, if there is none, on the
    /// last reading before. Returns `None` if no reading is about the window that was current then.
    ///
    /// Figures are stored only if they have changed, so a full window stays full until a reading shows room. If the
    /// reading before the given time shows a full window and the one afterward shows room, the earlier one applies in
    /// two cases: the later one came more than [`REPORTED_WITHIN`] after the given time, or its figures may be as old
    /// as the earlier ones.
    ///
    /// `may_be_full` is true if the window may have been full at the time of the error. A later reading of the full
    /// window then also applies to the given time, because the window stays full until it resets. Otherwise, the window
    /// may have filled up after the given time, so it counts as full only if this was reported within
    /// [`REPORTED_WITHIN`]. The same is true of a window that began after the error.
    pub(crate) fn usage_at(
        &self,
        window: Window,
        moment: DateTime<Utc>,
        may_be_full: bool,
    ) -> Option<Measurement> {
        let current: Vec<(&Sample, WindowUsage)> = self
            .known_between(&(moment - window.length()..=moment + window.length()))
            .filter_map(|reading| Some((reading, reading.usage(window)?)))
            .filter(|(_, usage)| {
                usage.resets_at.is_none_or(|reset| {
                    reset > moment && reset - window.length() <= moment + SAME_START
                })
            })
            .filter(|(reading, usage)| {
                (may_be_full && self.began_before_error(window, *usage))
                    || usage.used_percent < FULL_FROM
                    || reading.measured <= moment + REPORTED_WITHIN
            })
            .collect();
        let after = current
            .iter()
            .filter(|(reading, _)| reading.measured >= moment)
            .min_by_key(|(reading, _)| reading.measured);
        let before = current
            .iter()
            .filter(|(reading, _)| reading.measured < moment)
            .max_by_key(|(reading, _)| (reading.earliest(), reading.measured));
        let (reading, usage) = match (before, after) {
            (Some((earlier, full)), Some((later, room)))
                if is_full(*full)
                    && room.used_percent < FULL_FROM
                    && (later.measured > moment + REPORTED_WITHIN
                        || later.earliest() <= earlier.earliest()) =>
            {
                before
            }
            _ => after.or(before),
        }?;
        Some(Measurement::new(window, *usage, reading.earliest()))
    }

    /// Returns true unless the window of this usage is known to have begun after the error.
    fn began_before_error(&self, window: Window, usage: WindowUsage) -> bool {
        usage
            .resets_at
            .is_none_or(|reset| reset - window.length() <= self.evidence.at() + SAME_START)
    }

    /// Returns true if a reading from the given reset or later shows that the window has room.
    pub(crate) fn has_room_since_reset(&self, window: Window, reset: DateTime<Utc>) -> bool {
        self.known_between(&(reset..=self.evidence.clock.now))
            .filter(|reading| reading.earliest() >= reset)
            .filter_map(|reading| reading.usage(window))
            .any(|usage| !is_full(usage) && usage.resets_at.is_none_or(|next| next > reset))
    }

    /// Returns true if the window certainly had room when the error occurred. Either it cannot have filled up since the
    /// last reading from before the error, not even at [`FASTEST_USE`], or a reading from right after the error shows
    /// room. The latter counts only if it was certainly requested after the error.
    pub(crate) fn certainly_had_room(&self, window: Window) -> bool {
        let at = self.evidence.at();
        let has_room = |measurement: Measurement| {
            measurement.percent <= MOST_CERTAIN_ROOM && measurement.has_room_at(at)
        };
        self.valid_before(window).is_some_and(has_room)
            || self
                .after
                .iter()
                .filter(|reading| reading.determined_since >= Some(at))
                .filter_map(|reading| self.measurement(Some(reading), window))
                .any(|after| after.measured <= at + REPORTED_WITHIN && has_room(after))
    }

    /// Returns the window's usage if it is used up according to the newest reading and has not reset since.
    pub(crate) fn used_up_window(&self, window: Window) -> Option<Measurement> {
        let newest = self.newest_since(DateTime::UNIX_EPOCH)?;
        let usage = newest.usage(window)?;
        let is_past = usage.has_reset(self.evidence.clock.now);
        (usage.is_used_up() && !is_past).then(|| Measurement::new(window, usage, newest.measured))
    }

    /// Returns the weekly window of all models if it is nearly full, but not used up, according to a fresh reading.
    pub(crate) fn nearly_full_week(&self) -> Option<Measurement> {
        let now = self.evidence.clock.now;
        let newest = self.newest_since(DateTime::UNIX_EPOCH)?;
        let usage = newest.usage(Window::Weekly)?;
        let is_fresh = now - newest.measured <= FRESH_FOR && !usage.has_reset(now);
        let is_nearly_full = usage.used_percent >= NEARLY_FULL && !usage.is_used_up();
        (is_fresh && is_nearly_full)
            .then(|| Measurement::new(Window::Weekly, usage, newest.measured))
    }

    /// Returns the usage window that is currently used up. If there are several, returns the one that resets last.
    /// Windows for a single model are ignored, and so is the 5-hour window while responses beyond it are free.
    pub(crate) fn used_up_now(&self) -> Option<Measurement> {
        let now = self.evidence.clock.now;
        self.newest_since(DateTime::UNIX_EPOCH)
            .into_iter()
            .flat_map(|reading| {
                reading
                    .windows()
                    .map(|(window, usage)| Measurement::new(window, usage, reading.measured))
            })
            .chain(self.refused_windows())
            .filter(|full| !full.is_unconfirmed)
            .filter(|full| !full.window.is_of_one_model() && full.percent >= USED_UP)
            .filter(|full| full.resets_at.is_some_and(|reset| reset > now))
            .filter(|full| !self.is_free_beyond(full))
            .max_by_key(|full| full.resets_at)
    }

    /// Returns the window that blocks the user's next prompt: it is used up, and neither a key, a cloud provider, nor usage
    /// credits pay for the response.
    pub(crate) fn blocking_now(&self) -> Option<Measurement> {
        if self.evidence.may_use_plan() && self.evidence.collected.paid_until.is_none() {
            self.used_up_now()
        } else {
            None
        }
    }

    /// Returns true if responses are free at present although this window is full.
    fn is_free_beyond(&self, full: &Measurement) -> bool {
        let now = self.evidence.clock.now;
        full.resets_at.is_some_and(|reset| {
            let mut free_periods = self.evidence.collected.free_periods.iter();
            free_periods.any(|free| free.is_beyond(full.window, reset, now))
        })
    }

    /// Returns a measurement that proves that the plan had usage left at the time of the error, preferably of the
    /// 5-hour window. Returns `None` if either window was full or nearly full, or if the usage of both is unknown. Also
    /// returns `None` if the server blamed the window of one model family, because the windows of all models say nothing
    /// about it.
    pub(crate) fn room(&self) -> Option<Measurement> {
        let blamed = self.evidence.refused_window();
        if blamed.is_some_and(Window::is_of_one_model) {
            return None;
        }
        let mut first = None;
        for window in [Window::FiveHour, Window::Weekly] {
            match self.state(window) {
                WindowState::Room(measurement) => first = first.or(Some(measurement)),
                WindowState::Full(_) | WindowState::NearlyFull => return None,
                WindowState::LastKnown(_) | WindowState::OnUsagePage | WindowState::Unknown => {}
            }
        }
        first
    }

    /// Returns the gateway's spend limit if a reading from around the time of the error shows that it was used up.
    pub(crate) fn full_gateway_limit(&self) -> Option<(SpendLimitUsage, DateTime<Utc>)> {
        let readings = self.after.iter().copied().chain(self.before);
        readings
            .filter_map(|reading| Some((reading.others.spend_limit?, reading.measured)))
            .find(|(limit, _)| limit.usage.used_percent >= USED_UP)
    }

    /// Returns the measurement to display for a window, even if it proves nothing about the error. For a pasted
    /// message, this is the last known usage, although the error may be older or newer.
    pub(crate) fn shown(&self, window: Window) -> Option<Measurement> {
        if self.evidence.is_pasted() {
            let newest = self
                .evidence
                .collected
                .newest_reading
                .as_ref()
                .filter(|newest| self.evidence.is_of_payer(newest));
            return self.measurement(newest, window);
        }
        self.measured_after(window)
            .or_else(|| self.shown_before(window))
    }

    /// Returns the window's last measurement from before the error, unless the window may have filled up since then.
    fn shown_before(&self, window: Window) -> Option<Measurement> {
        let before = self.measurement(self.before, window)?;
        if before.is_full() || !self.is_before_outdated() {
            Some(before)
        } else {
            None
        }
    }

    /// Returns the newest reading that was definitely measured after the given time.
    fn newest_since(&self, moment: DateTime<Utc>) -> Option<&'a Sample> {
        self.newest_between(moment, None)
    }

    /// Like [`Self::newest_since`], but ignores readings that were measured at or after the time `until`.
    fn newest_between(
        &self,
        moment: DateTime<Utc>,
        until: Option<DateTime<Utc>>,
    ) -> Option<&'a Sample> {
        let age = |reading: &&Sample| (reading.earliest(), reading.measured);
        let evidence = self.evidence;
        let mut newest = evidence
            .error
            .readings
            .iter()
            .chain(evidence.collected.newest_reading.as_ref())
            .filter(|reading| is_usable(reading, evidence) && reading.earliest() > moment)
            .filter(|reading| until.is_none_or(|until| reading.measured < until))
            .max_by_key(age);
        let of_account = &evidence.collected.account_readings;
        let end = until.map_or(of_account.len(), |until| {
            of_account.partition_point(|reading| reading.measured < until)
        });
        for reading in of_account.iter().take(end).rev() {
            // All remaining readings were measured even earlier.
            if reading.measured <= newest.map_or(moment, Sample::earliest) {
                break;
            }
            if is_usable(reading, evidence) && reading.earliest() > moment {
                newest = newest.into_iter().chain([reading]).max_by_key(age);
            }
        }
        newest
    }

    /// Returns the readings of the payer's windows that were measured in a period, in any order.
    fn known_between(
        &self,
        period: &RangeInclusive<DateTime<Utc>>,
    ) -> impl Iterator<Item = &'a Sample> {
        let evidence = self.evidence;
        self.of_error_between(period)
            .chain(self.of_account_between(period))
            .filter(|reading| is_usable(reading, evidence))
    }

    /// Returns the readings that were measured in a period, from the error's stored readings and the newest reading.
    /// The caller must check whether each reading [is usable](is_usable).
    fn of_error_between(
        &self,
        period: &RangeInclusive<DateTime<Utc>>,
    ) -> impl Iterator<Item = &'a Sample> {
        let evidence = self.evidence;
        evidence
            .error
            .readings
            .iter()
            .chain(evidence.collected.newest_reading.as_ref())
            .filter(move |reading| period.contains(&reading.measured))
    }

    /// Returns the account's readings that were measured in a period, oldest first. The caller must check whether each
    /// reading [is usable](is_usable). An account may have thousands of readings, so those outside the period are
    /// skipped without examining them.
    fn of_account_between(
        &self,
        period: &RangeInclusive<DateTime<Utc>>,
    ) -> impl DoubleEndedIterator<Item = &'a Sample> {
        let readings = &self.evidence.collected.account_readings;
        let start = readings.partition_point(|reading| reading.measured < *period.start());
        let end = readings.partition_point(|reading| reading.measured <= *period.end());
        readings.get(start..end).unwrap_or_default().iter()
    }
}

/// A usage window that was full at the time of the error, or that the error blames.
#[derive(Debug)]
struct FullSince {
    window: Window,
    /// The window's reset time, if it is known.
    resets_at: Option<DateTime<Utc>>,
    /// The time of the last reading that shows that this window is full.
    last_full: Option<DateTime<Utc>>,
}

/// Returns true if there is a reading and it shows that this window is not full.
fn has_room(reading: Option<&Sample>, window: Window) -> bool {
    let usage = reading.and_then(|reading| reading.usage(window));
    usage.is_some_and(|usage| !is_full(usage))
}

/// Returns false if the reading is known to belong to another account, or if it is dated in the future because the
/// clock was ahead.
fn is_usable(reading: &Sample, evidence: &Evidence) -> bool {
    evidence.is_of_payer(reading) && reading.measured <= evidence.clock.now
}

/// Returns the time at which the figures were measured. If the figures may predate the error, returns the earliest
/// possible time so that they are not mistaken for newer figures.
pub(crate) fn measured_relative_to(reading: &Sample, error_at: DateTime<Utc>) -> DateTime<Utc> {
    if reading.earliest() < error_at && reading.measured >= error_at {
        reading.earliest()
    } else {
        reading.measured
    }
}
