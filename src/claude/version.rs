//! Claude Code versions, and the `claude` executables on this machine. If there are several, an update may have changed
//! a different executable than the one that is running.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Deserializer};

use crate::environment::{Environment, Paths};

/// A version such as `2.1.328`. Anything after the three numbers is ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClientVersion(pub u32, pub u32, pub u32);

impl ClientVersion {
    /// Parses a version such as `2.1.328`, `v2.1.328`, `2.1.328-beta.1`, or `2.1.328 (Claude Code)`. Returns `None`
    /// unless there are exactly three numbers.
    pub fn parse(text: &str) -> Option<Self> {
        let version = text.trim().trim_start_matches(['v', 'V']);
        let numbers = version
            .split(|c: char| !c.is_ascii_digit() && c != '.')
            .next()?;
        let numbers: Vec<u32> = numbers
            .split('.')
            .map(str::parse)
            .collect::<Result<_, _>>()
            .ok()?;
        let [major, minor, patch] = numbers.try_into().ok()?;
        Some(Self(major, minor, patch))
    }
}

impl fmt::Display for ClientVersion {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{}.{}", self.0, self.1, self.2)
    }
}

/// A range of versions. By default, it includes all versions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Versions {
    /// The first version in the range, or `None` if the range has no start.
    pub from: Option<ClientVersion>,
    /// The first version after the range, or `None` if the range has no end.
    pub before: Option<ClientVersion>,
}

impl Versions {
    /// Returns true if the range contains a version.
    pub fn contain(&self, version: ClientVersion) -> bool {
        self.from.is_none_or(|from| version >= from)
            && self.before.is_none_or(|before| version < before)
    }
}

/// Parses `2.1.144-`, `-2.0.0`, or `2.1.118-2.1.312`. An empty string means all versions.
impl<'de> Deserialize<'de> for Versions {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = <&str>::deserialize(from)?;
        let (from, before) = text.split_once('-').unwrap_or_default();
        Ok(Self {
            from: ClientVersion::parse(from),
            before: ClientVersion::parse(before),
        })
    }
}

/// Returns all existing `claude` executables: those on the `PATH`, and those in the usual install locations. Multiple links
/// to the same file are counted once. Nothing is executed.
pub(crate) fn executables(paths: &Paths, environment: &Environment) -> BTreeSet<PathBuf> {
    let file_name = format!("claude{}", std::env::consts::EXE_SUFFIX);
    let search_path = environment.variable("PATH").unwrap_or_default();
    std::env::split_paths(search_path)
        .filter(|directory| directory.is_absolute())
        .chain([".claude/local", ".local/bin"].map(|directory| paths.home.join(directory)))
        .map(|directory| directory.join(&file_name))
        .filter(|executable| executable.is_file())
        .filter_map(|executable| executable.canonicalize().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suffix_does_not_hide_the_numbers() {
        for text in [
            "2.1.328",
            "v2.1.328",
            "2.1.328-beta.1",
            "2.1.328 (Claude Code)",
        ] {
            assert_eq!(
                ClientVersion::parse(text),
                Some(ClientVersion(2, 1, 328)),
                "{text}"
            );
        }
    }

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(ClientVersion::parse("2.1.99") < ClientVersion::parse("2.1.118"));
        for text in ["2.1", "2.1.x", "1.2.3.4", "unknown", ""] {
            assert_eq!(ClientVersion::parse(text), None, "{text}");
        }
    }
}
