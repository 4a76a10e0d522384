//! Client versions with a known trouble that a limit error can be mistaken for.
//!
//! A newcomer adds a row here and nothing elsewhere.

use std::cmp::Ordering;

/// A range of versions and what is known about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownTrouble {
    /// First version with the trouble; empty means all before [`Self::fixed_in`].
    pub since: &'static str,
    /// First version without it.
    pub fixed_in: &'static str,
    /// What it does to the user.
    pub trouble: &'static str,
    /// Where that is known from.
    pub source: &'static str,
}

/// All known troubles, the gravest first.
pub const KNOWN_TROUBLES: [KnownTrouble; 9] = [
    KnownTrouble {
        since: "",
        fixed_in: "2.1.5",
        trouble: "since April 2026 these get \"out of extra usage\" although plan usage is left",
        source: "anthropics/claude-code issues 45252, 45315, 45276, 45039: versions 2.0.46 to 2.1.4",
    },
    KnownTrouble {
        since: "",
        fixed_in: "2.1.78",
        trouble: "it has no StopFailure event, so whycap cannot notice limit errors",
        source: "client changelog 2.1.78",
    },
    KnownTrouble {
        since: "",
        fixed_in: "2.1.80",
        trouble: "it does not tell the status line how full your windows are",
        source: "client changelog 2.1.80",
    },
    KnownTrouble {
        since: "",
        fixed_in: "2.1.108",
        trouble: "\"Rate limit reached\" can mean a throttle, a missing entitlement or a plan limit",
        source: "client changelog 2.1.89 and 2.1.108; issues 37270, 38675, 55027",
    },
    KnownTrouble {
        since: "2.1.119",
        fixed_in: "2.1.153",
        trouble: "it says \"your org's limit\" on Pro and Max, where there is no org",
        source: "the builds 2.1.119, 2.1.138, 2.1.144 and 2.1.153, run against a mock server",
    },
    KnownTrouble {
        since: "",
        fixed_in: "2.1.153",
        trouble: "it does not tell the status line how wide the terminal is",
        source: "client documentation, status line: COLUMNS since 2.1.153",
    },
    KnownTrouble {
        since: "",
        fixed_in: "2.1.172",
        trouble: "once a 1M-context error appears, /compact fails as well",
        source: "client changelog 2.1.172; issue 51745",
    },
    KnownTrouble {
        since: "",
        fixed_in: "2.1.199",
        trouble: "short server throttles stop the work instead of being retried",
        source: "client changelog 2.1.199",
    },
    KnownTrouble {
        since: "",
        fixed_in: "2.1.221",
        trouble: "a cap set for you alone is reported as the organisation's",
        source: "client changelog 2.1.221",
    },
];

/// What is known about this version. Text that is no version has no known troubles.
pub fn troubles_of(version: &str) -> Vec<&'static KnownTrouble> {
    if parts(version).is_none() {
        return Vec::new();
    }
    KNOWN_TROUBLES
        .iter()
        .filter(|known| known.since.is_empty() || compare(version, known.since) != Ordering::Less)
        .filter(|known| compare(version, known.fixed_in) == Ordering::Less)
        .collect()
}

/// The numbers of a version, without what follows a `-`, `+` or space.
fn parts(version: &str) -> Option<[u64; 3]> {
    let plain = version
        .trim()
        .trim_start_matches('v')
        .split(['-', '+', ' '])
        .next()?;
    let mut numbers = plain.split('.').map(str::parse);
    let version = [
        numbers.next()?.ok()?,
        numbers.next()?.ok()?,
        numbers.next()?.ok()?,
    ];
    numbers.next().is_none().then_some(version)
}

fn compare(left: &str, right: &str) -> Ordering {
    parts(left).cmp(&parts(right))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_a_range_with_a_source() {
        for known in KNOWN_TROUBLES {
            assert!(parts(known.fixed_in).is_some(), "{known:?}");
            assert!(known.since.is_empty() || compare(known.since, known.fixed_in).is_lt());
            assert!(!known.source.is_empty() && !known.trouble.ends_with('.'));
        }
    }

    #[test]
    fn a_range_ends_before_the_version_that_fixed_it() {
        let org = |version: &str| {
            troubles_of(version)
                .iter()
                .any(|known| known.trouble.contains("org's limit"))
        };
        assert!(!org("2.1.118") && org("2.1.119") && org("2.1.152") && !org("2.1.153"));
    }

    #[test]
    fn a_current_client_has_none_and_nonsense_has_none() {
        for version in [
            "2.1.328",
            "2.1.328-beta.1",
            "3.0.0",
            "unknown",
            "",
            "2.1",
            "1.2.3.4",
        ] {
            assert_eq!(
                troubles_of(version),
                Vec::<&KnownTrouble>::new(),
                "{version}"
            );
        }
        assert!(!troubles_of("v2.0.76 (Claude Code)").is_empty());
    }
}
