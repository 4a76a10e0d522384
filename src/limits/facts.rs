//! The evidence in sentences: what the verdict rests on, each with its source and time.

use chrono::{DateTime, TimeDelta, Utc};

use super::diagnosis::Finding;
use super::evidence::{Evidence, FRESH_FOR, Sample, Seen};
use super::kind::LimitKind;
use super::resets::{Reset, ResetSource};
use crate::claude::credentials::SetIn;
use crate::time::{Clock, in_words};

/// Where a fact comes from.
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

/// One fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// A sentence.
    pub sentence: String,
    /// Where it comes from.
    pub source: Source,
    /// When it was so.
    pub at: Option<DateTime<Utc>>,
}

/// Why usage credits did not take over, by the server's `overageDisabledReason`. Names as in the
/// client's SDK 0.3.328.
const CREDIT_REASONS: [(&str, &str); 14] = [
    ("overage_not_provisioned", "usage credits were never set up"),
    (
        "org_level_disabled",
        "usage credits are turned off for the account or organisation",
    ),
    (
        "org_level_disabled_until",
        "usage credits are paused until a date because their monthly cap is reached",
    ),
    (
        "org_spend_cap_reached",
        "the monthly cap on usage credits is reached",
    ),
    ("out_of_credits", "no usage credits are left"),
    (
        "seat_tier_level_disabled",
        "an admin turned usage credits off for this type of seat",
    ),
    (
        "member_level_disabled",
        "an admin turned usage credits off for this member",
    ),
    (
        "seat_tier_zero_credit_limit",
        "the limit on usage credits for this type of seat is $0",
    ),
    (
        "group_zero_credit_limit",
        "the limit on usage credits for this group is $0",
    ),
    (
        "member_zero_credit_limit",
        "the limit on usage credits for this member is $0",
    ),
    (
        "org_service_level_disabled",
        "usage credits are turned off for this service",
    ),
    (
        "no_limits_configured",
        "no limits on usage credits are configured",
    ),
    (
        "fetch_error",
        "the server could not read the state of usage credits",
    ),
    (
        "unknown",
        "the server gave no reason why usage credits did not take over",
    ),
];

/// All facts, the weightiest first.
pub(super) fn gather(evidence: &Evidence, finding: &Finding, clock: Clock) -> Vec<Fact> {
    let mut facts = Vec::new();
    the_error(evidence, clock, &mut facts);
    the_meters(evidence, clock, &mut facts);
    reset_disagreements(finding, clock, &mut facts);
    the_account(evidence, &mut facts);
    the_credentials(evidence, &mut facts);
    the_client(evidence, finding, &mut facts);
    facts
}

fn the_error(evidence: &Evidence, clock: Clock, facts: &mut Vec<Fact>) {
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
        facts.push(Fact {
            sentence: format!(
                "With the error the server named the window that refused: {name}{until}."
            ),
            source: Source::Transcript,
            at,
        });
        if let Some(reason) = quota.overage_disabled_reason.as_deref() {
            let words = CREDIT_REASONS
                .iter()
                .find(|(name, _)| *name == reason)
                .map_or("usage credits did not take over", |(_, words)| *words);
            facts.push(Fact {
                sentence: format!(
                    "It also said why credits did not take over: {words} ({reason})."
                ),
                source: Source::Transcript,
                at,
            });
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
    facts.push(Fact {
        sentence,
        source,
        at,
    });
}

fn the_meters(evidence: &Evidence, clock: Clock, facts: &mut Vec<Fact>) {
    for (kind, name) in [
        (LimitKind::FiveHour, "5-hour"),
        (LimitKind::Weekly, "weekly"),
    ] {
        let Some((sample, level)) = evidence.level_near(kind) else {
            continue;
        };
        let measured = evidence.measured(sample);
        let when = age_at_error(evidence, sample);
        let too_old = if evidence.at - measured > FRESH_FOR {
            " That is too old to prove anything."
        } else {
            ""
        };
        let reset = level
            .resets_at
            .map(|at| format!(", reset {}", clock.time(at)))
            .unwrap_or_default();
        facts.push(Fact {
            sentence: format!(
                "The client's own meter showed the {name} window at {} %{reset} ({when}).{too_old}",
                percent(level.used_percent)
            ),
            source: Source::Sample,
            at: Some(sample.at),
        });
    }
}

/// How old a reading was at the error: "1 m before the error", "right after the error".
pub(super) fn age_at_error(evidence: &Evidence, sample: &Sample) -> String {
    let age = evidence.at - evidence.measured(sample);
    let since = sample.since - evidence.at;
    if age > TimeDelta::zero() {
        format!("{} before the error", in_words(age))
    } else if since < TimeDelta::minutes(1) {
        "right after the error".to_owned()
    } else {
        format!("{} after the error", in_words(since))
    }
}

/// 41, 99.5.
pub(super) fn percent(value: f64) -> String {
    if (value - value.round()).abs() < 0.05 {
        format!("{value:.0}")
    } else {
        format!("{value:.1}")
    }
}

fn reset_disagreements(finding: &Finding, clock: Clock, facts: &mut Vec<Fact>) {
    let name = |reset: &Reset| match reset.source {
        ResetSource::Server => ("the server's details", Source::Transcript),
        ResetSource::Meter => ("the client's meter", Source::Sample),
        ResetSource::Text => ("the message", Source::Transcript),
    };
    let Some(chosen) = &finding.resets.chosen else {
        return;
    };
    for other in &finding.resets.others {
        facts.push(Fact {
            sentence: format!(
                "Two reset times are given: {} says {}, {} says {}. whycap goes by the first.",
                name(chosen).0,
                clock.time(chosen.at),
                name(other).0,
                clock.time(other.at)
            ),
            source: name(other).1,
            at: None,
        });
    }
}

fn the_account(evidence: &Evidence, facts: &mut Vec<Fact>) {
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
    facts.push(Fact {
        sentence,
        source: Source::Account,
        at: None,
    });
}

fn the_credentials(evidence: &Evidence, facts: &mut Vec<Fact>) {
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
        facts.push(Fact {
            sentence: format!(
                "{} is set in {}.{effect}",
                credential.name,
                credential.set_in.words()
            ),
            source,
            at: None,
        });
    }
}

fn the_client(evidence: &Evidence, finding: &Finding, facts: &mut Vec<Fact>) {
    if let Some(version) = evidence.version() {
        let meaning = finding
            .family
            .meanings
            .iter()
            .filter(|meaning| meaning.versions.from.is_some() && meaning.versions.contain(version))
            .find(|meaning| {
                evidence.plan().is_none_or(|plan| {
                    meaning.plans.contains(plan.name()) || meaning.plans == "all plans"
                })
            });
        if let Some(meaning) = meaning {
            facts.push(Fact {
                sentence: format!(
                    "What this message means on {} with client {version}: {}",
                    meaning.plans, meaning.means
                ),
                source: Source::Version,
                at: None,
            });
        }
    }
    if evidence.fast_mode {
        facts.push(Fact {
            sentence: "Fast mode was on, which is paid from usage credits only.".to_owned(),
            source: Source::Sample,
            at: None,
        });
    }
    if evidence.is_long_context_model() {
        facts.push(Fact {
            sentence: "The session runs the 1M-context variant of its model, which can draw on usage credits.".to_owned(),
            source: Source::Transcript,
            at: None,
        });
    }
    if evidence.installations > 1 {
        facts.push(Fact {
            sentence: format!(
                "This machine has {} different claude programs; an old one may be the one that runs.",
                evidence.installations
            ),
            source: Source::Environment,
            at: None,
        });
    }
}
