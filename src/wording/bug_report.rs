//! A short summary of an error for a public bug report.
//!
//! It contains only explicitly selected fields, and no paths, names, IDs, or prompts.

use std::fmt::Write;

use super::evidence::facts;
use super::{ending, headline};
use crate::limits::Outlook;
use crate::secrets::redact;
use crate::time::{Clock, format_rfc3339};

/// Writes the summary as Markdown.
pub(crate) fn bug_report(outlook: &Outlook, clock: Clock) -> String {
    let stop = outlook.stop.as_ref();
    let refusal = stop.map(|stop| &stop.refusal);
    let text = refusal.map_or("", |refusal| refusal.text.as_str());
    let at = stop.map_or(outlook.now, |stop| stop.at);
    let claim = refusal.and_then(|refusal| refusal.claim.as_ref());
    let server = claim.map_or("nothing".to_owned(), |claim| {
        let limit = claim.limit.map_or("nothing", |it| it.description().label);
        let reason = claim.no_credits_because.as_deref().unwrap_or("none");
        format!("{limit}, reason: {reason}")
    });
    let zone = clock.zone.at(at).format("%:z");
    let codes: Vec<String> = refusal
        .iter()
        .flat_map(|refusal| &refusal.codes)
        .map(|code| identifier(Some(code)))
        .collect();
    let fields = [
        ("Message", format!("`{}`", redact(text).replace('`', "'"))),
        ("Time", format!("{} (zone {zone})", format_rfc3339(at))),
        (
            "Claude Code",
            identifier(refusal.and_then(|refusal| refusal.version.as_deref())),
        ),
        (
            "Plan",
            identifier(
                outlook
                    .account
                    .as_ref()
                    .and_then(|login| login.plan.as_deref()),
            ),
        ),
        (
            "Error class",
            identifier(refusal.and_then(|refusal| refusal.class.as_deref())),
        ),
        ("Codes", codes.join(", ")),
        ("The server named", server),
        ("Attempts", stop.map_or(0, |stop| stop.attempts).to_string()),
        ("Facts", redact(&facts(outlook, clock).join(" "))),
        (
            "Since then",
            ending(outlook, clock).unwrap_or("no response".to_owned()),
        ),
        (
            "whycap",
            format!(
                "{}: {}",
                env!("CARGO_PKG_VERSION"),
                redact(&headline(outlook, clock))
            ),
        ),
    ];
    let mut report = String::new();
    for (name, value) in fields {
        // Writing to a string cannot fail.
        let _ = writeln!(report, "- {name}: {value}");
    }
    report
}

fn is_part_of_identifier(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || "._-".contains(letter)
}

/// Returns an identifier. Anything else could contain a name or a path, so it is left out.
fn identifier(value: Option<&str>) -> String {
    match value {
        Some(value) if value.chars().all(is_part_of_identifier) => value.to_owned(),
        Some(_) => "withheld".to_owned(),
        None => "unknown".to_owned(),
    }
}
