//! Collects the facts that support a diagnosis, as well as those that are missing.
//!
//! A missing fact is an entry of `unknowns` in `wording/causes.json`, which contains its sentence.

use chrono::{DateTime, TimeDelta, Utc};

use crate::claude::account::Plan;
use crate::claude::credentials::SetIn;
use crate::limits::evidence::{Measurement, Reset, ResetSource, Source};
use crate::limits::kind::{LimitKind, LimitedResource, Service, Window};

use super::{ActionName, DecisionName, Problem, State, is_for, is_paid_now};

include!(concat!(env!("OUT_DIR"), "/Unknown.rs"));

/// A fact that supports a diagnosis, along with its source.
#[derive(Debug, Clone, PartialEq)]
pub struct Reason {
    pub(crate) fact: Fact,
    /// The source of the fact.
    pub source: Source,
    /// The time at which the fact was observed.
    pub at: Option<DateTime<Utc>>,
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

/// Returns the facts that support the diagnosis, most important first.
pub(super) fn reasons(problem: &Problem<'_>, state: State, actions: &[ActionName]) -> Vec<Reason> {
    let mut reasons = Reasons {
        problem,
        list: Vec::new(),
    };
    reasons.add_owner();
    reasons.add_server();
    reasons.add_measurements();
    reasons.add_usage_page();
    reasons.add_resets();
    if reasons.list.is_empty() && problem.evidence.is_pasted() {
        reasons.add(Fact::WordsAlone, Source::Transcript);
    }
    reasons.add_credentials();
    reasons.add_plan();
    reasons.add_message();
    reasons.add_session();
    if reasons.list.is_empty() {
        reasons.add_of_error(Fact::WordsAlone);
    }
    // A full window would block the next prompt, but it did not cause an error that has passed.
    let has_passed = state.is_over() && problem.finding.limit.is_passing();
    // If credits have become available since the error, the reason against them no longer applies.
    let is_paid = is_paid_now(actions);
    reasons.list.retain(|reason| match reason.fact {
        Fact::Measured(_) | Fact::OnUsagePage { .. } => !has_passed,
        Fact::NoCredits(_) => !is_paid,
        _ => true,
    });
    reasons.list
}

/// The facts about a problem, in order of importance.
struct Reasons<'a> {
    problem: &'a Problem<'a>,
    list: Vec<Reason>,
}

impl Reasons<'_> {
    /// Adds a fact that applies at any time.
    fn add(&mut self, fact: Fact, source: Source) {
        let at = None;
        self.list.push(Reason { fact, source, at });
    }

    fn add_at(&mut self, at: DateTime<Utc>, fact: Fact, source: Source) {
        let at = Some(at);
        self.list.push(Reason { fact, source, at });
    }

    /// Adds a fact that the error line in the transcript contains.
    fn add_of_error(&mut self, fact: Fact) {
        self.add_at(self.problem.evidence.at(), fact, Source::Transcript);
    }

    fn add_owner(&mut self) {
        let evidence = self.problem.evidence;
        if evidence.is_of_another_account() {
            let source = match evidence.error.payer.owner {
                Some(_) => Source::Transcript,
                None => Source::Account,
            };
            self.add(Fact::OtherAccount, source);
        }
    }

    /// Adds the information that the server sent when it refused the request. The server's words are omitted if the
    /// cause is a limit or a temporary problem, because the explanation already says the same.
    fn add_server(&mut self) {
        let evidence = self.problem.evidence;
        if let Some(quota) = evidence.quota() {
            self.add_of_error(match evidence.refused_window() {
                Some(window) => Fact::ServerNamesWindow(window, quota.resets_at),
                None if evidence.is_pool_refused() => Fact::ServerNamesPool(quota.resets_at),
                None => Fact::ServerNamesOther(quota.resets_at),
            });
            if let Some(why) = &quota.overage_disabled_reason {
                self.add_of_error(Fact::NoCredits(why.clone()));
            }
        }
        if self.problem.finding.limit.limited_resource() == LimitedResource::Nothing
            && !evidence.is_pasted()
            && let Some(words) = evidence.error.message.server_words()
        {
            self.add_of_error(Fact::ServerSays(words));
        }
    }

    /// Adds the measurements of the usage windows, starting with the decisive one, and of the gateway's limit.
    fn add_measurements(&mut self) {
        let problem = self.problem;
        let finding = &problem.finding;
        if finding.limit == LimitKind::ApiSpendCap
            && let Some((limit, measured)) = problem.readings.full_gateway_limit()
        {
            let amounts = limit.used.zip(limit.limit);
            let words = amounts.map(|(used, limit)| format!("{used} of {limit}"));
            let fact = Fact::GatewaySpend(limit.usage.used_percent, words);
            self.add_at(measured, fact, Source::Sample);
        }
        if !self.is_about_plan() {
            return;
        }
        let decisive = finding.measurement.map(|measurement| measurement.window);
        let windows = if problem.evidence.is_pasted() {
            // For a pasted message, only one window is relevant. For messages about credits, this is the fullest one.
            let general = [Window::FiveHour, Window::Weekly].into_iter();
            let fullest = general
                .filter_map(|window| problem.readings.shown(window))
                .max_by(|first, second| first.percent.total_cmp(&second.percent))
                .map(|measurement| measurement.window);
            vec![decisive.or(finding.window).or(fullest)]
        } else {
            let general = [Some(Window::FiveHour), Some(Window::Weekly)];
            let mut windows = vec![decisive];
            for window in general.into_iter().chain([finding.window]) {
                if !windows.contains(&window) {
                    windows.push(window);
                }
            }
            windows
        };
        for window in windows.into_iter().flatten() {
            if let Some(measurement) = problem.readings.shown(window) {
                let fact = Fact::Measured(measurement);
                self.add_at(measurement.measured, fact, Source::Sample);
            }
        }
    }

    fn is_about_plan(&self) -> bool {
        let finding = &self.problem.finding;
        finding.window.is_some()
            || finding.measurement.is_some()
            || finding.limit.service() == Some(Service::Plan)
    }

    /// Adds the figures of `/usage` about the window.
    fn add_usage_page(&mut self) {
        let Problem {
            evidence, finding, ..
        } = self.problem;
        let Some(page) = &evidence.collected.usage_page else {
            return;
        };
        if !self.is_about_plan() || evidence.is_of_another_account() {
            return;
        }
        for shown in &page.windows {
            if finding
                .window
                .is_none_or(|window| window.is_shown_as(shown))
            {
                let fact = Fact::OnUsagePage {
                    name: shown.model.as_ref().unwrap_or(&shown.name).clone(),
                    percent: shown.percent,
                    resets_at: shown.resets_at,
                };
                self.add_at(page.at, fact, Source::Account);
            }
        }
    }

    /// Adds the reset times that contradict the chosen one.
    fn add_resets(&mut self) {
        let at = self.problem.evidence.at();
        for other in &self.problem.resets.others {
            let source = match other.source {
                ResetSource::Server | ResetSource::Text => Source::Transcript,
                ResetSource::Reading => Source::Sample,
            };
            self.add_at(at, Fact::ResetDiffers(*other), source);
        }
    }

    /// Adds facts about keys and the gateway, unless they cannot have to do with this kind of limit.
    fn add_credentials(&mut self) {
        if self.is_about_size() {
            return;
        }
        for credential in &self.problem.evidence.error.payer.credentials {
            let set_in = credential.set_in;
            let fact = if credential.outranks_login() {
                Fact::Key(credential.name.clone(), set_in)
            } else if credential.selects_other_service() {
                Fact::Gateway(credential.name.clone(), credential.host.clone(), set_in)
            } else {
                Fact::SetupToken
            };
            self.add(fact, set_in.into());
        }
    }

    fn is_about_size(&self) -> bool {
        let limit = self.problem.finding.limit;
        matches!(limit, LimitKind::PromptTooLong | LimitKind::RequestTooLarge)
    }

    /// Adds the login, unless it cannot have to do with this kind of limit.
    fn add_plan(&mut self) {
        let evidence = self.problem.evidence;
        let limit = self.problem.finding.limit;
        let is_irrelevant = self.is_about_size()
            || evidence.is_of_another_account()
            || limit.is_passing()
            || limit == LimitKind::Auth;
        if is_irrelevant {
            return;
        }
        match (&evidence.error.payer.account, evidence.plan()) {
            (Some(account), Some(plan)) => {
                self.add(Fact::Plan(plan, account.role.clone()), Source::Account);
            }
            // The sentence about a key already says that there is no login with a plan.
            _ if !evidence.is_pasted() && !evidence.error.uses_key() => {
                self.add(Fact::NoPlan, Source::Account);
            }
            _ => {}
        }
    }

    /// Adds facts about the message, including what it means in the session's version of Claude Code.
    fn add_message(&mut self) {
        let Problem {
            message, evidence, ..
        } = self.problem;
        let verdict = self.problem.finding.verdict;
        for meaning in &message.row.meanings {
            let versions = &meaning.versions;
            let is_of_version = versions.from.is_some()
                && evidence
                    .version()
                    .is_some_and(|version| versions.contain(version));
            if is_of_version && is_for(meaning.audience, evidence, verdict) {
                self.add(Fact::VersionMeaning(meaning.sentence), Source::Version);
            }
        }
        if let Some(status) = message.passage.status
            && (message.row.limit == LimitKind::Unknown || (500..600).contains(&status))
        {
            self.add(Fact::Status(status), Source::Transcript);
        }
        if let Some(delay) = message.passage.retry_after
            && delay > TimeDelta::zero()
            && message.row.decision != DecisionName::UnknownMessage
        {
            self.add(Fact::RetryDelay(delay), Source::Transcript);
        }
        if message.row.zone.is_some() {
            self.add(Fact::BeijingTime, Source::Transcript);
        }
        if evidence.is_pasted() && message.whole.contains("continuing automatically") {
            self.add(Fact::AnnouncesContinuation, Source::Transcript);
        }
    }

    fn add_session(&mut self) {
        let evidence = self.problem.evidence;
        let session = &evidence.error.session;
        if session.fast_mode {
            self.add(Fact::FastMode, Source::Sample);
        }
        if evidence.uses_long_context() {
            self.add(Fact::LongContext, Source::Transcript);
        }
        if session.installed_clients > 1 {
            let fact = Fact::Installations(session.installed_clients);
            self.add(fact, Source::Environment);
        }
    }
}
