//! What of Claude Code's own set-up leads to false or strange limits.

use crate::doctor::known_versions::troubles_of;
use crate::doctor::{Facts, Finding};
use crate::locks::HarmfulLock;

pub(super) fn client_version(facts: &Facts) -> Vec<Finding> {
    const CHECK: &str = "client version";
    let Some(client) = &facts.client else {
        return Vec::new();
    };
    let troubles = troubles_of(&client.version);
    let says = format!("Claude Code {} ({})", client.version, client.source);
    if troubles.is_empty() {
        return vec![Finding::ok(
            CHECK,
            format!("{says}, no known trouble with limits"),
        )];
    }
    let troubles: Vec<_> = troubles.iter().map(|known| known.trouble).collect();
    vec![Finding::warn(
        CHECK,
        format!("{says}: {}", troubles.join("; ")),
        "claude update  (or npm install -g @anthropic-ai/claude-code@latest)",
    )]
}

pub(super) fn installations(facts: &Facts) -> Vec<Finding> {
    const CHECK: &str = "installations";
    let Some(found) = &facts.installations else {
        return Vec::new();
    };
    let shown: Vec<_> = found.iter().map(|path| facts.places.show(path)).collect();
    vec![if shown.len() > 1 {
        Finding::warn(
            CHECK,
            format!(
                "Claude Code is installed {} times: {}",
                shown.len(),
                shown.join(", ")
            ),
            "Keep one. An old one that still runs somewhere shows old limits and old words.",
        )
    } else {
        let place = shown.first().map_or("none on PATH", String::as_str);
        Finding::ok(CHECK, place)
    }]
}

pub(super) fn credentials(facts: &Facts) -> Vec<Finding> {
    const CHECK: &str = "who pays";
    let Some(found) = &facts.credentials else {
        return Vec::new();
    };
    let payer = facts.payer.as_deref();
    if found.is_empty() {
        return vec![Finding::ok(
            CHECK,
            payer.unwrap_or("no login and no key found here"),
        )];
    }
    let named: Vec<_> = found
        .iter()
        .map(|credential| format!("{} ({})", credential.name, credential.place))
        .collect();
    vec![Finding::warn(
        CHECK,
        match payer {
            Some(payer) => format!("{} is set and comes before {payer}", named.join(", ")),
            None => format!("{} is set", named.join(", ")),
        },
        "If that is not meant, take it out there and start claude again; /status shows what is used.",
    )]
}

pub(super) fn locks(facts: &Facts) -> Vec<Finding> {
    const CHECK: &str = "locks";
    let Some(harmful) = &facts.harmful_locks else {
        return Vec::new();
    };
    if harmful.is_empty() {
        return vec![Finding::ok(CHECK, "none that does harm")];
    }
    let finding =
        |lock: &HarmfulLock| Finding::warn(CHECK, lock.says.as_str(), lock.remedy.as_str());
    harmful.iter().map(finding).collect()
}
