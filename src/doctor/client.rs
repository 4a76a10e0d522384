//! What of Claude Code's own set-up leads to false or strange limits.

use super::known_versions::troubles_of;
use super::{Check, Finding, Setup};

pub(super) fn client_version(setup: &Setup, check: Check) -> Vec<Finding> {
    let finding = setup.client.as_ref().map(|client| {
        let says = format!("Claude Code {} ({})", client.version, client.source);
        let troubles = troubles_of(client.version);
        if troubles.is_empty() {
            return check.ok(format!("{says}, no known trouble with limits"));
        }
        check.warn(
            format!("{says}: {}", troubles.join("; ")),
            "claude update  (or npm install -g @anthropic-ai/claude-code@latest)",
        )
    });
    finding.into_iter().collect()
}

pub(super) fn installations(setup: &Setup, check: Check) -> Vec<Finding> {
    let found = setup.installations.iter();
    let shown: Vec<_> = found.map(|path| setup.places.show(path)).collect();
    vec![match shown.as_slice() {
        [] => check.ok("none on PATH"),
        [only] => check.ok(only),
        several => check.warn(
            format!(
                "Claude Code is installed {} times: {}",
                several.len(),
                several.join(", ")
            ),
            "Keep one. An old one that still runs somewhere shows old limits and old words.",
        ),
    }]
}

pub(super) fn credentials(setup: &Setup, check: Check) -> Vec<Finding> {
    let payer = setup.payer.as_deref();
    let named = setup
        .credentials
        .iter()
        .map(|credential| format!("{} (in {})", credential.name, credential.set_in.words()));
    let named = named.collect::<Vec<_>>().join(", ");
    if named.is_empty() {
        return vec![check.ok(payer.unwrap_or("no login and no key found here"))];
    }
    vec![check.warn(
        match payer {
            Some(payer) => format!("{named} is set and comes before {payer}"),
            None => format!("{named} is set"),
        },
        "If that is not meant, take it out there and start claude again; /status shows what is used.",
    )]
}

pub(super) fn locks(setup: &Setup, check: Check) -> Vec<Finding> {
    if setup.harmful_locks.is_empty() {
        return vec![check.ok("none that does harm")];
    }
    let locks = setup.harmful_locks.iter();
    locks
        .map(|lock| check.warn(&lock.says, &lock.remedy))
        .collect()
}
