//! Determines the cause of an error (step 4 of 5).
//!
//! Each family of limits has its own function, which takes an `Input` (the message and the evidence) and returns a
//! `Finding`. The reset time, current state, actions, and reasons are then derived from the finding in the same way for
//! all families.

mod access;
mod action_name;
mod actions;
mod api;
mod cause;
mod credits;
mod gateways;
mod input;
mod notices;
mod reason;
mod service;
mod spend_caps;
mod state;
mod windows;

pub(crate) use action_name::ActionName;
pub use cause::Cause;
pub(crate) use reason::Fact;
pub use reason::{Reason, Unknown};

pub use state::{Ending, State, Wait};

use chrono::{DateTime, TimeDelta, Utc};

use super::catalog::{Audience, DecisionName, Message, MessageContext, Row};
use super::evidence::{Evidence, Measurement, ProvenEnd, Reset, ResetSource, Resets};
use crate::claude::account::Plan;
use crate::limits::kind::{
    EndedBy, LimitKind, LimitedResource, ResetOf, Service, Stops, Verdict, WhoCanFix, Window,
};
use input::{Finding, Input};
use state::End;

/// The diagnosis of an error.
#[derive(Debug, Clone)]
pub struct Diagnosis {
    /// The limit that stopped work.
    pub limit: LimitKind,
    /// The verdict on the message.
    pub verdict: Verdict,
    /// The sessions in which a later response proves that the limit is over.
    pub(crate) ended_by: EndedBy,
    /// The service that refused the request.
    pub service: Option<Service>,
    /// The party that can lift the limit.
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
    /// Another usage window that is currently used up and would block the next prompt.
    pub(crate) also_full: Option<Measurement>,
    /// The facts that support the diagnosis, most important first.
    pub reasons: Vec<Reason>,
    /// The missing facts that would make the diagnosis more reliable.
    pub unknowns: Vec<Unknown>,
}

impl Diagnosis {
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

    /// Returns true if the message is only a warning or announces the end of a limit.
    pub(crate) fn is_notice(&self) -> bool {
        matches!(self.verdict, Verdict::Notice | Verdict::Over)
    }

    /// Returns true if usage credits are paying for responses even though the limit still applies.
    pub(crate) fn is_paid_now(&self) -> bool {
        self.actions
            .iter()
            .any(|action| matches!(action, ActionName::CostsExtra | ActionName::WorksForCredits))
    }

    /// Returns the longest time that the limit can last.
    pub(crate) fn longest_duration(&self, message: &Message) -> TimeDelta {
        if let Some(hours) = message.row.lasts_hours {
            return TimeDelta::hours(hours.into());
        }
        let longest = self.limit.description().longest;
        match self.window {
            // If two windows are full, the limit can last as long as the longer one.
            Some(ends) if self.limit.window().is_some() => longest.max(ends.length()),
            Some(_) | None => longest,
        }
    }
}

/// Diagnoses a message based on all available evidence.
pub(crate) fn decide(message: &Message, evidence: &Evidence) -> Diagnosis {
    let input = Input::new(message, evidence);
    let finding = until_figures_arrive(with_doubt(family_decision(&input), &input), &input);
    let resets = resets(&input, &finding);
    let reasons = reason::reasons(&input, &finding, &resets);

    let mut diagnosis = Diagnosis {
        limit: finding.limit,
        verdict: finding.verdict,
        ended_by: ended_by(message.row, &finding),
        service: service_of(&input, &finding),
        who_can_fix: finding.who_can_fix,
        waiting_helps: finding.waiting_helps,
        cause: finding.cause,
        resets,
        state: State::Notice,
        ended_at: None,
        proven_end: None,
        is_reset_proven: false,
        has_response_elsewhere: false,
        automatic_continuation: None,
        actions: Vec::new(),
        window: finding.window,
        measurement: finding.measurement,
        also_full: also_full(&input, finding.limit, finding.window),
        reasons,
        unknowns: finding.unknowns,
    };
    diagnosis.actions = actions::while_blocked(&input, &diagnosis);
    let end = state::end(&input, &diagnosis);
    diagnosis.proven_end = end.and_then(End::proven);
    let is_ended_elsewhere = diagnosis
        .proven_end
        .is_some_and(|end| end.ending == Ending::ResponseElsewhere);
    diagnosis.has_response_elsewhere =
        is_ended_elsewhere || state::response_elsewhere(&input, &diagnosis).is_some();
    diagnosis.is_reset_proven = state::is_reset_proven(&input, &diagnosis);
    diagnosis.state = state::state(&input, &diagnosis, end);
    diagnosis.ended_at = end.and_then(|end| end.at);
    if diagnosis.state.is_over() && diagnosis.limit.is_passing() {
        // A full window would block the next prompt, but it did not cause this error.
        diagnosis.reasons.retain(|reason| !reason.is_about_usage());
    }
    diagnosis.automatic_continuation = state::automatic_continuation(&input, &diagnosis);
    diagnosis.actions = actions::in_state(&input, &diagnosis);
    if diagnosis.is_paid_now() {
        // Since the error, credits have become available, so the reason no longer applies.
        diagnosis
            .reasons
            .retain(|reason| !matches!(reason.fact, Fact::NoCredits(_)));
    }
    diagnosis
}

/// Calls the decision function for the message's family of limits.
fn family_decision(input: &Input<'_>) -> Finding {
    match input.message.row.decision {
        DecisionName::Answer => cataloged_answer(input),
        DecisionName::UsageWindow => windows::usage_window(input),
        DecisionName::SomeWindow => windows::some_window(input),
        DecisionName::Credits => credits::credits(input),
        DecisionName::SpendCap => spend_caps::spend_cap(input),
        DecisionName::ApiBalance => api::balance(input),
        DecisionName::ConsoleCap => api::console_cap(input),
        DecisionName::GatewayCap => gateways::spend_limit(input),
        DecisionName::GatewayBudget => gateways::budget(input),
        DecisionName::ProviderBalance => gateways::balance(input),
        DecisionName::ProviderPlan => gateways::plan(input),
        DecisionName::Payment => access::payment(input),
        DecisionName::SubscriptionPayment => access::subscription_payment(input),
        DecisionName::SubscriptionAccess => access::subscription(input),
        DecisionName::KeyOfDisabledOrganization => access::key_of_disabled_organization(input),
        DecisionName::DisabledOrganization => access::disabled_organization(input),
        DecisionName::RefusedAccess => access::refused(input),
        DecisionName::RefusedLogin => {
            access::refused_login(input).unwrap_or_else(|| cataloged_answer(input))
        }
        DecisionName::RefusedKey => {
            access::refused_key(input).unwrap_or_else(|| cataloged_answer(input))
        }
        DecisionName::ServiceProblem => {
            service::problem(input).unwrap_or_else(|| cataloged_answer(input))
        }
        DecisionName::ApiRateLimit => {
            service::api_rate_limit(input).unwrap_or_else(|| cataloged_answer(input))
        }
        DecisionName::RefusedForNow => service::refused_for_now(input),
        DecisionName::Warning => notices::warning(input),
        DecisionName::PaidFromCredits => notices::paid_from_credits(input),
        DecisionName::LowerPriority => notices::lower_priority(),
        DecisionName::FastMode => notices::fast_mode(input),
        DecisionName::UnknownMessage => notices::unknown_message(input),
    }
}

/// Returns the sessions in which a later response proves that the limit is over. There are none if the limit stops only
/// a feature.
fn ended_by(row: &Row, finding: &Finding) -> EndedBy {
    let is_notice = matches!(finding.verdict, Verdict::Notice | Verdict::Over);
    if is_notice && row.stops() == Stops::Feature {
        EndedBy::NoSession
    } else {
        finding.limit.ended_by()
    }
}

/// Returns the catalog's answer, which does not depend on the evidence.
fn cataloged_answer(input: &Input<'_>) -> Finding {
    let answer = input.message.row.answer;
    let limit = input.message.row.limit;
    let stops_feature = input.message.row.stops() == Stops::Feature;
    let verdict = if stops_feature {
        Verdict::Notice
    } else {
        answer.verdict
    };
    let is_temporary = limit.is_passing() && verdict == Verdict::NotALimit;
    Finding {
        who_can_fix: answer.who.unwrap_or_else(|| input.payer()),
        waiting_helps: match answer.waiting_helps {
            None if is_temporary || stops_feature => input.helps_if_dated(),
            waiting_helps => waiting_helps,
        },
        ..Finding::passing(limit, verdict, Cause::AsCataloged)
    }
}

/// Makes the verdict inconclusive if the message is only quoted, because it is unclear whether the user received it.
/// The same applies to a pasted message about which nothing else is known.
fn with_doubt(finding: Finding, input: &Input<'_>) -> Finding {
    let is_certain = matches!(
        finding.verdict,
        Verdict::Real | Verdict::Misworded | Verdict::FalseLikely
    );
    let is_all_that_is_known = input.evidence.is_pasted()
        && finding.measurement.is_none()
        && input.evidence.error.service().is_none();
    let is_quoted = input.message.context == MessageContext::Quoted;
    if is_certain && (is_quoted || is_all_that_is_known) {
        Finding {
            verdict: Verdict::CannotTell,
            ..finding
        }
    } else {
        finding
    }
}

/// Withholds the verdict on credit limits while the decisive usage figures may still arrive. Messages about a specific
/// usage window are exempt because they are rarely wrong.
fn until_figures_arrive(finding: Finding, input: &Input<'_>) -> Finding {
    let is_of_credits = matches!(
        finding.limit.limited_resource(),
        LimitedResource::Credits | LimitedResource::CreditsUpTo(_)
    );
    let is_about_limit = !matches!(finding.verdict, Verdict::Notice | Verdict::Over);
    if is_of_credits && is_about_limit && input.readings.awaits_decisive_figures() {
        Finding {
            verdict: Verdict::CannotTell,
            cause: Cause::FiguresAwaited,
            ..finding
        }
    } else {
        finding
    }
}

/// Returns the service that refused the request. If the row does not specify a service, or if the session cannot have
/// used it, the service is inferred from the kind of limit or from the session's credentials.
fn service_of(input: &Input<'_>, finding: &Finding) -> Option<Service> {
    let of_row = match finding.cause {
        Cause::Throttled => None,
        _ => input.message.row.service,
    };
    of_row
        .or_else(|| finding.limit.service())
        .or_else(|| input.evidence.error.service())
}

/// Returns another usage window that is currently used up, or `None` if the limit is unrelated to the plan.
fn also_full(input: &Input<'_>, limit: LimitKind, window: Option<Window>) -> Option<Measurement> {
    if !limit.description().window_may_be_full_as_well {
        return None;
    }
    input
        .readings
        .used_up_now()
        .filter(|full| full.resets_at.is_some() && Some(full.window) != window)
}

/// Collects reset times from the server, the readings, and the message.
fn resets(input: &Input<'_>, finding: &Finding) -> Resets {
    if !may_have_reset(input, finding) {
        return Resets::default();
    }
    let evidence = input.evidence;
    let window = finding.window;
    let refused = evidence.refused_window();
    let server = evidence
        .server_reset()
        .filter(|_| refused.is_none() || refused == window);
    let reading = window
        .filter(|_| !evidence.is_pasted() || input.is_full(window.unwrap_or(Window::FiveHour)))
        .and_then(|window| {
            let decisive = finding.measurement;
            decisive
                .filter(|measurement| measurement.window == window)
                .or_else(|| input.readings.shown(window))
        })
        .and_then(|measurement| measurement.resets_at)
        .filter(|at| *at > evidence.at());
    let text_window = finding.limit.window().or(input.message.window);
    // The reset time in the message applies to the window in the message, even if the limit ends when another window
    // resets.
    let is_reset_of_other = finding.limit.window().is_some() && finding.limit.window() != window;
    let text = input
        .message
        .reset_time(evidence.at(), text_window, evidence.clock.zone)
        .filter(|_| !is_reset_of_other);
    let gateway = input
        .readings
        .full_gateway_limit()
        .filter(|_| finding.cause == Cause::GatewayCap)
        .and_then(|(limit, _)| limit.usage.resets_at);
    let candidates = [
        (server, ResetSource::Server),
        (reading, ResetSource::Reading),
        (gateway, ResetSource::Reading),
        (text, ResetSource::Text),
    ];
    Resets::choose(
        candidates
            .into_iter()
            .filter_map(|(at, source)| Some(Reset { at: at?, source })),
    )
}

/// Returns true if a time in the message could be when a Claude limit resets or when a temporary problem ends.
fn may_have_reset(input: &Input<'_>, finding: &Finding) -> bool {
    let is_foreign = input.message.row.service == Some(Service::Other)
        || input.message.row.decision == DecisionName::UnknownMessage;
    let never_resets = finding.limit.description().reset_of == ResetOf::Nothing;
    let is_fixed = finding.waiting_helps == Some(false)
        && (finding.cause == Cause::AsCataloged || never_resets);
    !input.message.context.is_mention() && (!is_foreign || finding.limit.is_passing()) && !is_fixed
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
