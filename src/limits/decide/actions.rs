//! Chooses the actions to recommend.

use super::ActionName as Do;
use super::input::Input;
use super::state::{Ending, State};
use super::{Cause, Diagnosis, is_for};
use crate::claude::version::ClientVersion;
use crate::claude::window_usage::is_same_reset;
use crate::limits::catalog::DecisionName;
use crate::limits::evidence::{ContinuationObstacle, PayerRelation};
use crate::limits::kind::{
    ApiLimit, LimitKind, LimitedResource, Service, Verdict, WhoCanFix, Window,
};
use crate::transcript::tail::CANCELLED;
use chrono::TimeDelta;

/// The first version of Claude Code that offers free ways to continue.
const FREE_WAYS_ADDED: ClientVersion = ClientVersion(2, 1, 239);

/// A list of actions that is gradually adapted to the evidence.
struct Actions(Vec<Do>);

impl Actions {
    fn replace(&mut self, old: Do, new: Do) {
        if self.0.contains(&new) {
            self.drop(&[old]);
        }
        for action in self.0.iter_mut().filter(|action| **action == old) {
            *action = new;
        }
    }

    fn drop(&mut self, dropped: &[Do]) {
        self.0.retain(|action| !dropped.contains(action));
    }

    fn add(&mut self, action: Do) {
        if !self.0.contains(&action) {
            self.0.push(action);
        }
    }

    fn put_first(&mut self, action: Do) {
        self.drop(&[action]);
        self.0.insert(0, action);
    }

    /// Inserts an action right after another one, or before the first one that costs money if the other one is missing.
    fn add_after(&mut self, previous: Do, action: Do) {
        match self.0.iter().position(|listed| *listed == previous) {
            Some(position) => self.0.insert(position + 1, action),
            None => self.add_before_purchases(action),
        }
    }

    /// Inserts a free action before the first one that costs money.
    fn add_before_purchases(&mut self, action: Do) {
        let position = self.0.iter().position(|action| action.is_purchase());
        self.0.insert(position.unwrap_or(self.0.len()), action);
    }
}

/// Returns the actions to recommend while the user is blocked.
pub(super) fn while_blocked(input: &Input<'_>, diagnosis: &Diagnosis) -> Vec<Do> {
    let (evidence, limit) = (input.evidence, diagnosis.limit);
    let mut actions = Actions(for_cause(input, diagnosis.cause));
    if diagnosis.verdict == Verdict::WrongCredential {
        return for_stray_key(limit);
    }
    if diagnosis.cause == Cause::FiguresAwaited {
        return vec![Do::AwaitFigures];
    }
    let has_reset = diagnosis.resets.chosen.is_some();
    let is_ahead = diagnosis.resets.ahead(evidence.clock.now).is_some();
    let is_of_one_model = limit.window().is_some_and(Window::is_of_one_model);

    if evidence.is_shared_plan() {
        fit_to_shared_plan(input, diagnosis, &mut actions);
    }
    replace_login(input, &mut actions);
    if evidence.error.uses_other_service() {
        actions.replace(Do::LookAtStatusPage, Do::LookAtStatusOfService);
    }
    if limit.is_passing() && input.readings.used_up_now().is_some() {
        actions.add(Do::FullAsWell);
    }
    if !limit.description().credits_continue {
        actions.drop(&[Do::CreditsInstead]);
    }
    add_free_ways(input, diagnosis, &mut actions);
    replace_by_reason(input, &mut actions);
    if matches!(
        diagnosis.cause,
        Cause::NoCreditsByMessage | Cause::PoolEmpty
    ) {
        actions.replace(Do::AddCredits, Do::AddCreditsIfFull);
    }

    if diagnosis.waiting_helps == Some(false) {
        actions.drop(&[Do::Wait]);
    }
    if !has_reset {
        actions.drop(&[Do::WaitForCap]);
    }
    if !has_reset || diagnosis.waiting_helps.is_none() && !diagnosis.is_notice() {
        actions.replace(Do::Wait, Do::WaitUnknown);
    }
    if !evidence.may_be_outdated() {
        actions.drop(&[Do::Update]);
    }
    let has_other_model = evidence.error.session.model.is_some() && !evidence.uses_long_context();
    if has_other_model && limit != LimitKind::LongContextCredits {
        actions.drop(&[Do::StandardContext]);
    }
    if is_ahead {
        for retry in [Do::Retry, Do::RetryOnce, Do::RetryService] {
            actions.replace(retry, Do::RetryThen);
        }
    }
    // API caps usually do not reset until the end of the month, so having the limit raised is better than waiting.
    let may_wait_first = actions.0.contains(&Do::Wait)
        && !is_of_one_model
        && limit != LimitKind::ApiSpendCap
        && first_for_cause(diagnosis.cause).is_none();
    if has_reset && may_wait_first {
        actions.put_first(Do::Wait);
    }
    if is_of_one_model && !evidence.is_of_another_account() {
        actions.put_first(Do::OtherModel);
    }
    if evidence.is_of_another_account() {
        actions.drop(&[
            Do::FreeWays,
            Do::FreeReset,
            Do::CreditsInstead,
            Do::CreditsOn,
            Do::OwnCredits,
            Do::RaiseOwnCap,
            Do::OtherModel,
        ]);
        if !is_login_full(input) {
            actions.add_before_purchases(Do::OtherLogin);
        }
    }
    actions.0.retain(|action| match action.template() {
        Some(template) => is_for(template.audience, evidence, diagnosis.verdict),
        None => true,
    });
    // A user who reads only the first lines must know that paying does not help.
    if let Some(position) = actions.0.iter().position(|action| *action == Do::DoNotBuy)
        && position > 1
    {
        let warning = actions.0.remove(position);
        actions.0.insert(1, warning);
    }
    actions.0
}

/// Returns the actions for a cause. By default, these are the actions in the message's catalog row.
fn for_cause(input: &Input<'_>, cause: Cause) -> Vec<Do> {
    let mut actions = match cause {
        Cause::OtherWindowFull => vec![Do::Wait, Do::Update],
        Cause::Contradicted => vec![
            Do::SendAgainLater,
            Do::CheckMeters,
            Do::Update,
            Do::CheckStatus,
            Do::DoNotBuy,
            Do::Report,
        ],
        Cause::CreditsDemandedByOldClient
        | Cause::CreditsDemandedForLongContext
        | Cause::CreditsDemandedByMistake => vec![
            Do::Update,
            Do::StandardContext,
            Do::SendAgainLater,
            Do::CheckMeters,
            Do::CheckStatus,
            Do::DoNotBuy,
            Do::Report,
        ],
        Cause::LongContextNeedsCredits => {
            vec![Do::StandardContext, Do::CheckMeters, Do::DoNotBuy]
        }
        Cause::NoOrganization
        | Cause::NoOrganizationProbably
        | Cause::NoOrganizationDespiteRoom => {
            vec![Do::Wait, Do::OwnCredits, Do::Update]
        }
        Cause::Throttled if input.message.row.decision == DecisionName::ApiRateLimit => {
            vec![Do::Retry, Do::FewerAtOnce, Do::LookAtStatusPage]
        }
        Cause::SubscriptionRefused => vec![Do::PaySubscription, Do::CheckStatus],
        Cause::TokenRefused => vec![Do::RenewToken, Do::CheckStatus],
        Cause::OutageCalledLogin => {
            vec![
                Do::RetryService,
                Do::LookAtStatusPage,
                Do::LoginIfRefusedAgain,
            ]
        }
        _ => input.message.row.actions.clone(),
    };
    if let Some(first) = first_for_cause(cause) {
        actions.retain(|action| *action != first);
        actions.insert(0, first);
    }
    if matches!(
        cause,
        Cause::WindowFullByMessage | Cause::ModelWindowFullByMessage | Cause::WindowGuessed
    ) && !actions.contains(&Do::CheckMeters)
    {
        actions.push(Do::CheckMeters);
    }
    actions
}

/// Returns the action to list first for a cause, regardless of the catalog row.
fn first_for_cause(cause: Cause) -> Option<Do> {
    match cause {
        Cause::SomeWindow
        | Cause::ProbablySomeWindow
        | Cause::NoCreditsByMessage
        | Cause::NoOrgCreditsByMessage
        | Cause::NoOrganizationDespiteRoom
        | Cause::OwnCapByMessage
        | Cause::MemberCapByMessage
        | Cause::OrgCapByMessage
        | Cause::SeatWithoutCreditsByMessage
        | Cause::WindowFullDespiteCap
        | Cause::OrgCapOrOwnLimit => Some(Do::CheckMeters),
        Cause::FastModeNeedsCredits => Some(Do::FastModeOff),
        Cause::ApiBalanceOfUnknownKey => Some(Do::CheckStatus),
        Cause::LongContextCalledRateLimit => Some(Do::StandardContext),
        Cause::RefusedForNow => Some(Do::Retry),
        _ => None,
    }
}

/// Returns the actions for a stray key, which Claude Code uses instead of the user's plan.
fn for_stray_key(limit: LimitKind) -> Vec<Do> {
    let mut actions = vec![Do::UnsetKey, Do::UseSubscription, Do::CheckStatus];
    match limit.limited_resource() {
        LimitedResource::ApiMoney(ApiLimit::Balance) => {
            actions = vec![
                Do::UnsetKey,
                Do::ContinueOnPlan,
                Do::CheckStatus,
                Do::TopUpIfMeant,
            ];
        }
        LimitedResource::ApiMoney(ApiLimit::Cap) => actions.push(Do::RaiseCapIfMeant),
        LimitedResource::Included(_)
        | LimitedResource::Credits
        | LimitedResource::CreditsUpTo(_)
        | LimitedResource::TemporaryProblem(_)
        | LimitedResource::Nothing => {}
    }
    actions
}

/// Replaces actions that require a personal plan, and actions that do not match the user's role.
fn fit_to_shared_plan(input: &Input<'_>, diagnosis: &Diagnosis, actions: &mut Actions) {
    actions.replace(Do::CreditsInstead, Do::AskForCredits);
    if diagnosis.verdict != Verdict::FalseLikely {
        if diagnosis.limit == LimitKind::OrgSpendCap {
            actions.replace(Do::RaiseOwnCap, Do::AskOwnerForCap);
            actions.add(Do::OtherPath);
        } else if diagnosis.limit == LimitKind::UsageCredits && !diagnosis.is_notice() {
            actions.add(Do::AskAdminForCredits);
        }
    }
    if input.evidence.is_admin() {
        actions.replace(Do::AskOwnerForCap, Do::RaiseOrgCap);
        actions.replace(Do::AskForCredits, Do::OrgCredits);
        actions.replace(Do::AskAdminForCredits, Do::OrgCredits);
        actions.replace(Do::AskAdminForUsage, Do::RaiseOrgCap);
        actions.replace(Do::AskAdminForAccess, Do::AllowAccess);
    } else {
        actions.replace(Do::Pay, Do::AskAdminToPay);
        actions.replace(Do::PaySubscription, Do::AskAdminToPay);
    }
}

/// Replaces the advice to log in again if a token or key overrides the login.
fn replace_login(input: &Input<'_>, actions: &mut Actions) {
    let has_key = input.evidence.error.keys().count() > 0;
    if has_key && input.message.row.decision == DecisionName::RefusedAccess {
        actions.replace(Do::Login, Do::FixKey);
    } else if !has_key && input.evidence.has_oauth_token() {
        actions.replace(Do::Login, Do::RenewToken);
        actions.replace(Do::LoginIfRefusedAgain, Do::RenewToken);
    }
}

/// Adds the free ways to continue that are available to some accounts.
fn add_free_ways(input: &Input<'_>, diagnosis: &Diagnosis, actions: &mut Actions) {
    let may_have = !input.evidence.is_before(FREE_WAYS_ADDED)
        && diagnosis.waiting_helps == Some(true)
        && diagnosis.verdict != Verdict::FalseLikely
        && diagnosis.who_can_fix != WhoCanFix::Admin
        && diagnosis.service == Some(Service::Plan)
        && !diagnosis.is_notice();
    if !may_have {
        return;
    }
    match diagnosis.window {
        Some(Window::FiveHour) => actions.add_before_purchases(Do::FreeWays),
        Some(Window::Weekly | Window::WeeklyFable) => actions.add_before_purchases(Do::FreeReset),
        Some(Window::WeeklyOpus | Window::WeeklySonnet) | None => {}
    }
}

/// Replaces general advice about credits if the server said why it did not accept them.
fn replace_by_reason(input: &Input<'_>, actions: &mut Actions) {
    if has_response_of_payer(input) {
        // The same account received a response in another session, so its credits are available.
        return;
    }
    let instead = match input.evidence.no_credits_reason() {
        Some("out_of_credits") => Do::AddCredits,
        Some("org_level_disabled" | "overage_not_provisioned") => Do::CreditsOn,
        Some("org_level_disabled_until") => Do::RaiseOwnCap,
        Some(reason) if is_admins_decision(reason) => {
            // On a shared plan, the advice is already to ask an admin.
            actions.drop(&[Do::CreditsInstead]);
            return;
        }
        _ => return,
    };
    actions.replace(Do::CreditsInstead, instead);
}

/// Returns true if the server does not accept usage credits because of an admin's setting, which the user cannot change.
fn is_admins_decision(no_credits_reason: &str) -> bool {
    matches!(
        no_credits_reason,
        "seat_tier_level_disabled"
            | "seat_tier_zero_credit_limit"
            | "member_level_disabled"
            | "member_zero_credit_limit"
            | "group_zero_credit_limit"
            | "org_service_level_disabled"
            | "org_spend_cap_reached"
    )
}

/// Returns true if the same account has received a response in another session since the error.
fn has_response_of_payer(input: &Input<'_>) -> bool {
    input
        .evidence
        .collected
        .other_responses
        .iter()
        .any(|response| response.payer == PayerRelation::Same && !response.is_refused_later)
}

/// Returns true if the logged-in account is not the payer and has a full usage window.
fn is_login_full(input: &Input<'_>) -> bool {
    let newest = input.evidence.collected.newest_reading.as_ref();
    newest.is_some_and(|reading| {
        reading.is_full(crate::limits::evidence::FULL_FROM)
            && reading.is_of(input.evidence.error.payer.account.as_ref()) == Some(false)
    })
}

/// Adapts the recommended actions to the current state of the error.
pub(super) fn in_state(input: &Input<'_>, diagnosis: &Diagnosis) -> Vec<Do> {
    let mut actions = Actions(diagnosis.actions.clone());
    let continues =
        diagnosis.automatic_continuation.is_some() && input.evidence.collected.obstacle.is_none();
    let now = input.evidence.clock.now;
    let has_passed = diagnosis.resets.passed(now).is_some();
    let State::Over(ending) = diagnosis.state else {
        if has_passed {
            actions.replace(Do::Wait, Do::TryAgain);
            actions.replace(Do::WaitForCap, Do::TryAgain);
        }
        if continues {
            actions.replace(Do::Wait, Do::WaitLeftOpen);
        }
        let will_continue = diagnosis.automatic_continuation.is_some_and(|at| at > now);
        match input.evidence.collected.obstacle {
            None if will_continue => actions.replace(Do::SendAgainLater, Do::SendAgainDespiteWait),
            Some(ContinuationObstacle::Announced(CANCELLED)) if !has_passed => {
                actions.add_after(Do::Wait, Do::WaitAfterAll);
            }
            Some(_) | None => {}
        }
        return actions.0;
    };
    actions
        .0
        .retain(|action| matches!(action, Do::Update | Do::CheaperModel));
    let is_paid = diagnosis.is_paid_beyond(input);
    let is_answered = input.evidence.has_later_response();
    actions.put_first(match ending {
        Ending::Reset | Ending::ResetEarly | Ending::ResponseElsewhere | Ending::KeyRemoved
            if is_answered =>
        {
            Do::NothingLeft
        }
        Ending::Reset | Ending::ResetEarly if diagnosis.also_full.is_some() => {
            Do::WaitForOtherWindow
        }
        Ending::ResponseReceived if diagnosis.another_model_responds(input) => {
            Do::AnotherModelWorks
        }
        Ending::ResponseReceived if is_paid => Do::CostsExtra,
        Ending::ResponseReceived => Do::NothingLeft,
        Ending::HitAgain => Do::SeeTheNext,
        Ending::ResponseElsewhere if is_paid => Do::WorksForCredits,
        Ending::ResponseElsewhere => Do::WorksElsewhere,
        Ending::ConcernsOthers => Do::NotBlocked,
        Ending::KeyRemoved => Do::KeyIsRemoved,
        Ending::Reset if continues && is_due(input, diagnosis) => Do::LeaveOpen,
        Ending::Reset if continues => Do::TryAgainLeftOpen,
        Ending::Reset => Do::TryAgain,
        Ending::ResetEarly => Do::ResetEarly,
        Ending::PauseOver => Do::Passed,
        Ending::NewMonth => Do::NewMonth,
        Ending::PauseLongOver | Ending::Outlived => Do::LongAgo,
    });
    actions.0
}

/// Returns true if Claude Code is about to resume the session.
fn is_due(input: &Input<'_>, diagnosis: &Diagnosis) -> bool {
    diagnosis
        .automatic_continuation
        .is_some_and(|at| at + TimeDelta::seconds(30) > input.evidence.clock.now)
}

impl Diagnosis {
    /// Returns true if usage credits are paying for responses even though the limit's window is still full. The newest
    /// reading must show the same full window, because the window may have been reset early since the error.
    fn is_paid_beyond(&self, input: &Input<'_>) -> bool {
        let window = self.window.unwrap_or(Window::FiveHour);
        let full = input.readings.used_up_window(window);
        let is_same_window = match (full.and_then(|full| full.resets_at), self.resets.chosen) {
            (Some(resets_at), Some(reset)) => is_same_reset(resets_at, reset.at),
            (Some(resets_at), None) => resets_at - window.length() <= input.evidence.at(),
            (None, _) => false,
        };
        is_same_window
            && self.verdict != Verdict::FalseLikely
            && self.limit.description().is_of_whole_account
            && input.evidence.collected.credits_may_pay
    }

    /// Returns true if the limit applies to a single model family and the session has continued with a different model.
    pub(super) fn another_model_responds(&self, input: &Input<'_>) -> bool {
        let response = input.evidence.error.later_response.as_ref();
        let family = self.limit.window().and_then(Window::family);
        let is_ahead = self.resets.ahead(input.evidence.clock.now).is_some();
        match (
            response.and_then(|response| response.model.as_deref()),
            family,
        ) {
            (Some(model), Some(family)) => is_ahead && !model.contains(family),
            _ => false,
        }
    }
}
