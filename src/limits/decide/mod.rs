//! Determines the cause of an error (step 4 of 5).
//!
//! Each family of limits has its own functions, which take an `Input` (the message and the evidence) and return a
//! `Finding`. `decision.rs` lists them. The rest of the diagnosis is derived in the same way for all families: the
//! reset time, how the error ended, its state, and the actions.

mod access;
mod action_name;
mod actions;
mod api;
mod cause;
mod credits;
mod credits_payment;
mod decision;
mod input;
mod notices;
mod service;
mod spend_caps;
mod state;
mod unknown;
mod windows;

pub(crate) use action_name::ActionName;
#[cfg(test)]
pub(crate) use cause::CAUSES;
pub use cause::Cause;
pub(crate) use decision::DecisionName;
pub(crate) use state::{CONTINUES_LATE, CONTINUES_SOON, may_still_continue};
pub use state::{Ending, State, Wait};
pub use unknown::Unknown;

use chrono::{DateTime, TimeDelta, Utc};

use super::catalog::{Audience, Message, MessageContext, RESET_TOLERANCE};
use super::evidence::{
    Evidence, Measurement, OtherResponse, PayerRelation, ProvenEnd, Readings, Reset, ResetSource,
    Resets,
};
use crate::claude::account::Plan;
use crate::claude::window_usage::is_same_reset;
use crate::limits::kind::{
    EndedBy, Ends, LimitKind, LimitedResource, Service, Stops, Verdict, WhoCanFix, Window,
};
use input::{Finding, Input};
use state::End;

/// The diagnosis of an error.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a separate fact")]
pub struct Diagnosis {
    /// The limit that stopped work.
    pub limit: LimitKind,
    /// The verdict on the message.
    pub verdict: Verdict,
    /// The sessions whose later responses prove that the limit is over.
    pub(crate) ended_by: EndedBy,
    /// True if the problem is the session's key or the account that pays for it.
    pub(crate) is_about_key: bool,
    /// The service that refused the request.
    pub service: Option<Service>,
    /// The people who can lift the limit.
    pub who_can_fix: WhoCanFix,
    /// True if waiting helps, or `None` if that is unknown.
    pub waiting_helps: Option<bool>,
    /// The cause, which determines the wording.
    pub cause: Cause,
    /// The reset times.
    pub resets: Resets,
    /// The current state of the error.
    pub state: State,
    /// The time of the event that ended the error, or `None` if it is unknown.
    pub(crate) ended_at: Option<DateTime<Utc>>,
    /// The event that ended the error, if its time is known.
    pub(crate) proven_end: Option<ProvenEnd>,
    /// True if the reset time has passed and a response or a reading shows that the window has reset.
    pub(crate) is_reset_proven: bool,
    /// True if a response in another session proves that the error is over.
    pub(crate) has_response_elsewhere: bool,
    /// The time at which Claude Code will automatically resume the session, unless something prevents it.
    pub(crate) automatic_continuation: Option<DateTime<Utc>>,
    /// The recommended actions, best first.
    pub(crate) actions: Vec<ActionName>,
    /// The usage window that must reset before the limit ends.
    pub(crate) window: Option<Window>,
    /// The measurement on which the verdict is based.
    pub(crate) measurement: Option<Measurement>,
    /// Another usage window that is currently used up and would block the next prompt. If a pasted message is about an
    /// earlier limit, it may be the same window.
    pub(crate) also_full: Option<Measurement>,
    /// True if the limit applies to a single model family and [`Self::also_full`] to all models, but usage credits pay for the
    /// responses of the other models.
    pub(crate) credits_pay_for_other_models: bool,
    /// True if usage credits pay for responses although the limit still applies. If the error does not affect the
    /// requesting session, this is true only if they pay for that session's responses.
    pub(crate) credits_pay_now: bool,
    /// The window of the model family for whose responses usage credits probably pay. `None` if they do not pay, or if a
    /// full window shows that they do.
    pub(crate) credits_probably_pay_for: Option<Window>,
    /// The missing facts that would make the diagnosis more reliable.
    pub unknowns: Vec<Unknown>,
}

impl Diagnosis {
    /// Returns true if a pasted message is about an earlier limit of a window that is used up again.
    pub(crate) fn is_used_up_again(&self) -> bool {
        self.also_full
            .is_some_and(|full| Some(full.window) == self.window)
    }

    /// Returns true if a limit caused the error, as opposed to some other problem or a notice.
    pub(crate) fn is_limit(&self) -> bool {
        match self.verdict {
            Verdict::Real
            | Verdict::Misworded
            | Verdict::FalseLikely
            | Verdict::WrongCredential => true,
            Verdict::CannotTell => self.limit.description().is_quota,
            Verdict::NotALimit | Verdict::Notice | Verdict::Over => false,
        }
    }

    /// Returns true if an error of another kind replaced this one. A quota is replaced only by a limit, so this is about
    /// temporary problems and about refused logins, subscriptions, and requests.
    pub(crate) fn is_followed_by_other_error(&self) -> bool {
        let is_other_kind = !self.limit.description().is_quota;
        self.state == State::Over(Ending::HitAgain) && is_other_kind
    }

    /// Returns true if only the time that has passed suggests that the error is over.
    pub(crate) fn is_end_assumed(&self) -> bool {
        match self.state {
            State::Over(
                Ending::PauseOver | Ending::PauseLongOver | Ending::NewMonth | Ending::Outlived,
            ) => true,
            State::Over(Ending::Reset) => !self.is_reset_proven,
            State::Notice | State::Blocks(_) | State::Over(_) => false,
        }
    }

    /// Returns true if the error is probably a false alarm, and no full window is known that would stop the next prompt.
    pub(crate) fn may_next_prompt_work(&self) -> bool {
        self.verdict == Verdict::FalseLikely
            && self.also_full.is_none()
            && !self.actions.contains(&ActionName::FullAsWell)
    }

    /// Returns true if the advice is to send the prompt again soon, because a problem of the service may have passed or because
    /// the login was refused only once. Returns false if a full window would stop the next prompt.
    pub(crate) fn may_have_passed(&self) -> bool {
        matches!(self.state, State::Blocks(_))
            && self
                .actions
                .iter()
                .any(|action| matches!(action, ActionName::RetryService | ActionName::SendAgain))
            && self.also_full.is_none()
    }

    /// Returns the usage window of a single model family to which the limit applies. A cap on usage credits takes effect
    /// only while a window is full, so it applies to the models of that window. Returns `None` if the limit applies to
    /// all models.
    pub(crate) fn model_window(&self) -> Option<Window> {
        model_window(self.limit, self.window)
    }

    /// Returns true if the message may be right, its limit applies to only one family of models, and no full window
    /// stops the other models as well. If usage credits pay for their responses, it does not stop them.
    pub(crate) fn limits_only_one_model(&self) -> bool {
        let may_be_right = matches!(
            self.verdict,
            Verdict::Real | Verdict::Misworded | Verdict::CannotTell
        );
        may_be_right
            && self.model_window().is_some()
            && self.window.is_none_or(Window::is_of_one_model)
            && (self.also_full.is_none() || self.credits_pay_for_other_models)
    }

    /// Returns true if the limit applies to a single model family, and a full window applies to all models, even if usage credits
    /// pay for the responses of the other models.
    pub(crate) fn is_model_limit_beside_full_window(&self) -> bool {
        self.model_window().is_some() && self.also_full.is_some()
    }

    /// Returns the name of the only family of models that the limit applies to, such as "Opus". Returns `None` like
    /// [`Self::limits_only_one_model`] returns false.
    pub(crate) fn only_limited_models(&self) -> Option<&'static str> {
        if self.limits_only_one_model() {
            self.model_window()?.family_name()
        } else {
            None
        }
    }

    /// Returns true if usage credits will pay for the next response, as far as whycap can tell.
    pub(crate) fn credits_will_pay(&self) -> bool {
        match self.state {
            State::Notice => false,
            State::Blocks(_) => self.credits_pay_now,
            State::Over(_) => self.step_with_credits().is_some(),
        }
    }

    /// Returns the step with which the user continues after the error while usage credits pay, or `None` if they do not.
    pub(crate) fn step_with_credits(&self) -> Option<ActionName> {
        let is_paid = |action: &ActionName| {
            matches!(
                action,
                ActionName::AnotherModelWorksForCredits
                    | ActionName::CostsExtra
                    | ActionName::ProbablyCostsExtra
                    | ActionName::ContinuesForCredits
                    | ActionName::WorksForCredits
                    | ActionName::WorksForCreditsAfterLifting
            )
        };
        self.actions.iter().copied().find(is_paid)
    }

    /// Returns true if the limit of one model family may still apply, but the session has continued with another model.
    pub(crate) fn another_model_works(&self) -> bool {
        self.actions.iter().any(|action| {
            matches!(
                action,
                ActionName::AnotherModelWorks | ActionName::AnotherModelWorksForCredits
            )
        })
    }

    /// Returns true if one of the actions is to lift a budget.
    pub(crate) fn mentions_budget(&self) -> bool {
        self.actions.iter().any(|action| {
            matches!(
                action,
                ActionName::LiftBudget
                    | ActionName::ContinueOnCreditsAfterLifting
                    | ActionName::WorksForCreditsAfterLifting
            )
        })
    }

    /// Returns the time of the automatic continuation, unless the limit still applies at that time.
    pub(crate) fn helpful_continuation(&self) -> Option<DateTime<Utc>> {
        self.automatic_continuation
            .filter(|at| self.resets.are_over_at(*at))
    }

    /// Returns the limit that must end before work can continue. If two usage windows are full, this is the one that
    /// resets last. A later window that is not confirmed does not count while the limit in the message certainly applies.
    pub(crate) fn limit_in_force(&self) -> LimitKind {
        let is_of_other_message = self.cause == Cause::LaterWindowFullByMessage;
        match (self.limit, self.window) {
            (limit, _) if is_of_other_message && self.verdict == Verdict::Real => limit,
            (LimitKind::Window(_), Some(window)) => LimitKind::Window(window),
            (limit, _) => limit,
        }
    }

    /// Returns true if only the message of another error suggests that a limit still applies.
    pub(crate) fn is_of_unconfirmed_later_window(&self) -> bool {
        self.cause == Cause::LaterWindowFullByMessage && self.verdict == Verdict::CannotTell
    }

    /// Returns true if usage figures that show whether the limit is real may still arrive within seconds.
    pub(crate) fn awaits_figures(&self) -> bool {
        self.cause.awaits_figures()
    }

    /// Returns the time at which the window reset, if it was full and has reset since then.
    pub(crate) fn passed_reset(&self, window: Window, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        if self.window != Some(window) || self.verdict == Verdict::FalseLikely {
            return None;
        }
        let reset = self.resets.passed(now)?;
        Some(reset.at)
    }

    /// Returns the time at which the window will reset, if it was full and the reset has not passed.
    pub(crate) fn coming_reset(&self, window: Window, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        if self.window != Some(window) || self.verdict == Verdict::FalseLikely {
            return None;
        }
        let reset = self.resets.ahead(now)?;
        Some(reset.at)
    }

    /// Returns true if the message is only a warning or announces the end of a limit.
    pub(crate) fn is_notice(&self) -> bool {
        self.verdict.is_notice()
    }

    /// Returns the longest time that the limit can last.
    pub(crate) fn longest_duration(&self, message: &Message) -> TimeDelta {
        longest_duration(message, self.limit, self.window)
    }
}

/// Returns the usage window of a single model family to which a limit applies. `window` is the window that must reset before
/// the limit ends. See [`Diagnosis::model_window`].
fn model_window(limit: LimitKind, window: Option<Window>) -> Option<Window> {
    limit
        .window()
        .or(window)
        .filter(|window| window.is_of_one_model())
}

fn longest_duration(message: &Message, limit: LimitKind, window: Option<Window>) -> TimeDelta {
    if let Some(hours) = message.row.lasts_hours {
        return TimeDelta::hours(hours.into());
    }
    let longest = limit.description().ends.longest();
    match window {
        // If two windows are full, the limit can last as long as the longer one.
        Some(ends) if limit.window().is_some() => longest.max(ends.length()),
        Some(_) | None => longest,
    }
}

/// Removes the stored end of the error if other evidence disproves it. The readings from after that end then count as
/// evidence.
pub(crate) fn without_refuted_end(message: &Message, mut evidence: Evidence) -> Evidence {
    if let Some(end) = evidence.known_end()
        && Problem::new(Input::new(message, &evidence)).is_refuted(end)
    {
        evidence.error.end = None;
    }
    evidence
}

/// Sets `over_elsewhere_at` to the time of the first response in another session that ended the error, if a full window
/// or a refusal followed. Evidence from after that time belongs to a later limit. For example, a window that fills up
/// an hour after a false alarm must not make the false alarm look real. The time is not set if the error's end is
/// already stored.
pub(crate) fn with_end_elsewhere(message: &Message, mut evidence: Evidence) -> Evidence {
    evidence.collected.over_elsewhere_at = None;
    if evidence.known_end().is_some() || evidence.is_pasted() {
        return evidence;
    }
    let readings = Readings::around(&evidence, message);
    let mut responses: Vec<OtherResponse> = evidence
        .collected
        .other_responses
        .iter()
        .filter(|response| response.payer != PayerRelation::Other)
        .filter(|response| {
            response.at > evidence.at() && readings.shows_full_window_after(response.at)
        })
        .cloned()
        .collect();
    responses.sort_by_key(|response| response.at);
    for response in responses {
        evidence.collected.over_elsewhere_at = Some(response.at);
        if Problem::new(Input::new(message, &evidence)).is_ended_by(&response) {
            return evidence;
        }
    }
    evidence.collected.over_elsewhere_at = None;
    evidence
}

/// Adds the end that the diagnosis has found to the evidence, so that the readings from after the end no longer count.
/// Later explanations do not use these readings either, so they will agree with this one. Returns `None` if the
/// diagnosis has not found a response in another session or an early reset, if the end is already stored, or if the
/// evidence from before the end disproves it.
pub(crate) fn with_found_end(
    message: &Message,
    evidence: &Evidence,
    diagnosis: &Diagnosis,
) -> Option<Evidence> {
    let end = diagnosis
        .proven_end
        .filter(|end| matches!(end.ending, Ending::ResponseElsewhere | Ending::ResetEarly))?;
    if evidence.known_end().is_some() || diagnosis.is_notice() {
        return None;
    }
    let mut with_end = evidence.clone();
    let collected = &mut with_end.collected;
    collected.found_end = Some(end);
    collected.over_elsewhere_at = None;
    collected.is_refused_after_end = collected
        .other_responses
        .iter()
        .any(|response| response.at == end.at && response.is_refused_soon);
    let is_refuted = Problem::new(Input::new(message, &with_end)).is_refuted(end);
    (!is_refuted).then_some(with_end)
}

/// Diagnoses a message based on all available evidence. A stored end of the error counts as proven.
pub(crate) fn decide(message: &Message, evidence: &Evidence) -> Diagnosis {
    let mut problem = Problem::new(Input::new(message, evidence));
    let suited_actions = actions::while_blocked(&problem);
    let elsewhere = problem.response_elsewhere();
    let end = problem.end(&suited_actions, elsewhere);
    let state = problem.state(&suited_actions, end);
    if state == State::Over(Ending::ConcernsOthers) {
        problem.credits_pay_now &= problem.has_paid_response_of_asker();
    }
    let is_reset_proven = problem.is_reset_proven(elsewhere);
    Diagnosis {
        limit: problem.finding.limit,
        verdict: problem.finding.verdict,
        ended_by: problem.ended_by,
        is_about_key: problem.is_about_key(),
        service: problem.service(),
        who_can_fix: problem.finding.who_can_fix,
        waiting_helps: problem.finding.waiting_helps,
        cause: problem.finding.cause,
        state,
        ended_at: end.and_then(|end| end.at),
        proven_end: end.and_then(|end| end.proven(is_reset_proven)),
        is_reset_proven,
        has_response_elsewhere: elsewhere.or(end).is_some_and(End::is_response_elsewhere),
        automatic_continuation: problem.automatic_continuation(),
        actions: actions::in_state(&problem, suited_actions, state),
        window: problem.window(),
        measurement: problem.finding.measurement,
        also_full: problem.also_full(),
        credits_pay_for_other_models: problem.do_credits_pay_for_other_models(),
        credits_pay_now: problem.credits_pay_now,
        credits_probably_pay_for: problem
            .model_window()
            .filter(|_| problem.credits_pay_now && problem.has_response_beyond_model_limit()),
        unknowns: problem.finding.unknowns,
        resets: problem.resets,
    }
}

/// An error whose cause is known. The state and the actions are derived from it.
#[derive(Debug)]
struct Problem<'a> {
    message: &'a Message,
    evidence: &'a Evidence,
    readings: Readings<'a>,
    finding: Finding,
    resets: Resets,
    ended_by: EndedBy,
    /// See [`Diagnosis::credits_pay_now`].
    credits_pay_now: bool,
}

impl<'a> Problem<'a> {
    fn new(input: Input<'a>) -> Self {
        let row = input.message.row;
        let decided = row.decision.finding(&input);
        let finding = with_doubt(decided.unwrap_or_else(|| cataloged_answer(&input)), &input);
        let mut problem = Self {
            resets: resets(&input, &finding),
            ended_by: ended_by(&finding, row.stops()),
            finding,
            message: input.message,
            evidence: input.evidence,
            readings: input.readings,
            credits_pay_now: false,
        };
        problem.credits_pay_now = problem.has_response_paid_with_credits();
        problem
    }

    /// Returns the usage window that the error is about. If the window of a cap is unknown, the 5-hour window is assumed, but
    /// only if the reset is near enough for it.
    fn window(&self) -> Option<Window> {
        let window = self.finding.window?;
        let latest_reset = self.evidence.at() + window.length() + RESET_TOLERANCE;
        let is_near_enough = match self.resets.chosen {
            Some(reset) => reset.at <= latest_reset,
            None => true,
        };
        (is_near_enough || self.finding.limit.cap().is_none()).then_some(window)
    }

    /// Returns the usage window of a single model family to which the limit applies, or `None` if it applies to all models.
    fn model_window(&self) -> Option<Window> {
        model_window(self.finding.limit, self.finding.window)
    }

    /// Returns the service that refused the request. If the row does not specify a service, or if the session cannot
    /// have used it, the service is inferred from the kind of limit or from the session's credentials.
    fn service(&self) -> Option<Service> {
        let of_row = match self.finding.cause {
            Cause::Throttled | Cause::ThrottledOnPlan => None,
            _ => self.message.row.service,
        };
        of_row
            .or(self.finding.limit.service())
            .or(self.blames_gateway().then_some(Service::Gateway))
            .or_else(|| self.evidence.error.service())
    }

    /// Returns true if the message names a gateway that may have caused the error.
    fn blames_gateway(&self) -> bool {
        let limit = self.finding.limit;
        let may_be_of_gateway = limit.is_passing() || limit == LimitKind::Unknown;
        may_be_of_gateway && self.message.names_gateway()
    }

    /// Returns another usage window that is currently used up, or the same window if it is used up again. Returns `None` if
    /// the limit is unrelated to the plan.
    fn also_full(&self) -> Option<Measurement> {
        // Without the key, the session's next prompt uses the plan.
        let will_use_plan = self.finding.verdict == Verdict::WrongCredential
            || self.finding.cause == Cause::KeyRefusedWithFullWindow
            || self.has_lost_key();
        // After a temporary problem, the plan's windows matter only if the plan may pay for the session.
        let does_plan_matter = !self.finding.limit.is_passing() || self.evidence.may_use_plan();
        // The explanation of an error about a cap mentions the full window, but in a text, that may be an earlier one.
        // If it mentions the window of one model family, a window that applies to all models may be full as well.
        let limit = self.finding.limit;
        let is_cap_in_text =
            limit.cap().is_some() && self.evidence.is_pasted() && self.evidence.may_use_plan();
        let may_be_full = (limit.description().window_may_be_full_as_well
            || self.model_window().is_some())
            && does_plan_matter
            || is_cap_in_text;
        // While usage credits pay, no full window stops a user who has only entered a text.
        let credits_pay_for_user =
            self.evidence.is_pasted() && self.evidence.collected.paid_until.is_some();
        if !may_be_full && !will_use_plan || credits_pay_for_user {
            return None;
        }
        let full = self.readings.used_up_now()?;
        // The window of the error may have filled up since then, for example after a false alarm.
        let has_filled_up = full.measured > self.evidence.at()
            && (self.is_false() || self.readings.had_room_before(full.window, full.measured));
        let is_about_other_limit = Some(full.window) != self.finding.window
            || has_filled_up
            || self.states_other_reset_than(full);
        is_about_other_limit.then_some(full)
    }

    /// Returns true if a pasted message states another reset than that of the window that is full now. The message is then
    /// about an earlier limit of this window.
    fn states_other_reset_than(&self, full: Measurement) -> bool {
        let (Some(stated), Some(reset_of_full)) = (self.resets.chosen, full.resets_at) else {
            return false;
        };
        self.evidence.is_pasted()
            && self.readings.blocking_now().is_some()
            && !is_same_reset(stated.at, reset_of_full)
    }
}

/// Returns which sessions can show that the error is over. For example, a limit on credits is over when credits pay for
/// a response. If it was a false alarm, the plan covered the refused request, so a response that the plan covers is
/// enough.
fn ended_by(finding: &Finding, stops: Stops) -> EndedBy {
    let is_false = finding.verdict == Verdict::FalseLikely;
    match finding.limit.ended_by(stops) {
        EndedBy::AccountOnCredits if is_false => EndedBy::SameModelWithRoom,
        ended_by => ended_by,
    }
}

/// Returns the catalog's answer, which does not depend on the evidence.
fn cataloged_answer(input: &Input<'_>) -> Finding {
    let row = input.message.row;
    let stops_feature = row.stops() == Stops::Feature;
    let verdict = if stops_feature && row.answer.verdict != Verdict::Over {
        Verdict::Notice
    } else if row.answer.verdict == Verdict::Real {
        // A login does not show that a pasted message is about its account.
        input.verdict_if_configured(false)
    } else {
        row.answer.verdict
    };
    let may_state_reset = stops_feature || row.limit.messages_state_reset() && !verdict.is_notice();
    let waiting_helps = match row.answer.waiting_helps {
        None if may_state_reset => input.helps_if_stated(),
        waiting_helps => waiting_helps,
    };
    let who = input
        .answered_who()
        .unwrap_or_else(|| input.who_controls_billing());
    Finding::lasting(row.limit, verdict, who, row.cause).waiting(waiting_helps)
}

/// Makes the verdict inconclusive if the message is only quoted, because it is unclear whether the user received it.
/// The same applies to a pasted message about which nothing else is known.
///
/// The verdict on a usage window or on usage credits also stays open while the decisive usage figures may still arrive.
fn with_doubt(mut finding: Finding, input: &Input<'_>) -> Finding {
    let is_certain = matches!(
        finding.verdict,
        Verdict::Real | Verdict::Misworded | Verdict::FalseLikely
    );
    let is_all_that_is_known = input.evidence.is_pasted()
        && finding.measurement.is_none()
        && input.evidence.error.service().is_none();
    let is_quoted = input.message.context.is_quoted();
    if is_certain && (is_quoted || is_all_that_is_known) {
        finding.verdict = Verdict::CannotTell;
    }
    let awaits_figures = match finding.limit {
        LimitKind::Window(window) => input.readings.awaits_figures_of(window),
        limit if limit.limited_resource() == LimitedResource::Credits => {
            input.readings.awaits_decisive_figures()
        }
        _ => false,
    };
    if awaits_figures && !finding.verdict.is_notice() {
        finding.verdict = Verdict::CannotTell;
        finding.cause = Cause::FiguresAwaited;
        finding.waiting_helps = Some(true);
        // This cause already says that whycap is waiting for figures.
        finding.unknowns.clear();
    }
    finding
}

/// Collects reset times from the server, the readings, the message, and the calendar.
fn resets(input: &Input<'_>, finding: &Finding) -> Resets {
    if !may_have_reset(input, finding) {
        return Resets::default();
    }
    let foreign_reset = input.foreign_reset(input.message.window);
    let mut resets = if finding.cause == Cause::ResetMayHavePassed {
        Resets::default()
    } else {
        own_resets(input, finding, foreign_reset.is_some())
    };
    resets.others.extend(foreign_reset.map(|at| Reset {
        at,
        source: ResetSource::Text,
    }));
    resets
}

/// Like [`resets`], but ignores the time in the message if it is that of a [foreign reset](Input::foreign_reset). Instead, the
/// known reset of the window in the message counts.
fn own_resets(input: &Input<'_>, finding: &Finding, is_text_foreign: bool) -> Resets {
    let evidence = input.evidence;
    let named = finding.limit.window();
    let measurement = match finding.window {
        Some(window) if !evidence.is_pasted() => finding
            .measurement
            .filter(|measurement| measurement.window == window)
            .or_else(|| input.readings.shown(window)),
        _ => None,
    };
    let measured = measurement
        .and_then(|measurement| measurement.resets_at)
        .filter(|at| *at > evidence.at());
    let is_renewal = measurement.is_some_and(|full| is_renewal_of_credits(input, full));
    let refused = evidence.refused_window();
    let server = if is_renewal || refused.is_some() && refused != finding.window {
        None
    } else {
        evidence.server_reset()
    };
    let gateway = if finding.cause == Cause::GatewayCap {
        input.gateway_reset()
    } else {
        None
    };
    // The reset time in the message applies to the window in the message, even if the limit ends when another window
    // resets.
    let is_of_other_window =
        named.is_some() && named != finding.window || names_earlier_window(input, finding);
    let text = if is_renewal || is_of_other_window || is_text_foreign {
        None
    } else {
        input.stated_reset(named.or(input.message.window))
    };
    let is_inferred_from_usage = finding.unknowns.contains(&Unknown::WindowUsedUpNow);
    let current = match finding.window {
        Some(window) if is_text_foreign => input.known_reset(window),
        Some(window) if text.is_none() || is_inferred_from_usage => input.full_until(window),
        _ => None,
    };
    let candidates = [
        (server, ResetSource::Server),
        (measured, ResetSource::Reading),
        (gateway, ResetSource::Reading),
        (text, ResetSource::Text),
        (current, ResetSource::Reading),
        (input.month_end(), ResetSource::Calendar),
    ];
    Resets::choose(
        candidates
            .into_iter()
            .filter_map(|(at, source)| Some(Reset { at: at?, source })),
    )
}

/// Returns true if the message about a cap names another window than the full one that resets last.
fn names_earlier_window(input: &Input<'_>, finding: &Finding) -> bool {
    let is_cap = input.message.row.limit.cap().is_some();
    let full = finding
        .measurement
        .filter(|full| full.is_full() && Some(full.window) == finding.window);
    match (full, input.message.window) {
        (Some(full), Some(named)) => is_cap && named != full.window,
        _ => false,
    }
}

/// Returns true if the server blamed usage credits and stated when they are renewed, but work can continue earlier,
/// because the full window resets earlier. Fast mode and the 1M context window need credits even then.
fn is_renewal_of_credits(input: &Input<'_>, full: Measurement) -> bool {
    let evidence = input.evidence;
    let stated = evidence
        .server_reset()
        .or_else(|| input.stated_reset(input.message.window));
    evidence.refused_limit() == Some(LimitKind::UsageCredits)
        && full.is_full()
        && full.resets_at > Some(evidence.at())
        && stated > full.resets_at
        && !evidence.error.session.fast_mode
        && !evidence.uses_long_context()
}

/// Returns true if a time in the message may be the reset of a Claude limit or the end of a temporary problem.
fn may_have_reset(input: &Input<'_>, finding: &Finding) -> bool {
    let row = input.message.row;
    let is_foreign =
        row.service == Some(Service::Other) || row.decision == DecisionName::UnknownMessage;
    let context = input.message.context;
    let is_undated = context.is_mention()
        || context == MessageContext::QuotedInCode && input.message.gives_clock_time_alone();
    let never_resets = matches!(finding.limit.description().ends, Ends::Nothing { .. });
    let is_fixed = finding.waiting_helps == Some(false)
        && (finding.cause == Cause::AsCataloged || never_resets);
    !is_undated && (!is_foreign || finding.limit.is_passing()) && !is_fixed
}

/// Returns true if a catalog entry for this audience applies to the error's payer.
pub(crate) fn is_for(audience: Audience, evidence: &Evidence, verdict: Verdict) -> bool {
    let has_plan = evidence.plan().is_some();
    match audience {
        Audience::Everyone => true,
        Audience::StrayKey => evidence.stray_key().is_some(),
        Audience::TeamPlan => !has_plan || evidence.plan() == Some(Plan::Team),
        Audience::SharedPlan => !has_plan || evidence.is_shared_plan(),
        Audience::PersonalPlan => {
            !evidence.is_of_another_account() && (!has_plan || evidence.is_personal_plan())
        }
        Audience::SetupToken => evidence.has_oauth_token() && !evidence.is_shared_plan(),
        Audience::DoubtfulVerdict => {
            matches!(verdict, Verdict::FalseLikely | Verdict::CannotTell)
        }
    }
}
