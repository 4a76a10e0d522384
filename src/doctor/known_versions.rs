//! Client versions with a known trouble that a limit error can be mistaken for.
//!
//! A newcomer adds a row here and nothing elsewhere.

use crate::claude::version::{ClientVersion, Versions};

struct KnownTrouble {
    versions: Versions,
    /// What it does to the user.
    trouble: &'static str,
    /// Where that is known from.
    #[cfg_attr(not(test), expect(dead_code, reason = "for whoever changes the row"))]
    source: &'static str,
}

/// All known troubles, the gravest first.
const KNOWN_TROUBLES: [KnownTrouble; 9] = [
    KnownTrouble {
        versions: Versions::before(2, 1, 5),
        trouble: "since April 2026 these get \"out of extra usage\" although plan usage is left",
        source: "anthropics/claude-code issues 45252, 45315, 45276, 45039: versions 2.0.46 to 2.1.4",
    },
    KnownTrouble {
        versions: Versions::before(2, 1, 78),
        trouble: "it has no StopFailure event, so whycap cannot notice limit errors",
        source: "client changelog 2.1.78",
    },
    KnownTrouble {
        versions: Versions::before(2, 1, 80),
        trouble: "it does not tell the status line how full your windows are",
        source: "client changelog 2.1.80",
    },
    KnownTrouble {
        versions: Versions::before(2, 1, 108),
        trouble: "\"Rate limit reached\" can mean a throttle, a missing entitlement or a plan limit",
        source: "client changelog 2.1.89 and 2.1.108; issues 37270, 38675, 55027",
    },
    KnownTrouble {
        versions: Versions::between((2, 1, 119), (2, 1, 153)),
        trouble: "it says \"your org's limit\" on Pro and Max, where there is no org",
        source: "the builds 2.1.119, 2.1.138, 2.1.144 and 2.1.153, run against a mock server",
    },
    KnownTrouble {
        versions: Versions::before(2, 1, 153),
        trouble: "it does not tell the status line how wide the terminal is",
        source: "client documentation, status line: COLUMNS since 2.1.153",
    },
    KnownTrouble {
        versions: Versions::before(2, 1, 172),
        trouble: "once a 1M-context error appears, /compact fails as well",
        source: "client changelog 2.1.172; issue 51745",
    },
    KnownTrouble {
        versions: Versions::before(2, 1, 199),
        trouble: "short server throttles stop the work instead of being retried",
        source: "client changelog 2.1.199",
    },
    KnownTrouble {
        versions: Versions::before(2, 1, 221),
        trouble: "a cap set for you alone is reported as the organization's",
        source: "client changelog 2.1.221",
    },
];

/// What is known about this version.
pub(super) fn troubles_of(version: ClientVersion) -> Vec<&'static str> {
    let known = KNOWN_TROUBLES.iter();
    known
        .filter(|known| known.versions.contain(version))
        .map(|known| known.trouble)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_a_range_with_a_source() {
        for known in KNOWN_TROUBLES {
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
