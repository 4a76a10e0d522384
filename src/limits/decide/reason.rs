//! Collects the facts that support a diagnosis, as well as those that are missing.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;

use crate::claude::account::Plan;
use crate::claude::credentials::SetIn;
use crate::limits::catalog::DecisionName;
use crate::limits::evidence::{
    Evidence, Measurement, MessageOrigin, Reset, ResetSource, Resets, Source,
};
use crate::limits::kind::{ApiLimit, LimitKind, LimitedResource, Service, Verdict, Window};

use super::input::{Finding, Input};

/// A fact that supports a diagnosis, along with its source.
#[derive(Debug, Clone, PartialEq)]
pub struct Reason {
    pub(crate) fact: Fact,
    /// The source of the fact.
    pub source: Source,
    /// The time at which the fact was observed.
    pub at: Option<DateTime<Utc>>,
}

impl Reason {
    /// Returns true if the fact is about the usage of the plan's windows.
    pub(super) fn is_about_usage(&self) -> bool {
        matches!(self.fact, Fact::Measured(..) | Fact::OnUsagePage { .. })
    }
}

/// A fact that the `wording` module can turn into a sentence.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Fact {
    /// The session belongs to a different account than the one that is logged in.
    OtherAccount,
    /// The server blamed this usage window.
    ServerNamesWindow(Window, Option<DateTime<Utc>>),
    /// The server blamed the pool of usage credits.
    ServerNamesPool(Option<DateTime<Utc>>),
    /// The server blamed a limit that whycap does not recognize.
    ServerNamesOther(Option<DateTime<Utc>>),
    /// The words with which the server refused the request.
    ServerSays(String),
    /// The server gave this reason for not accepting usage credits.
    NoCredits(String),
    /// A measurement of a usage window.
    Measured(Measurement),
    /// A gateway's spend limit, as a percentage used and, if known, as formatted amounts.
    GatewaySpend(f64, Option<String>),
    /// A window's percentage according to `/usage`.
    OnUsagePage {
        name: String,
        percent: f64,
        resets_at: Option<DateTime<Utc>>,
    },
    /// Another source reported a different reset time.
    ResetDiffers(Reset),
    /// The logged-in account's plan and the user's role.
    Plan(Plan, Option<String>),
    NoPlan,
    /// A key that takes precedence over the login.
    Key(String, SetIn),
    /// A setting that redirects requests to another service.
    Gateway(String, Option<String>, SetIn),
    SetupToken,
    FastMode,
    LongContext,
    /// The number of different `claude` executables that are installed.
    Installations(usize),
    /// The message means something specific in this version of Claude Code.
    VersionMeaning(&'static str),
    /// The time in the message is Beijing time, even though the message does not say so.
    BeijingTime,
    /// The message says that Claude Code will resume automatically.
    AnnouncesContinuation,
    /// There is no evidence other than the wording of the message.
    WordsAlone,
    /// The HTTP status.
    Status(u16),
    /// The delay that the server asked for before the next attempt.
    RetryDelay(TimeDelta),
}

/// A missing fact that would make a diagnosis more reliable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unknown {
    /// The message does not specify which limit was reached.
    WhichLimit,
    /// The window was guessed from the reset time.
    WindowGuessed,
    /// There are no readings from around the time of the error.
    Readings,
    /// There are no readings for the windows of individual models.
    ReadingsOfModels,
    /// The window was nearly full shortly before the error.
    NearlyFullBefore,
    /// The message was pasted, so it is unknown when it was shown.
    TimeOfMessage,
    /// The figures on the usage page may be outdated.
    AgeOfUsagePage,
    /// The reason why the server refused the request is unknown.
    ReasonOfServer,
    /// The reason why the server demanded credits is unknown.
    ReasonForCredits,
    /// The amount of usage left in the plan is unknown.
    RoomOfPlan,
    /// Only an admin can see the state of the credit pool.
    StateOfPool,
    /// No login with a plan was found.
    PlanOfPool,
    /// The message is intended for members of an organization, but the login has a personal plan.
    SeatOfLogin,
    /// The plan's windows are not full, so the cap should not have any effect.
    CapDespiteRoom,
    /// Older versions used the same wording for the limit of a single member.
    OrgOrMember,
    /// No login with a plan was found, and the wording does not prove that an organization exists.
    Organization,
    /// No login with a plan was found, so it is unknown who set the cap.
    OwnerOfCap,
    /// The session used a token, which does not reveal a plan.
    PlanOfToken,
    /// No reset time was found.
    Reset,
    /// The key in use was not found.
    KeyInUse,
    /// whycap cannot see the session's environment.
    SessionEnvironment,
    /// The message does not say when the cap resets.
    StartOfCap,
    /// The message says "usually", so a payment problem is not certain.
    PaymentForCertain,
    /// The reason why the subscription was rejected is uncertain.
    ReasonOfRefusal,
    /// The plan may be personal, in which case no organization is involved.
    PersonalPlan,
    /// Older versions also used this wording for the 1M context window.
    LongContext,
    /// The wording leaves open whether a limit is involved.
    WhetherLimit,
    /// The message is not recognized.
    Message,
}

/// Returns the facts that support the diagnosis, most important first.
pub(super) fn reasons(input: &Input<'_>, finding: &Finding, resets: &Resets) -> Vec<Reason> {
    let mut reasons = Vec::new();
    add_owner(input.evidence, &mut reasons);
    add_server(input.evidence, &mut reasons);
    add_server_words(input.evidence, finding, &mut reasons);
    add_measurements(input, finding, &mut reasons);
    add_resets(input.evidence, resets, &mut reasons);
    if reasons.is_empty() && input.evidence.is_pasted() {
        reasons.push(reason(Fact::WordsAlone, Source::Transcript, None));
    }
    add_account(input.evidence, finding.limit, &mut reasons);
    add_session(input, finding.verdict, &mut reasons);
    if reasons.is_empty() {
        reasons.push(reason(
            Fact::WordsAlone,
            Source::Transcript,
            Some(input.evidence.at()),
        ));
    }
    reasons
}

fn reason(fact: Fact, source: Source, at: Option<DateTime<Utc>>) -> Reason {
    Reason { fact, source, at }
}

fn add_owner(evidence: &Evidence, reasons: &mut Vec<Reason>) {
    if evidence.is_of_another_account() {
        let source = if evidence.error.payer.owner.is_some() {
            Source::Transcript
        } else {
            Source::Account
        };
        reasons.push(reason(Fact::OtherAccount, source, None));
    }
}

/// Adds the information that the server sent when it refused the request.
fn add_server(evidence: &Evidence, reasons: &mut Vec<Reason>) {
    let Some(quota) = evidence.quota() else {
        return;
    };
    let at = Some(evidence.at());
    let fact = match evidence.refused_window() {
        Some(window) => Fact::ServerNamesWindow(window, quota.resets_at),
        None if evidence.is_pool_refused() => Fact::ServerNamesPool(quota.resets_at),
        None => Fact::ServerNamesOther(quota.resets_at),
    };
    reasons.push(reason(fact, Source::Transcript, at));
    if let Some(why) = &quota.overage_disabled_reason {
        reasons.push(reason(Fact::NoCredits(why.clone()), Source::Transcript, at));
    }
}

/// Adds the words with which the server refused the request, unless the cause is a limit or a temporary problem. Those
/// messages contain nothing that the explanation does not say.
fn add_server_words(evidence: &Evidence, finding: &Finding, reasons: &mut Vec<Reason>) {
    if finding.limit.limited_resource() != LimitedResource::Nothing || evidence.is_pasted() {
        return;
    }
    if let Some(words) = evidence.error.message.server_words() {
        let at = Some(evidence.at());
        reasons.push(reason(Fact::ServerSays(words), Source::Transcript, at));
    }
}

/// Adds the usage-window measurements, starting with the decisive one.
fn add_measurements(input: &Input<'_>, finding: &Finding, reasons: &mut Vec<Reason>) {
    let evidence = input.evidence;
    if finding.limit.limited_resource() == LimitedResource::ApiMoney(ApiLimit::Cap)
        && let Some((limit, measured)) = input.readings.full_gateway_limit()
    {
        let amounts = limit.used.zip(limit.limit);
        let words = amounts.map(|(used, limit)| format!("{used} of {limit}"));
        let fact = Fact::GatewaySpend(limit.usage.used_percent, words);
        reasons.push(reason(fact, Source::Sample, Some(measured)));
    }
    let is_about_plan = finding.window.is_some() || finding.limit.service() == Some(Service::Plan);
    if !is_about_plan && finding.measurement.is_none() {
        return;
    }
    let mut windows: Vec<Window> = finding
        .measurement
        .iter()
        .map(|measurement| measurement.window)
        .collect();
    for window in [Window::FiveHour, Window::Weekly]
        .into_iter()
        .chain(finding.window)
    {
        if !windows.contains(&window) {
            windows.push(window);
        }
    }
    if evidence.is_pasted() {
        // For a pasted message, only the decisive window is relevant.
        windows.retain(|window| Some(*window) == decisive_window(input, finding));
    }
    for window in windows {
        if let Some(measurement) = input.readings.shown(window) {
            let fact = Fact::Measured(measurement);
            reasons.push(reason(fact, Source::Sample, Some(measurement.measured)));
        }
    }
    if let Some(page) = &evidence.collected.usage_page
        && !evidence.is_of_another_account()
    {
        let matching_windows = page.windows.iter().filter(|shown| {
            finding.window.is_none_or(|window| {
                shown.name == window.rate_limit_type()
                    || shown.model.as_deref().map(str::to_lowercase).as_deref() == window.family()
                        && window.family().is_some()
            })
        });
        for shown in matching_windows {
            let name = shown.model.clone().unwrap_or_else(|| shown.name.clone());
            let (percent, resets_at) = (shown.percent, shown.resets_at);
            let fact = Fact::OnUsagePage {
                name,
                percent,
                resets_at,
            };
            reasons.push(reason(fact, Source::Account, Some(page.at)));
        }
    }
}

/// Returns the window whose usage confirms or contradicts a pasted message. For messages about credits, this is the
/// fullest window.
fn decisive_window(input: &Input<'_>, finding: &Finding) -> Option<Window> {
    let decided = finding.measurement.map(|measurement| measurement.window);
    let fullest = [Window::FiveHour, Window::Weekly]
        .into_iter()
        .filter_map(|window| input.readings.shown(window))
        .max_by(|first, second| first.percent.total_cmp(&second.percent))
        .map(|measurement| measurement.window);
    decided.or(finding.window).or(fullest)
}

/// Adds the reset times that contradict the chosen one.
fn add_resets(evidence: &Evidence, resets: &Resets, reasons: &mut Vec<Reason>) {
    for other in &resets.others {
        let source = match other.source {
            ResetSource::Server | ResetSource::Text => Source::Transcript,
            ResetSource::Reading => Source::Sample,
        };
        reasons.push(reason(
            Fact::ResetDiffers(*other),
            source,
            Some(evidence.at()),
        ));
    }
}

/// Adds facts about the login, keys, and gateway, as far as they can have to do with this kind of limit.
fn add_account(evidence: &Evidence, limit: LimitKind, reasons: &mut Vec<Reason>) {
    if matches!(limit, LimitKind::PromptTooLong | LimitKind::RequestTooLarge) {
        return;
    }
    for credential in &evidence.error.payer.credentials {
        let set_in = credential.set_in;
        let fact = if credential.outranks_login() {
            Fact::Key(credential.name.clone(), set_in)
        } else if credential.selects_other_service() {
            Fact::Gateway(credential.name.clone(), credential.host.clone(), set_in)
        } else {
            Fact::SetupToken
        };
        reasons.push(reason(fact, set_in.into(), None));
    }
    if evidence.is_of_another_account() || limit.is_passing() || limit == LimitKind::Auth {
        return;
    }
    match (&evidence.error.payer.account, evidence.plan()) {
        (Some(account), Some(plan)) => {
            let fact = Fact::Plan(plan, account.role.clone());
            reasons.push(reason(fact, Source::Account, None));
        }
        // The sentence about a key already says that there is no login with a plan.
        _ if evidence.error.message.origin != MessageOrigin::Pasted
            && !evidence.error.uses_key() =>
        {
            reasons.push(reason(Fact::NoPlan, Source::Account, None));
        }
        _ => {}
    }
}

/// Adds facts about the session, including what the message means in its version of Claude Code.
fn add_session(input: &Input<'_>, verdict: Verdict, reasons: &mut Vec<Reason>) {
    let (message, evidence) = (input.message, input.evidence);
    if let Some(version) = evidence.version() {
        let meanings = message.row.meanings.iter().filter(|meaning| {
            meaning.versions.from.is_some()
                && meaning.versions.contain(version)
                && super::is_for(meaning.audience, evidence, verdict)
        });
        for meaning in meanings {
            let fact = Fact::VersionMeaning(meaning.sentence);
            reasons.push(reason(fact, Source::Version, None));
        }
    }
    if let Some(status) = message.passage.status
        && (message.row.limit == LimitKind::Unknown || (500..600).contains(&status))
    {
        reasons.push(reason(Fact::Status(status), Source::Transcript, None));
    }
    if let Some(delay) = message.passage.retry_after
        && delay > TimeDelta::zero()
        && message.row.decision != DecisionName::UnknownMessage
    {
        reasons.push(reason(Fact::RetryDelay(delay), Source::Transcript, None));
    }
    if message.row.id == "z-ai-plan" {
        reasons.push(reason(Fact::BeijingTime, Source::Transcript, None));
    }
    if evidence.is_pasted() && message.whole.contains("continuing automatically") {
        reasons.push(reason(
            Fact::AnnouncesContinuation,
            Source::Transcript,
            None,
        ));
    }
    if evidence.error.session.fast_mode {
        reasons.push(reason(Fact::FastMode, Source::Sample, None));
    }
    if evidence.uses_long_context() {
        reasons.push(reason(Fact::LongContext, Source::Transcript, None));
    }
    let installed = evidence.error.session.installed_clients;
    if installed > 1 {
        reasons.push(reason(
            Fact::Installations(installed),
            Source::Environment,
            None,
        ));
    }
}
