//! Chooses the actions to recommend.

use chrono::TimeDelta;

use super::state::{Ending, State, Wait, may_still_continue};
use super::{ActionName, Cause, DecisionName, Problem, Unknown, is_for};
use crate::claude::version::{ClientVersion, names_account};
use crate::limits::catalog::RESET_TOLERANCE;
use crate::limits::evidence::{
    ContinuationObstacle, FULL_FROM, Measurement, PossiblyUnaffected, ResetSource, WindowState,
};
use crate::limits::kind::{
    Affects, EndedBy, LimitKind, LimitedResource, Service, Verdict, WhoCanFix, Window,
};
use crate::time::WEEK;
use crate::transcript::tail::{CAN_WAIT_AGAIN, RESETS_TOO_LATE};

/// The first version of Claude Code that is known to offer "Wait here, then continue automatically" for a reset that is
/// days away. Client 2.1.331 offers it for every plan limit for which the server states a reset.
const OFFERS_WAIT_SINCE: ClientVersion = ClientVersion(2, 1, 330);

/// The first version of Claude Code that offers free ways to continue.
const FREE_WAYS_ADDED: ClientVersion = ClientVersion(2, 1, 239);

/// The time after its reset from which nothing follows from the message of a limit.
const OLD_LIMIT: TimeDelta = TimeDelta::days(1);

/// Returns the actions to recommend while the error blocks the user, in the order in which they are shown: what to do
/// first, what is free, and what costs money. Each action of the cause is replaced with the one that suits the user.
pub(super) fn while_blocked(problem: &Problem<'_>) -> Vec<ActionName> {
    let finding = &problem.finding;
    if finding.verdict == Verdict::WrongCredential || finding.cause.awaits_figures() {
        return finding
            .cause
            .template()
            .actions
            .iter()
            .filter_map(|action| suited_to_evidence(*action, problem))
            .collect();
    }
    let mut suited: Vec<ActionName> = for_cause(problem)
        .into_iter()
        .chain(for_shared_plan(problem))
        .filter_map(|action| suited_to_plan(action, problem))
        .filter_map(|action| suited_to_evidence(action, problem))
        .chain(full_as_well(problem))
        .collect();
    move_before_purchases(&mut suited, problem);
    let first = first_actions(problem, &suited);
    let purchases = suited.iter().position(|action| action.is_purchase());
    let (free, costly) = suited.split_at(purchases.unwrap_or(suited.len()));
    let planned = first
        .iter()
        .chain(free)
        .copied()
        .chain(without_buying(problem))
        .chain(costly.iter().copied());
    let mut actions = Vec::new();
    for action in planned {
        let audience = action.template().map(|template| template.audience);
        let is_suitable =
            audience.is_none_or(|audience| is_for(audience, problem.evidence, finding.verdict));
        if is_suitable && !actions.contains(&action) {
            actions.push(action);
        }
    }
    // The advice about another used-up window already tells the user to check /usage.
    if actions.contains(&ActionName::FullAsWell) {
        actions.retain(|action| *action != ActionName::CheckMeters);
    }
    // Paying may help if the window may have filled up since the reading.
    if problem.may_have_filled_up_since_reading() || problem.readings.has_doubtful_room() {
        actions.retain(|action| *action != ActionName::DoNotBuy);
    }
    // While a window is full, another prompt would be refused or paid for with usage credits.
    let pays = problem.evidence.collected.paid_until.is_some();
    if problem.readings.used_up_now().is_none() && !pays {
        for action in &mut actions {
            if *action == ActionName::WaitIfFull {
                *action = problem.send_if_room();
            }
        }
    }
    move_up_to_second(&mut actions, ActionName::ReportRepeated);
    move_warnings_up(&mut actions);
    if finding.limit.is_passing() {
        put_full_window_first(&mut actions, problem);
    }
    actions
}

/// Puts the advice about a full usage window before the advice to send the prompt again. Otherwise, the first step would be to
/// send the prompt, although `whycap wait` waits for the reset. Another model would not help, because the window applies to all models.
fn put_full_window_first(actions: &mut Vec<ActionName>, problem: &Problem<'_>) {
    let Some(position) = actions
        .iter()
        .position(|action| *action == ActionName::FullAsWell)
    else {
        return;
    };
    let Some(retry_before_reset) = actions.first().and_then(|first| match first {
        ActionName::Retry | ActionName::RetryOnce => Some(ActionName::RetrySoonBeforeReset),
        ActionName::RetryService => Some(ActionName::RetryBeforeReset),
        ActionName::RetryThen => Some(ActionName::RetryThenBeforeReset),
        _ => None,
    }) else {
        return;
    };
    actions.remove(position);
    let retry = (!problem.evidence.collected.credits_are_unavailable).then_some(retry_before_reset);
    actions.splice(..1, [ActionName::FullAsWell].into_iter().chain(retry));
    actions.retain(|action| *action != ActionName::LessBusyModel);
}

/// Moves waiting and checking /usage up to the first purchase. A check of /usage that is only the last resort of a cause stays
/// where it is, like all other actions: for example, a restart may help only after a payment.
fn move_before_purchases(actions: &mut [ActionName], problem: &Problem<'_>) {
    let Some(first) = actions.iter().position(|action| action.is_purchase()) else {
        return;
    };
    let last_resort = problem.finding.cause.template().last_action;
    let (_, from_first_purchase) = actions.split_at_mut(first);
    from_first_purchase.sort_by_key(|action| {
        let is_moved = match action {
            ActionName::Wait
            | ActionName::WaitUnknown
            | ActionName::WaitIfFull
            | ActionName::SendIfListedRoom
            | ActionName::WaitForWindowNow => true,
            ActionName::CheckMeters => last_resort != Some(ActionName::CheckMeters),
            _ => false,
        };
        !is_moved
    });
}

/// Moves the warnings about costs to the second position if they come later. A user who reads only the first lines must know
/// that paying does not help, or that a prompt may be paid for with usage credits.
fn move_warnings_up(actions: &mut Vec<ActionName>) {
    for warning in [ActionName::FullAsWell, ActionName::DoNotBuy] {
        move_up_to_second(actions, warning);
    }
}

/// Moves an action up to the second position of the list if it is further down.
fn move_up_to_second(actions: &mut Vec<ActionName>, moved: ActionName) {
    if let Some(position) = actions.iter().position(|action| *action == moved)
        && position > 1
    {
        actions.remove(position);
        actions.insert(1, moved);
    }
}

/// Returns the actions for a cause, best first.
fn for_cause(problem: &Problem<'_>) -> Vec<ActionName> {
    let template = problem.finding.cause.template();
    let actions = if template.actions.is_empty() {
        &problem.message.row.actions
    } else {
        &template.actions
    };
    let (first, last) = (template.first_action, template.last_action);
    let listed = actions.iter().copied();
    first.into_iter().chain(listed).chain(last).collect()
}

/// Returns an additional action for members of an organization.
fn for_shared_plan(problem: &Problem<'_>) -> Option<ActionName> {
    let verdict = problem.finding.verdict;
    let is_about_other_program = problem.finding.cause == Cause::ThirdPartyApp;
    if !problem.evidence.is_shared_plan()
        || verdict == Verdict::FalseLikely
        || is_about_other_program
    {
        return None;
    }
    match problem.finding.limit {
        LimitKind::OrgSpendCap => Some(ActionName::OtherPath),
        LimitKind::UsageCredits if !verdict.is_notice() => Some(ActionName::AskAdminForCredits),
        _ => None,
    }
}

/// Replaces an action that requires a personal plan or that does not match the user's role. If usage credits are
/// already in use, nobody has to buy them, turn them on, or ask for them.
fn suited_to_plan(action: ActionName, problem: &Problem<'_>) -> Option<ActionName> {
    let finding = &problem.finding;
    if problem.credits_pay_now && makes_credits_available(action) {
        return Some(ActionName::ContinueOnCredits);
    }
    if !problem.evidence.is_shared_plan() {
        return match action {
            ActionName::CreditsInstead if finding.limit.description().credits_continue => {
                own_credits(problem)
            }
            ActionName::CreditsInstead => None,
            ActionName::AskAdminForCredits if problem.evidence.has_personal_credits() => {
                Some(ActionName::AddCredits)
            }
            ActionName::OtherPath
                if finding.limit == LimitKind::UsageCredits
                    && problem.evidence.has_personal_credits() =>
            {
                None
            }
            action => Some(action),
        };
    }
    let is_org_cap =
        finding.limit == LimitKind::OrgSpendCap && finding.verdict != Verdict::FalseLikely;
    let action = match action {
        ActionName::CreditsInstead if has_seat_without_credits(problem) => {
            ActionName::AskForSeatWithCredits
        }
        ActionName::AskAdminForCredits if has_seat_without_credits(problem) => {
            ActionName::AskAdminForSeatWithCredits
        }
        ActionName::RaiseOwnCap if is_org_cap => ActionName::AskOwnerForCap,
        action => action,
    };
    let template = action.template()?;
    let for_role = if problem.evidence.is_admin() {
        template.for_admin
    } else {
        template.for_member
    };
    Some(for_role.unwrap_or(action))
}

/// Returns true for actions that let usage credits pay for the next responses.
fn makes_credits_available(action: ActionName) -> bool {
    matches!(
        action,
        ActionName::CreditsInstead
            | ActionName::CreditsOn
            | ActionName::OwnCredits
            | ActionName::AddCredits
            | ActionName::RaiseOwnCap
            | ActionName::AskForCredits
            | ActionName::AskAdminForCredits
    )
}

/// Returns the advice to use credits, which depends on why the server did not accept them. Returns `None` if an admin's
/// setting is the reason.
fn own_credits(problem: &Problem<'_>) -> Option<ActionName> {
    match problem.evidence.newest_no_credits_reason() {
        Some("out_of_credits") => Some(ActionName::AddCredits),
        Some("org_level_disabled" | "overage_not_provisioned") => Some(ActionName::CreditsOn),
        Some("org_level_disabled_until") => Some(ActionName::RaiseOwnCap),
        Some(
            "seat_tier_level_disabled"
            | "seat_tier_zero_credit_limit"
            | "member_level_disabled"
            | "member_zero_credit_limit"
            | "group_zero_credit_limit"
            | "org_service_level_disabled"
            | "org_spend_cap_reached",
        ) => None,
        _ => Some(ActionName::CreditsInstead),
    }
}

/// Returns true if the server's newest reason for not accepting usage credits is that the user's type of seat has none.
fn has_seat_without_credits(problem: &Problem<'_>) -> bool {
    matches!(
        problem.evidence.newest_no_credits_reason(),
        Some("seat_tier_level_disabled" | "seat_tier_zero_credit_limit")
    )
}

/// Replaces the advice to continue without the session's key if a full window or a cap stops the plan that would pay instead.
fn suited_to_plan_beside_key(action: ActionName, problem: &Problem<'_>) -> ActionName {
    let evidence = problem.evidence;
    match action {
        ActionName::ContinueOnPlan => continue_on_plan(problem),
        ActionName::LoginWithoutKey if evidence.stray_key().is_none() => action,
        ActionName::LoginWithoutKey if problem.also_full().is_some() => {
            ActionName::ContinueWithoutKeyLater
        }
        ActionName::LoginWithoutKey if evidence.collected.cap_of_login.is_some() => {
            ActionName::ContinueWithoutKeyAndCap
        }
        action => action,
    }
}

/// Replaces an action that does not suit the evidence about the error. Returns `None` if the action would not help.
fn suited_to_evidence(action: ActionName, problem: &Problem<'_>) -> Option<ActionName> {
    let (evidence, finding) = (problem.evidence, &problem.finding);
    let has_reset = problem.resets.chosen.is_some();
    let is_ahead = problem.resets.ahead(evidence.clock.now).is_some();
    let has_key = evidence.error.uses_key();
    let may_not_help = finding.waiting_helps.is_none() && !finding.verdict.is_notice();
    // Nobody should pay because of a message that is probably old.
    if finding.cause == Cause::OldOrWeekly && action.is_purchase() {
        return None;
    }
    match suited_to_plan_beside_key(action, problem) {
        // A token or a key overrides the login.
        ActionName::Login
            if has_key && problem.message.row.decision == DecisionName::RefusedAccess =>
        {
            Some(ActionName::FixKey)
        }
        ActionName::LoginWithoutKey
            if !evidence.is_pasted() && evidence.error.is_known_to_have_no_key() =>
        {
            Some(ActionName::Login)
        }
        ActionName::Login | ActionName::LoginIfRefusedAgain
            if !has_key && evidence.has_oauth_token() =>
        {
            Some(ActionName::RenewToken)
        }
        // The user should check the gateway first instead.
        ActionName::LookAtStatusPage if problem.blames_gateway() => None,
        ActionName::LookAtStatusPage if evidence.error.uses_other_service() => {
            Some(ActionName::LookAtStatusOfService)
        }
        // Anthropic's tiers do not apply to a gateway or a cloud provider.
        ActionName::RaiseTier if evidence.error.uses_other_service() => {
            Some(ActionName::FewerAtOnce)
        }
        ActionName::AddCredits
            if matches!(finding.cause, Cause::NoCreditsByMessage | Cause::PoolEmpty) =>
        {
            Some(ActionName::AddCreditsIfFull)
        }
        ActionName::Wait if finding.waiting_helps == Some(false) => None,
        ActionName::Wait if finding.unknowns.contains(&Unknown::RoomOfSeat) => {
            Some(ActionName::SendIfListedRoom)
        }
        ActionName::Wait
            if problem.are_other_models_stopped()
                && problem.instead_of_other_model() == ActionName::WaitForAllModels =>
        {
            None
        }
        ActionName::Wait if problem.is_stopped_by_window_now() => {
            Some(ActionName::WaitForWindowNow)
        }
        // The user should first check whether there is anything to wait for.
        ActionName::Wait | ActionName::WaitUnknown
            if (evidence.is_pasted() || problem.readings.has_doubtful_room())
                && finding.cause.template().first_action == Some(ActionName::CheckMeters) =>
        {
            Some(problem.wait_after_check())
        }
        ActionName::Wait if !has_reset || may_not_help => Some(ActionName::WaitUnknown),
        // The weekly limit resets at another time.
        ActionName::WaitIfRefusedAgain if problem.states_foreign_reset() => None,
        ActionName::WaitInstead if problem.is_stopped_by_window_now() => {
            Some(ActionName::WaitForWindowInstead)
        }
        ActionName::WaitInstead if !has_reset => None,
        ActionName::Update if !may_be_mistake_of_old_client(problem) => None,
        ActionName::StandardContext if !may_blame_long_context(problem) => None,
        // The plan had usage left at the time of the error, but it has none now.
        ActionName::DoNotBuy if problem.readings.used_up_now().is_some() => {
            let credits_pay = evidence.collected.paid_until.is_some();
            (!credits_pay).then_some(ActionName::FullAsWell)
        }
        ActionName::OtherModel if problem.are_other_models_stopped() => {
            Some(problem.instead_of_other_model())
        }
        ActionName::Report if is_repeated_false_alarm(problem) => Some(ActionName::ReportRepeated),
        ActionName::Retry | ActionName::RetryOnce | ActionName::RetryService if is_ahead => {
            Some(ActionName::RetryThen)
        }
        ActionName::FreeWays
        | ActionName::FreeReset
        | ActionName::CreditsInstead
        | ActionName::CreditsOn
        | ActionName::OwnCredits
        | ActionName::RaiseOwnCap
        | ActionName::OtherModel
            if evidence.is_of_another_account() =>
        {
            None
        }
        ActionName::CreditsInstead
        | ActionName::CreditsOn
        | ActionName::OwnCredits
        | ActionName::RaiseOwnCap
            if problem.is_window_limit_despite_room() =>
        {
            // Fast mode, the 1M context window, and a full window of one model need credits even if the plan has usage
            // left. Each of them may be the reason for a message about credits.
            if problem.is_message_about_credits() {
                problem.may_be_full_since_reading().then_some(action)
            } else {
                Some(ActionName::DoNotBuy)
            }
        }
        action => Some(action),
    }
}

/// Returns true if an old version of Claude Code may have shown the message by mistake. A message that is certainly right is no
/// mistake, and only users of personal plans received messages about caps by mistake.
fn may_be_mistake_of_old_client(problem: &Problem<'_>) -> bool {
    let (evidence, finding) = (problem.evidence, &problem.finding);
    let is_doubted_cap_of_seat = finding.verdict == Verdict::CannotTell
        && finding.limit.cap().is_some()
        && evidence.is_shared_plan();
    // Other programs use the same words for a refusal without a reason.
    let may_be_of_other_program =
        finding.cause == Cause::RefusedForNow && !problem.message.mentions_claude;
    finding.verdict != Verdict::Real
        && !is_doubted_cap_of_seat
        && !may_be_of_other_program
        && evidence.may_be_outdated()
}

/// Returns true if the 1M context may be the reason for the error. An unknown model may use it, but this is not reason enough
/// to blame it for a false alarm.
fn may_blame_long_context(problem: &Problem<'_>) -> bool {
    let (evidence, finding) = (problem.evidence, &problem.finding);
    finding.limit == LimitKind::LongContextCredits
        || evidence.uses_long_context()
        || evidence.error.session.model.is_none() && finding.verdict != Verdict::FalseLikely
}

/// Returns true if at least three attempts in a row received the same message, which is probably a false alarm.
fn is_repeated_false_alarm(problem: &Problem<'_>) -> bool {
    problem.finding.verdict == Verdict::FalseLikely
        && problem.evidence.collected.previous_equal_failures >= 2
}

/// Returns the advice about a full usage window that would block the next prompt after a temporary problem. Returns
/// `None` if the session uses a key or a cloud provider, because the plan's windows do not matter then, or if usage credits
/// are known to pay for the prompt.
fn full_as_well(problem: &Problem<'_>) -> Option<ActionName> {
    if problem.finding.limit.is_passing() && problem.readings.blocking_now().is_some() {
        Some(ActionName::FullAsWell)
    } else {
        None
    }
}

/// Returns the action to list first, if any. If a gateway may have caused the error, the user should check the gateway
/// first. If the limit applies to one model only, another model comes first. Otherwise, waiting for the reset comes
/// first if it is suitable, except for API spend caps and causes with a first action of their own.
fn first_actions(problem: &Problem<'_>, suited: &[ActionName]) -> Vec<ActionName> {
    let finding = &problem.finding;
    if problem.blames_gateway() {
        return vec![ActionName::CheckGateway];
    }
    let other_model =
        if problem.model_window().is_none() || problem.evidence.is_of_another_account() {
            None
        } else if problem.are_other_models_stopped() {
            Some(problem.instead_of_other_model())
        } else {
            Some(ActionName::OtherModel)
        };
    if finding.limit.window().is_some_and(Window::is_of_one_model) {
        return other_model.into_iter().collect();
    }
    // API caps usually do not reset until the end of the month, so having the limit raised is better than waiting.
    let may_wait_first = suited.contains(&ActionName::Wait)
        && finding.limit != LimitKind::ApiSpendCap
        && finding.cause.template().first_action.is_none();
    let wait = may_wait_first.then_some(ActionName::Wait);
    other_model.into_iter().chain(wait).collect()
}

/// Returns a free way to continue, if the account may have one. It is listed before all purchases.
fn without_buying(problem: &Problem<'_>) -> Option<ActionName> {
    let (evidence, finding) = (problem.evidence, &problem.finding);
    if evidence.is_of_another_account() {
        let newest = evidence.collected.newest_reading.as_ref();
        let is_login_full = newest.is_some_and(|reading| {
            reading.has_window_at(FULL_FROM)
                && reading.is_of(evidence.error.payer.account.as_ref()) == Some(false)
        });
        return if is_login_full {
            None
        } else {
            Some(ActionName::OtherLogin)
        };
    }
    let may_have_free_way = !evidence.is_before(FREE_WAYS_ADDED)
        && finding.waiting_helps == Some(true)
        && finding.verdict != Verdict::FalseLikely
        && finding.cause != Cause::WindowFullDespiteKnownRoom
        && !problem.is_window_limit_despite_room()
        && finding.who_can_fix != WhoCanFix::Admin
        && problem.service() == Some(Service::Plan)
        && !finding.verdict.is_notice();
    match finding.window {
        Some(Window::FiveHour) if may_have_free_way => Some(ActionName::FreeWays),
        Some(Window::Weekly | Window::WeeklyFable) if may_have_free_way => {
            Some(ActionName::FreeReset)
        }
        _ => None,
    }
}

/// Adapts the recommended actions to the current state of the error. If a budget would block the next prompt, it must be
/// lifted first. If it blocks prompts only until the limit resets, it must be lifted only to continue before the reset.
pub(super) fn in_state(
    problem: &Problem<'_>,
    actions: Vec<ActionName>,
    state: State,
) -> Vec<ActionName> {
    let mut current = in_state_without_budget(problem, actions, state);
    if problem.is_blocked_by_budget(state, &current) {
        for action in &mut current {
            if *action == ActionName::WaitLeftOpen {
                *action = ActionName::LeaveOpenAfterLifting;
            }
        }
        current.insert(0, ActionName::LiftBudget);
    } else if problem.evidence.collected.budget_until_reset.is_some() {
        for action in &mut current {
            *action = after_lifting_budget(*action);
        }
    }
    current
}

/// Replaces an action with which the user continues before the reset, because a budget blocks prompts until then.
fn after_lifting_budget(action: ActionName) -> ActionName {
    match action {
        ActionName::ContinueOnCredits => ActionName::ContinueOnCreditsAfterLifting,
        ActionName::WorksForCredits => ActionName::WorksForCreditsAfterLifting,
        action => action,
    }
}

/// Adapts the recommended actions to the current state of the error, as if there were no budgets.
fn in_state_without_budget(
    problem: &Problem<'_>,
    actions: Vec<ActionName>,
    state: State,
) -> Vec<ActionName> {
    if let State::Over(ending) = state {
        let first = suited_to_asker(after_end(problem, ending), problem);
        // A window that is used up now would stop the next prompt unless usage credits pay for it.
        let mentions_full_window = matches!(ending, Ending::PauseOver | Ending::PauseLongOver)
            && problem.evidence.collected.paid_until.is_none()
            && actions.contains(&ActionName::FullAsWell);
        let remaining = actions.into_iter().filter(|action| match action {
            ActionName::Update | ActionName::CheaperModel => true,
            ActionName::ReportRepeated => ending == Ending::PauseOver,
            _ => false,
        });
        let first_and_alternative = match first {
            ActionName::WaitForOtherWindow
                if !problem.evidence.collected.credits_are_unavailable =>
            {
                vec![first, ActionName::SendDespiteOtherWindow]
            }
            // Waiting is free, so it comes first.
            ActionName::WorksForCredits => vec![wait_instead_of_paying(problem), first],
            ActionName::WaitDespiteResponse => vec![first, ActionName::SendDespiteOtherWindow],
            ActionName::LeaveOpen if mentions_full_window => vec![first, ActionName::FullAsWell],
            _ if mentions_full_window => while_window_is_full(problem),
            _ => vec![first],
        };
        return first_and_alternative
            .into_iter()
            .chain(unset_key_there(problem, ending))
            .chain(return_to_plan(problem, first))
            .chain(remaining)
            .collect();
    }
    let collected = &problem.evidence.collected;
    let now = problem.evidence.clock.now;
    let has_passed = problem.resets.passed(now).is_some();
    let continues_at = problem.expected_continuation();
    let mut current: Vec<ActionName> = Vec::new();
    for action in actions {
        let action = match action {
            ActionName::Wait | ActionName::WaitInstead if has_passed => ActionName::TryAgain,
            ActionName::Wait
                if continues_at.is_some() && !problem.may_be_stopped_by_model_limit() =>
            {
                ActionName::WaitLeftOpen
            }
            ActionName::ContinueOnPlanLater if collected.paid_until.is_some() => {
                ActionName::ContinueOnPlanForCredits
            }
            ActionName::OtherModel if problem.do_credits_pay_for_other_models() => {
                ActionName::OtherModelForCredits
            }
            ActionName::ContinueWithoutKeyLater if collected.paid_until.is_some() => {
                ActionName::ContinueWithoutKeyForCredits
            }
            ActionName::SendAgainLater if problem.continues_soon() => ActionName::LeaveOpen,
            ActionName::SendAgainLater if continues_at.is_some_and(|at| at > now) => {
                ActionName::SendAgainDespiteWait
            }
            action => action,
        };
        if !current.contains(&action) {
            current.push(action);
        }
    }
    if may_asker_work(problem) {
        // For example, `/clear` would clear the wrong conversation.
        if problem.lies_in_session() {
            return vec![ActionName::SendPromptHere];
        }
        // The session has no failed prompt to send again.
        current.retain(|action| !sends_failed_prompt(*action));
        current.insert(0, advice_for_asker(problem));
        move_warnings_up(&mut current);
    }
    let about_continuing = match collected.obstacle {
        _ if has_passed => None,
        Some(ContinuationObstacle::Announced(CAN_WAIT_AGAIN)) => Some(ActionName::WaitAfterAll),
        Some(ContinuationObstacle::Announced(RESETS_TOO_LATE)) => Some(ActionName::WaitHere),
        Some(ContinuationObstacle::Announced(_) | ContinuationObstacle::Cancelled) => {
            send_after_reset(problem, current.first())
        }
        _ if problem.will_try_before_end() && problem.credits_pay_now => {
            Some(ActionName::WillTryOnCredits)
        }
        _ if problem.will_try_before_end() || problem.may_be_stopped_by_model_limit() => {
            Some(ActionName::WillTryInVain)
        }
        _ if problem.offers_wait() => Some(ActionName::WaitHere),
        _ => None,
    };
    if let Some(about_continuing) = about_continuing {
        let after_wait = current
            .iter()
            .position(|action| *action == ActionName::Wait);
        let purchases = current.iter().position(|action| action.is_purchase());
        let position = after_wait.map(|wait| wait + 1).or(purchases);
        current.insert(position.unwrap_or(current.len()), about_continuing);
    }
    current
}

/// Returns the advice to send the prompt again after the reset, for a session in which Claude Code no longer waits for
/// it. Returns `None` if there is no reset to wait for, or if usage credits pay. If the first step is to use another
/// model, the status line names that step as well.
fn send_after_reset(problem: &Problem<'_>, first: Option<&ActionName>) -> Option<ActionName> {
    let is_ahead = problem.resets.ahead(problem.evidence.clock.now).is_some();
    let waiting_helps = problem.finding.waiting_helps == Some(true) && !problem.is_false();
    if !is_ahead || !waiting_helps || problem.credits_pay_now {
        None
    } else if matches!(
        first,
        Some(ActionName::OtherModel | ActionName::OtherModelForCredits)
    ) {
        Some(ActionName::SendAfterResetOfModel)
    } else {
        Some(ActionName::SendAfterReset)
    }
}

/// Returns true if the error occurred in another session and may not block the requesting one. If usage credits pay, a
/// prompt costs money, and while whycap waits for figures, the user should wait for them as well.
fn may_asker_work(problem: &Problem<'_>) -> bool {
    problem.evidence.collected.possibly_unaffected == PossiblyUnaffected::AskingSession
        && !problem.credits_pay_now
        && !problem.finding.cause.awaits_figures()
}

/// Returns the advice to send a prompt in the requesting session. If both sessions may use the same key, only another key works.
fn advice_for_asker(problem: &Problem<'_>) -> ActionName {
    let may_use_same_key = problem.evidence.error.uses_key()
        && !problem.evidence.collected.asker_has_other_payer
        && problem.finding.limit.limited_resource() == LimitedResource::ApiMoney;
    if may_use_same_key {
        ActionName::SendPromptWithOtherKey
    } else {
        ActionName::SendPromptHere
    }
}

/// Returns true for actions that only send the failed prompt again.
fn sends_failed_prompt(action: ActionName) -> bool {
    matches!(
        action,
        ActionName::SendAgain
            | ActionName::SendAgainLater
            | ActionName::SendAgainDespiteWait
            | ActionName::SendAgainIfReset
            | ActionName::Retry
            | ActionName::RetryThen
            | ActionName::RetryOnce
            | ActionName::RetryService
            | ActionName::RetryBeforeReset
            | ActionName::RetrySoonBeforeReset
            | ActionName::RetryThenBeforeReset
            | ActionName::ConfirmLogin
    )
}

/// Returns the advice to unset the key of another session, if that session is blocked because of its key.
fn unset_key_there(problem: &Problem<'_>, ending: Ending) -> Option<ActionName> {
    if ending == Ending::ConcernsOthers && problem.is_about_key() {
        Some(ActionName::UnsetKeyThere)
    } else {
        None
    }
}

/// Returns how to continue on the plan if the session still uses a key, or may use one for its next prompt.
fn return_to_plan(problem: &Problem<'_>, first: ActionName) -> Vec<ActionName> {
    let may_key_pay = matches!(
        first,
        ActionName::KeyStillPays | ActionName::KeyMayPay | ActionName::WorksForUnknownPayer
    );
    if !may_key_pay {
        return Vec::new();
    }
    vec![ActionName::UnsetKey, continue_on_plan(problem)]
}

/// Returns the advice to continue on the plan without the key, which may be possible only when a full window has reset.
fn continue_on_plan(problem: &Problem<'_>) -> ActionName {
    if problem.also_full().is_some() {
        ActionName::ContinueOnPlanLater
    } else if problem.evidence.collected.cap_of_login.is_some() {
        ActionName::ContinueOnPlanWithoutCap
    } else {
        ActionName::ContinueOnPlan
    }
}

/// Replaces the first step after the end of the error in two cases: usage credits pay for the next response, or the
/// requesting session has no failed prompt to send again.
fn suited_to_asker(action: ActionName, problem: &Problem<'_>) -> ActionName {
    let collected = &problem.evidence.collected;
    let credits_pay = collected.paid_until.is_some();
    let has_failed_prompt = collected.possibly_unaffected != PossiblyUnaffected::AskingSession;
    match action {
        ActionName::LeaveOpen | ActionName::WaitForOtherWindow
            if credits_pay
                && has_failed_prompt
                && collected.blocking_budget.is_none()
                && problem.continues_soon() =>
        {
            ActionName::ContinuesForCredits
        }
        ActionName::AnotherModelWorks if credits_pay => ActionName::AnotherModelWorksForCredits,
        ActionName::NewLoginPays if !credits_pay && !has_failed_prompt => ActionName::NotBlocked,
        ActionName::TryAgain
        | ActionName::TryAgainLeftOpen
        | ActionName::ResetEarly
        | ActionName::WorksElsewhere
        | ActionName::Passed
        | ActionName::KeyIsRemoved
        | ActionName::SendToOtherModel
        | ActionName::NewMonth
        | ActionName::LongAgo
        | ActionName::LeaveOpen
        | ActionName::WorksForCredits => {
            let is_paid = credits_pay || action == ActionName::WorksForCredits;
            match (is_paid, has_failed_prompt) {
                (true, true) if action != ActionName::LeaveOpen => ActionName::WorksForCredits,
                (true, _) => ActionName::CostsExtra,
                // An old error does not show whether the user can continue, so its own advice stays.
                (false, false) if action != ActionName::LongAgo => ActionName::JustContinue,
                (false, _) => action,
            }
        }
        ActionName::NothingLeft
        | ActionName::ResetLongAgo
        | ActionName::ResetSinceThen
        | ActionName::WaitForOtherWindow
        | ActionName::NotBlocked
        | ActionName::OthersCanContinue
        | ActionName::NewLoginPays
        | ActionName::UseFeatureAgain
            if credits_pay =>
        {
            ActionName::CostsExtra
        }
        action => action,
    }
}

/// Returns what to do after a temporary problem or a false alarm if a window that is full now would stop the next prompt.
fn while_window_is_full(problem: &Problem<'_>) -> Vec<ActionName> {
    let collected = &problem.evidence.collected;
    let now = problem.evidence.clock.now;
    let continues_by_itself = collected.possibly_unaffected != PossiblyUnaffected::AskingSession
        && problem.expected_continuation().is_some_and(|at| at > now);
    let mut actions = vec![ActionName::FullAsWell];
    if continues_by_itself {
        actions.push(ActionName::WaitLeftOpen);
    }
    if !collected.credits_are_unavailable {
        actions.push(ActionName::SendDespiteOtherWindow);
    }
    actions
}

/// Returns the free alternative to a prompt for which usage credits would pay.
fn wait_instead_of_paying(problem: &Problem<'_>) -> ActionName {
    let now = problem.evidence.clock.now;
    let paid_until = problem.evidence.collected.paid_until;
    let continues_for_free = problem
        .expected_continuation()
        .is_some_and(|at| at > now && paid_until.is_none_or(|until| at >= until));
    if continues_for_free {
        ActionName::WaitLeftOpen
    } else if paid_until.is_some() || problem.resets.ahead(now).is_some() {
        ActionName::Wait
    } else {
        ActionName::WaitUnknown
    }
}

/// Returns what to do after the error has ended.
fn after_end(problem: &Problem<'_>, ending: Ending) -> ActionName {
    let evidence = problem.evidence;
    match ending {
        Ending::HitAgain if !evidence.has_later_response() || problem.another_model_responds() => {
            ActionName::SeeTheNext
        }
        // The session has never stopped, so there is no prompt to send again.
        _ if problem.stops_only_feature() && ending != Ending::ConcernsOthers => {
            ActionName::UseFeatureAgain
        }
        _ if problem.still_uses_stray_key() && evidence.has_later_response() => {
            ActionName::KeyStillPays
        }
        Ending::ResponseElsewhere
            if problem.still_uses_stray_key() && problem.has_response_without_login() =>
        {
            ActionName::KeyMayPay
        }
        Ending::Reset | Ending::ResetEarly | Ending::ResponseElsewhere | Ending::KeyRemoved
            if evidence.has_later_response() =>
        {
            ActionName::NothingLeft
        }
        Ending::Reset | Ending::ResetEarly | Ending::KeyRemoved
            if problem.also_full().is_some() =>
        {
            ActionName::WaitForOtherWindow
        }
        Ending::ResponseReceived
            if problem.another_model_responds() && !problem.limited_model_responds_elsewhere() =>
        {
            ActionName::AnotherModelWorks
        }
        Ending::ResponseReceived | Ending::ResponseElsewhere
            if problem.has_full_window_since_response() =>
        {
            ActionName::WaitForOtherWindow
        }
        Ending::ResponseReceived | Ending::HitAgain | Ending::ConcernsOthers
            if problem.credits_pay_now && problem.has_response_beyond_model_limit() =>
        {
            ActionName::ProbablyCostsExtra
        }
        Ending::ResponseReceived | Ending::HitAgain | Ending::ConcernsOthers
            if problem.credits_pay_now =>
        {
            ActionName::CostsExtra
        }
        Ending::ResponseReceived | Ending::HitAgain => ActionName::NothingLeft,
        Ending::ResponseElsewhere if problem.credits_pay_now => ActionName::WorksForCredits,
        Ending::ResponseElsewhere if evidence.has_asker_response() => ActionName::NothingLeft,
        Ending::ResponseElsewhere if problem.still_uses_stray_key() => {
            ActionName::WorksForUnknownPayer
        }
        Ending::Reset
        | Ending::ResetEarly
        | Ending::ResponseElsewhere
        | Ending::PauseOver
        | Ending::PauseLongOver
            if problem.continues_soon() =>
        {
            ActionName::LeaveOpen
        }
        Ending::ResponseElsewhere => ActionName::WorksElsewhere,
        Ending::ConcernsOthers if evidence.collected.session_uses_new_login => {
            ActionName::NewLoginPays
        }
        // In a shell, the user may be asking because of the session with the key.
        Ending::ConcernsOthers if evidence.collected.is_of_other_key && problem.is_about_key() => {
            ActionName::OthersCanContinue
        }
        Ending::ConcernsOthers if problem.may_stop_asker_despite_response() => {
            ActionName::WaitDespiteResponse
        }
        Ending::ConcernsOthers => ActionName::NotBlocked,
        Ending::KeyRemoved => ActionName::KeyIsRemoved,
        Ending::ModelSwitched => ActionName::SendToOtherModel,
        Ending::Reset if problem.is_text_of_old_limit() => {
            if problem.is_reset_proven(problem.response_elsewhere()) {
                ActionName::ResetSinceThen
            } else {
                ActionName::ResetLongAgo
            }
        }
        Ending::Reset if problem.expected_continuation().is_some() => ActionName::TryAgainLeftOpen,
        Ending::Reset => ActionName::TryAgain,
        Ending::ResetEarly => ActionName::ResetEarly,
        Ending::PauseOver => ActionName::Passed,
        Ending::NewMonth => ActionName::NewMonth,
        Ending::PauseLongOver | Ending::Outlived => ActionName::LongAgo,
    }
}

impl Problem<'_> {
    /// Returns true if a used-up budget would block the prompt with which the user or Claude Code continues. This does not
    /// matter if the user has to do something else first, unless one of `actions` is to continue without a key.
    fn is_blocked_by_budget(&self, state: State, actions: &[ActionName]) -> bool {
        let continues_on_plan = actions.iter().any(|action| action.continues_on_plan());
        let continues = match state {
            State::Blocks(_) if continues_on_plan => true,
            State::Blocks(Wait::Helps(_)) => true,
            State::Over(ending) => ending != Ending::HitAgain,
            State::Blocks(_) | State::Notice => false,
        };
        continues && self.evidence.collected.blocking_budget.is_some() && !self.stops_only_feature()
    }

    /// Returns true if a pasted message is about a limit that applies only while the 5-hour window or the weekly window
    /// is full, but neither was full according to the newest reading.
    fn is_window_limit_despite_room(&self) -> bool {
        let needs_full_window = match self.finding.limit {
            LimitKind::Window(window) => !window.is_of_one_model(),
            LimitKind::Unknown => matches!(
                self.finding.cause,
                Cause::SomeWindow | Cause::ProbablySomeWindow
            ),
            limit => limit.cap().is_some(),
        };
        needs_full_window
            && [Window::FiveHour, Window::Weekly]
                .into_iter()
                .all(|window| self.last_known_room(window).is_some())
    }

    /// Returns the last known measurement of a window for a pasted message if this window was not full, or `None` otherwise.
    /// The measurement may be hours old.
    fn last_known_room(&self, window: Window) -> Option<Measurement> {
        match self.readings.state(window) {
            WindowState::LastKnown(known) if !known.is_full() => Some(known),
            _ => None,
        }
    }

    /// Returns true if a pasted message blames a window that had room, but that may have filled up since the reading.
    fn may_have_filled_up_since_reading(&self) -> bool {
        let now = self.evidence.clock.now;
        match self.finding.cause {
            Cause::WindowFullDespiteKnownRoom => self
                .finding
                .measurement
                .is_some_and(|measured| measured.may_have_filled_up_by(now)),
            Cause::SomeWindow | Cause::ProbablySomeWindow => self.may_be_full_since_reading(),
            _ => false,
        }
    }

    /// Returns true if the 5-hour window or the weekly window had room, but may have filled up since the reading.
    fn may_be_full_since_reading(&self) -> bool {
        let now = self.evidence.clock.now;
        [Window::FiveHour, Window::Weekly]
            .into_iter()
            .filter_map(|window| self.last_known_room(window))
            .any(|measured| measured.may_have_filled_up_by(now))
    }

    /// Returns true if a pasted message is about a limit that reset so long ago that no prompt is waiting to be sent again.
    fn is_text_of_old_limit(&self) -> bool {
        let now = self.evidence.clock.now;
        self.evidence.is_pasted()
            && self
                .resets
                .passed(now)
                .is_some_and(|reset| now - reset.at > OLD_LIMIT)
    }

    /// Returns true if the requesting session has received a response since the error, but a full window of its account may
    /// stop its next prompt.
    fn may_stop_asker_despite_response(&self) -> bool {
        let limit = self.finding.limit;
        self.evidence.has_asker_response()
            && !self.evidence.collected.asker_has_other_payer
            && !self.evidence.collected.has_login_with_room
            && !self.credits_pay_now
            && self.evidence.collected.paid_until.is_none()
            && self.finding.verdict == Verdict::Real
            && limit
                .window()
                .is_some_and(|window| !window.is_of_one_model())
            && self.resets.ahead(self.evidence.clock.now).is_some()
            && self.readings.used_up_now().is_some()
    }

    /// Returns what to wait for if /usage shows a full window. A cap may last longer than every usage window.
    fn wait_after_check(&self) -> ActionName {
        let now = self.evidence.clock.now;
        match self.resets.chosen {
            Some(reset) if reset.at - now > WEEK => ActionName::WaitUnknown,
            Some(_) | None => ActionName::WaitIfFull,
        }
    }

    /// Returns the advice to send the prompt again if /usage shows room. The advice names the time to wait for only if it is known
    /// and is not that of a cap, which lasts longer than every usage window.
    fn send_if_room(&self) -> ActionName {
        let clock = self.evidence.clock;
        match self.resets.ahead(clock.now) {
            Some(reset) if !self.message.states_reset_of_cap(reset, clock) => {
                ActionName::SendIfRoomOrWait
            }
            Some(_) | None => ActionName::SendIfRoomOrSeeUsage,
        }
    }

    /// Returns true if the error ended with a response, but a window that has filled up since the error would stop the next prompt,
    /// or usage credits might pay for it.
    fn has_full_window_since_response(&self) -> bool {
        let own_response = self.evidence.error.later_response.as_ref();
        let ended_at = own_response
            .and_then(|response| response.at)
            .or_else(|| self.response_elsewhere().and_then(|end| end.at))
            .or_else(|| self.evidence.known_end().map(|end| end.at));
        let now = self.evidence.clock.now;
        let was_no_full_window = self.finding.limit.is_passing()
            || self.is_false()
            || self.readings.had_room_before(self.decisive_window(), now);
        was_no_full_window
            && !self.credits_pay_now
            && self.evidence.collected.paid_until.is_none()
            && self
                .also_full()
                .is_some_and(|full| Some(full.measured) >= ended_at)
    }

    /// Returns true if the user has to wait for a window that is full now, and not for the reset in a pasted message: the window
    /// resets later, or the message is about an earlier limit of this window.
    fn is_stopped_by_window_now(&self) -> bool {
        let stated = self.resets.chosen.map(|reset| reset.at);
        self.evidence.is_pasted()
            && stated.is_some()
            && self.also_full().is_some_and(|full| {
                full.resets_at > stated || Some(full.window) == self.finding.window
            })
    }

    /// Returns true if a pasted message states a reset that is known to be none of the user's.
    fn states_foreign_reset(&self) -> bool {
        let mut others = self.resets.others.iter();
        self.evidence.is_pasted() && others.any(|other| other.source == ResetSource::Text)
    }

    /// Returns true if the limit applies to a single model family, but a full window would stop the other models as well.
    pub(super) fn are_other_models_stopped(&self) -> bool {
        self.model_window().is_some()
            && self.also_full().is_some()
            && !self.credits_pay_now
            && !self.do_credits_pay_for_other_models()
            && !self.evidence.is_of_another_account()
    }

    /// Returns true if the limit applies to a single model family and a full window to all models, but usage credits pay for the
    /// responses of the other models.
    pub(super) fn do_credits_pay_for_other_models(&self) -> bool {
        self.model_window().is_some()
            && self.evidence.collected.paid_until.is_some()
            && self.also_full().is_some()
    }

    /// Returns what to do instead of switching models while a full window stops all of them: to switch when that window
    /// resets, or to wait for it if the limited model can be used again by then.
    fn instead_of_other_model(&self) -> ActionName {
        let all_models_at = self.also_full().and_then(|full| full.resets_at);
        match (all_models_at, self.resets.chosen) {
            (Some(all), Some(limited)) if all + RESET_TOLERANCE >= limited.at => {
                ActionName::WaitForAllModels
            }
            _ => ActionName::OtherModelLater,
        }
    }

    /// Returns true if the message is about usage credits or a cap on them, whatever its cause.
    fn is_message_about_credits(&self) -> bool {
        self.message.row.limit.description().resource == LimitedResource::Credits
    }

    /// Returns true if Claude Code will automatically resume the session before the limit ends.
    fn will_try_before_end(&self) -> bool {
        self.evidence.collected.obstacle.is_none()
            && self.automatic_continuation().is_some_and(|at| {
                may_still_continue(at, self.evidence.clock.now) && !self.resets.are_over_at(at)
            })
    }

    /// Returns true if Claude Code will automatically resume the session at the end of the limit, but the limit of the session's
    /// model will still apply then.
    fn may_be_stopped_by_model_limit(&self) -> bool {
        let model_limit = self.evidence.collected.model_limit_beside;
        model_limit.is_some_and(|full| {
            self.expected_continuation().is_some_and(|at| {
                at < full.resets_at && may_still_continue(at, self.evidence.clock.now)
            })
        })
    }

    /// Returns true if the client's menu offers to wait for the reset and continue automatically, and Claude Code is
    /// not expected to continue unless the user chooses this.
    fn offers_wait(&self) -> bool {
        let evidence = self.evidence;
        let may_wait = matches!(
            evidence.collected.obstacle,
            None | Some(ContinuationObstacle::NotAnnounced)
        );
        let may_be_in_terminal = evidence
            .line()
            .is_some_and(|line| !line.is_outside_terminal());
        // Claude Code would wait for the reset that the server stated, which may be the later renewal of usage credits.
        let is_early_enough = evidence.server_reset().is_some_and(|server_reset| {
            server_reset > evidence.clock.now
                && self
                    .resets
                    .chosen
                    .is_none_or(|reset| server_reset <= reset.at)
        });
        may_wait
            && may_be_in_terminal
            && self.expected_continuation().is_none()
            && is_early_enough
            && evidence.is_since(OFFERS_WAIT_SINCE)
            && self.finding.limit.is_awaited()
            && self.finding.waiting_helps == Some(true)
            && matches!(self.finding.verdict, Verdict::Real | Verdict::Misworded)
    }

    /// Returns true if the session still uses a key that the user did not mean to use.
    fn still_uses_stray_key(&self) -> bool {
        self.finding.verdict == Verdict::WrongCredential && self.evidence.collected.still_uses_key
    }

    /// Returns true if the login certainly did not pay for a response that ended the error.
    fn has_response_without_login(&self) -> bool {
        let is_logged_in = self.evidence.error.payer.account.is_some();
        let mut responses = self.evidence.collected.other_responses.iter();
        responses.any(|response| {
            self.is_ended_by(response)
                && (!is_logged_in || names_account(response.version.as_deref()))
        })
    }

    /// Returns true if the problem is known to lie in a single session, so that its steps help only there.
    fn lies_in_session(&self) -> bool {
        self.ended_by == EndedBy::SameSession
            && self.finding.limit.description().affects == Affects::Session
    }

    /// Returns true if the limit stops only a feature, while the session continues.
    pub(super) fn stops_only_feature(&self) -> bool {
        self.ended_by == EndedBy::NoSession
    }

    /// Returns true if the limit applies to a single model family and the session has continued with a different model.
    pub(super) fn another_model_responds(&self) -> bool {
        let response = self.evidence.error.later_response.as_ref();
        let model = response.and_then(|response| response.model.as_deref());
        let is_ahead = self.resets.ahead(self.evidence.clock.now).is_some();
        is_ahead
            && model.is_some()
            && self
                .model_window()
                .is_some_and(|window| !window.may_apply_to(model))
    }

    /// Returns true if another session has received a response that shows that the limit is over, for example because it has
    /// been reset early.
    fn limited_model_responds_elsewhere(&self) -> bool {
        let responses = &self.evidence.collected.other_responses;
        responses.iter().any(|response| self.is_ended_by(response))
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};

    use crate::limits::evidence::{Evidence, MessageOrigin, StoredError};
    use crate::limits::incident::Incident;

    /// While usage credits are in use, no step is called free and every headline mentions the costs, no matter how the
    /// error ended.
    #[test]
    fn every_step_after_the_end_mentions_that_credits_pay() {
        let at: DateTime<Utc> = "2026-11-20T10:00:00Z".parse().unwrap();
        for (text, asked_at) in [
            (
                "You've hit your 5-hour limit · resets 12pm (UTC)",
                "2026-11-20T12:00:20Z",
            ),
            (
                "You've hit your 5-hour limit · resets 12pm (UTC)",
                "2026-11-20T13:00:00Z",
            ),
            (
                "You've hit your monthly spend limit",
                "2026-12-01T10:00:00Z",
            ),
            ("API Error: 529 Overloaded.", "2026-11-20T10:10:00Z"),
            ("API Error: 529 Overloaded.", "2026-11-20T15:00:00Z"),
            (
                "API Error: 401 Invalid authentication credentials",
                "2027-01-20T10:00:00Z",
            ),
        ] {
            let now: DateTime<Utc> = asked_at.parse().unwrap();
            let mut evidence = Evidence::of_text(text, now);
            evidence.error = StoredError::new(at, MessageOrigin::Hook, text.to_owned());
            evidence.error.session.id = Some("stopped".to_owned());
            evidence.error.session.version = Some("2.1.331".to_owned());
            evidence.collected.paid_until = Some(now + chrono::TimeDelta::hours(1));
            let incident = Incident::new(evidence);
            assert!(incident.diagnosis.state.is_over(), "{text}: {incident:#?}");
            let actions = incident.actions();
            let waits = incident.diagnosis.actions[0].waits_for_reset();
            assert!(
                waits || actions[0].costs_money == Some(true),
                "{text}, {asked_at}: {actions:?}"
            );
            for action in actions {
                let sends_prompt = action.instruction.contains("end the prompt");
                let is_free = action.costs_money == Some(false);
                assert!(!(is_free && sends_prompt), "{text}, {asked_at}: {action:?}");
            }
            let headline = incident.headline();
            assert!(!headline.ends_with("send the prompt again."), "{headline}");
            assert!(!headline.ends_with("continue shortly."), "{headline}");
        }
    }
}
