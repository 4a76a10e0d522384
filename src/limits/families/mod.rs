//! The catalogue: every message that is known, what it names, what it meant where, what helps.
//!
//! To add a message, add a row to the file of its subject and a line to tests/data; nothing else
//! changes. Rows are tried in order, file by file, so a narrow row stands before a broad one.

mod access;
mod caps;
mod console;
mod credits;
mod service;
mod windows;

use super::kind::LimitKind;
use super::matching::Pattern;
use super::remedies::Remedy;
use crate::claude::version::{ClientVersion, Versions};

/// A text that clients show or showed.
#[derive(Debug)]
pub struct Wording {
    /// The text, with `…` for what varies.
    pub text: &'static str,
    /// The client versions that are known to show it.
    pub versions: Versions,
}

/// What a message meant for some plans on some versions.
#[derive(Debug)]
pub struct Meaning {
    /// The plans, in words for readers.
    pub plans: &'static str,
    /// The client versions.
    pub versions: Versions,
    /// What was going on.
    pub means: &'static str,
}

impl Meaning {
    /// "Pro, Max, client from 2.1.119 to before 2.1.153: …".
    pub fn sentence(&self) -> String {
        let versions = match (self.versions.from, self.versions.before) {
            (None, None) => String::new(),
            _ => format!(", client {}", self.versions),
        };
        format!("{}{versions}: {}", self.plans, self.means)
    }
}

/// What people tried in vain.
#[derive(Debug)]
pub struct Attempt {
    /// A sentence, with its source.
    pub says: &'static str,
    /// Whom it concerns.
    pub concerns: Concerns,
}

/// Whom an attempt concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Concerns {
    /// Everybody who got the message.
    Everybody,
    /// Those on a plan for one person.
    PersonalPlans,
    /// Those whose limit is not certain to be real.
    DoubtfulLimits,
}

/// One kind of message.
#[derive(Debug)]
pub struct Family {
    /// Its name in the documentation.
    pub title: &'static str,
    /// Known wordings, newest first.
    pub wordings: &'static [Wording],
    /// What recognises it. One match suffices.
    pub patterns: &'static [Pattern],
    /// What the message names. None for a window that it does not name.
    pub limit: Option<LimitKind>,
    /// What it meant.
    pub meanings: &'static [Meaning],
    /// What helps, best first.
    pub helps: &'static [&'static Remedy],
    /// What people tried in vain.
    pub did_not_help: &'static [Attempt],
    /// Headline and badge, for a message that is no limit and none of the named kinds. All others
    /// are worded by what the evidence says.
    pub own_words: Option<OwnWords>,
    /// Where this is known from.
    pub source: &'static str,
}

/// How a message is worded that is none of the named kinds.
#[derive(Debug, Clone, Copy)]
pub struct OwnWords {
    /// One sentence without its full stop: what happened, and what to do first.
    pub headline: &'static str,
    /// The same in at most 60 columns.
    pub badge: &'static str,
}

/// All rows, in the order in which they are tried.
pub fn all() -> impl Iterator<Item = &'static Family> {
    [
        credits::FAMILIES,
        console::FAMILIES,
        caps::FAMILIES,
        access::FAMILIES,
        service::NAMED,
        windows::FAMILIES,
        service::BY_CLASS,
    ]
    .into_iter()
    .flatten()
}

/// The rows by subject, in an order for readers.
pub fn chapters() -> [(&'static str, Vec<&'static Family>); 6] {
    [
        ("The windows of a plan", windows::FAMILIES.iter().collect()),
        ("Caps on usage credits", caps::FAMILIES.iter().collect()),
        ("Usage credits", credits::FAMILIES.iter().collect()),
        ("The Console", console::FAMILIES.iter().collect()),
        (
            "The service",
            service::NAMED.iter().chain(service::BY_CLASS).collect(),
        ),
        (
            "Logins, models and sizes",
            access::FAMILIES.iter().collect(),
        ),
    ]
}

/// The row for a window that the server names but the text does not.
pub fn of_window(kind: LimitKind) -> Option<&'static Family> {
    windows::FAMILIES
        .iter()
        .find(|family| family.limit == Some(kind))
}

/// The row for what is recognised by nothing.
pub fn unknown() -> &'static Family {
    &service::UNKNOWN
}

const fn every(text: &'static str) -> Wording {
    Wording {
        text,
        versions: Versions::ANY,
    }
}

const fn from(text: &'static str, from: ClientVersion) -> Wording {
    Wording {
        text,
        versions: Versions {
            from: Some(from),
            before: None,
        },
    }
}

const fn between(text: &'static str, from: ClientVersion, before: ClientVersion) -> Wording {
    Wording {
        text,
        versions: Versions {
            from: Some(from),
            before: Some(before),
        },
    }
}

const fn before(text: &'static str, before: ClientVersion) -> Wording {
    Wording {
        text,
        versions: Versions {
            from: None,
            before: Some(before),
        },
    }
}

const fn means(plans: &'static str, means: &'static str) -> Meaning {
    Meaning {
        plans,
        versions: Versions::ANY,
        means,
    }
}

const fn meant(
    plans: &'static str,
    from: ClientVersion,
    before: ClientVersion,
    means: &'static str,
) -> Meaning {
    Meaning {
        plans,
        versions: Versions {
            from: Some(from),
            before: Some(before),
        },
        means,
    }
}

const fn in_vain(says: &'static str) -> Attempt {
    Attempt {
        says,
        concerns: Concerns::Everybody,
    }
}

const fn in_vain_alone(says: &'static str) -> Attempt {
    Attempt {
        says,
        concerns: Concerns::PersonalPlans,
    }
}

const fn in_vain_if_false(says: &'static str) -> Attempt {
    Attempt {
        says,
        concerns: Concerns::DoubtfulLimits,
    }
}

/// What users tried against mismatches on the server, over and over, without effect.
const SERVER_SIDE: &[Attempt] = &[
    in_vain_if_false("Logging out and in again did not help (issues 34413, 78929, 79136)."),
    in_vain_if_false("Reinstalling and restarting did not help (issues 29650, 79672)."),
    in_vain_if_false(
        "Deleting lock files did not help: no lock causes a usage limit (issue 56035).",
    ),
];

#[cfg(test)]
mod tests {
    use super::super::matching::{self, Clues};
    use super::*;

    #[test]
    fn every_wording_is_recognised_as_its_own_family() {
        for family in all() {
            for wording in family.wordings {
                let found = matching::family_of(&Clues::of_text(wording.text));
                assert_eq!(
                    found.map(|found| found.title),
                    Some(family.title),
                    "{}",
                    wording.text
                );
            }
        }
    }

    #[test]
    fn every_row_says_what_it_means_what_helps_and_how_we_know() {
        for family in all() {
            assert!(!family.meanings.is_empty(), "{}", family.title);
            assert!(!family.helps.is_empty(), "{}", family.title);
            assert!(!family.source.is_empty(), "{}", family.title);
        }
    }
}
