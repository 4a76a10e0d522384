//! A suspected false limit, summed up for a bug report.
//!
//! Built from named fields only, so that nothing can slip in: no paths, names, ids, prompts or keys.

use std::fmt::Write;

use chrono::{DateTime, SecondsFormat, Utc};

use super::evidence::{Evidence, Seen};
use super::incident::Incident;
use crate::claude::account::Plan;
use crate::time::Clock;

/// How many readings of the meters before the error are listed.
const SAMPLES: usize = 8;

/// Writes Markdown.
pub fn write(incident: &Incident, clock: Clock) -> String {
    let evidence = &incident.evidence;
    let diagnosis = &incident.diagnosis;
    let mut text = "### A limit error of Claude Code\n\n".to_owned();
    let mut row = |name: &str, value: &str| {
        let _ = writeln!(text, "- {name}: {value}");
    };
    row(
        "Error",
        &format!("`{}`", redact(&incident.text()).replace('`', "'")),
    );
    row("Came at", &utc(evidence.at));
    row(
        "Client",
        evidence.client_version.as_deref().map_or("unknown", plain),
    );
    row("whycap", env!("CARGO_PKG_VERSION"));
    row(
        "System",
        &format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
    );
    row(
        "Time zone",
        &clock.zone.at(evidence.at).format("UTC%:z").to_string(),
    );
    row("Model", evidence.model.as_deref().map_or("unknown", plain));
    row("Plan", evidence.plan().map_or("unknown", Plan::name));
    let role = evidence
        .account
        .as_ref()
        .and_then(|account| account.role.as_deref());
    row("Role", role.map_or("unknown", plain));
    row("Credentials set (names only)", &credentials(evidence));
    row("Installed claude programs", &installations(evidence));
    row(
        "Session has answered since",
        if evidence.answered { "yes" } else { "no" },
    );
    structured(&mut text, evidence);
    samples(&mut text, evidence);
    text.push_str(
        "\nThe error's text is quoted without addresses, ids and paths. Read it before you post it.\n",
    );
    let _ = writeln!(
        text,
        "\nwhycap's reading: `{}`, `{}`. {}",
        diagnosis.limit.name(),
        diagnosis.verdict.name(),
        incident.headline
    );
    text
}

/// An error text without what could name a person, a machine or a project: addresses, ids, paths,
/// and pages other than Anthropic's own.
fn redact(text: &str) -> String {
    let words: Vec<String> = text.split(' ').map(redact_word).collect();
    words.join(" ")
}

fn redact_word(word: &str) -> String {
    let is_edge = |c: char| !c.is_alphanumeric() && !"/~_".contains(c);
    let core = word.trim_matches(is_edge);
    let is_id = core.starts_with("req_")
        || core.starts_with("org_")
        || (core.len() == 36 && core.matches('-').count() == 4);
    let host = core
        .split_once("://")
        .map(|(_, rest)| rest.split(['/', ':', '?']).next().unwrap_or_default());
    let is_ours = |host: &str| {
        ["claude.ai", "claude.com", "anthropic.com"]
            .iter()
            .any(|own| host == *own || host.ends_with(&format!(".{own}")))
    };
    let replaced = if core.contains('@') {
        "[address]"
    } else if is_id {
        "[id]"
    } else if let Some(host) = host {
        if is_ours(host) {
            return word.to_owned();
        }
        "[url]"
    } else if core.starts_with("~/") || core.contains('\\') || is_path(core) {
        "[path]"
    } else {
        return word.to_owned();
    };
    word.replace(core, replaced)
}

/// `/home/jane/x`, but not `/usage-credits`, `1/2` or `claude.ai/settings/usage`.
fn is_path(core: &str) -> bool {
    core.starts_with('/') && core.matches('/').count() > 1
}

fn utc(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// A value from outside, only if it looks like an identifier of a version, model or role.
fn plain(value: &str) -> &str {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-[]".contains(c);
    if value.len() <= 60 && value.chars().all(is_plain) {
        value
    } else {
        "(withheld)"
    }
}

fn credentials(evidence: &Evidence) -> String {
    let mut names: Vec<&str> = evidence
        .credentials
        .iter()
        .map(|c| c.name.as_str())
        .collect();
    names.dedup();
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}

fn installations(evidence: &Evidence) -> String {
    match (evidence.seen, evidence.installations) {
        (Seen::Pasted, _) | (_, 0) => "unknown".to_owned(),
        (_, count) => count.to_string(),
    }
}

fn structured(text: &mut String, evidence: &Evidence) {
    text.push_str("\n| field of the error line | value |\n| --- | --- |\n");
    let line = evidence.line.as_ref();
    let mut row = |name: &str, value: Option<String>| {
        let value = value.unwrap_or_else(|| "absent".to_owned());
        let _ = writeln!(text, "| {name} | {value} |");
    };
    let field = |value: Option<&String>| value.map(|value| plain(value).to_owned());
    row(
        "error",
        field(
            line.and_then(|line| line.error.as_ref())
                .or(evidence.hook_error.as_ref()),
        ),
    );
    row(
        "apiErrorStatus",
        line.and_then(|line| line.status)
            .map(|status| status.to_string()),
    );
    row(
        "apiErrorType",
        field(line.and_then(|line| line.api_error_type.as_ref())),
    );
    row(
        "apiError",
        field(line.and_then(|line| line.api_error.as_ref())),
    );
    row(
        "apiErrorCode",
        field(line.and_then(|line| line.api_error_code.as_ref())),
    );
    row(
        "apiErrorIsTransient",
        line.and_then(|line| line.transient)
            .map(|it| it.to_string()),
    );
    let quota = line.and_then(|line| line.quota.as_ref());
    row(
        "quotaLimits.status",
        field(quota.and_then(|quota| quota.status.as_ref())),
    );
    row(
        "quotaLimits.rateLimitType",
        field(quota.and_then(|quota| quota.rate_limit_type.as_ref())),
    );
    row(
        "quotaLimits.resetsAt",
        quota.and_then(|quota| quota.resets_at).map(utc),
    );
    row(
        "quotaLimits.overageStatus",
        field(quota.and_then(|quota| quota.overage_status.as_ref())),
    );
    row(
        "quotaLimits.overageDisabledReason",
        field(quota.and_then(|quota| quota.overage_disabled_reason.as_ref())),
    );
}

fn samples(text: &mut String, evidence: &Evidence) {
    if evidence.samples.is_empty() {
        text.push_str("\nNo readings of the client's meters are known.\n");
        return;
    }
    text.push_str("\n| the client's meters at | 5-hour window | reset | weekly window | reset |\n| --- | --- | --- | --- | --- |\n");
    let skipped = evidence.samples.len().saturating_sub(SAMPLES);
    for sample in evidence.samples.iter().skip(skipped) {
        let _ = write!(text, "| {} |", utc(sample.at));
        for level in [sample.five_hour, sample.seven_day] {
            let percent = level.map_or("absent".to_owned(), |level| {
                format!("{} %", super::meters::percent(level.used_percent))
            });
            let reset = level
                .and_then(|level| level.resets_at)
                .map_or("absent".to_owned(), utc);
            let _ = write!(text, " {percent} | {reset} |");
        }
        text.push('\n');
    }
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
                "You've hit your limit · resets 3pm (Asia/Jakarta) 1/2",
                "You've hit your limit · resets 3pm (Asia/Jakarta) 1/2",
            ),
        ] {
            assert_eq!(redact(text), expected);
        }
    }
}
