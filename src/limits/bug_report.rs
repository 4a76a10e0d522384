//! Writes a short summary of an error for use in a bug report.
//!
//! The summary contains only explicitly selected fields. It does not contain paths, names, IDs, prompts, or keys.

use std::fmt::Write;

use chrono::{DateTime, Utc};

use super::decide::{Ending, State};
use super::evidence::{Evidence, MessageOrigin, measured_relative_to};
use super::incident::Incident;
use super::kind::Window;
use super::sample::Sample;
use crate::claude::account::Plan;
use crate::claude::window_usage::rounded_level;
use crate::time::{Clock, format_rfc3339};

/// The maximum number of readings to include.
const READINGS: usize = 4;

/// Host names that do not identify the user.
const PUBLIC_HOSTS: &[&str] = &["anthropic.com", "claude.ai", "claude.com"];

/// Writes the summary as Markdown.
pub fn write(incident: &Incident, clock: Clock) -> String {
    let evidence = &incident.evidence;
    let at = evidence.at();
    let diagnosis = &incident.diagnosis;
    let is_answered = match diagnosis.state {
        _ if evidence.has_later_response() => "yes",
        State::Over(Ending::ResponseElsewhere) => "yes, in another session",
        _ if diagnosis.credits_pay_now => "yes, in another session (paid for with usage credits)",
        _ => "no",
    };
    let verdict = format!(
        "{}: `{}`, `{}`: {}",
        env!("CARGO_PKG_VERSION"),
        diagnosis.verdict,
        diagnosis.limit,
        redact(incident.headline())
    );
    let fields = [
        (
            "Message",
            format!("`{}`", redact(&incident.text()).replace('`', "'")),
        ),
        (
            "Time",
            format!(
                "{} (zone {})",
                format_rfc3339(at),
                clock.zone.at(at).format("%:z")
            ),
        ),
        ("Plan", plan(evidence)),
        ("Claude Code", client(evidence)),
        ("Server", server_fields(evidence)),
        ("Usage readings", readings(evidence)),
        ("Set", credentials(evidence)),
        ("Claude Code installations", installations(evidence)),
        ("Later response", is_answered.to_owned()),
        ("whycap", verdict),
    ];
    let mut text = "**A limit error in Claude Code**\n\n".to_owned();
    for (name, value) in fields {
        if !value.is_empty() {
            let _ = writeln!(text, "- {name}: {value}");
        }
    }
    text.push_str(
        "\nAddresses, IDs, and paths have been removed. Read this report before you post it.\n",
    );
    text
}

fn plan(evidence: &Evidence) -> String {
    let name = evidence.plan().map_or("unknown", Plan::name);
    let account = evidence.error.payer.account.as_ref();
    match account.and_then(|account| account.role.as_deref()) {
        Some(role) => format!("{name}, {}", identifier(role)),
        None => name.to_owned(),
    }
}

fn client(evidence: &Evidence) -> String {
    let session = &evidence.error.session;
    format!(
        "{}, model {}, {} {}",
        session.version.as_deref().map_or("unknown", identifier),
        session.model.as_deref().map_or("unknown", identifier),
        std::env::consts::OS,
        std::env::consts::ARCH
    )
}

/// Formats the number of installed clients. Returns an empty string if there is only one, or if the message was pasted.
fn installations(evidence: &Evidence) -> String {
    let installed = evidence.error.session.installed_clients;
    if evidence.error.message.origin != MessageOrigin::Pasted && installed > 1 {
        installed.to_string()
    } else {
        String::new()
    }
}

fn credentials(evidence: &Evidence) -> String {
    let mut names: Vec<&str> = evidence
        .error
        .payer
        .credentials
        .iter()
        .map(|credential| credential.name.as_str())
        .collect();
    names.dedup();
    names.join(", ")
}

/// Formats the fields that the server sent with the error.
fn server_fields(evidence: &Evidence) -> String {
    let line = evidence.line().cloned().unwrap_or_default();
    let quota = line.quota.unwrap_or_default();
    let class = line
        .error
        .or_else(|| evidence.error.message.hook_class.clone());
    let status = line.status.map(|status| status.to_string());
    let fields = [
        ("error", class),
        ("status", status),
        ("type", line.api_error_type),
        ("apiError", line.api_error),
        ("code", line.api_error_code),
        ("limit", quota.rate_limit_type),
        ("limit status", quota.status),
        ("credits", quota.overage_disabled_reason),
    ];
    let resets = quota
        .resets_at
        .map(|at| format!("resets {}", format_rfc3339(at)));
    fields
        .into_iter()
        .filter_map(|(name, value)| Some(format!("{name} {}", identifier(&value?))))
        .chain(resets)
        .collect::<Vec<_>>()
        .join(", ")
}

fn readings(evidence: &Evidence) -> String {
    last_readings(&evidence.error.readings, evidence.at()).join("; ")
}

/// Formats the last readings in chronological order. Each one is dated to the first time that its figures were reported.
/// Consecutive readings with the same figures are listed only once, unless the error occurred between them.
fn last_readings(readings: &[Sample], error_at: DateTime<Utc>) -> Vec<String> {
    let mut in_order: Vec<&Sample> = readings.iter().collect();
    in_order.sort_by_key(|reading| measured_relative_to(reading, error_at));
    in_order.dedup_by_key(|reading| {
        let is_later = measured_relative_to(reading, error_at) > error_at;
        (is_later, figures(reading))
    });
    let skipped = in_order.len().saturating_sub(READINGS);
    in_order
        .into_iter()
        .skip(skipped)
        .map(|reading| dated_figures(reading, error_at))
        .collect()
}

/// Formats the figures of a reading and the time at which they were first reported. If they were reported again after the
/// error, adds the last time.
fn dated_figures(reading: &Sample, error_at: DateTime<Utc>) -> String {
    let first_at = measured_relative_to(reading, error_at);
    let text = format!("at {} {}", format_rfc3339(first_at), figures(reading));
    if first_at <= error_at && error_at < reading.at {
        format!("{text}, repeated until {}", format_rfc3339(reading.at))
    } else {
        text
    }
}

/// Formats the figures of a reading.
fn figures(reading: &Sample) -> String {
    let of_windows: Vec<String> = [Window::FiveHour, Window::Weekly]
        .into_iter()
        .filter_map(|window| {
            let usage = reading.usage(window)?;
            let reset = match usage.resets_at {
                Some(at) => format!(" (reset {})", format_rfc3339(at)),
                None => String::new(),
            };
            Some(format!(
                "{} {}%{reset}",
                window.short(),
                rounded_level(usage.used_percent)
            ))
        })
        .collect();
    of_windows.join(", ")
}

/// Returns the value if it contains only letters, digits, and a few symbols. Other values are withheld because they
/// could identify the user.
fn identifier(value: &str) -> &str {
    let is_plain = value
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "_-.[]".contains(c));
    if value.len() <= 60 && is_plain {
        value
    } else {
        "(withheld)"
    }
}

/// Redacts addresses, IDs, paths, and non-Anthropic hosts in an error message.
fn redact(text: &str) -> String {
    let words: Vec<String> = text.split(' ').map(redact_word).collect();
    words.join(" ")
}

fn redact_word(word: &str) -> String {
    let core = word.trim_matches(|c: char| !c.is_alphanumeric() && !"/~_".contains(c));
    let host = core
        .split_once("://")
        .and_then(|(_, rest)| rest.split(['/', ':', '?']).next());
    let replacement = if core.contains('@') {
        "[address]"
    } else if is_id(core) {
        "[id]"
    } else if let Some(host) = host {
        if is_public(host) { core } else { "[url]" }
    } else if is_path(core) {
        "[path]"
    } else if is_host(core) && !is_public(core) {
        "[host]"
    } else {
        core
    };
    word.replace(core, replacement)
}

fn is_id(word: &str) -> bool {
    let is_uuid = word.len() == 36 && word.matches('-').count() == 4;
    is_uuid
        || ["req_", "org_", "org-"]
            .iter()
            .any(|id| word.starts_with(id))
}

/// Returns true if a word is a path such as `/home/jane/x`, as opposed to `/usage-credits` or `1/2`.
fn is_path(word: &str) -> bool {
    word.starts_with("~/")
        || word.contains('\\')
        || word.starts_with('/') && word.matches('/').count() > 1
}

fn is_host(word: &str) -> bool {
    let is_number = word
        .chars()
        .all(|c| c.is_ascii_hexdigit() || ".:]".contains(c))
        && word.matches(['.', ':']).count() > 2;
    let has_names = word
        .split('.')
        .all(|label| label.contains(char::is_alphabetic));
    !word.contains('/') && (is_number || word.contains('.') && has_names)
}

fn is_public(host: &str) -> bool {
    let name = host.split('/').next().unwrap_or(host);
    PUBLIC_HOSTS.iter().any(|public| {
        name.strip_suffix(public)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claude::window_usage::WindowUsage;

    /// Returns a reading with this usage of the 5-hour window.
    fn reading(first_at: &str, last_at: &str, used_percent: f64) -> Sample {
        let first_at = first_at.parse().unwrap();
        Sample {
            since: first_at,
            measured: first_at,
            at: last_at.parse().unwrap(),
            five_hour: Some(WindowUsage {
                used_percent,
                resets_at: None,
            }),
            ..Sample::default()
        }
    }

    #[test]
    fn readings_are_in_order_and_not_repeated() {
        let readings = [
            ("2026-11-20T10:03:00Z", 42.0),
            ("2026-11-20T10:02:00Z", 42.0),
            ("2026-11-20T10:00:00Z", 41.0),
            ("2026-11-20T10:01:00Z", 41.0),
        ]
        .map(|(at, used_percent)| reading(at, at, used_percent));
        assert_eq!(
            last_readings(&readings, "2026-11-20T10:02:30Z".parse().unwrap()),
            [
                "at 2026-11-20T10:00:00Z 5-hour 41%",
                "at 2026-11-20T10:02:00Z 5-hour 42%",
                "at 2026-11-20T10:03:00Z 5-hour 42%"
            ]
        );
    }

    /// An idle session repeats the figures of its last response. The report listed them below newer figures of another
    /// session, as if the usage had decreased.
    #[test]
    fn repeated_figures_are_dated_to_the_first_time_that_they_were_reported() {
        let idle = reading("2026-11-20T09:40:00Z", "2026-11-20T10:00:05Z", 22.0);
        let busy = reading("2026-11-20T09:58:00Z", "2026-11-20T09:59:00Z", 41.0);
        assert_eq!(
            last_readings(&[busy, idle], "2026-11-20T10:00:00Z".parse().unwrap()),
            [
                "at 2026-11-20T09:40:00Z 5-hour 22%, repeated until 2026-11-20T10:00:05Z",
                "at 2026-11-20T09:58:00Z 5-hour 41%",
            ]
        );
    }

    #[test]
    fn an_error_text_keeps_its_meaning_without_personal_data() {
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
