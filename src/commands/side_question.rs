//! Answers a question that the explanation of an error does not answer, such as whether to upgrade or whether other models work.
//! Some answers depend on the explanation: if it is about a limit, it already says whether to buy usage credits. If a question is
//! about something else, such as a refund, the answer is that whycap cannot answer it.

use super::question_subject::SideQuestion;
use crate::limits::evidence::ContinuationObstacle;
use crate::limits::incident::Incident;
use crate::limits::kind::{LimitKind, LimitedResource, Verdict, WhoCanFix, Window};

/// The general answer to a question about costs.
const GENERAL_COSTS: &str = "Costs: waiting for a reset is free. Usage credits, a larger plan, and an API key cost money, and steps that you would pay for say so.";

/// The facts for an answer, besides the error that is explained.
#[derive(Debug)]
pub(super) struct SideFacts {
    /// The usage window that the question names.
    pub(super) named_window: Option<Window>,
    /// The upcoming resets of the usage windows, as in "your 5-hour limit resets at 12:00".
    pub(super) resets: Vec<WindowFact>,
    /// The usage of the windows, as in "your 5-hour limit is 42% used".
    pub(super) usages: Vec<WindowFact>,
    /// The age of these figures, such as "40 m", if they are not fresh.
    pub(super) age: Option<String>,
    /// A note about the amount that usage credits have paid today. `None` if the user does not ask for it or if there is no such
    /// payment.
    pub(super) credits_today: Option<String>,
    /// Sentences about the sessions that Claude Code will continue by itself.
    pub(super) continuing: Vec<String>,
    /// True if the user asks in a conversation. [`Self::continuing`] may then leave out other sessions.
    pub(super) is_in_conversation: bool,
    /// True if the error may have occurred in the session in which the user asks. In a shell, it always may have.
    pub(super) is_of_asking_session: bool,
    /// The full usage window that applies to the next prompt whatever its model, according to the newest figures. `None` if usage
    /// credits are paying.
    pub(super) full_window: Option<Window>,
    /// True if a limit of only some models may apply: usage credits are paying, or an error of any session shows a full window.
    pub(super) may_limit_some_models: bool,
    pub(super) payment: CreditsPayment,
}

/// The state of payments with usage credits, as far as whycap knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CreditsPayment {
    /// Usage credits are paying. The output then begins with the costs.
    Paying,
    /// A limit blocks the login, or the newest figures are fresh and show no full window.
    NotPaying,
    Unknown,
}

/// A clause about a usage window, according to the newest figures that Claude Code reported.
#[derive(Debug)]
pub(super) struct WindowFact {
    pub(super) window: Window,
    pub(super) clause: String,
}

impl SideQuestion {
    /// Returns the answer, or `None` if the explanation of the error contains it. `incident` is the error that the explanation is
    /// about, if there is one, and `whycap` is the command as the user would type it.
    pub(super) fn answer(
        self,
        incident: Option<&Incident>,
        facts: &SideFacts,
        whycap: &str,
    ) -> Option<String> {
        let answer = match self {
            Self::Purchase | Self::Raising if incident.is_some_and(is_limit_in_force) => return None,
            Self::Purchase if incident.is_some_and(is_about_api_money) => {
                format!("Buying: usage credits do not pay for an API key. Before you buy anything, check how full your limits are in /usage or with: {whycap} now")
            }
            Self::Purchase if facts.payment == CreditsPayment::Paying => {
                "Buying: usage credits are already paying for your responses.".to_owned()
            }
            Self::CostNow if facts.payment == CreditsPayment::Paying => return None,
            Self::CostNow if incident.is_some_and(|incident| incident.diagnosis.credits_probably_pay_for.is_some()) => {
                "Costs: usage credits are probably paying for each response of the limited model now.".to_owned()
            }
            Self::CostNow if incident.is_some_and(|incident| incident.diagnosis.credits_pay_now) => {
                "Costs: usage credits are paying for your responses now, so each response costs extra.".to_owned()
            }
            Self::CostNow if facts.payment == CreditsPayment::NotPaying => "Costs: as far as whycap knows, usage credits are not paying for your responses now. Fast mode and an API key always cost extra.".to_owned(),
            Self::DescribedLimit if !incident.is_some_and(is_over_without_limit) => return None,
            Self::DescribedLimit => "Your question: the last error that whycap knows was not a limit, so the explanation below may be about something else. To have a message checked, paste it.".to_owned(),
            Self::TurnOffCredits => "Usage credits: you can change their settings at https://claude.ai/settings/usage, or for an organization, with access to billing, at https://claude.ai/admin-settings/usage. /usage-credits opens this page or, for a member without this access, sends a request to the admin.".to_owned(),
            Self::HigherLimit if incident.is_some_and(has_steps_about_money) => return None,
            Self::Outage if incident.is_some_and(is_service_problem) => return None,
            Self::Other if incident.is_some_and(is_about_account) => return None,
            Self::Unrelated if incident.is_some_and(may_need_unusual_step) => return None,
            Self::Other | Self::Unrelated => {
                let what_follows = if incident.is_some() {
                    " The explanation below is not an answer to this question."
                } else {
                    ""
                };
                format!("Your question: whycap answers only questions about errors, limits, and spend.{what_follows}")
            }
            Self::NotUnderstood => {
                let what_follows = if incident.is_some() {
                    " The explanation below is about your last error."
                } else {
                    ""
                };
                format!("Your question: whycap does not understand it.{what_follows}")
            }
            Self::PartlyUnderstood => {
                let what_follows = if incident.is_some() {
                    " The explanation below is about your last error."
                } else {
                    ""
                };
                format!("Your question: whycap may not have understood all of it.{what_follows}")
            }
            Self::FreeCommands => "Free commands: /limit-reset and /low-priority cost nothing extra, but Claude Code does not offer them to every account (see /rate-limit-options). /limit-reset resets your 5-hour limit once a week. It can also use a saved reset if you have one, which may be for a weekly limit. /low-priority lets you continue before your 5-hour limit resets, with pauses while there is no spare capacity. The usage still counts toward your weekly limit.".to_owned(),
            Self::Outage => "Outages: whycap uses no network, so it cannot tell whether Anthropic's service has a problem now; see https://status.claude.com".to_owned(),
            Self::Spend => format!("Spend: to see what your sessions cost, run: {whycap} spend"),
            Self::SpendBy(group) => format!("Usage: to see which {group}s cost the most, run: {whycap} spend --by {group}"),
            Self::LargePrompts => "Large prompts: to see which parts of your prompts had to be written to the cache again, run in a shell: whycap drain".to_owned(),
            Self::FastUsage => format!("Fast usage: to see which sessions cost the most, run: {whycap} spend --by session. To see which parts of your prompts had to be written to the cache again, run in a shell: whycap drain"),
            Self::PastErrors => format!("Past errors: to see each error and how long it blocked you, run: {whycap} incidents"),
            Self::ResetByCredits => "Resets: usage credits pay for responses beyond a limit, but they do not reset it.".to_owned(),
            Self::Raising | Self::RaisingForTeam => answer_about_raising(incident)?,
            Self::OtherSessions => answer_about_other_sessions(incident, facts)?,
            Self::BlockedSessions => format!("Sessions: to see each session and whether it is blocked, run: {whycap} now"),
            Self::Usage => answer_about_usage(facts, whycap),
            Self::Reset => answer_about_reset(incident, facts, whycap)?,
            Self::Continuation => answer_about_continuation(incident, facts),
            Self::ContinuationWhileClosed => {
                let answer = answer_about_continuation(incident, facts);
                format!("{answer} Claude Code continues by itself only if the session stays open and the computer stays awake.")
            }
            Self::UsageElsewhere => "Usage elsewhere: usage on claude.ai, in the Claude apps, and on other machines counts toward the same limits, but whycap cannot see it.".to_owned(),
            Self::ChargedDespitePlan => reasons_for_charges(whycap),
            Self::ReasonForCharges => answer_about_reason_for_charges(facts, whycap),
            Self::Models => answer_about_models(incident, facts)?,
            Self::Locks => format!("Lock files: a lock never causes a usage limit, so deleting lock files does not end a limit. To see which locks exist and whether a program still uses them: {whycap} locks"),
            Self::Purchase => format!("Buying: Claude Code has reported no error that credits would solve. Before you buy anything, check how full your limits are in /usage or with: {whycap} now"),
            Self::Upgrade | Self::HigherLimit => "Upgrading: at a limit, Claude Code's menu may offer \"Upgrade your plan\" (costs money). whycap cannot tell whether an upgrade resets a limit that you have already reached; some users were still blocked after upgrading. An upgrade does not help with a false alarm, an overloaded server, or an organization's cap.".to_owned(),
            Self::ChargedToday => match &facts.credits_today {
                Some(note) => format!("Today's spend: {note}. More: {whycap} now"),
                None => GENERAL_COSTS.to_owned(),
            },
            Self::Cost | Self::CostNow => GENERAL_COSTS.to_owned(),
            Self::Bug => {
                let diagnosis = incident.map(|incident| &incident.diagnosis);
                let is_quota =
                    diagnosis.is_some_and(|diagnosis| diagnosis.limit.description().is_quota);
                let judgment = match diagnosis.map(|diagnosis| diagnosis.verdict) {
                    Some(Verdict::Real) if is_quota => {
                        "as far as whycap can tell, the message is right, so this is not a bug."
                    }
                    Some(Verdict::Misworded) if is_quota => {
                        "there is probably a real limit, but the message blames the wrong one."
                    }
                    Some(Verdict::FalseLikely) => {
                        "probably yes, because the message contradicts your usage."
                    }
                    Some(_) => "whycap cannot tell whether this is a bug.",
                    None => "whycap knows of no error that could be a bug. To have a message checked, paste it.",
                };
                format!("Bug or not: {judgment}")
            }
        };
        Some(answer)
    }
}

/// Returns the answer to the question why the user was charged.
fn answer_about_reason_for_charges(facts: &SideFacts, whycap: &str) -> String {
    match &facts.credits_today {
        Some(note) => format!(
            "Costs: usage credits pay for responses beyond a full limit and for fast mode. As for today's spend, {note}. More: {whycap} now"
        ),
        None => reasons_for_charges(whycap),
    }
}

/// Returns the answer to the question why something costs money if whycap knows of no charges.
fn reasons_for_charges(whycap: &str) -> String {
    format!(
        "Costs: beside a plan, charges usually have one of three reasons: usage credits pay for responses beyond a full limit, Claude Code uses an API key (ANTHROPIC_API_KEY) instead of the plan, or fast mode is on. To see today's spend and what usage credits have probably paid, run: {whycap} now"
    )
}

/// Returns true if a limit caused the error and still stops work.
fn is_limit_in_force(incident: &Incident) -> bool {
    incident.blocks().is_some() && incident.diagnosis.is_limit()
}

/// Returns true if the error is about money for an API key, which usage credits do not replace.
fn is_about_api_money(incident: &Incident) -> bool {
    let limit = incident.diagnosis.limit;
    limit == LimitKind::Billing || limit.limited_resource() == LimitedResource::ApiMoney
}

/// Returns true if the error is over and certainly was not a limit. If the user describes a limit, it is probably not this error.
fn is_over_without_limit(incident: &Incident) -> bool {
    let diagnosis = &incident.diagnosis;
    diagnosis.state.is_over()
        && !incident.evidence.is_pasted()
        && !diagnosis.is_limit()
        && !diagnosis.limit.description().is_quota
        && !matches!(diagnosis.limit, LimitKind::Throttle | LimitKind::Unknown)
}

/// Returns true if the explanation says how to get more usage credits or a higher cap.
fn has_steps_about_money(incident: &Incident) -> bool {
    let limit = incident.diagnosis.limit_in_force();
    is_limit_in_force(incident)
        && matches!(
            limit.limited_resource(),
            LimitedResource::Credits | LimitedResource::ApiMoney
        )
}

/// Returns true if a problem of the service still stops work.
fn is_service_problem(incident: &Incident) -> bool {
    incident.blocks().is_some() && incident.diagnosis.limit.is_passing()
}

/// Returns true if the error is about the account itself, so that its explanation may answer whether the account is banned.
fn is_about_account(incident: &Incident) -> bool {
    matches!(
        incident.diagnosis.limit,
        LimitKind::Auth
            | LimitKind::OrgDisabled
            | LimitKind::SubscriptionAccess
            | LimitKind::Billing
    )
}

/// Returns true if the explanation of the error may contain a step that does not help with a plan's limits, such as `/compact`, to
/// log out, or to change a firewall.
fn may_need_unusual_step(incident: &Incident) -> bool {
    let diagnosis = &incident.diagnosis;
    !diagnosis.is_limit() || diagnosis.verdict == Verdict::WrongCredential
}

/// Returns the clauses about the window that the question names, or all clauses if it names none.
fn clauses(facts: &[WindowFact], named: Option<Window>) -> Vec<&str> {
    facts
        .iter()
        .filter(|fact| named.is_none_or(|named| named == fact.window))
        .map(|fact| fact.clause.as_str())
        .collect()
}

/// Returns the answer to the question when a limit resets. Returns `None` if the explanation of the error contains it: the question
/// names no limit or the one that stops work, or the explanation says when that limit was reset.
fn answer_about_reset(
    incident: Option<&Incident>,
    facts: &SideFacts,
    whycap: &str,
) -> Option<String> {
    let resets = clauses(&facts.resets, facts.named_window);
    let is_explained = incident.is_some_and(|incident| match facts.named_window {
        None => incident.diagnosis.is_limit(),
        Some(window) => {
            incident.diagnosis.is_limit()
                && incident.is_about_window(window)
                && (resets.is_empty() || is_limit_in_force(incident))
        }
    });
    if is_explained {
        return None;
    }
    if !resets.is_empty() {
        let resets = resets.join(", and ");
        return Some(format!("Resets: {resets} (as Claude Code last reported)."));
    }
    let unknown = match facts.named_window {
        Some(window) => format!(
            "whycap does not have the reset of your {}; /usage shows it",
            window.limit()
        ),
        None => "/usage shows them".to_owned(),
    };
    Some(format!(
        "Resets: {unknown}, and this command shows the ones that Claude Code last reported: {whycap} now"
    ))
}

/// Returns the answer to the question how much of a limit is used.
fn answer_about_usage(facts: &SideFacts, whycap: &str) -> String {
    if facts.usages.is_empty() {
        return "Usage: Claude Code has not reported any usage to whycap yet; /usage shows it."
            .to_owned();
    }
    let usages = clauses(&facts.usages, facts.named_window);
    let age = match &facts.age {
        Some(age) => format!(", {age} ago"),
        None => String::new(),
    };
    match facts.named_window {
        Some(window) if usages.is_empty() => format!(
            "Usage: whycap does not have the usage of your {}; /usage shows it. Other limits: {whycap} now",
            window.limit()
        ),
        _ => format!(
            "Usage: {} (as Claude Code last reported{age}). More: {whycap} now",
            usages.join(", and ")
        ),
    }
}

/// Returns the answer to the question whether Claude Code will continue by itself.
fn answer_about_continuation(incident: Option<&Incident>, facts: &SideFacts) -> String {
    if !facts.continuing.is_empty() {
        return format!("Continuing: {}", facts.continuing.join(" "));
    }
    let obstacle = incident
        .filter(|incident| facts.is_of_asking_session && incident.blocks().is_some())
        .and_then(|incident| incident.continuation()?.err());
    match obstacle {
        Some(ContinuationObstacle::NotAwaited) => {
            "Continuing: not by itself; after this error, Claude Code does not wait for a reset."
                .to_owned()
        }
        // These reasons already say that Claude Code will not continue by itself.
        Some(
            reason @ (ContinuationObstacle::NotAnnounced | ContinuationObstacle::NoHelpfulReset),
        ) => format!("Continuing: {reason}."),
        Some(ContinuationObstacle::FalseAlarm) => {
            "Continuing: not by itself; the error was probably a false alarm.".to_owned()
        }
        Some(ContinuationObstacle::BudgetUsedUp) => {
            "Continuing: not by itself; your budget blocks this until you type /whycap continue in the session."
                .to_owned()
        }
        Some(reason) => format!("Continuing: not by itself; {reason}."),
        None => {
            let place = if facts.is_in_conversation {
                "in this session"
            } else {
                "in any open session"
            };
            format!("Continuing: as far as whycap knows, Claude Code is not waiting for a reset {place}.")
        }
    }
}

/// Returns the answer to the question who can raise a limit. Returns `None` if the explanation of the error contains it. The answer
/// about a cap is the same after the cap is over.
fn answer_about_raising(incident: Option<&Incident>) -> Option<String> {
    if incident.is_some_and(has_steps_about_money) {
        return None;
    }
    let of_cap = incident
        .map(|incident| &incident.diagnosis)
        .filter(|diagnosis| diagnosis.limit.cap().is_some())
        .map(|diagnosis| diagnosis.who_can_fix);
    let answer = match of_cap {
        Some(WhoCanFix::Admin) => {
            "Raising this cap: only an Owner can raise it (Organization settings → Usage)."
        }
        Some(WhoCanFix::You) => {
            "Raising this cap: you can raise it yourself at https://claude.ai/settings/usage (costs money)."
        }
        _ => {
            "Raising a limit: only an Owner can raise a spend cap of an organization (Organization settings → Usage). You can raise your own spend cap at https://claude.ai/settings/usage. The limits of a plan rise only with a larger plan."
        }
    };
    Some(answer.to_owned())
}

/// Returns the answer to the question whether other sessions work. Returns `None` if whycap cannot tell, or if usage credits pay.
fn answer_about_other_sessions(incident: Option<&Incident>, facts: &SideFacts) -> Option<String> {
    let Some(incident) = incident.filter(|incident| incident.blocks().is_some()) else {
        return facts
            .full_window
            .map(|full| limit_of_all_sessions(&format!("your {}", full.limit())));
    };
    if incident.may_block_only_its_session() {
        return Some("Other sessions: as far as whycap knows, this error stops only the session in which it occurred, so others may work.".to_owned());
    }
    let diagnosis = &incident.diagnosis;
    if diagnosis.credits_pay_now {
        return None;
    }
    if let Some(models) = diagnosis.only_limited_models() {
        return incident.is_limit_of_login(Some(models)).then(|| {
            format!("Other sessions: this limit applies to all sessions of this account that use {models} models; other models still work.")
        });
    }
    if !incident.is_limit_of_login(None) {
        return None;
    }
    let window = match diagnosis.also_full {
        Some(full) => Some(full.window),
        None => diagnosis.limit_in_force().window(),
    };
    let limit = match window {
        Some(window) => format!("your {}", window.limit()),
        None => "this limit".to_owned(),
    };
    Some(limit_of_all_sessions(&limit))
}

/// Returns the answer if a limit stops all sessions of the account.
fn limit_of_all_sessions(limit: &str) -> String {
    format!(
        "Other sessions: {limit} applies to all sessions of this account, so switching to another session does not help."
    )
}

/// Returns the answer to the question whether other models work. Returns `None` if the explanation of the error contains it, or
/// if whycap cannot tell.
fn answer_about_models(incident: Option<&Incident>, facts: &SideFacts) -> Option<String> {
    let Some(incident) = incident.filter(|incident| incident.blocks().is_some()) else {
        let may_apply = incident.is_some_and(|incident| {
            incident.may_apply_after_end() || !incident.diagnosis.is_limit()
        });
        if let Some(full) = facts.full_window {
            return Some(limit_of_all_models("", full));
        }
        return (!may_apply && !facts.may_limit_some_models).then(|| {
            "Models: as far as whycap knows, no limit of only some models stops you now.".to_owned()
        });
    };
    let diagnosis = &incident.diagnosis;
    let condition = match diagnosis.verdict {
        Verdict::Real | Verdict::Misworded => "",
        Verdict::CannotTell => "if the message is right, ",
        _ => return None,
    };
    if diagnosis.credits_pay_now {
        return None;
    }
    if let Some(models) = diagnosis.only_limited_models() {
        return Some(format!(
            "Models: {condition}this limit stops only {models} models; the others still work."
        ));
    }
    let window = match diagnosis.also_full {
        Some(full) => Some(full.window),
        None => diagnosis.limit_in_force().window(),
    };
    let window_of_all = window.filter(|window| !window.is_of_one_model())?;
    Some(limit_of_all_models(condition, window_of_all))
}

/// Returns the answer if a window for all models is full. `condition` is an empty string or a clause that comes first.
fn limit_of_all_models(condition: &str, window: Window) -> String {
    let limit = window.limit();
    format!(
        "Models: {condition}your {limit} applies to all models, so another model does not help."
    )
}
