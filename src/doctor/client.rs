//! What of Claude Code's own set-up leads to false or strange limits.

use std::path::Path;

use anyhow::bail;
use memchr::memmem;
use serde::Deserialize;

use super::{Examination, Setup};
use crate::claude::account::{self, Account, Plan};
use crate::claude::credentials::{self, Credential};
use crate::claude::transcripts;
use crate::claude::version;
use crate::claude::version::{ClientVersion, Versions};
use crate::disk;
use crate::incidents::Incidents;
use crate::limits::evidence::Whose;
use crate::locks::{HarmfulLock, harmful};
use crate::places::Places;

/// From here on Claude Code knows every event that whycap listens to.
const KNOWS_ALL_HOOKS: ClientVersion = ClientVersion(2, 1, 78);

/// How much of a transcript's end is searched for the client's version.
const TAIL: u64 = 64 * 1024;

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

/// The version of the client that was used last.
pub(super) fn client_version(setup: &Setup, found: &mut Examination) {
    let newest = setup.newest.as_ref().map(|(path, _)| &**path);
    let Some((version, source)) = used_last(&setup.places, newest) else {
        return;
    };
    let troubles = troubles_of(version).join("; ");
    let key = match troubles.as_str() {
        "" => "client.sound",
        _ => "client.troubled",
    };
    let seen = format!("{version} ({source})");
    found.add(key, &[("seen", &seen), ("troubles", &troubles)]);
}

/// The version of the client that was used last, by the newest transcript, and how that is known.
fn used_last(places: &Places, newest: Option<&Path>) -> Option<(ClientVersion, String)> {
    let seen = newest.and_then(version_in_transcript);
    seen.or_else(|| version_in_state(places))
}

/// Refuses hooks for a client that does not know one of them: it would leave out the whole settings file.
pub(crate) fn check_takes_hooks(places: &Places) -> anyhow::Result<()> {
    let mut of_sessions = transcripts::of_sessions(places.transcript_roots()).into_iter();
    let newest = of_sessions.next().map(|newest| newest.path);
    let version = used_last(places, newest.as_deref()).map(|(version, _)| version);
    if let Some(version) = version.filter(|version| *version < KNOWS_ALL_HOOKS) {
        bail!(
            "Claude Code {version} was used here last; before {KNOWS_ALL_HOOKS} it leaves out a settings file with our hooks as a whole, your permissions too. Update it and start it once, or take only the status line: whycap install --statusline"
        );
    }
    Ok(())
}

fn version_in_transcript(path: &Path) -> Option<(ClientVersion, String)> {
    let (_, tail) = disk::read_tail(path, TAIL).ok()?;
    // In message texts the quotes are escaped, so only a line's own field looks like this.
    let key = b"\"version\":\"";
    let at = memmem::rfind(&tail, key)? + key.len();
    let rest = tail.get(at..)?;
    let end = memchr::memchr(b'"', rest)?;
    let version = ClientVersion::parse(std::str::from_utf8(rest.get(..end)?).ok()?)?;
    Some((version, "from the newest transcript".to_owned()))
}

fn version_in_state(places: &Places) -> Option<(ClientVersion, String)> {
    let state = account::global_state(places)?;
    let version = ClientVersion::parse(state.get("lastReleaseNotesSeen")?.as_str()?)?;
    let source = format!("from {}", places.show(&places.global_state));
    Some((version, source))
}

pub(super) fn installations(setup: &Setup, found: &mut Examination) {
    let programs = version::programs(&setup.places, &setup.environment).into_iter();
    let shown: Vec<_> = programs.map(|path| setup.places.show(&path)).collect();
    let (count, places) = (shown.len(), shown.join(", "));
    let key = match count {
        0 => "installed.nowhere",
        1 => "installed.once",
        _ => "installed.often",
    };
    found.add(key, &[("count", &count), ("places", &places)]);
}

/// What comes before the login of a subscription.
pub(super) fn credentials(setup: &Setup, found: &mut Examination) {
    let (places, directory) = (&setup.places, Some(&*setup.directory));
    let mut named = credentials::of_session(places, &setup.environment, directory);
    named.retain(Credential::outranks_login);
    let named = named.iter();
    let named = named.map(|key| format!("{} (in {})", key.name, key.set_in.words()));
    let named = named.collect::<Vec<_>>().join(", ");
    let account = Account::load(places).filter(|account| account.plan != Plan::Other);
    let key = match (named.is_empty(), &account) {
        (true, None) => "payer.nobody",
        (true, Some(_)) => "payer.login",
        (false, Some(_)) => "payer.outranked",
        (false, None) => "payer.key",
    };
    let payer = account.map(|account| format!("your {} plan", account.plan.name()));
    let payer = payer.unwrap_or_default();
    found.add(key, &[("named", &named), ("payer", &payer)]);
}

/// Another terminal may have logged in since, or the credentials were swapped beneath a session.
pub(super) fn owner(setup: &Setup, found: &mut Examination) {
    match Incidents::new(&setup.places, &setup.environment).newest_session() {
        None => {}
        Some((id, Whose::Login)) => found.add("session.own", &[("id", &id)]),
        Some((id, Whose::Other)) => found.add("session.others", &[("id", &id)]),
    }
}

pub(super) fn locks(setup: &Setup, found: &mut Examination) {
    let harmful = harmful(&setup.places, &setup.environment);
    if harmful.is_empty() {
        found.add("lock.none", &[]);
    }
    for HarmfulLock { says, remedy, .. } in harmful {
        found.add("lock.harmful", &[("says", &says), ("remedy", &remedy)]);
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
