//! What of Claude Code's own set-up leads to false or strange limits.

use super::known_versions::troubles_of;
use super::{Examination, Setup};
use crate::limits::evidence::Whose;

pub(super) fn client_version(setup: &Setup, found: &mut Examination) {
    let Some(client) = &setup.client.seen else {
        return;
    };
    let says = format!("Claude Code {} ({})", client.version, client.source);
    let troubles = troubles_of(client.version);
    if troubles.is_empty() {
        return found.ok(format!("{says}, no known trouble with limits"));
    }
    found.warn(
        format!("{says}: {}", troubles.join("; ")),
        "claude update  (or npm install -g @anthropic-ai/claude-code@latest)",
    );
}

pub(super) fn installations(setup: &Setup, found: &mut Examination) {
    let programs = setup.client.installations.iter();
    let shown: Vec<_> = programs.map(|path| setup.places.show(path)).collect();
    match shown.as_slice() {
        [] => found.ok("claude is not on PATH"),
        [only] => found.ok(only),
        several => found.warn(
            format!(
                "Claude Code is installed {} times: {}",
                several.len(),
                several.join(", ")
            ),
            "Keep one. An old one that still runs somewhere shows old limits and old words.",
        ),
    }
}

pub(super) fn credentials(setup: &Setup, found: &mut Examination) {
    let named = setup
        .client
        .credentials
        .iter()
        .map(|credential| format!("{} (in {})", credential.name, credential.set_in.words()));
    let named = named.collect::<Vec<_>>().join(", ");
    let payer = setup.client.payer.as_deref();
    if named.is_empty() {
        return found.ok(payer.unwrap_or("no login and no key found here"));
    }
    found.warn(
        match payer {
            Some(payer) => format!("{named} is set and comes before {payer}"),
            None => format!("{named} is set"),
        },
        "If that is not meant, take it out there and start claude again; /status shows what is used.",
    );
}

/// Another terminal may have logged in since, or the credentials were swapped beneath a session.
pub(super) fn owner(setup: &Setup, found: &mut Examination) {
    match &setup.client.newest_session {
        None => {}
        Some((id, Whose::Login)) => {
            found.ok(format!("the newest session ({id}) belongs to your login"));
        }
        Some((id, Whose::Other)) => found.warn(
            format!("the newest session ({id}) belongs to another account than the one you are logged in to"),
            "Its limits and its bill are that account's. To change it: /login in that session; /status shows both.",
        ),
    }
}

pub(super) fn locks(setup: &Setup, found: &mut Examination) {
    if setup.client.harmful_locks.is_empty() {
        found.ok("none that causes trouble");
    }
    for lock in &setup.client.harmful_locks {
        found.warn(&lock.says, &lock.remedy);
    }
}
