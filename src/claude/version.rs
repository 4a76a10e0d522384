//! Client versions, compared; and the `claude` programs on the machine, for the one that runs may not be the
//! one that was updated.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Deserializer};

use crate::environment::Environment;
use crate::places::Places;

/// A client version such as `2.1.328`. What follows the three numbers is ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClientVersion(pub u32, pub u32, pub u32);

impl ClientVersion {
    /// Reads `2.1.328`, `v2.1.328`, `2.1.328-beta.1`, `2.1.328 (Claude Code)`. None if there are
    /// not three numbers.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().trim_start_matches(['v', 'V']);
        let is_of_version = |c: char| c.is_ascii_digit() || c == '.';
        let end = text.find(|c| !is_of_version(c)).unwrap_or(text.len());
        let numbers = text.get(..end)?.split('.').map(str::parse);
        let numbers: Vec<u32> = numbers.collect::<Result<_, _>>().ok()?;
        let [major, minor, patch] = numbers.try_into().ok()?;
        Some(Self(major, minor, patch))
    }
}

impl fmt::Display for ClientVersion {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{}.{}", self.0, self.1, self.2)
    }
}

/// From one version up to, but not including, another; an open end is None. All of them by default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Versions {
    /// The first version that this holds for.
    pub from: Option<ClientVersion>,
    /// The first version that it no longer holds for.
    pub before: Option<ClientVersion>,
}

impl Versions {
    /// Whether `version` is inside.
    pub fn contain(&self, version: ClientVersion) -> bool {
        self.from.is_none_or(|from| version >= from)
            && self.before.is_none_or(|before| version < before)
    }
}

/// "2.1.144-", "-2.0.0", "2.1.118-2.1.312"; nothing stands for all.
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

impl fmt::Display for Versions {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.from, self.before) {
            (None, None) => out.write_str("all"),
            (Some(from), None) => write!(out, "from {from}"),
            (None, Some(before)) => write!(out, "before {before}"),
            (Some(from), Some(before)) => write!(out, "{from} to before {before}"),
        }
    }
}

/// The different `claude` programs that PATH and the usual places hold. Links to one program
/// count once. Nothing is started.
pub(crate) fn programs(places: &Places, environment: &Environment) -> BTreeSet<PathBuf> {
    let name = format!("claude{}", std::env::consts::EXE_SUFFIX);
    let search = std::env::split_paths(environment.variable("PATH").unwrap_or_default());
    let usual = [".claude/local", ".local/bin"].map(|usual| places.home.join(usual));
    search
        .filter(|directory| directory.is_absolute())
        .chain(usual)
        .map(|directory| directory.join(&name))
        .filter(|program| program.is_file())
        .filter_map(|program| program.canonicalize().ok())
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
