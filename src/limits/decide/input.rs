//! Defines the input and output of the decision functions.

use chrono::{DateTime, TimeDelta, Utc};

use crate::claude::window_usage::is_same_reset;
use crate::limits::catalog::{
    Message, MessageContext, PossibleResets, RESET_TOLERANCE, is_reset_of_cap,
};
use crate::limits::evidence::{Evidence, Measurement, Readings, WindowState};
use crate::limits::kind::{Cap, Ends, LimitKind, Verdict, WhoCanFix, Window};
use crate::time::FIVE_HOURS;

use super::cause::Cause;
use super::decision::DecisionName;
use super::unknown::Unknown;

/// The input of a decision function.
#[derive(Debug)]
pub(super) struct Input<'a> {
    pub(super) message: &'a Message,
    pub(super) evidence: &'a Evidence,
    pub(super) readings: Readings<'a>,
}

/// The output of a decision function.
#[derive(Debug)]
pub(super) struct Finding {
    pub(super) limit: LimitKind,
    pub(super) verdict: Verdict,
    pub(super) who_can_fix: WhoCanFix,
    pub(super) waiting_helps: Option<bool>,
    pub(super) cause: Cause,
    /// The usage window that must reset before the limit ends.
    pub(super) window: Option<Window>,
    /// The measurement on which the verdict is based.
    pub(super) measurement: Option<Measurement>,
    pub(super) unknowns: Vec<Unknown>,
}

impl Finding {
    /// Creates a finding for a problem that resolves itself over time.
    pub(super) fn passing(limit: LimitKind, verdict: Verdict, cause: Cause) -> Self {
        Self {
            limit,
            verdict,
            who_can_fix: WhoCanFix::Nobody,
            waiting_helps: Some(true),
            cause,
            window: limit.window(),
            measurement: None,
            unknowns: Vec::new(),
        }
    }

    /// Creates a finding for a problem that lasts until someone takes action.
    pub(super) fn lasting(
        limit: LimitKind,
        verdict: Verdict,
        who_can_fix: WhoCanFix,
        cause: Cause,
    ) -> Self {
        Self::passing(limit, verdict, cause)
            .fixable_by(who_can_fix)
            .waiting(Some(false))
    }

    /// Creates a finding for a stray key, which Claude Code uses instead of the user's plan.
    pub(super) fn stray_key(limit: LimitKind) -> Self {
        let verdict = Verdict::WrongCredential;
        Self::lasting(limit, verdict, WhoCanFix::You, Cause::StrayKey)
    }

    pub(super) fn waiting(mut self, waiting_helps: Option<bool>) -> Self {
        self.waiting_helps = waiting_helps;
        self
    }

    pub(super) fn fixable_by(mut self, who_can_fix: WhoCanFix) -> Self {
        self.who_can_fix = who_can_fix;
        self
    }

    pub(super) fn until_reset_of(mut self, window: Option<Window>) -> Self {
        self.window = window;
        self
    }

    pub(super) fn measured(mut self, measurement: Measurement) -> Self {
        self.measurement = Some(measurement);
        self
    }

    /// Adds the measurement if it is about the window that must reset before the limit ends.
    pub(super) fn measured_if_decisive(self, measurement: Option<Measurement>) -> Self {
        match measurement {
            Some(measurement) if self.window == Some(measurement.window) => {
                self.measured(measurement)
            }
            Some(_) | None => self,
        }
    }

    pub(super) fn without_knowing(mut self, unknown: Unknown) -> Self {
        self.unknowns.push(unknown);
        self
    }

    /// Conditionally records that a fact is unknown.
    pub(super) fn without_knowing_if(self, condition: bool, unknown: Unknown) -> Self {
        if condition {
            self.without_knowing(unknown)
        } else {
            self
        }
    }
}

/// Returns `Some(true)` if the reset time is known, because waiting then helps. Otherwise, returns `None`, because it
/// is unknown whether waiting helps.
pub(super) fn helps(is_reset_known: bool) -> Option<bool> {
    is_reset_known.then_some(true)
}

impl<'a> Input<'a> {
    pub(super) fn new(message: &'a Message, evidence: &'a Evidence) -> Self {
        Self {
            message,
            evidence,
            readings: Readings::around(evidence, message),
        }
    }

    /// Returns the reset time in the message if it is plausible for the window. If `window` is `None`, the reset time
    /// must be plausible for the limit itself. If a pasted message states only the time of day of the window's last known
    /// reset, and this reset has just passed, it is the reset in the message.
    pub(super) fn stated_reset(&self, window: Option<Window>) -> Option<DateTime<Utc>> {
        let (at, zone) = (self.evidence.at(), self.evidence.clock.zone);
        let stated = self.message.reset_time(at, window, zone)?;
        let just_passed = window
            .and_then(|window| self.known_reset(window))
            .filter(|known| *known <= at && at - *known <= FIVE_HOURS);
        Some(match just_passed {
            Some(known)
                if self.message.gives_clock_time_alone()
                    && is_same_reset(stated, known + TimeDelta::days(1)) =>
            {
                known
            }
            Some(_) | None => stated,
        })
    }

    /// Returns the reset of a window according to the newest reading. Returns `None` if the message was not pasted.
    pub(super) fn known_reset(&self, window: Window) -> Option<DateTime<Utc>> {
        if self.evidence.is_pasted() {
            self.readings.shown(window)?.resets_at
        } else {
            None
        }
    }

    /// Returns the reset in a pasted message about a full usage window if none of the user's windows resets then: it is ahead,
    /// and each window that the message may mean is known to reset at another time. The message may then be old or from
    /// another account. `window` is the window that the message names.
    pub(super) fn foreign_reset(&self, window: Option<Window>) -> Option<DateTime<Utc>> {
        if !self.evidence.is_pasted() {
            return None;
        }
        let now = self.evidence.clock.now;
        // A time that is too far away for the window cannot be the user's reset, either.
        let stated = self
            .stated_reset(window)
            .or_else(|| self.stated_reset(None))
            .filter(|stated| *stated > now)?;
        let resets_at_other_time = |window| {
            self.known_reset(window)
                .is_some_and(|known| known > now && !is_same_reset(known, stated))
        };
        let is_foreign = if let Some(window) = window {
            resets_at_other_time(window)
        } else {
            let may_be_five_hour = stated - now <= FIVE_HOURS + RESET_TOLERANCE;
            resets_at_other_time(Window::Weekly)
                && (!may_be_five_hour || resets_at_other_time(Window::FiveHour))
        };
        (is_foreign && self.may_state_reset_of_window(stated)).then_some(stated)
    }

    /// Returns true if the reset that the message states may be that of a usage window. A message about credits or a cap states
    /// the reset of the full window or that of the cap.
    fn may_state_reset_of_window(&self, stated: DateTime<Utc>) -> bool {
        let row = self.message.row;
        match row.decision {
            DecisionName::UsageWindow | DecisionName::SomeWindow => true,
            _ if row.limit == LimitKind::UsageCredits => {
                !is_reset_of_cap(stated, self.evidence.clock)
            }
            _ if row.limit.cap().is_some() => {
                !is_reset_of_cap(stated, self.evidence.clock)
                    && self.readings.used_up_now().is_some()
            }
            _ => false,
        }
    }

    /// Returns the two possible resets if a pasted message states only a time of day that has just passed, and nothing
    /// else shows which day is meant.
    pub(super) fn possible_resets(&self) -> Option<PossibleResets> {
        let context = self.message.context;
        let is_received = matches!(context, MessageContext::Received | MessageContext::Quoted);
        if self.readings.used_up_now().is_some() || !is_received {
            return None;
        }
        let (at, zone) = (self.evidence.at(), self.evidence.clock.zone);
        self.message.possible_resets(at, zone)
    }

    /// Returns the start of the next month if the limit always ends when a month ends in UTC. Reset times from all
    /// other sources take precedence.
    pub(super) fn month_end(&self) -> Option<DateTime<Utc>> {
        self.month_end_of(self.message.row.limit.description().ends)
    }

    /// Like [`month_end`](Self::month_end), but for a limit with the given end.
    fn month_end_of(&self, ends: Ends) -> Option<DateTime<Utc>> {
        let (at, zone) = (self.evidence.at(), self.evidence.clock.zone);
        match ends {
            Ends::MonthUtc {
                known_only_if_stated: false,
            } => ends.next_month(at, zone),
            _ => None,
        }
    }

    /// Returns true if the message contains a plausible reset time for the window.
    pub(super) fn has_stated_reset(&self, window: Option<Window>) -> bool {
        self.stated_reset(window).is_some()
    }

    /// Returns `Some(true)` if the reset time is known, because waiting then helps. Otherwise, returns `None`.
    pub(super) fn helps_if_stated(&self) -> Option<bool> {
        let is_reset_known = self.evidence.server_reset().is_some()
            || self.has_stated_reset(None)
            || self.month_end().is_some();
        helps(is_reset_known)
    }

    /// Returns the reset time of the gateway's spend limit, if a reading shows that the limit was used up.
    pub(super) fn gateway_reset(&self) -> Option<DateTime<Utc>> {
        let (limit, _) = self.readings.full_gateway_limit()?;
        limit.usage.resets_at
    }

    /// Returns the window that is full according to the server or to a reading.
    pub(super) fn certain_window(&self) -> Option<Window> {
        self.evidence
            .refused_window()
            .or_else(|| self.readings.full_window().map(|full| full.window))
    }

    /// Returns true if only the last known usage of a window is available, and the window was not full. This is possible only
    /// for a pasted message. The window may have been full when the message was shown, or may have filled up since.
    pub(super) fn has_last_known_room(&self, window: Window) -> bool {
        matches!(self.readings.state(window), WindowState::LastKnown(known) if !known.is_full())
    }

    /// Returns the reset until which a window is known to be full, even if the message or the reading is old, because a full
    /// window stays full until it resets. This reset may have passed, but only so recently that the window cannot be full again.
    /// Returns `None` if there is no such reset, or if the message was not pasted.
    pub(super) fn full_until(&self, window: Window) -> Option<DateTime<Utc>> {
        if !self.evidence.is_pasted() {
            return None;
        }
        let now = self.evidence.clock.now;
        let measured = self.readings.shown(window).filter(|shown| shown.is_full());
        let refused = || self.readings.used_up_now();
        let full = measured
            .or_else(refused)
            .filter(|full| full.window == window)?;
        full.resets_at
            .filter(|reset| *reset > now || full.emptied_at(*reset).has_room_at(now))
    }

    /// Returns the usage window that is known to be full although a pasted message about a cap names none. If both are full,
    /// returns the 5-hour window. A cap takes effect only while a window is full.
    pub(super) fn full_window_of_pasted_cap(&self) -> Option<Window> {
        [Window::FiveHour, Window::Weekly]
            .into_iter()
            .find(|window| self.full_until(*window).is_some())
    }

    /// Returns the verdict on a message about a key or about another service. A pasted message proves nothing unless
    /// this machine is configured to use such a key or service.
    pub(super) fn verdict_if_configured(&self, is_configured: bool) -> Verdict {
        if self.evidence.is_pasted() && !is_configured {
            Verdict::CannotTell
        } else {
            Verdict::Real
        }
    }

    /// Returns who can fix the problem according to the catalog, or `None` if this depends on who controls billing.
    pub(super) fn answered_who(&self) -> Option<WhoCanFix> {
        let who = self.message.row.answer.who?;
        Some(who.on_plan(self.evidence.plan()))
    }

    /// Returns who controls billing: the user of a personal plan, or an admin for shared plans. If the plan is unknown,
    /// the message decides.
    pub(super) fn who_controls_billing(&self) -> WhoCanFix {
        if self.evidence.is_shared_plan() {
            WhoCanFix::Admin
        } else if self.evidence.has_personal_credits() {
            WhoCanFix::You
        } else {
            self.answered_who().unwrap_or(WhoCanFix::You)
        }
    }

    /// Returns true if the message refers to an actual organization even though the logged-in account has a personal
    /// plan. This is possible only if the session belongs to another account. The wording alone proves nothing, because
    /// every version has also shown it to users without an organization.
    pub(super) fn names_real_organization(&self) -> bool {
        let cap = self.message.row.limit.cap();
        cap.map(Cap::raised_by) == Some(WhoCanFix::Admin) && self.evidence.is_of_another_account()
    }

    /// Returns the missing fact that would confirm or contradict a message about the window.
    pub(super) fn missing_reading(&self, window: Window) -> Unknown {
        match self.readings.state(window) {
            WindowState::LastKnown(_) => Unknown::TimeOfMessage,
            WindowState::NearlyFull if self.evidence.is_pasted() => Unknown::TimeOfMessage,
            WindowState::NearlyFull => Unknown::NearlyFullBefore,
            WindowState::OnUsagePage => Unknown::AgeOfUsagePage,
            WindowState::Full(_) | WindowState::Room(_) | WindowState::Unknown => Unknown::Readings,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::catalog::{MessageParts, recognize};

    /// If the limit may be shorter than a month, only the message says when it ends.
    #[test]
    fn a_limit_that_may_be_shorter_than_a_month_has_no_end_in_the_calendar() {
        let now = "2026-11-20T10:00:00Z".parse().unwrap();
        let evidence = Evidence::of_text("API Error: 400 spend limit reached", now);
        let message = recognize(&MessageParts::of(&evidence.error.message));
        let input = Input::new(&message, &evidence);
        let next_month = "2026-12-01T00:00:00Z".parse().unwrap();
        for (known_only_if_stated, reset) in [(false, Some(next_month)), (true, None)] {
            let ends = Ends::MonthUtc {
                known_only_if_stated,
            };
            assert_eq!(input.month_end_of(ends), reset, "{ends:?}");
        }
    }
}
