//! The evidence in sentences: what the verdict rests on, each with its source and time.

use chrono::{DateTime, Utc};

use super::diagnosis::Telling;
use super::evidence::{Evidence, Seen};
use super::kind::Window;
use super::messages::Message;
use super::meters::{self, FRESH_FOR, age_at_error, percent};
use super::resets::{Reset, ResetSource, Resets};
use crate::claude::credentials::SetIn;
use crate::time::Clock;

/// Where a reason comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The session's transcript.
    Transcript,
    /// The event that the client sent.
    Hook,
    /// What the client told the status line.
    Sample,
    /// The login.
    Account,
    /// Environment variables.
    Environment,
    /// Settings files.
    Settings,
    /// What is known about the client's version.
    Version,
}

impl Source {
    /// The name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Transcript => "transcript",
            Self::Hook => "hook",
            Self::Sample => "sample",
            Self::Account => "account",
            Self::Environment => "environment",
            Self::Settings => "settings",
            Self::Version => "version",
        }
    }
}

/// One fact that the verdict rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// A sentence.
    pub sentence: String,
    /// Where it comes from.
    pub source: Source,
    /// When it was so.
    pub at: Option<DateTime<Utc>>,
}

/// Why usage credits did not take over, by the server's `overageDisabledReason`. Names as in the
/// client's SDK 0.3.328.
fn why_no_credits(reason: &str) -> &'static str {
    match reason {
        "overage_not_provisioned" => "usage credits were never set up",
        "org_level_disabled" => "usage credits are turned off for the account or organisation",
        "org_level_disabled_until" => {
            "usage credits are paused until a date because their monthly cap is reached"
        }
        "org_spend_cap_reached" => "the monthly cap on usage credits is reached",
        "out_of_credits" => "no usage credits are left",
        "seat_tier_level_disabled" => "an admin turned usage credits off for this type of seat",
        "member_level_disabled" => "an admin turned usage credits off for this member",
        "seat_tier_zero_credit_limit" => "the limit on usage credits for this type of seat is $0",
        "group_zero_credit_limit" => "the limit on usage credits for this group is $0",
        "member_zero_credit_limit" => "the limit on usage credits for this member is $0",
        "org_service_level_disabled" => "usage credits are turned off for this service",
        "no_limits_configured" => "no limits on usage credits are configured",
        "fetch_error" => "the server could not read the state of usage credits",
        "unknown" => "the server gave no reason why usage credits did not take over",
        _ => "usage credits did not take over",
    }
}

impl Reason {
    fn new(sentence: impl Into<String>, source: Source, at: Option<DateTime<Utc>>) -> Self {
        let sentence = sentence.into();
        Self {
            sentence,
            source,
            at,
        }
    }
}

/// All reasons, the weightiest first.
pub(super) fn gather(telling: &Telling<'_>, message: &Message) -> Vec<Reason> {
    let Telling {
        evidence, clock, ..
    } = *telling;
    let mut reasons = Vec::new();
    the_error(evidence, clock, &mut reasons);
    the_meters(evidence, clock, &mut reasons);
    reset_disagreements(telling.resets, clock, &mut reasons);
    the_account(evidence, &mut reasons);
    the_credentials(evidence, &mut reasons);
    the_client(evidence, message, &mut reasons);
    reasons
}

fn the_error(evidence: &Evidence, clock: Clock, reasons: &mut Vec<Reason>) {
    let line = evidence.line.as_ref();
    let at = line.and_then(|line| line.at).or(Some(evidence.at));
    if let Some(quota) = evidence.quota() {
        let name = quota
            .rate_limit_type
            .as_deref()
            .unwrap_or("an unnamed window");
        let until = quota
            .resets_at
            .map(|at| format!(", until {}", clock.time(at)))
            .unwrap_or_default();
        reasons.push(Reason::new(
            format!("With the error the server named the window that refused: {name}{until}."),
            Source::Transcript,
            at,
        ));
        if let Some(reason) = quota.overage_disabled_reason.as_deref() {
            let words = why_no_credits(reason);
            reasons.push(Reason::new(
                format!("It also said why credits did not take over: {words} ({reason})."),
                Source::Transcript,
                at,
            ));
        }
        return;
    }
    let status = line.and_then(|line| line.status);
    let class = line
        .and_then(|line| line.error.as_deref())
        .or(evidence.hook_error.as_deref());
    let (sentence, source) = match (evidence.seen, line) {
        (Seen::Pasted, _) => (
            "Only the text is known, as it was given.".to_owned(),
            Source::Transcript,
        ),
        (_, Some(_)) => {
            let status = status
                .map(|status| format!(", status {status}"))
                .unwrap_or_default();
            (
                format!(
                    "The client recorded the error as {}{status}, without details about the plan's windows.",
                    class.unwrap_or("unknown")
                ),
                Source::Transcript,
            )
        }
        (_, None) => (
            format!(
                "The client reported the error as {}.",
                class.unwrap_or("unknown")
            ),
            Source::Hook,
        ),
    };
    reasons.push(Reason {
        sentence,
        source,
        at,
    });
}

fn the_meters(evidence: &Evidence, clock: Clock, reasons: &mut Vec<Reason>) {
    for (window, name) in [(Window::FiveHour, "5-hour"), (Window::Weekly, "weekly")] {
        let Some((sample, meter)) = meters::near(evidence, window) else {
            continue;
        };
        let when = age_at_error(evidence, sample);
        let too_old = if evidence.at - meters::measured(evidence, sample) > FRESH_FOR {
            " That is too old to prove anything."
        } else {
            ""
        };
        let reset = meter
            .resets_at
            .map(|at| format!(", reset {}", clock.time(at)))
            .unwrap_or_default();
        reasons.push(Reason::new(
            format!(
                "The client's own meter showed the {name} window at {} %{reset} ({when}).{too_old}",
                percent(meter.used_percent)
            ),
            Source::Sample,
            Some(sample.at),
        ));
    }
}

fn reset_disagreements(resets: &Resets, clock: Clock, reasons: &mut Vec<Reason>) {
    let name = |reset: &Reset| match reset.source {
        ResetSource::Server => ("the server's details", Source::Transcript),
        ResetSource::Meter => ("the client's meter", Source::Sample),
        ResetSource::Text => ("the message", Source::Transcript),
    };
    let Some(chosen) = &resets.chosen else {
        return;
    };
    for other in &resets.others {
        reasons.push(Reason::new(
            format!(
                "Two reset times are given: {} says {}, {} says {}. whycap goes by the first.",
                name(chosen).0,
                clock.time(chosen.at),
                name(other).0,
                clock.time(other.at)
            ),
            name(other).1,
            None,
        ));
    }
}

fn the_account(evidence: &Evidence, reasons: &mut Vec<Reason>) {
    if evidence.seen == Seen::Pasted && evidence.account.is_none() {
        return;
    }
    let sentence = match &evidence.account {
        Some(account) => {
            let role = account
                .role
                .as_deref()
                .filter(|_| !account.plan.is_personal())
                .map(|role| format!(", role {role}"))
                .unwrap_or_default();
            let organisation = if account.plan.is_personal() {
                ": a personal plan, without an organisation that could set limits"
            } else {
                ""
            };
            format!(
                "Claude Code is logged in with plan {}{role}{organisation}.",
                account.plan.name()
            )
        }
        None => "No login with a plan was found on this machine.".to_owned(),
    };
    reasons.push(Reason {
        sentence,
        source: Source::Account,
        at: None,
    });
}

fn the_credentials(evidence: &Evidence, reasons: &mut Vec<Reason>) {
    for credential in &evidence.credentials {
        let effect = if credential.outranks_login() {
            " It outranks a login."
        } else if credential.is_gateway() {
            " Requests may go to another service than Anthropic's, with limits of its own."
        } else if credential.name == "CLAUDE_CODE_OAUTH_TOKEN" {
            " It replaces the login and carries no plan."
        } else {
            ""
        };
        let source = if credential.set_in == SetIn::Environment {
            Source::Environment
        } else {
            Source::Settings
        };
        reasons.push(Reason::new(
            format!(
                "{} is set in {}.{effect}",
                credential.name,
                credential.set_in.words()
            ),
            source,
            None,
        ));
    }
}

fn the_client(evidence: &Evidence, message: &Message, reasons: &mut Vec<Reason>) {
    if let Some(version) = evidence.version() {
        let special = message.also.iter().find(|(plans, versions, _)| {
            versions.from.is_some() && versions.contain(version) && plans.include(evidence)
        });
        if let Some((plans, _, means)) = special {
            reasons.push(Reason::new(
                format!(
                    "What this message means on {} with client {version}: {means}",
                    plans.words()
                ),
                Source::Version,
                None,
            ));
        }
    }
    if evidence.fast_mode {
        reasons.push(Reason::new(
            "Fast mode was on, which is paid from usage credits only.".to_owned(),
            Source::Sample,
            None,
        ));
    }
    if evidence.is_long_context_model() {
        reasons.push(Reason::new("The session runs the 1M-context variant of its model, which can draw on usage credits.".to_owned(), Source::Transcript, None));
    }
    if evidence.installations > 1 {
        reasons.push(Reason::new(format!(
                "This machine has {} different claude programs; an old one may be the one that runs.",
                evidence.installations
            ), Source::Environment, None));
    }
}
