//! Determines whether an error still blocks work and, if not, how it ended.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::action_name::ActionName;
use super::input::Finding;
use super::{Cause, Problem, longest_duration};
use crate::claude::version::ClientVersion;
use crate::claude::window_usage::is_same_reset;
use crate::limits::evidence::{
    Measurement, OtherResponse, PayerRelation, ProvenEnd, is_request_later,
};
use crate::limits::kind::{
    EndedBy, LimitKind, Service, TEMPORARY_PROBLEM_LASTS, Verdict, WhoCanFix, Window,
};
use crate::time::{Clock, FIVE_HOURS};
use crate::transcript::tail::{ErrorLine, LONGEST_REQUEST};

/// The longest delay between a reset and the auto-resume (30 to 90 seconds in 2.1.328).
const CONTINUES_AFTER: TimeDelta = TimeDelta::seconds(90);
/// If Claude Code will continue a session within this time, the user should leave that session alone.
pub(crate) const CONTINUES_SOON: TimeDelta = TimeDelta::minutes(2);
/// The time to wait for a late automatic continuation. After that, the user should send the prompt again.
pub(crate) const CONTINUES_LATE: TimeDelta = TimeDelta::seconds(30);
/// The longest time that Claude Code waits for a reset.
const WAITS_AT_MOST: TimeDelta = TimeDelta::hours(24);
/// The first version that automatically resumes after a reset.
const CONTINUES_SINCE: ClientVersion = ClientVersion(2, 1, 234);

/// Returns true if Claude Code may still resume a session that it was expected to resume at the time `at`.
pub(crate) fn may_still_continue(at: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    now < at + CONTINUES_LATE
}

/// The current state of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The message is only a warning or announces the end of a limit.
    Notice,
    /// The error still blocks the user, as far as whycap can tell.
    Blocks(Wait),
    /// The error is over.
    Over(Ending),
}

impl State {
    /// Returns true if the error is over.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Over(_))
    }
}

/// The effect of waiting while an error blocks work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Waiting helps. The block ends at the given time or, if there is none, with the next successful response.
    Helps(Option<DateTime<Utc>>),
    /// Waiting does not help, because someone needs to take action.
    InVain,
    /// There is not enough evidence to tell whether waiting helps.
    Unknown,
}

impl Wait {
    /// Returns the exit code for `explain --exit-code` and `wait`. `None` means that the user is not blocked.
    pub(crate) fn exit_code(wait: Option<Self>) -> u8 {
        match wait {
            None => 0,
            Some(Self::Helps(_)) => 10,
            Some(Self::InVain) => 11,
            Some(Self::Unknown) => 12,
        }
    }

    /// Returns the progress line of `whycap wait`, from the longest form to the shortest.
    pub(crate) fn progress(until: Option<DateTime<Utc>>, clock: Clock) -> [String; 3] {
        match until {
            Some(until) => {
                let deadline = clock.format_deadline(until);
                [
                    format!("Waiting until {deadline}. Press Ctrl-C to stop."),
                    format!("Waiting until {deadline}"),
                    format!("Waiting until {}", clock.format_time(until)),
                ]
            }
            None => [
                "Waiting for a successful response in any session. Press Ctrl-C to stop.",
                "Waiting for a response in any session",
                "Waiting for a response",
            ]
            .map(str::to_owned),
        }
    }
}

/// The event that ended an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// The session received a successful response.
    ResponseReceived,
    /// Another session that was subject to the same limit received a successful response.
    ResponseElsewhere,
    /// The error still blocks the original session but not the current user.
    ConcernsOthers,
    /// The key that caused the error is no longer set.
    KeyRemoved,
    /// The limit of one model family still applies, but the user has switched the session to another model.
    ModelSwitched,
    /// The session reached a limit again or, after a temporary problem, received another error, so a newer error
    /// replaces this one.
    HitAgain,
    /// The reset time has passed.
    Reset,
    /// The usage window is no longer full, although its reset time has not been reached.
    ResetEarly,
    /// The recommended pause is over.
    PauseOver,
    /// The recommended pause was over long ago.
    PauseLongOver,
    /// A new month has begun.
    NewMonth,
    /// The error is older than the longest time that its limit can last.
    Outlived,
}

/// The end of an error.
#[derive(Debug, Clone, Copy)]
pub(super) struct End {
    ending: Ending,
    /// The time of the event that ended the error, or `None` if it is unknown.
    pub(super) at: Option<DateTime<Utc>>,
    /// The latest possible time of the event, or `None` if it is unknown.
    latest: Option<DateTime<Utc>>,
    /// True if an event is known to have ended the error. Otherwise, the end is an assumption that later evidence may
    /// replace.
    is_proven: bool,
}

impl End {
    fn at(ending: Ending, at: Option<DateTime<Utc>>) -> Self {
        Self {
            ending,
            at,
            latest: at,
            is_proven: true,
        }
    }

    /// Returns true if a response in another session proves that the error is over.
    pub(super) fn is_response_elsewhere(self) -> bool {
        self.is_proven && self.ending == Ending::ResponseElsewhere
    }

    /// Converts the end to the form in which it is stored. Returns `None` if the event or its time is unknown.
    pub(super) fn proven(self, is_reset_proven: bool) -> Option<ProvenEnd> {
        let at = self.at.filter(|_| self.is_proven)?;
        Some(ProvenEnd {
            ending: self.ending,
            at,
            is_confirmed: self.ending == Ending::Reset && is_reset_proven,
        })
    }
}

/// Returns true if a response was certainly requested after the given time. If the time of the request is unknown, it
/// may be up to [`LONGEST_REQUEST`] before the response.
fn is_surely_sent_after(moment: DateTime<Utc>, response: &OtherResponse) -> bool {
    let earliest = response
        .requested_at
        .unwrap_or(response.at - LONGEST_REQUEST);
    earliest > moment
}

impl Problem<'_> {
    /// Returns the current state of the error. `end` is the result of [`Self::end`].
    pub(super) fn state(&self, actions: &[ActionName], end: Option<End>) -> State {
        match end {
            // A notice is reported as over once its limit is over. A pasted warning stays a notice, because it did not
            // interrupt anything that the user could try again.
            Some(end)
                if !self.finding.verdict.is_notice()
                    || !self.evidence.is_pasted()
                    || self.stops_only_feature() =>
            {
                State::Over(end.ending)
            }
            _ if self.finding.verdict.is_notice() => State::Notice,
            _ => State::Blocks(self.wait(actions)),
        }
    }

    /// Returns how the error ended, or `None` if it has not ended. `actions` are the actions recommended while the
    /// error blocks work, and `elsewhere` is the result of [`Self::response_elsewhere`].
    ///
    /// The earliest event counts. Once an explanation has mentioned an end, it is stored and takes precedence, so that
    /// later events do not change the explanation. An assumed end counts only until an event proves how the error
    /// ended.
    pub(super) fn end(&self, actions: &[ActionName], elsewhere: Option<End>) -> Option<End> {
        if let Some(known) = self.evidence.known_end() {
            return Some(End::at(known.ending, Some(known.at)));
        }
        let reset = self.reset();
        let proven = [
            reset.filter(|reset| reset.is_proven),
            self.early_reset(),
            self.response(),
            self.next_limit(),
            elsewhere,
            self.new_month(),
        ];
        let first = proven.into_iter().flatten().min_by_key(|end| end.latest);
        first.or(reset).or_else(|| self.assumed_end(actions))
    }

    /// Returns true if the limit was probably not reached.
    pub(super) fn is_false(&self) -> bool {
        self.finding.verdict == Verdict::FalseLikely
    }

    /// Returns the reset, if its time has passed. If a request was refused after the reset, the end is only an
    /// assumption.
    fn reset(&self) -> Option<End> {
        let reset = self.resets.passed(self.evidence.clock.now)?;
        (!self.is_false()).then(|| End {
            is_proven: !self.evidence.outlasts_reset(reset.at),
            ..End::at(Ending::Reset, Some(reset.at))
        })
    }

    /// Returns true if the reset time has passed and a later response or reading shows, or has shown, that the window has
    /// reset. `elsewhere` is the result of [`Self::response_elsewhere`].
    pub(super) fn is_reset_proven(&self, elsewhere: Option<End>) -> bool {
        let now = self.evidence.clock.now;
        let Some(reset) = self.resets.passed(now) else {
            return false;
        };
        // The day of a reset in a pasted message is only a guess if the message states just a time of day.
        let is_day_guessed = self.evidence.is_pasted()
            && self.message.gives_clock_time_alone()
            && now - reset.at > FIVE_HOURS;
        if is_day_guessed {
            return false;
        }
        let stored = self.evidence.known_end();
        let response = self.evidence.error.later_response.as_ref();
        stored.is_some_and(|end| end.is_confirmed)
            || response.is_some_and(|response| response.at >= Some(reset.at))
            || elsewhere.is_some_and(|end| end.latest >= Some(reset.at))
            || self
                .finding
                .window
                .is_some_and(|window| self.readings.has_room_since_reset(window, reset.at))
    }

    /// Returns the early reset of the limit's windows, if a later reading shows one. A reading from after the stated
    /// reset does not.
    fn early_reset(&self) -> Option<End> {
        let windows = self.windows();
        if windows.is_empty() || self.is_false() || self.evidence.is_pasted() {
            return None;
        }
        let measured = self.readings.reset_measured_at(&windows)?;
        self.is_before_reset(measured)
            .then(|| End::at(Ending::ResetEarly, Some(measured)))
    }

    /// Returns false if the limit's reset is known and is not after the given time.
    fn is_before_reset(&self, moment: DateTime<Utc>) -> bool {
        self.resets.chosen.is_none_or(|reset| moment < reset.at)
    }

    /// Returns the usage windows of the limit: the one in the message, and the one that must reset before the limit ends.
    fn windows(&self) -> Vec<Window> {
        let named = self.finding.limit.window();
        named.into_iter().chain(self.finding.window).collect()
    }

    /// Returns the first response that the session received after the error. Returns `None` if the limit stops only a
    /// feature, because a response then proves nothing.
    fn response(&self) -> Option<End> {
        let response = self.evidence.error.later_response.as_ref()?;
        if self.ended_by == EndedBy::NoSession {
            return None;
        }
        let is_without_key = self.evidence.collected.has_response_without_key
            && self.finding.verdict == Verdict::WrongCredential;
        let ending = if is_without_key {
            Ending::KeyRemoved
        } else {
            Ending::ResponseReceived
        };
        Some(End::at(ending, response.at))
    }

    /// Returns the next time that the session hit a limit or, after a temporary problem, received another error.
    /// Returns `None` if it received a response in between.
    fn next_limit(&self) -> Option<End> {
        let hit_again = self.evidence.collected.hit_again?;
        Some(End::at(Ending::HitAgain, Some(hit_again.at)))
    }

    /// Returns the first response in another session that proves that the error is over. The end has no time if an even
    /// earlier response in that session may have ended the error.
    pub(super) fn response_elsewhere(&self) -> Option<End> {
        let responses = &self.evidence.collected.other_responses;
        let first = responses
            .iter()
            .filter(|response| self.is_ended_by(response))
            .min_by_key(|response| response.at)?;
        let end = End::at(Ending::ResponseElsewhere, Some(first.at));
        Some(if first.is_first {
            end
        } else {
            End { at: None, ..end }
        })
    }

    /// Returns the start of the month after an error about a monthly cap, if that month has begun and no reset is
    /// known.
    fn new_month(&self) -> Option<End> {
        let clock = self.evidence.clock;
        let ends = self.finding.limit.description().ends;
        let next_month = ends.next_month(self.evidence.at(), clock.zone)?;
        if self.resets.chosen.is_none() && next_month <= clock.now {
            Some(End::at(Ending::NewMonth, Some(next_month)))
        } else {
            None
        }
    }

    /// Infers how the error ended from the elapsed time or from how the user pays now. This is used only if no event
    /// proves the end.
    fn assumed_end(&self, actions: &[ActionName]) -> Option<End> {
        let collected = &self.evidence.collected;
        let now = self.evidence.clock.now;
        let age = (now - self.evidence.at()).abs();
        let pause = self.pause_end(actions);
        let ending = if pause.is_some() && age > TEMPORARY_PROBLEM_LASTS {
            Ending::PauseLongOver
        } else if pause.is_some_and(|end| end <= now) {
            Ending::PauseOver
        } else if collected.session_uses_other_model
            && !self.are_other_models_stopped()
            && !self.has_outlived(age)
        {
            Ending::ModelSwitched
        } else if self.has_lost_key() {
            Ending::KeyRemoved
        } else if collected.concerns_others_only {
            Ending::ConcernsOthers
        } else if self.has_outlived(age) {
            Ending::Outlived
        } else if self.blocks_only_other_payer() {
            Ending::ConcernsOthers
        } else {
            return None;
        };
        Some(End {
            is_proven: false,
            ..End::at(ending, None)
        })
    }

    /// Returns true if the user has a different payer, so the error does not block the user. In a session, the payers
    /// must be known to differ, the error must be about the payer, and the session must not use a full plan unless
    /// usage credits are in use. In a shell, the error must be about a key or a token that a new session would not
    /// use, and the plan that it would use instead must not be used up unless usage credits are in
    /// use. Returns false for a temporary problem with the service, because it may affect both payers.
    fn blocks_only_other_payer(&self) -> bool {
        let collected = &self.evidence.collected;
        let can_asker_pay = !collected.is_plan_of_asker_full || collected.paid_until.is_some();
        (collected.asker_has_other_payer && can_asker_pay || collected.has_login_with_room)
            && self.ended_by.is_about_payer()
            || collected.is_of_other_key
                && self.is_about_key()
                && (self.readings.used_up_now().is_none() || collected.paid_until.is_some())
    }

    /// Returns true if the service refused the session's key, or if the user did not mean to use it, and the next request
    /// in the session will use the plan instead.
    pub(super) fn has_lost_key(&self) -> bool {
        let is_refused = matches!(
            self.finding.limit,
            LimitKind::Auth | LimitKind::SubscriptionAccess
        ) && self.is_about_key();
        let is_unusable = is_refused || self.finding.verdict == Verdict::WrongCredential;
        self.evidence.collected.key_is_removed && is_unusable
    }

    /// Returns true if the problem is the session's key or the account that pays for it. Other problems, such as with
    /// the model, the service, or the machine, would also stop a session without the key.
    pub(super) fn is_about_key(&self) -> bool {
        let Finding {
            limit,
            verdict,
            cause,
            ..
        } = &self.finding;
        if !self.evidence.error.uses_key() || limit.is_passing() {
            return false;
        }
        let is_rejected =
            cause.is_refused_key() || self.message.row.actions.contains(&ActionName::UnsetKey);
        let is_of_payer = match limit {
            LimitKind::Auth | LimitKind::SubscriptionAccess => is_rejected,
            _ => {
                matches!(self.ended_by, EndedBy::SamePayer | EndedBy::SameKey)
                    && self.service() != Some(Service::Plan)
            }
        };
        *verdict == Verdict::WrongCredential || is_of_payer
    }

    /// Returns true if the error is older than the longest time that its limit can last. Temporary problems with a known
    /// reset time are exempt.
    fn has_outlived(&self, age: TimeDelta) -> bool {
        let Finding { limit, window, .. } = self.finding;
        let has_reset_ahead = limit.is_passing() && self.resets.chosen.is_some();
        age > longest_duration(self.message, limit, window) && !has_reset_ahead
    }

    /// Returns the reset time or, if it is unknown, the end of the recommended pause.
    fn pause_end(&self, actions: &[ActionName]) -> Option<DateTime<Utc>> {
        let is_passing = self.finding.limit.is_passing() || self.is_false();
        if self.finding.waiting_helps != Some(true) || !is_passing {
            return None;
        }
        let pause = actions.iter().find_map(|action| action.pause())?;
        match self.resets.chosen {
            Some(reset) if !self.is_false() => Some(reset.at),
            Some(_) | None => Some(self.evidence.at() + pause),
        }
    }

    pub(super) fn is_ended_by(&self, response: &OtherResponse) -> bool {
        let error = &self.evidence.error;
        let usage = self.usage_at(response.at);
        let is_full = usage.map(Measurement::is_full);
        // The request may have been sent before the window filled up. If its time is unknown, a later reading must
        // confirm that the window has room.
        let has_measured_room = self.has_measured_room(usage);
        let is_settled = is_request_later(error.at, response.requested_at, response.at)
            || response.requested_at.is_none() && has_measured_room;
        let is_same_payer = response.payer == PayerRelation::Same;
        if response.is_refused_soon && self.is_refuted_later(response) {
            return false;
        }
        match self.ended_by {
            EndedBy::AccountWithRoom => is_same_payer && is_settled && is_full != Some(true),
            EndedBy::AccountOnCredits => {
                is_same_payer
                    && is_settled
                    && is_full != Some(false)
                    && (self.model_window().is_none() || self.is_limited_model(response))
            }
            EndedBy::SameModelWithRoom => {
                is_same_payer
                    && is_settled
                    && is_full != Some(true)
                    && self.is_limited_model(response)
                    && self.is_same_client(response)
                    && !self.may_be_paid_with_credits()
            }
            EndedBy::SamePayer => is_same_payer && (is_settled || !self.message.row.refuses_login),
            EndedBy::SameKey => {
                let is_of_login = error.payer.owner.is_none() && response.has_owner;
                is_same_payer && !is_of_login
            }
            EndedBy::SamePayerAndModel => is_same_payer && self.is_same_model(response),
            EndedBy::SameService => match response.payer {
                PayerRelation::Same => true,
                PayerRelation::Unknown => !error.uses_other_service(),
                PayerRelation::Other => false,
            },
            EndedBy::SameSession | EndedBy::NoSession => false,
        }
    }

    /// Returns the usage of the window that must reset before the limit ends.
    pub(super) fn usage_at(&self, moment: DateTime<Utc>) -> Option<Measurement> {
        let may_be_full = !self.is_certainly_false();
        self.readings
            .usage_at(self.decisive_window(), moment, may_be_full)
    }

    /// Returns true if the error was a false alarm and the window cannot have filled up shortly before the error.
    fn is_certainly_false(&self) -> bool {
        self.is_false() && self.readings.certainly_had_room(self.decisive_window())
    }

    /// Returns the window that must reset before the limit ends.
    pub(super) fn decisive_window(&self) -> Window {
        self.finding.window.unwrap_or(Window::FiveHour)
    }

    /// Returns true if the stored end of the error cannot be right: later evidence disproves it, or the verdict has
    /// changed since the end was stored.
    pub(super) fn is_refuted(&self, end: ProvenEnd) -> bool {
        let collected = &self.evidence.collected;
        match end.ending {
            // A refusal or a full window shows that the limit had not ended, although another session had received a
            // response.
            Ending::ResponseElsewhere => {
                collected.is_refused_after_end && self.is_response_of_end_refuted(end)
                    || self.needs_room() && self.usage_at(end.at).is_some_and(Measurement::is_full)
            }
            Ending::HitAgain => collected.is_next_error_other,
            Ending::Reset => {
                let is_of_other_reset = self
                    .resets
                    .chosen
                    .is_some_and(|reset| !is_same_reset(reset.at, end.at));
                self.is_false() || is_of_other_reset || self.evidence.outlasts_reset(end.at)
            }
            Ending::ResetEarly => {
                let windows = self.windows();
                self.is_false()
                    || windows.is_empty()
                    || !self.is_before_reset(end.at)
                    || self.readings.is_full_since(&windows, end.at)
            }
            Ending::ResponseReceived
            | Ending::ConcernsOthers
            | Ending::KeyRemoved
            | Ending::ModelSwitched
            | Ending::PauseOver
            | Ending::PauseLongOver
            | Ending::NewMonth
            | Ending::Outlived => false,
        }
    }

    /// Returns true if a response in another session counts as the end of the limit only while the usage window is not
    /// full.
    fn needs_room(&self) -> bool {
        matches!(
            self.ended_by,
            EndedBy::AccountWithRoom | EndedBy::SameModelWithRoom
        )
    }

    /// Returns true if a later refusal shows that this response did not end the limit. For example, the response may
    /// have been in progress since before the error.
    fn is_refuted_later(&self, response: &OtherResponse) -> bool {
        let is_sent_later = is_surely_sent_after(self.evidence.at(), response);
        // The account or the key had credits again, even if they were soon used up.
        let depends_on_credits =
            matches!(self.ended_by, EndedBy::AccountOnCredits | EndedBy::SameKey);
        if depends_on_credits && is_sent_later {
            return false;
        }
        // If the response was requested before the error, its figures are older than the error, even if they were
        // reported later.
        let is_measured_later = is_sent_later && self.has_measured_room(self.usage_at(response.at));
        self.is_refutable(is_measured_later) && !self.is_sent_after_error_of_no_window(response)
    }

    /// Returns true if a refusal soon after a response in another session means that the limit was not over.
    /// `has_measured_room` is true if a reading shows that the window was not full when the response arrived.
    fn is_refutable(&self, has_measured_room: bool) -> bool {
        match self.ended_by {
            EndedBy::SameService => false,
            EndedBy::AccountWithRoom => !has_measured_room,
            EndedBy::AccountOnCredits
            | EndedBy::SameModelWithRoom
            | EndedBy::SamePayer
            | EndedBy::SameKey
            | EndedBy::SamePayerAndModel
            | EndedBy::SameSession
            | EndedBy::NoSession => true,
        }
    }

    /// Returns true if no full usage window caused the error, and this response was requested after it. A later refusal
    /// is then about another limit.
    fn is_sent_after_error_of_no_window(&self, response: &OtherResponse) -> bool {
        is_request_later(self.evidence.at(), response.requested_at, response.at)
            && (self.is_certainly_false() || self.is_throttled())
    }

    /// Returns true if the service refused the request only because there were too many at once.
    fn is_throttled(&self) -> bool {
        self.finding.limit == LimitKind::Throttle && self.finding.verdict == Verdict::NotALimit
    }

    /// Like [`Self::is_refuted_later`], but for the response that is stored as the end of the error. If that response
    /// can no longer be found, a false alarm keeps its stored end, because the time of the request was checked before
    /// the end was stored. Throttling also keeps it, because throttling lasts only minutes.
    fn is_response_of_end_refuted(&self, end: ProvenEnd) -> bool {
        let responses = &self.evidence.collected.other_responses;
        let mut of_end = responses
            .iter()
            .filter(|response| response.at == end.at)
            .peekable();
        if of_end.peek().is_some() {
            of_end.any(|response| self.is_refuted_later(response))
        } else {
            let has_measured_room = self.has_measured_room(self.usage_at(end.at));
            self.is_refutable(has_measured_room) && !self.is_false() && !self.is_throttled()
        }
    }

    /// Returns true if a reading from after the error shows that the window was not full.
    fn has_measured_room(&self, usage: Option<Measurement>) -> bool {
        usage.is_some_and(|usage| !usage.is_full() && usage.measured > self.evidence.at())
    }

    /// Returns true if the response is known to come from the model that was refused.
    fn is_same_model(&self, response: &OtherResponse) -> bool {
        let refused = self.evidence.error.session.model.as_ref();
        refused.is_some()
            && refused == response.model.as_ref()
            && !self.evidence.uses_long_context()
    }

    /// Returns true if usage credits may have paid for a response although the limit still applies.
    fn may_be_paid_with_credits(&self) -> bool {
        self.finding.limit.description().credits_continue
            && !self.evidence.collected.credits_are_refused
    }

    /// Returns true if the limit also applies to the model that generated the response: a model of the window's family
    /// or, if the window does not apply to a single family, the model that was refused.
    pub(super) fn is_limited_model(&self, response: &OtherResponse) -> bool {
        match self.model_window() {
            Some(window) => window.is_of_family_of(response.model.as_deref()),
            None => self.is_same_model(response) || self.is_without_model(),
        }
    }

    /// Returns true if the refused model is unknown because the session failed before its first response and has no
    /// status line. Headless runs are an example. A response from any model can then show that a false alarm is over.
    fn is_without_model(&self) -> bool {
        self.evidence.error.session.model.is_none()
            && self
                .evidence
                .line()
                .is_some_and(ErrorLine::is_outside_terminal)
    }

    /// Returns true if the same version of Claude Code received the response. If an old version cannot be the cause of
    /// the error, any version counts as the same.
    fn is_same_client(&self, response: &OtherResponse) -> bool {
        let version = &self.evidence.error.session.version;
        self.finding.cause != Cause::CreditsDemandedByOldClient
            || version.is_some() && *version == response.version
    }

    fn wait(&self, actions: &[ActionName]) -> Wait {
        let is_certain = self.finding.verdict != Verdict::CannotTell;
        match self.finding.waiting_helps {
            // It is not known yet whether there is a reset to wait for.
            Some(true) if self.finding.cause.awaits_figures() => Wait::Helps(None),
            Some(true) => {
                let reset_at = match self.resets.chosen {
                    Some(reset) if !self.is_false() => Some(reset.surely_over()),
                    Some(_) | None => None,
                };
                Wait::Helps(self.pause_end(actions).or(reset_at))
            }
            Some(false) => Wait::InVain,
            None if is_certain && self.finding.who_can_fix != WhoCanFix::Nobody => Wait::InVain,
            None => Wait::Unknown,
        }
    }

    /// Returns the time of the automatic continuation. Returns `None` if an obstacle prevents it, or if the limit still
    /// applies at that time.
    pub(super) fn expected_continuation(&self) -> Option<DateTime<Utc>> {
        match self.evidence.collected.obstacle {
            Some(_) => None,
            None => self
                .automatic_continuation()
                .filter(|at| self.resets.are_over_at(*at)),
        }
    }

    /// Returns true if Claude Code will automatically resume the session shortly, so the user should leave the session
    /// alone.
    pub(super) fn continues_soon(&self) -> bool {
        let now = self.evidence.clock.now;
        self.expected_continuation()
            .is_some_and(|at| at - now <= CONTINUES_SOON && may_still_continue(at, now))
    }

    /// Returns the time at which Claude Code will automatically resume the session, unless something prevents it. It
    /// resumes only if one of the plan's usage windows stopped the session and the reset is not too far in the future.
    pub(super) fn automatic_continuation(&self) -> Option<DateTime<Utc>> {
        let evidence = self.evidence;
        let waiting = evidence.collected.waiting;
        if self.resets.chosen.is_none() && waiting.is_none() {
            return None;
        }
        // Claude Code waits for the reset that the server stated in the session's own refusal. It ignores
        // a full window that resets earlier, and one that another session has used up and that resets later.
        let reset_at = evidence
            .server_reset()
            .or_else(|| match self.finding.limit.window() {
                Some(named) if self.finding.window != Some(named) => self.readings.reset_of(named),
                _ => self.resets.chosen.map(|reset| reset.at),
            })?;
        let is_announced = waiting.is_some_and(|waiting| waiting.given_up.is_none());
        // Claude Code does not know that an error is a false alarm, so it does what it announced.
        let waits_for_window = self.finding.limit.is_awaited()
            && !self.finding.verdict.is_notice()
            && (is_announced || !self.is_false());
        let is_near = is_announced || reset_at - evidence.at() <= WAITS_AT_MOST;
        (waits_for_window && is_near && evidence.is_since(CONTINUES_SINCE))
            .then(|| reset_at + CONTINUES_AFTER)
    }
}
