//! Client versions with a known trouble that a limit error can be mistaken for: `known_versions.json`.
//!
//! A newcomer adds a row there, the gravest first, and nothing elsewhere.

use serde::Deserialize;

use crate::claude::version::{ClientVersion, Versions};

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
pub(super) fn troubles_of(version: ClientVersion) -> Vec<String> {
    let known = known().into_iter();
    let met = known.filter(|known| known.versions.contain(version));
    met.map(|known| known.trouble).collect()
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
