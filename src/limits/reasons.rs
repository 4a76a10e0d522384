//! The evidence in sentences: what the verdict rests on, each with its source and time.

use chrono::{DateTime, Utc};

use super::diagnosis::{Source, Telling};
use super::evidence::{Seen, identifier};
use super::kind::Window;
use super::messages::Message;
use super::meters::{self, FRESH_FOR, age_at_error, percent};
use super::resets::ResetSource;
use crate::claude::credentials::{Credential, SetIn};

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

/// All reasons, the one that decided first.
pub(super) fn gather(telling: &Telling<'_>, message: &Message) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let mut add = |source: Source, at: Option<DateTime<Utc>>, sentence: String| {
        reasons.push(Reason {
            sentence,
            source,
            at,
        });
    };
    the_error(telling, &mut add);
    the_meters(telling, &mut add);
    two_resets(telling, &mut add);
    the_account(telling, &mut add);
    for credential in &telling.evidence.credentials {
        let source = match credential.set_in {
            SetIn::Environment => Source::Environment,
            SetIn::Settings(_) => Source::Settings,
        };
        add(source, None, set(credential));
    }
    the_client(telling, message, &mut add);
    // An outdated Claude Code comes next: what it says is to be read otherwise.
    reasons.sort_by_key(|reason| reason.source != Source::Version);
    let decisive = |reason: &Reason| reason.source == telling.diagnosis.decisive;
    let up_to_it = reasons.iter().position(decisive);
    if let Some(first) = up_to_it.and_then(|at| reasons.get_mut(..=at)) {
        first.rotate_right(1);
    }
    reasons
}

const ONLY_THE_TEXT: &str = "Only the text of the message is known, not when and where it came.";

type Add<'a> = &'a mut dyn FnMut(Source, Option<DateTime<Utc>>, String);

fn the_error(telling: &Telling<'_>, add: Add<'_>) {
    let evidence = telling.evidence;
    let line = evidence.line.as_ref();
    let at = line.and_then(|line| line.at).or(Some(evidence.at));
    if let Some(quota) = evidence.quota() {
        let limit = match (evidence.refused_window(), &quota.rate_limit_type) {
            (Some(window), _) => window.limit(),
            (None, Some(name)) if name == "overage" => "usage credits",
            (None, Some(name)) => identifier(name).unwrap_or("a limit that whycap does not know"),
            (None, None) => "a limit without a name",
        };
        let resets = quota
            .resets_at
            .map(|at| format!(", resets {}", telling.clock.time(at)))
            .unwrap_or_default();
        add(
            Source::Transcript,
            at,
            format!("The server says: {limit}{resets}."),
        );
        if let Some(reason) = quota.overage_disabled_reason.as_deref() {
            let words = why_no_credits(reason);
            let name = identifier(reason).map(|name| format!(" ({name})"));
            let name = name.unwrap_or_default();
            let sentence = format!("Usage credits did not take over: {words}{name}.");
            add(Source::Transcript, at, sentence);
        }
        return;
    }
    let class = line
        .and_then(|line| line.error.as_deref())
        .or(evidence.hook_error.as_deref())
        .and_then(identifier)
        .unwrap_or("an unknown error");
    let status = line
        .and_then(|line| line.status)
        .map(|status| format!(", status {status}"))
        .unwrap_or_default();
    match (evidence.seen, line) {
        (Seen::Pasted, _) => add(Source::Transcript, at, ONLY_THE_TEXT.to_owned()),
        (Seen::Hook | Seen::Transcript, Some(_)) => add(
            Source::Transcript,
            at,
            format!("Claude Code recorded {class}{status}, and nothing about your plan's limits."),
        ),
        (Seen::Hook | Seen::Transcript, None) => {
            add(Source::Hook, at, format!("Claude Code reported {class}."));
        }
    }
}

/// Why usage credits did not take over, by the server's `overageDisabledReason`. Names as in the
/// Agent SDK 0.3.328.
fn why_no_credits(reason: &str) -> &'static str {
    match reason {
        "overage_not_provisioned" => "they were never set up",
        "org_level_disabled" => "they are turned off",
        "org_level_disabled_until" => "their monthly cap is reached",
        "org_spend_cap_reached" => "an admin's cap on them is reached",
        "out_of_credits" => "none are left",
        "seat_tier_level_disabled" => "an admin turned them off for this type of seat",
        "member_level_disabled" => "an admin turned them off for you",
        "seat_tier_zero_credit_limit" => "this type of seat has none",
        "group_zero_credit_limit" => "an admin set those of your group to $0",
        "member_zero_credit_limit" => "an admin set yours to $0",
        "org_service_level_disabled" => "they are turned off for Claude Code",
        "no_limits_configured" => "nobody set a limit for them",
        "fetch_error" => "the server could not look them up",
        _ => "the server does not say why",
    }
}

fn the_meters(telling: &Telling<'_>, add: Add<'_>) {
    let evidence = telling.evidence;
    for window in [Window::FiveHour, Window::Weekly] {
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
            .map(|at| format!(", reset {}", telling.clock.time(at)))
            .unwrap_or_default();
        let name = window.short();
        let used = percent(meter.used_percent);
        let mut sentence = format!("{when} your {name} usage was {used}%{reset}.{too_old}");
        if let Some(first) = sentence.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        add(Source::Sample, Some(sample.at), sentence);
    }
}

fn two_resets(telling: &Telling<'_>, add: Add<'_>) {
    let name = |source: ResetSource| match source {
        ResetSource::Server => ("the server", Source::Transcript),
        ResetSource::Meter => ("the usage figure", Source::Sample),
        ResetSource::Text => ("the message", Source::Transcript),
    };
    let Some(chosen) = telling.resets.chosen else {
        return;
    };
    for other in &telling.resets.others {
        let (first, second) = (name(chosen.source).0, name(other.source).0);
        let sentence = format!(
            "Two reset times: {first} says {}, {second} says {}. whycap goes by the first.",
            telling.clock.time(chosen.at),
            telling.clock.time(other.at)
        );
        add(name(other.source).1, None, sentence);
    }
}

fn the_account(telling: &Telling<'_>, add: Add<'_>) {
    let sentence = match &telling.evidence.account {
        Some(account) if account.plan.is_personal() => format!(
            "You are logged in with {}, a plan for one person.",
            account.plan.name()
        ),
        Some(account) => {
            let role = account.role.as_deref().map(|role| format!(", role {role}"));
            format!(
                "You are logged in with plan {}{}.",
                account.plan.name(),
                role.unwrap_or_default()
            )
        }
        None if telling.evidence.seen == Seen::Pasted => return,
        None => "No login with a plan was found on this machine.".to_owned(),
    };
    add(Source::Account, None, sentence);
}

/// What a credential or a switch that is set does.
fn set(credential: &Credential) -> String {
    let effect = if credential.outranks_login() {
        ", so your login is not used"
    } else if credential.name == "CLAUDE_CODE_OAUTH_TOKEN" {
        ", which replaces the login and carries no plan"
    } else if credential.is_gateway() {
        ", so another service may answer"
    } else {
        ""
    };
    let host = credential
        .host
        .as_deref()
        .map(|host| format!(" ({host})"))
        .unwrap_or_default();
    let place = credential.set_in.words();
    format!("{}{host} is set in {place}{effect}.", credential.name)
}

fn the_client(telling: &Telling<'_>, message: &Message, add: Add<'_>) {
    let evidence = telling.evidence;
    if let Some(version) = evidence.version() {
        let special = message.also.iter().find(|(plans, versions, _)| {
            versions.from.is_some() && versions.contain(version) && plans.include(evidence)
        });
        if let Some((plans, _, means)) = special {
            let sentence = format!("Claude Code {version}, {}: {means}", plans.words());
            add(Source::Version, None, sentence);
        }
    }
    if evidence.fast_mode {
        let sentence = "Fast mode was on; it is paid from usage credits only.";
        add(Source::Sample, None, sentence.to_owned());
    }
    if evidence.is_long_context_model() {
        let sentence = "The session ran a model with 1M context, which can need usage credits.";
        add(Source::Transcript, None, sentence.to_owned());
    }
    if evidence.installations > 1 {
        let sentence = format!(
            "This machine has {} different claude programs; an old one may be the one that runs.",
            evidence.installations
        );
        add(Source::Environment, None, sentence);
    }
}
