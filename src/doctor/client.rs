//! What of Claude Code's own set-up leads to false or strange limits.

use serde::Deserialize;

use super::{Examination, Setup};
use crate::claude::version::{ClientVersion, Versions};
use crate::limits::evidence::Whose;

/// A client's version with a known trouble that a limit error can be mistaken for: a row of
/// `known_versions.json`. A newcomer adds one there, the gravest first, and nothing elsewhere.
#[derive(Debug, Deserialize)]
struct KnownTrouble {
    versions: Versions,
    /// What it does to the user.
    trouble: String,
    /// Where that is known from.
    #[cfg_attr(not(test), expect(dead_code, reason = "for whoever changes the row"))]
    source: String,
}

fn known() -> Vec<KnownTrouble> {
    serde_json::from_str(include_str!("known_versions.json")).unwrap_or_default()
}

/// What is known about this version.
fn troubles_of(version: ClientVersion) -> Vec<String> {
    let known = known().into_iter();
    let met = known.filter(|known| known.versions.contain(version));
    met.map(|known| known.trouble).collect()
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_a_range_with_a_source() {
        let known = known();
        assert!(known.len() > 8);
        for known in known {
            let Versions { from, before } = known.versions;
            assert!(before.is_some() && from < before, "{}", known.trouble);
            assert!(!known.source.is_empty() && !known.trouble.ends_with('.'));
        }
    }

    #[test]
    fn a_range_ends_before_the_version_that_fixed_it() {
        let org = |patch| {
            troubles_of(ClientVersion(2, 1, patch))
                .iter()
                .any(|trouble| trouble.contains("org's limit"))
        };
        assert!(!org(118) && org(119) && org(152) && !org(153));
    }

    #[test]
    fn a_current_client_has_none() {
        for version in [ClientVersion(2, 1, 328), ClientVersion(3, 0, 0)] {
            assert_eq!(troubles_of(version), Vec::<&str>::new(), "{version}");
        }
        assert!(!troubles_of(ClientVersion(2, 0, 76)).is_empty());
    }
}
