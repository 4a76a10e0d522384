//! Combines an error with its explanation.

use std::cell::OnceCell;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::catalog::{Message, MessageParts, recognize};
use super::decide::{
    ActionName, CONTINUES_SOON, Cause, Diagnosis, Ending, State, Wait, decide, is_for,
    may_still_continue, with_end_elsewhere, with_found_end, without_refuted_end,
};
use super::evidence::{
    Collected, ContinuationObstacle, Evidence, HeadlessRun, PossiblyUnaffected, Readings,
    RefusedWindow,
};
use super::kind::{Affects, EndedBy, LimitKind, LimitedResource, Service, Verdict, Window};
use super::normalize;
use super::sample::Sample;
use super::wording::{
    Action, Reason, Wording, reasons, refused_or_paid, response_elsewhere, unknown_sentence, word,
};
use crate::claude::credentials::Credential;
use crate::secrets::redact;
use crate::time::{Clock, FIVE_HOURS, format_rfc3339};

/// The time at which Claude Code will automatically resume a stopped session, or the reason why it will not.
pub(crate) type Continuation = Result<DateTime<Utc>, ContinuationObstacle>;

/// A prompt that the user has to send a session again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AwaitedPrompt {
    reason: ReasonForPrompt,
    /// True if a used-up budget blocks the prompt until the user lifts it.
    is_blocked_by_budget: bool,
}

/// The reason why the user has to send a session its prompt again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ReasonForPrompt {
    /// The limit that stopped the session is over.
    LimitIsOver,
    /// The limit that stopped the session should be over, but nothing confirms it.
    LimitShouldBeOver,
    /// The error that stopped the session was probably a false alarm.
    FalseAlarm,
    /// The temporary problem that stopped the session is or should be over.
    ProblemShouldBeOver,
}

impl AwaitedPrompt {
    /// Returns the note that a list of sessions shows beside the session.
    pub(crate) fn note(self) -> String {
        let reason = match self.reason {
            ReasonForPrompt::LimitIsOver => "limit is over",
            ReasonForPrompt::LimitShouldBeOver => "limit should be over",
            ReasonForPrompt::FalseAlarm => "probably a false alarm",
            ReasonForPrompt::ProblemShouldBeOver => "problem should be over",
        };
        if self.is_blocked_by_budget {
            format!(
                "{reason}, but your budget blocks prompts: type /whycap continue there, then send the prompt again"
            )
        } else {
            format!("{reason}: send the prompt again")
        }
    }

    /// Returns a sentence about the session with the given name.
    pub(crate) fn sentence(self, session: &str) -> String {
        let reason = match self.reason {
            ReasonForPrompt::LimitIsOver => {
                format!("The limit that stopped the session {session} is over")
            }
            ReasonForPrompt::LimitShouldBeOver => {
                format!("The limit that stopped the session {session} should be over")
            }
            ReasonForPrompt::FalseAlarm => {
                format!("The session {session} was probably stopped by a false alarm")
            }
            ReasonForPrompt::ProblemShouldBeOver => {
                format!("The problem that stopped the session {session} should be over")
            }
        };
        if self.is_blocked_by_budget {
            format!(
                "{reason}, but your budget blocks prompts; type /whycap continue there, then send the prompt again."
            )
        } else {
            format!("{reason}; send the prompt again there.")
        }
    }
}

/// A usage window that is still full when Claude Code resumes a session.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StillFull {
    pub(crate) window: Window,
    /// True if usage credits pay for responses although the window is full.
    pub(crate) credits_pay: bool,
}

/// Returns a clause about the usage window that may stop a session again after Claude Code has resumed it, or about the
/// costs if usage credits pay. Returns an empty string if there is no such window.
pub(crate) fn stopped_again_clause(still_full: Option<StillFull>) -> String {
    match still_full {
        Some(full) if full.credits_pay => {
            ", and usage credits may pay for it (costs money)".to_owned()
        }
        Some(full) => format!(", but your {} may stop it again", full.window.limit()),
        None => String::new(),
    }
}

/// Returns a warning about a full usage window that affects the next prompt.
pub(crate) fn warning_about_full_window(
    window: Window,
    resets_at: DateTime<Utc>,
    credits_are_unavailable: bool,
    clock: Clock,
) -> String {
    let until = clock.format_time(resets_at);
    format!(
        "Your {} is used up until {until}. Until that limit resets, prompts will be {}.",
        window.limit(),
        refused_or_paid(credits_are_unavailable)
    )
}

/// An error with its explanation.
#[derive(Debug, Clone)]
pub struct Incident {
    /// Everything known about the error.
    pub evidence: Evidence,
    pub(crate) message: Message,
    /// The cause of the error, its current state, and the reasons for both.
    pub diagnosis: Diagnosis,
    /// The sentences for this incident. They are generated when the first one is needed, because a list of past errors
    /// needs the sentences of only a few of them.
    wording: OnceCell<Wording>,
}

impl Incident {
    /// Explains an error: recognizes the message, determines the cause, and generates the text.
    pub fn new(evidence: Evidence) -> Self {
        let message = recognize(&MessageParts::of(&evidence.error.message));
        Self::with_message(evidence, message)
    }

    /// Explains an error whose message has already been recognized.
    pub(crate) fn with_message(mut evidence: Evidence, message: Message) -> Self {
        evidence.collected.found_end = None;
        let mut evidence = with_end_elsewhere(&message, without_refuted_end(&message, evidence));
        let mut diagnosis = decide(&message, &evidence);
        if let Some(with_end) = with_found_end(&message, &evidence, &diagnosis) {
            diagnosis = decide(&message, &with_end);
            evidence = with_end;
        }
        Self {
            evidence,
            message,
            diagnosis,
            wording: OnceCell::new(),
        }
    }

    fn wording(&self) -> &Wording {
        self.wording
            .get_or_init(|| word(&self.message, &self.evidence, &self.diagnosis))
    }

    /// Returns a sentence of at most 110 characters that says what happened and what to do first.
    pub fn headline(&self) -> &str {
        &self.wording().headline
    }

    /// Returns a sentence in the past tense that says what happened and how it ended, or `None` if the error is not
    /// over. If the session still uses a key, a second sentence says so.
    pub(crate) fn summary(&self) -> Option<&str> {
        self.wording().summary.as_deref()
    }

    /// Returns true if usage credits certainly pay for responses although the limit still applies, and no budget blocks prompts.
    pub(crate) fn can_continue_on_credits(&self) -> bool {
        self.blocks().is_some()
            && self.diagnosis.credits_pay_now
            && self.diagnosis.credits_probably_pay_for.is_none()
            && !self.diagnosis.mentions_budget()
    }

    /// Returns a shorter version of the headline that fits in 60 columns.
    pub fn badge(&self) -> &str {
        &self.wording().badge
    }

    /// Returns the forms of the status-line row that shows how the error ended, longest first. Empty if the error is not over
    /// or no longer relevant.
    pub(crate) fn ending_rows(&self) -> &[String] {
        &self.wording().ending_rows
    }

    /// Returns the forms of the status-line row while usage credits are in use, longest first. Empty if they are not.
    pub(crate) fn credits_rows(&self) -> &[String] {
        &self.wording().credits_rows
    }

    /// Returns the forms of the status-line row if the error is over but a budget blocks prompts, longest first.
    /// Otherwise empty.
    pub(crate) fn budget_rows(&self) -> &[String] {
        &self.wording().budget_rows
    }

    /// Returns the recommended actions, best first.
    pub fn actions(&self) -> &[Action] {
        &self.wording().actions
    }

    /// Returns true if the error affects the current user, no later limit in the same session has replaced it, and no
    /// response shows that it is over. Responses in other sessions count only if they prove that the error is over.
    pub fn is_open(&self) -> bool {
        !self.evidence.has_later_response()
            && self.evidence.collected.hit_again.is_none()
            && !self.evidence.collected.concerns_others_only
            && !self.blocks_only_its_session()
            && !matches!(
                self.diagnosis.state,
                State::Over(Ending::KeyRemoved | Ending::ModelSwitched)
            )
            && !self.diagnosis.has_response_elsewhere
    }

    /// Returns the time at which work stopped. This is the time of the first failed attempt or, if there was none, the
    /// time of the error.
    pub(crate) fn stopped_since(&self) -> DateTime<Utc> {
        let error = &self.evidence.error;
        match &error.message.failed_attempts {
            Some(attempts) => attempts.since.min(error.at),
            None => error.at,
        }
    }

    /// Returns true if the headline of this explanation already states the limit of `other` and its end. A warning states the
    /// reset of a limit that has not been reached.
    pub(crate) fn states_limit_of(&self, other: &Self) -> bool {
        if self.diagnosis.cause == Cause::Warning {
            return false;
        }
        let clock = self.evidence.clock;
        match other.diagnosis.resets.ahead(clock.now) {
            Some(reset) => self.headline().contains(&clock.format_time(reset.at)),
            None => self.diagnosis.limit == other.diagnosis.limit,
        }
    }

    /// Returns a sentence about the usage window that blocks the next prompt. Returns `None` if there is none, or if the
    /// headline already mentions it.
    pub(crate) fn window_used_up_now(&self) -> Option<String> {
        let full = Readings::around(&self.evidence, &self.message).blocking_now()?;
        let until = self.evidence.clock.format_time(full.resets_at?);
        let sentence = format!("Your {} is used up until {until}.", full.window.limit());
        let is_in_headline =
            self.diagnosis.cause != Cause::Warning && self.headline().contains(&until);
        (!is_in_headline).then_some(sentence)
    }

    /// Returns a clause about the error's usage window if it is still full although the usage credits, or the cap on them, no longer
    /// stop work. Returns `None` for other limits, for another account than the login, or if the window began after the error.
    pub(crate) fn window_full_after_credits(&self) -> Option<String> {
        let evidence = &self.evidence;
        let may_be_full = self.diagnosis.ended_by == EndedBy::AccountOnCredits
            && evidence.may_use_plan()
            && !evidence.is_of_another_account();
        if !may_be_full {
            return None;
        }
        let full = Readings::around(evidence, &self.message).used_up_now()?;
        let reset = full.resets_at?;
        let until = evidence.clock.format_time(reset);
        let is_same_window = self.diagnosis.window == Some(full.window)
            && reset - full.window.length() <= evidence.at();
        is_same_window.then(|| format!("your {} is used up until {until}", full.window.limit()))
    }

    /// Returns true if the text is a copy of this error's message, and the error blocks a session or is so recent that
    /// the text cannot be a new message.
    pub(crate) fn has_recent_message_in(&self, text: &str) -> bool {
        (self.blocks_or_is_recent() || self.blocks_any_session())
            && self.evidence.error.message.is_copied_in(text)
    }

    /// Returns true if the error blocks the user, or only its own session, which may still be running.
    pub(crate) fn blocks_any_session(&self) -> bool {
        self.blocks().is_some() || self.still_blocks_only_its_session()
    }

    /// Returns true if the text is a part of this error's message, and the error blocks work.
    pub(crate) fn blocks_with_message_containing(&self, text: &str) -> bool {
        self.blocks().is_some()
            && normalize(&self.evidence.error.message.text).contains(&normalize(text))
    }

    fn blocks_or_is_recent(&self) -> bool {
        self.blocks().is_some() || self.evidence.clock.now < self.message_may_recur_at()
    }

    /// Returns the time from which the same text may be a new message: a day after the error or, if the message states only the
    /// time of day at which the 5-hour window resets, as soon as the next reset at this time is five hours away.
    fn message_may_recur_at(&self) -> DateTime<Utc> {
        let day = TimeDelta::days(1);
        let next_day = self.evidence.at() + day;
        match self.diagnosis.resets.chosen {
            Some(reset)
                if self.diagnosis.window == Some(Window::FiveHour)
                    && self.message.gives_clock_time_alone() =>
            {
                next_day.min(reset.at + day - FIVE_HOURS)
            }
            Some(_) | None => next_day,
        }
    }

    /// Returns the server's reason for not accepting usage credits. If the server did not state it, the limit may imply it.
    pub(crate) fn no_credits_reason(&self) -> Option<&str> {
        self.evidence
            .no_credits_reason()
            .or(match self.diagnosis.limit {
                LimitKind::OwnSpendCap => Some("org_level_disabled_until"),
                LimitKind::UsageCredits => Some("out_of_credits"),
                _ => None,
            })
    }

    /// Returns true if the error occurred in this session. `None` matches every session.
    pub(crate) fn is_of(&self, session: Option<&str>) -> bool {
        session.is_none() || self.evidence.error.session.id.as_deref() == session
    }

    /// Returns true if both incidents are about the same error.
    pub(crate) fn is_same_error_as(&self, other: &Self) -> bool {
        let (error, other) = (&self.evidence.error, &other.evidence.error);
        error.at == other.at && error.session.id == other.session.id
    }

    /// Returns true if this error replaces an earlier one in the same session: it is about the same limit, and the session
    /// received no response in between.
    pub(crate) fn repeats(&self, earlier: &Self) -> bool {
        earlier.diagnosis.state == State::Over(Ending::HitAgain)
            && earlier.diagnosis.limit == self.diagnosis.limit
            && earlier.is_of(self.evidence.error.session.id.as_deref())
    }

    /// Returns true if the limit may still apply, although the error is over: another model has responded, the model was
    /// switched, or the limit was reached again.
    pub(crate) fn may_apply_after_end(&self) -> bool {
        let diagnosis = &self.diagnosis;
        match diagnosis.state {
            State::Over(Ending::HitAgain) if !self.evidence.has_later_response() => true,
            State::Over(Ending::ModelSwitched) => true,
            _ => diagnosis.another_model_works(),
        }
    }

    /// Returns the headline or, if it gives advice, the sentence that states only what happened.
    pub(crate) fn without_advice(&self) -> &str {
        self.summary().unwrap_or(self.headline())
    }

    /// Returns true if the message is only a warning or announces the end of a limit.
    pub fn is_notice(&self) -> bool {
        self.diagnosis.is_notice()
    }

    /// Returns whether waiting will help, or `None` if the error does not block any work.
    pub fn blocks(&self) -> Option<Wait> {
        match self.diagnosis.state {
            State::Blocks(wait) => Some(wait),
            State::Notice | State::Over(_) => None,
        }
    }

    /// Returns true if the error is probably a false alarm.
    pub(crate) fn is_false_alarm(&self) -> bool {
        self.diagnosis.verdict == Verdict::FalseLikely
    }

    /// Returns the time at which the limit is certainly over, if its reset time has just passed. Clocks differ, and
    /// messages round reset times to the minute, so a prompt may still be refused before that time. Returns `None` if a
    /// session has already continued.
    pub(crate) fn surely_over_at(&self) -> Option<DateTime<Utc>> {
        if self.diagnosis.state != State::Over(Ending::Reset) || !self.is_open() {
            return None;
        }
        let over_at = self.diagnosis.resets.chosen?.surely_over();
        (over_at > self.evidence.clock.now).then_some(over_at)
    }

    /// Returns true if the error still blocks its session, but not the current user.
    pub(crate) fn blocks_only_its_session(&self) -> bool {
        self.diagnosis.state == State::Over(Ending::ConcernsOthers)
    }

    /// Returns true if the advice is to continue the session without its key when a full window of the plan has reset.
    pub(crate) fn continues_on_full_plan(&self) -> bool {
        let mut actions = self.diagnosis.actions.iter();
        actions.any(|action| action.continues_on_full_plan())
    }

    /// Returns true if this limit stops the sessions of the login, whatever the requesting session uses, and no window is known
    /// whose reset ends it.
    pub(crate) fn caps_login(&self) -> bool {
        (self.blocks().is_some() || self.blocks_only_its_session())
            && self.is_limit_of_login(None)
            && self.full_window().is_none()
            && !self.diagnosis.credits_pay_now
    }

    /// Explains the error of a session's key, given a limit without a usage window that stops the login's sessions.
    pub(crate) fn beside_cap_of_login(&self, cap: LimitKind) -> Self {
        self.explained_with(|collected| collected.cap_of_login = Some(cap))
    }

    /// Returns true if the reset of this limit has passed, but another window for all models is used up in the newest reading and
    /// had begun before the error. If it was used up then, the limit lasts until that window resets.
    pub(crate) fn may_outlast_reset(&self, newest: &Sample) -> bool {
        let diagnosis = &self.diagnosis;
        diagnosis.state == State::Over(Ending::Reset)
            && diagnosis.model_window().is_none()
            && newest.windows().any(|(window, usage)| {
                !window.is_of_one_model()
                    && Some(window) != diagnosis.window
                    && usage.is_used_up()
                    && usage
                        .resets_at
                        .is_some_and(|reset| reset - window.length() <= self.evidence.at())
            })
    }

    /// Returns true if the error is about the key of a session, and a new session in the requesting shell would not use it.
    pub(crate) fn is_about_key_of_other_session(&self) -> bool {
        self.diagnosis.is_about_key && self.evidence.collected.is_of_other_key
    }

    /// Returns true if the error blocks only its session, and that session may still be running.
    pub(crate) fn still_blocks_only_its_session(&self) -> bool {
        self.blocks_only_its_session() && !self.evidence.collected.concerns_others_only
    }

    /// Changes the evidence and explains the error again.
    fn explained_with(&self, change: impl FnOnce(&mut Collected)) -> Self {
        let mut evidence = self.evidence.clone();
        change(&mut evidence.collected);
        Self::with_message(evidence, self.message.clone())
    }

    /// Returns true if the error is over or only a temporary problem, and the next prompt may use the login.
    pub(crate) fn may_continue_on_plan(&self) -> bool {
        let is_of_login = !self.evidence.error.payer.is_without_account()
            && !self.evidence.is_of_another_account();
        let may_continue = self.diagnosis.state.is_over() || self.diagnosis.limit.is_passing();
        may_continue && (is_of_login || self.next_prompt_uses_own_login())
    }

    /// Returns true if the next prompt after the error will use the requesting user's own login, whatever the failed
    /// request used: it will not be sent in the session with the error, or the key of that session has been removed.
    pub(crate) fn next_prompt_uses_own_login(&self) -> bool {
        matches!(
            self.diagnosis.state,
            State::Over(Ending::ConcernsOthers | Ending::KeyRemoved)
        ) || self.evidence.collected.possibly_unaffected == PossiblyUnaffected::AskingSession
    }

    /// Explains the error for a session to whose model another limit applies as well, that of the given window.
    pub(crate) fn beside_model_limit(&self, full: RefusedWindow) -> Self {
        self.explained_with(|collected| collected.model_limit_beside = Some(full))
    }

    /// Explains the error to a user whose usage credits pay for responses until the given time.
    pub(crate) fn while_credits_pay(&self, until: DateTime<Utc>) -> Self {
        self.explained_with(|collected| collected.paid_until = Some(until))
    }

    /// Explains the error to a user whose next prompt a used-up budget will block. `sentences` are about this budget.
    pub(crate) fn while_budget_blocks(&self, sentences: String) -> Self {
        self.explained_with(|collected| collected.blocking_budget = Some(sentences))
    }

    /// Explains the error to a user whose prompts a used-up budget blocks only until the limit resets. `sentences` are about
    /// this budget.
    pub(crate) fn while_budget_blocks_until_reset(&self, sentences: String) -> Self {
        self.explained_with(|collected| collected.budget_until_reset = Some(sentences))
    }

    /// Returns the time of the next prompt after the error: that of the automatic continuation, that of the reset if the first
    /// step is to wait for it or if the session has to continue on a plan that is used up, or now. A prompt for which usage credits pay can be sent now.
    pub(crate) fn next_prompt_at(&self) -> DateTime<Utc> {
        let now = self.evidence.clock.now;
        let first_step = self.diagnosis.actions.first();
        let waits = first_step.is_some_and(|action| action.waits_for_reset())
            && self.diagnosis.step_with_credits().is_none();
        let reset = self.diagnosis.resets.ahead(now).filter(|_| waits);
        let reset_of_plan = match self.diagnosis.also_full {
            Some(full) if self.continues_on_full_plan() => full.resets_at,
            Some(_) | None => None,
        };
        self.continues_at()
            .or(reset.map(|reset| reset.at))
            .or(reset_of_plan)
            .unwrap_or(now)
    }

    /// Explains the error to a user in the session in which it occurred. That session keeps using its key or its token,
    /// even if a new session in the same shell would not.
    pub(crate) fn for_its_session(&self) -> Self {
        self.explained_with(|collected| {
            collected.is_of_other_key = false;
            collected.has_login_with_room = false;
        })
    }

    /// Returns true if the error blocks its session and is probably not a false alarm.
    pub(crate) fn blocks_its_session(&self) -> bool {
        self.blocks().is_some() && !self.is_false_alarm()
    }

    /// Returns true if the service refused the login, the subscription, or the organization. Other sessions with this
    /// login may be refused as well. If requests go to a gateway, only sessions behind the same gateway may be refused.
    pub(crate) fn refuses_login(&self) -> bool {
        let error = &self.evidence.error;
        self.message.row.refuses_login
            && self.blocks().is_some()
            && self.diagnosis.limit.description().affects == Affects::Payer
            && self.diagnosis.verdict != Verdict::CannotTell
            && matches!(
                self.diagnosis.service,
                None | Some(Service::Plan | Service::Gateway)
            )
            && !error.uses_key()
            && !error.is_payer_hidden_by_token()
            && !self.evidence.is_of_another_account()
    }

    /// Returns true if nobody was logged in when the error occurred, and the session had no key, token, or cloud provider. The
    /// error is then about no payer.
    pub(crate) fn lacks_payer(&self) -> bool {
        let payer = &self.evidence.error.payer;
        self.refuses_login()
            && payer.known_account().is_none()
            && !payer.credentials.iter().any(Credential::may_replace_login)
    }

    /// Returns true if the service has refused the login several times in a row, so that it will probably refuse the other
    /// sessions of the login as well. A single refusal may be temporary, and a session that is refused repeatedly while
    /// others work may have an old token.
    pub(crate) fn refuses_login_repeatedly(&self) -> bool {
        self.evidence.error.login_refused_twice
            && !self.evidence.collected.login_is_accepted
            && self.refuses_login()
    }

    /// Returns true if a limit stopped the request. The service checks the login before it applies a limit, so it must have
    /// accepted the login.
    pub(crate) fn shows_accepted_login(&self) -> bool {
        self.diagnosis.is_limit() && !self.message.row.refuses_login
    }

    /// Returns true if the error may stop another session of the login that Claude Code resumes at this time.
    pub(crate) fn may_stop_session_resumed_at(&self, at: DateTime<Utc>) -> bool {
        let diagnosis = &self.diagnosis;
        self.refuses_login()
            || self.blocks().is_some()
                && !diagnosis.credits_pay_now
                && !diagnosis.resets.are_over_at(at)
    }

    /// Returns true if the login was refused, with this error, after `older`, an error in another session, had ended.
    /// The user of that session cannot simply continue. A false alarm counts as ended.
    pub(crate) fn refuses_login_after(&self, older: &Self) -> bool {
        let ended_at = match older.diagnosis.state {
            // The response may have started before the login was refused, so its time does not matter. If it proves that
            // the login works again, this error is over as well.
            State::Over(Ending::ResponseElsewhere) => None,
            _ => older.diagnosis.ended_at,
        };
        let ended_at = ended_at.unwrap_or(older.evidence.at());
        self.refuses_login() && !older.blocks_its_session() && self.evidence.at() > ended_at
    }

    /// Explains the error for a session other than the one in which it occurred. Claude Code resumes only the session
    /// that hit the limit. `possibly_unaffected` is [`PossiblyUnaffected::AskingSession`] unless the error is known to
    /// block the other session too.
    pub(crate) fn for_another_session(&self, possibly_unaffected: PossiblyUnaffected) -> Self {
        self.explained_with(|collected| {
            collected.obstacle = Some(ContinuationObstacle::NotAwaited);
            collected.possibly_unaffected = possibly_unaffected;
        })
    }

    /// Explains the error for another session that it blocks as well, and that Claude Code resumes at the given time. Returns `None`
    /// unless Claude Code would continue at about the same time after this error.
    pub(crate) fn for_continuing_session(&self, continues_at: DateTime<Utc>) -> Option<Self> {
        let explained = self.explained_with(|collected| {
            collected.obstacle = None;
            collected.possibly_unaffected = PossiblyUnaffected::Nobody;
        });
        let is_same_time = explained
            .continues_at()
            .is_some_and(|at| (at - continues_at).abs() <= CONTINUES_SOON);
        is_same_time.then_some(explained)
    }

    /// Explains a refused login for another session. That session may work, unless its newest error, `older`, still
    /// blocks it.
    pub(crate) fn for_session_after(&self, older: &Self) -> Self {
        let possibly_unaffected = if older.blocks().is_some() {
            PossiblyUnaffected::Nobody
        } else {
            PossiblyUnaffected::AskingSession
        };
        self.for_another_session(possibly_unaffected)
    }

    /// Explains the error for a user who asks about all sessions. The explanation says so if only the session with the
    /// error is known to be blocked.
    pub(crate) fn for_all_sessions(self) -> Self {
        if self.may_block_only_its_session() {
            self.explained_with(|collected| {
                collected.possibly_unaffected = PossiblyUnaffected::OtherSessions;
            })
        } else {
            self
        }
    }

    /// Returns true if only the session with the error is known to be blocked. A login that was refused once may be accepted
    /// in other sessions, and a token may belong to another account than the login.
    pub(crate) fn may_block_only_its_session(&self) -> bool {
        let is_login_refused = self.diagnosis.limit == LimitKind::Auth
            && self.refuses_login()
            && !self.refuses_login_repeatedly();
        let is_of_token_only = self.blocks().is_some()
            && self.evidence.collected.is_of_other_payer
            && self.evidence.error.is_payer_hidden_by_token();
        is_login_refused || is_of_token_only || self.may_spare_other_sessions()
    }

    /// Returns true if the error blocks its session but may not block others, because it is a false alarm or its limit
    /// affects only a single session.
    pub(crate) fn may_spare_other_sessions(&self) -> bool {
        let diagnosis = &self.diagnosis;
        let affects_session = diagnosis.limit.description().affects == Affects::Session;
        self.blocks().is_some()
            && diagnosis.also_full.is_none()
            && (affects_session || self.is_false_alarm())
    }

    /// Returns a sentence about a response that another session has received since the error, although nothing shows that
    /// the error is over. Returns `None` if there is none.
    pub(crate) fn response_elsewhere(&self) -> Option<&'static str> {
        response_elsewhere(&self.evidence, &self.diagnosis)
    }

    /// Returns a warning about the full usage window that would affect the next prompt. Returns `None` unless the
    /// recommended actions include [`ActionName::FullAsWell`], or if the window or its reset is unknown.
    pub(crate) fn warning_about_full_window(&self) -> Option<String> {
        let advice = ActionName::FullAsWell;
        if !self.diagnosis.actions.contains(&advice) {
            return None;
        }
        let full = self.diagnosis.also_full?;
        Some(warning_about_full_window(
            full.window,
            full.resets_at?,
            self.evidence.collected.credits_are_unavailable,
            self.evidence.clock,
        ))
    }

    /// Returns true if the error blocks work, or if its explanation mentions the full window that affects the next prompt or says
    /// that usage credits pay for that prompt.
    pub(crate) fn may_mention_full_window(&self) -> bool {
        let mentions_window = self.diagnosis.actions.iter().any(|action| {
            matches!(
                action,
                ActionName::FullAsWell
                    | ActionName::WaitForOtherWindow
                    | ActionName::WaitDespiteResponse
            )
        });
        // The advice to log in again says nothing about the windows, which may stop the next prompt after the login.
        let is_about_login = self.diagnosis.actions.first() == Some(&ActionName::Login);
        self.blocks().is_some() && !is_about_login
            || mentions_window
            || self.diagnosis.credits_pay_now
            || self.is_recent_notice_about_credits_or_end()
    }

    /// Returns true if the error is a recent notice that usage credits are in use or that a limit is over.
    fn is_recent_notice_about_credits_or_end(&self) -> bool {
        let resource = self.diagnosis.limit.description().resource;
        self.is_notice()
            && self.blocks_or_is_recent()
            && (resource == LimitedResource::Credits || self.diagnosis.verdict == Verdict::Over)
    }

    /// Returns true if the error is about the limit of this window.
    pub(crate) fn is_about_window(&self, window: Window) -> bool {
        [self.diagnosis.limit.window(), self.diagnosis.window].contains(&Some(window))
    }

    /// Returns true if the error ended a headless run and is not known to block anything else.
    pub(crate) fn only_ended_its_run(&self) -> bool {
        self.evidence.collected.headless_run == Some(HeadlessRun::Ended)
            && self.may_spare_other_sessions()
    }

    /// Returns true if the error may have ended a headless run and is not known to block anything else.
    pub(crate) fn may_have_ended_its_run(&self) -> bool {
        self.evidence.collected.headless_run == Some(HeadlessRun::MayHaveEnded)
            && self.may_spare_other_sessions()
    }

    /// Returns true if every session with this login and model is subject to the same limit. If the model is unknown,
    /// limits of a single model do not count.
    pub(crate) fn is_limit_of_login(&self, model: Option<&str>) -> bool {
        let is_real = matches!(self.diagnosis.verdict, Verdict::Real | Verdict::Misworded);
        let is_of_plan = matches!(self.diagnosis.service, None | Some(Service::Plan));
        let limit = self.diagnosis.limit;
        let is_of_one_model = self.diagnosis.model_window().is_some();
        is_real
            && is_of_plan
            && self.may_apply_to_model(model)
            && (model.is_some() || !is_of_one_model)
            && limit.description().affects == Affects::Account
            && !self.evidence.is_of_another_account()
    }

    /// Returns true if the request did not reach the server, so that the error says nothing about the account's limits.
    pub(crate) fn is_without_connection(&self) -> bool {
        self.diagnosis.limit == LimitKind::ServerError
            && self
                .evidence
                .line()
                .is_some_and(|line| line.status.is_none())
    }

    /// Returns false if the error is about the usage window of another model family.
    pub(crate) fn may_apply_to_model(&self, model: Option<&str>) -> bool {
        let window = self.diagnosis.model_window();
        window.is_none_or(|window| window.may_apply_to(model))
    }

    /// Returns the usage window that must be full if the message is right. No reading has to confirm this, because
    /// sessions outside a terminal do not report readings. A response from another model does not show that the window
    /// has room.
    pub(crate) fn full_window(&self) -> Option<RefusedWindow> {
        let diagnosis = &self.diagnosis;
        let another_model_works = diagnosis.state == State::Over(Ending::ModelSwitched)
            || diagnosis.another_model_works();
        let is_confirmed = matches!(diagnosis.verdict, Verdict::Real | Verdict::Misworded)
            && diagnosis.cause != Cause::LaterWindowFullByMessage
            && (self.blocks().is_some() || another_model_works)
            && !self.evidence.is_of_another_account();
        let window = diagnosis.window.filter(|_| is_confirmed)?;
        let resets_at = diagnosis.resets.chosen?.at;
        (resets_at > self.evidence.clock.now).then_some(RefusedWindow {
            window,
            at: self.evidence.at(),
            resets_at,
            is_unconfirmed: false,
        })
    }

    /// Returns the time at which Claude Code will automatically resume the session, unless something prevents it.
    pub fn continues_at(&self) -> Option<DateTime<Utc>> {
        self.continuation()?.ok()
    }

    /// Returns the time at which Claude Code will automatically resume the session, or the reason why it will not.
    /// Returns `None` if the session is not blocked and no automatic resume is pending.
    pub(crate) fn continuation(&self) -> Option<Continuation> {
        match self.attempted_continuation()? {
            Ok(_) if self.evidence.collected.blocking_budget.is_some() => {
                Some(Err(ContinuationObstacle::BudgetUsedUp))
            }
            continuation => Some(continuation),
        }
    }

    /// Returns the time at which Claude Code will try to resume the session, even if a budget blocks this, or the reason why
    /// it will not try. Returns `None` like [`Self::continuation`].
    fn attempted_continuation(&self) -> Option<Continuation> {
        let planned = self.diagnosis.automatic_continuation;
        let now = self.evidence.clock.now;
        if self.blocks_only_its_session() && !self.diagnosis.limit.is_awaited() {
            return Some(Err(ContinuationObstacle::NotAwaited));
        }
        if self.blocks().is_none() && !self.still_blocks_only_its_session() {
            // An obstacle matters only while the error blocks the session. After that, report only a pending resume.
            let may_be_pending = self.diagnosis.state.is_over()
                && !self.evidence.has_later_response()
                && self.evidence.collected.obstacle.is_none();
            return match planned {
                Some(at) if may_be_pending && may_still_continue(at, now) => Some(Ok(at)),
                Some(_) | None => None,
            };
        }
        if !self.diagnosis.limit.is_awaited() {
            return Some(Err(ContinuationObstacle::NotAwaited));
        }
        let has_helpful_reset =
            self.diagnosis.resets.chosen.is_some() && self.diagnosis.waiting_helps != Some(false);
        let obstacle = self.evidence.collected.obstacle;
        let does_not_wait = matches!(
            obstacle,
            Some(
                ContinuationObstacle::NotAnnounced
                    | ContinuationObstacle::Announced(_)
                    | ContinuationObstacle::Cancelled
            )
        );
        Some(match (obstacle, planned) {
            _ if does_not_wait && self.is_false_alarm() => Err(ContinuationObstacle::FalseAlarm),
            _ if does_not_wait && !has_helpful_reset => Err(ContinuationObstacle::NoHelpfulReset),
            (Some(obstacle), _) => Err(obstacle),
            (None, Some(at)) if may_still_continue(at, now) => Ok(at),
            // Claude Code does not wait, or the limit still applies although the time has passed.
            (None, _) => Err(ContinuationObstacle::NotAwaited),
        })
    }

    /// Returns which prompt the user has to send to the session again. Returns `None` if the limit is not over, if
    /// Claude Code resumes the session automatically, or if the session has already continued.
    pub(crate) fn awaited_prompt(&self) -> Option<AwaitedPrompt> {
        let is_window_full = self.diagnosis.also_full.is_some()
            || self.diagnosis.actions.contains(&ActionName::FullAsWell);
        let is_passing = self.diagnosis.limit.is_passing();
        let may_await_prompt = self.diagnosis.is_limit() || is_passing;
        if !may_await_prompt || self.continuation().is_some() || is_window_full {
            return None;
        }
        let is_false_alarm = self.is_false_alarm();
        let actions = &self.diagnosis.actions;
        let first = actions
            .iter()
            .find(|action| **action != ActionName::LiftBudget)?;
        let reason = match first {
            ActionName::Passed | ActionName::WorksElsewhere if is_passing => {
                ReasonForPrompt::ProblemShouldBeOver
            }
            ActionName::Passed if is_false_alarm => ReasonForPrompt::FalseAlarm,
            ActionName::TryAgain
            | ActionName::TryAgainLeftOpen
            | ActionName::ResetEarly
            | ActionName::WorksElsewhere => {
                if is_false_alarm {
                    ReasonForPrompt::FalseAlarm
                } else if self.diagnosis.is_end_assumed() || self.is_cap_without_proven_reset() {
                    ReasonForPrompt::LimitShouldBeOver
                } else {
                    ReasonForPrompt::LimitIsOver
                }
            }
            _ => return None,
        };
        Some(AwaitedPrompt {
            reason,
            is_blocked_by_budget: actions.first() == Some(&ActionName::LiftBudget),
        })
    }

    /// Returns true if the limit is a cap, and nothing shows that the full window has reset. The session may then be able to
    /// continue only because usage credits pay again.
    fn is_cap_without_proven_reset(&self) -> bool {
        self.diagnosis.limit.cap().is_some() && !self.diagnosis.is_reset_proven
    }

    /// Returns the longest time that this limit can last.
    pub(crate) fn longest_duration(&self) -> TimeDelta {
        self.diagnosis.longest_duration(&self.message)
    }

    /// Returns the message on a single line. Anything that looks like a key is redacted.
    pub fn text(&self) -> String {
        let words: Vec<&str> = self
            .evidence
            .error
            .message
            .text
            .split_whitespace()
            .collect();
        redact(&words.join(" "))
    }

    /// Returns the remedies that did not help other users, or an empty slice if they do not apply to this user.
    pub(crate) fn did_not_help(&self) -> &'static [&'static str] {
        let row = self.message.row;
        if is_for(row.did_not_help_for, &self.evidence, self.diagnosis.verdict) {
            &row.did_not_help
        } else {
            &[]
        }
    }

    /// Returns the facts that support the diagnosis, most important first.
    pub fn reasons(&self) -> Vec<Reason> {
        reasons(&self.message, &self.evidence, &self.diagnosis)
    }

    /// Returns the `incident` object of `explain --json`.
    pub fn to_json(&self) -> Value {
        let diagnosis = &self.diagnosis;
        let collected = &self.evidence.collected;
        let unknowns = diagnosis.unknowns.iter();
        json!({
            "limit": diagnosis.limit,
            "verdict": diagnosis.verdict,
            "service": diagnosis.service,
            "known_as": self.message.row.id,
            "headline": self.headline(),
            "badge": self.badge(),
            "waiting_helps": diagnosis.waiting_helps,
            "resets_at": diagnosis.resets.chosen.map(|reset| format_rfc3339(reset.at)),
            "who_can_fix": diagnosis.who_can_fix,
            "owner": collected.ownership,
            "continues_at": self.continues_at().map(format_rfc3339),
            "usage": collected.usage_page,
            "actions": self.actions(),
            "evidence": self.reasons().into_iter().map(|reason| json!({
                "fact": reason.sentence,
                "source": reason.source,
                "at": reason.at.map(format_rfc3339),
            })).collect::<Vec<_>>(),
            "unknown": unknowns.copied().map(unknown_sentence).collect::<Vec<_>>(),
            "did_not_help": self.did_not_help(),
            "message": self.text(),
            "session_id": self.evidence.error.session.id,
            "client_version": self.evidence.error.session.version,
            "at": format_rfc3339(self.evidence.at()),
            "open": self.is_open(),
        })
    }
}
