//! The evidence in sentences: what the verdict rests on, each with its source and time.

use chrono::{DateTime, Utc};

use super::diagnosis::Source;
use super::evidence::Seen;
use super::kind::Window;
use super::meters::{self, FRESH_FOR, FULL_FROM, age_at_error, percent};
use super::resets::ResetSource;
use super::rules::TABLES;
use super::vocabulary::{VOCABULARY, identifier};
use super::words::{Telling, capitalized};
use crate::claude::credentials::{Credential, SetIn};
use crate::claude::meters::BELIEVED_FOR;
use crate::transcript::tail::QuotaLimits;

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

fn reason(source: Source, at: Option<DateTime<Utc>>, sentence: String) -> Reason {
    Reason {
        sentence,
        source,
        at,
    }
}

/// All reasons, the one that decided first.
pub(super) fn gather(telling: &Telling<'_>) -> Vec<Reason> {
    let mut reasons: Vec<Reason> = if_it_came_just_now(telling).into_iter().collect();
    reasons.extend(the_error(telling));
    reasons.extend(the_meters(telling));
    reasons.extend(two_resets(telling));
    reasons.extend(told(telling, "account"));
    reasons.extend(telling.evidence.login.credentials.iter().map(set));
    reasons.extend(the_version(telling));
    reasons.extend(told(telling, "client"));
    reasons.extend(the_page(telling));
    if reasons.is_empty() {
        reasons.extend(told(telling, "nothing"));
    }
    // An outdated Claude Code comes next: what it says is to be read otherwise.
    reasons.sort_by_key(|reason| reason.source != Source::Version);
    let decisive = |reason: &Reason| reason.source == telling.diagnosis.decisive;
    let up_to_it = reasons.iter().position(decisive);
    if let Some(first) = up_to_it.and_then(|at| reasons.get_mut(..=at)) {
        first.rotate_right(1);
    }
    told(telling, "owner").chain(reasons).collect()
}

fn the_error(telling: &Telling<'_>) -> Vec<Reason> {
    let evidence = telling.evidence;
    if evidence.text.seen == Seen::Pasted {
        return Vec::new();
    }
    let line = evidence.text.line.as_ref();
    let at = line.and_then(|line| line.at).or(Some(evidence.at));
    let said = |sentence| reason(Source::Transcript, at, sentence);
    if let Some(quota) = evidence.quota() {
        let words = the_servers_words(quota, telling);
        return words.into_iter().map(said).collect();
    }
    let class = evidence.class().and_then(identifier);
    // The client's own word for an error of no kind that it has a word for.
    let class = class.filter(|class| *class != "unknown");
    let class = class.unwrap_or("an unknown error");
    vec![match line {
        Some(line) => {
            let status = line.status.map(|status| format!(", status {status}"));
            let status = status.unwrap_or_default();
            said(format!(
                "Claude Code recorded {class}{status}, and nothing about your plan's limits."
            ))
        }
        None => reason(Source::Hook, at, format!("Claude Code reported {class}.")),
    }]
}

/// Which limit refused until when, and why usage credits did not take over.
fn the_servers_words(quota: &QuotaLimits, telling: &Telling<'_>) -> Vec<String> {
    let limit = match (telling.evidence.refused_window(), &quota.rate_limit_type) {
        (Some(window), _) => window.limit(),
        (None, Some(name)) if name == "overage" => "usage credits",
        (None, Some(name)) => identifier(name).unwrap_or("a limit that whycap does not know"),
        (None, None) => "a limit without a name",
    };
    let resets = quota.resets_at.map(|at| its_reset(at, telling));
    let refused = format!("The server says: {limit}{}.", resets.unwrap_or_default());
    let mut words = vec![refused];
    words.extend(quota.overage_disabled_reason.as_deref().map(|reason| {
        let why = VOCABULARY.no_credits.get(reason);
        let why = why.map_or("the server does not say why", String::as_str);
        let name = identifier(reason).map(|name| format!(" ({name})"));
        let name = name.unwrap_or_default();
        format!("Usage credits did not take over: {why}{name}.")
    }));
    words
}

/// ", resets 14:30", and of one that has passed ", reset 14:30".
fn its_reset(at: DateTime<Utc>, telling: &Telling<'_>) -> String {
    let is_ahead = at > telling.clock.now;
    let verb = if is_ahead { "resets" } else { "reset" };
    format!(", {verb} {}", telling.clock.time(at))
}

fn the_meters(telling: &Telling<'_>) -> impl Iterator<Item = Reason> {
    let evidence = telling.evidence;
    let awaited = telling.diagnosis.awaited();
    let metered = |window| Some((window, meters::near(evidence, window)?));
    let mut in_order = Window::ALL;
    in_order.sort_by_key(|window| Some(*window) != awaited);
    let windows = in_order.into_iter().filter_map(metered);
    let windows = windows.map(|(window, (sample, meter))| {
        let usage = format!("{} usage", window.short());
        (usage, String::new(), sample, meter)
    });
    let spend_limit = meters::spend_limit(evidence).map(|(sample, limit)| {
        let dollars = match (limit.used, limit.limit) {
            (Some(used), Some(limit)) => format!(" ({} of {})", used.show(), limit.show()),
            _ => String::new(),
        };
        let usage = "gateway spend".to_owned();
        (usage, dollars, sample, limit.meter)
    });
    let told = windows.chain(spend_limit);
    told.map(|(usage, dollars, sample, meter)| {
        let when = age_at_error(evidence, sample);
        let too_old = if evidence.at - meters::measured(evidence, sample) > FRESH_FOR {
            " That is too old to prove anything."
        } else {
            ""
        };
        let said = telling.resets.chosen.map(|chosen| chosen.at);
        let reset = meter.resets_at.filter(|at| Some(*at) != said);
        let reset = reset.map(|at| its_reset(at, telling));
        let sentence = format!(
            "{when} your {usage} was {}%{dollars}{}.{too_old}",
            percent(meter.used_percent),
            reset.unwrap_or_default()
        );
        reason(Source::Sample, Some(sample.at), capitalized(&sentence))
    })
}

/// What the meters say against or for a pasted message. When it came nobody knows.
fn if_it_came_just_now(telling: &Telling<'_>) -> Option<Reason> {
    let window = telling.diagnosis.awaited()?;
    let (sample, meter) = meters::of_now(telling.evidence, window, telling.clock.now)?;
    let so = if meter.used_percent >= FULL_FROM {
        "so it is real"
    } else {
        "so the limit looks false"
    };
    let sentence = format!(
        "If it came just now: your {} usage is {}%, {so}. An older message may be about usage that has reset since.",
        window.short(),
        percent(meter.used_percent)
    );
    Some(reason(Source::Sample, Some(sample.measured), sentence))
}

/// What `/usage` showed last, as far as no other witness tells it.
fn the_page(telling: &Telling<'_>) -> Option<Reason> {
    let evidence = telling.evidence;
    let usage = evidence.windows.usage.as_ref()?;
    let unmetered = [Window::FiveHour, Window::Weekly].into_iter();
    let unmetered = unmetered.filter(|window| meters::near(evidence, *window).is_none());
    let words = unmetered.filter_map(|window| {
        let used = percent(meters::shown(evidence, window)?);
        Some(format!("{} usage {used}%", window.short()))
    });
    let words: Vec<String> = words.chain(usage.in_words()).collect();
    let old = if telling.clock.now - usage.at > BELIEVED_FOR {
        " That is too old to go by."
    } else {
        ""
    };
    let (words, at) = (words.join(", "), telling.clock.time_and_distance(usage.at));
    let sentence = format!("/usage showed {words} ({at}).{old}");
    (!words.is_empty()).then(|| reason(Source::Account, Some(usage.at), sentence))
}

fn two_resets(telling: &Telling<'_>) -> impl Iterator<Item = Reason> {
    let name = |source: ResetSource| match source {
        ResetSource::Server => ("the server", Source::Transcript),
        ResetSource::Meter => ("the usage figure", Source::Sample),
        ResetSource::Text => ("the message", Source::Transcript),
    };
    let first = telling.resets.chosen.into_iter();
    let pairs = first.flat_map(|first| telling.resets.others.iter().map(move |it| (first, *it)));
    pairs.map(move |pair| {
        let [first, second] = [pair.0, pair.1].map(|reset| telling.clock.time(reset.at));
        let ((by, _), (other, source)) = (name(pair.0.source), name(pair.1.source));
        let sentence = format!(
            "Two reset times: {by} says {first}, {other} says {second}. whycap goes by the first."
        );
        reason(source, None, sentence)
    })
}

/// What a credential or a switch that is set does.
fn set(credential: &Credential) -> Reason {
    let effect = if credential.outranks_login() {
        ", so your login is not used"
    } else if credential.name == "CLAUDE_CODE_OAUTH_TOKEN" {
        ", which replaces the login and carries no plan"
    } else if credential.is_gateway() {
        ", so another service may answer"
    } else {
        ""
    };
    let host = credential.host.as_ref().map(|host| format!(" ({host})"));
    let (name, host) = (&credential.name, host.unwrap_or_default());
    let place = credential.set_in.words();
    let source = match credential.set_in {
        SetIn::Environment => Source::Environment,
        SetIn::Settings(_) => Source::Settings,
    };
    let sentence = format!("{name}{host} is set in {place}{effect}.");
    reason(source, None, sentence)
}

/// What it means, or meant, for some in this version of Claude Code.
fn the_version(telling: &Telling<'_>) -> Option<Reason> {
    let version = telling.evidence.version()?;
    let mut also = telling.message.also.iter();
    let (_, who, _, means) = also.find(|(conditions, _, versions, _)| {
        let is_meant = versions.from.is_some() && versions.contain(version);
        is_meant && telling.case.meets_any(conditions)
    })?;
    let sentence = format!("Claude Code {version}, {who}: {means}");
    Some(reason(Source::Version, None, sentence))
}

/// What the tables say of a subject, as far as it concerns this case.
fn told(telling: &Telling<'_>, of: &'static str) -> impl Iterator<Item = Reason> {
    let facts = TABLES.facts.get(of).into_iter().flatten();
    let facts = facts.filter(|fact| telling.meets(fact.r#if));
    facts.filter_map(|fact| Some(reason(fact.by, None, telling.fill(fact.says)?)))
}
