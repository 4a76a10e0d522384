//! A limit error, summed up for a bug report: what the maker's triage asks for, short enough to
//! paste.
//!
//! Built from named fields only, so that nothing can slip in: no paths, names, ids, prompts or keys.

use std::fmt::Write;

use super::diagnosis::Diagnosis;
use super::evidence::{Evidence, Seen};
use super::incident::Incident;
use super::kind::Window;
use super::meters::percent;
use super::vocabulary::{identifier, is_anthropics};
use crate::claude::account::Plan;
use crate::time::{Clock, rfc3339};

/// How many readings around the error are listed.
const READINGS: usize = 4;

/// Writes Markdown.
pub fn write(incident: &Incident, clock: Clock) -> String {
    let evidence = &incident.evidence;
    let message = redact(&incident.text()).replace('`', "'");
    let zone = clock.zone.at(evidence.at).format("%:z");
    let account = evidence.login.account.as_ref();
    let role = account.and_then(|account| account.role.as_deref());
    let role = role.map(|role| format!(", {}", plain(role)));
    let plan = evidence.plan().map_or("unknown", Plan::name);
    let session = &evidence.session;
    let [version, model] =
        [&session.version, &session.model].map(|value| value.as_deref().map_or("unknown", plain));
    let (system, processor) = (std::env::consts::OS, std::env::consts::ARCH);
    let ran = format!("{version}, model {model}, {system} {processor}");
    let are_several = evidence.text.seen != Seen::Pasted && session.installations > 1;
    let installed = are_several.then(|| session.installations.to_string());
    let Diagnosis { verdict, limit, .. } = incident.diagnosis;
    let (own, headline) = (env!("CARGO_PKG_VERSION"), redact(&incident.headline));
    let says = format!("{own}: `{verdict}`, `{limit}`: {headline}");
    let answered = if evidence.since.answered { "yes" } else { "no" };
    let mut text = "**A limit error of Claude Code**\n\n".to_owned();
    for (name, value) in [
        ("Message", format!("`{message}`")),
        ("Came at", format!("{} (zone {zone})", rfc3339(evidence.at))),
        ("Plan", format!("{plan}{}", role.unwrap_or_default())),
        ("Claude Code", ran),
        ("The server said", server(evidence)),
        ("Usage shown", readings(evidence)),
        ("Set", credentials(evidence)),
        ("Installed claude programs", installed.unwrap_or_default()),
        ("Answered since", answered.to_owned()),
        ("whycap", says),
    ] {
        if !value.is_empty() {
            let _ = writeln!(text, "- {name}: {value}");
        }
    }
    text.push_str("\nAddresses, ids and paths were taken out. Read it before you post it.\n");
    text
}

/// An error text without what could name a person, a machine or a project: addresses, ids, paths,
/// and hosts other than Anthropic's own.
fn redact(text: &str) -> String {
    let words: Vec<String> = text.split(' ').map(redact_word).collect();
    words.join(" ")
}

fn redact_word(word: &str) -> String {
    let is_edge = |c: char| !c.is_alphanumeric() && !"/~_".contains(c);
    let core = word.trim_matches(is_edge);
    let mut ids = ["req_", "org_", "org-"].iter();
    let is_id =
        ids.any(|id| core.starts_with(id)) || (core.len() == 36 && core.matches('-').count() == 4);
    let host = core.split_once("://");
    let host = host.and_then(|(_, rest)| rest.split(['/', ':', '?']).next());
    let mut labels = core.split('.');
    let is_of_number = |c: char| c.is_ascii_hexdigit() || ".:]".contains(c);
    let is_number = core.chars().all(is_of_number) && core.matches(['.', ':']).count() > 2;
    let is_named = core.contains('.') && labels.all(|label| label.contains(char::is_alphabetic));
    let is_bare_host = !core.contains('/') && (is_number || is_named);
    let replaced = match host {
        _ if core.contains('@') => "[address]",
        _ if is_id => "[id]",
        Some(host) if is_anthropics(host) => core,
        Some(_) => "[url]",
        None if core.starts_with("~/") || core.contains('\\') || is_path(core) => "[path]",
        None if is_bare_host && !is_anthropics(core) => "[host]",
        None => core,
    };
    word.replace(core, replaced)
}

/// `/home/jane/x`, but not `/usage-credits`, `1/2` or `claude.ai/settings/usage`.
fn is_path(core: &str) -> bool {
    core.starts_with('/') && core.matches('/').count() > 1
}

fn plain(value: &str) -> &str {
    identifier(value).unwrap_or("(withheld)")
}

fn credentials(evidence: &Evidence) -> String {
    let names = evidence.login.credentials.iter().map(|set| &*set.name);
    let mut names: Vec<&str> = names.collect();
    names.dedup();
    names.join(", ")
}

/// What came with the error, field by field.
fn server(evidence: &Evidence) -> String {
    let line = evidence.text.line.clone().unwrap_or_default();
    let quota = line.quota.unwrap_or_default();
    let status = line.status.map(|status| status.to_string());
    let resets = quota.resets_at.map(rfc3339);
    let shown = |value: Option<&str>| value.map(|value| plain(value).to_owned());
    let fields = [
        ("error", shown(evidence.class())),
        ("status", status),
        ("type", shown(line.api_error_type.as_deref())),
        ("apiError", shown(line.api_error.as_deref())),
        ("code", shown(line.api_error_code.as_deref())),
        ("limit", shown(quota.rate_limit_type.as_deref())),
        ("limit status", shown(quota.status.as_deref())),
        ("resets", resets),
        ("credits", shown(quota.overage_disabled_reason.as_deref())),
    ];
    let fields = fields.into_iter();
    let known = fields.filter_map(|(name, value)| Some(format!("{name} {}", value?)));
    known.collect::<Vec<_>>().join(", ")
}

fn readings(evidence: &Evidence) -> String {
    let samples = &evidence.windows.samples;
    let skipped = samples.len().saturating_sub(READINGS);
    let told = samples.iter().skip(skipped).map(|sample| {
        let meters = [Window::FiveHour, Window::Weekly].into_iter();
        let meters = meters.filter_map(|window| {
            let meter = sample.meter(window)?;
            let reset = meter.resets_at.map(rfc3339);
            let reset = reset.map(|at| format!(" (reset {at})"));
            let (name, used) = (window.short(), percent(meter.used_percent));
            Some(format!("{name} {used}%{}", reset.unwrap_or_default()))
        });
        let meters: Vec<String> = meters.collect();
        format!("at {} {}", rfc3339(sample.at), meters.join(", "))
    });
    told.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_text_keeps_its_meaning_and_loses_its_owner() {
        for (text, expected) in [
            (
                "Your apiKeyHelper script is failing · /home/jane/bin/key.sh: exit 1 (C:\\keys\\x)",
                "Your apiKeyHelper script is failing · [path]: exit 1 ([path])",
            ),
            (
                "ask jane@example.com · run /usage-credits or see https://claude.ai/settings/usage",
                "ask [address] · run /usage-credits or see https://claude.ai/settings/usage",
            ),
            (
                "502 from https://gateway.corp.example/v1 (req_011CS, 5a7d3c1e-0000-4000-a000-00000000c0de)",
                "502 from [url] ([id], [id])",
            ),
            ("see https://evilclaude.ai/x", "see [url]"),
            (
                "connect ECONNREFUSED 203.0.113.7:443 (10.1.2.3, [2001:db8::1]:443) in 2.1.330 at 12:30:45",
                "connect ECONNREFUSED [host] ([host], [[host]) in 2.1.330 at 12:30:45",
            ),
            (
                "You've hit your limit · resets 3pm (Asia/Jakarta) 1/2",
                "You've hit your limit · resets 3pm (Asia/Jakarta) 1/2",
            ),
        ] {
            assert_eq!(redact(text), expected);
        }
    }
}
