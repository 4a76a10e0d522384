//! What of Claude Code's own set-up leads to false or strange limits.

use super::known_versions::troubles_of;
use super::{Examination, Setup};
use crate::limits::evidence::Whose;

pub(super) fn client_version(setup: &Setup, found: &mut Examination) {
    let Some(client) = &setup.client.seen else {
        return;
    };
    let troubles = troubles_of(client.version);
    let key = if troubles.is_empty() {
        "client.sound"
    } else {
        "client.troubled"
    };
    let (version, source, troubles) = (client.version, &client.source, troubles.join("; "));
    found.add(
        key,
        &[
            ("version", &version),
            ("source", source),
            ("troubles", &troubles),
        ],
    );
}

pub(super) fn installations(setup: &Setup, found: &mut Examination) {
    let programs = setup.client.installations.iter();
    let shown: Vec<_> = programs.map(|path| setup.places.show(path)).collect();
    let (count, places) = (shown.len(), shown.join(", "));
    let key = match count {
        0 => "installed.nowhere",
        1 => "installed.once",
        _ => "installed.often",
    };
    found.add(key, &[("count", &count), ("places", &places)]);
}

pub(super) fn credentials(setup: &Setup, found: &mut Examination) {
    let named = setup.client.credentials.iter();
    let named = named.map(|key| format!("{} (in {})", key.name, key.set_in.words()));
    let named = named.collect::<Vec<_>>().join(", ");
    let key = match (named.is_empty(), &setup.client.payer) {
        (true, None) => "payer.nobody",
        (true, Some(_)) => "payer.login",
        (false, Some(_)) => "payer.outranked",
        (false, None) => "payer.key",
    };
    let payer = setup.client.payer.as_deref().unwrap_or_default();
    found.add(key, &[("named", &named), ("payer", &payer)]);
}

/// Another terminal may have logged in since, or the credentials were swapped beneath a session.
pub(super) fn owner(setup: &Setup, found: &mut Examination) {
    match &setup.client.newest_session {
        None => {}
        Some((id, Whose::Login)) => found.add("session.own", &[("id", id)]),
        Some((id, Whose::Other)) => found.add("session.others", &[("id", id)]),
    }
}

pub(super) fn locks(setup: &Setup, found: &mut Examination) {
    if setup.client.harmful_locks.is_empty() {
        found.add("lock.none", &[]);
    }
    for lock in &setup.client.harmful_locks {
        found.add(
            "lock.harmful",
            &[("says", &lock.says), ("remedy", &lock.remedy)],
        );
    }
}
