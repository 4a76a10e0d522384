//! The messages that are known, a row each in messages.json: what recognizes it, what it is, what it
//! meant where, what helps, and how that is known.
//!
//! To add one, add a row to its chapter and a line to tests/data. Rows are tried in the order of the
//! file, so a narrow row stands before a broad one.

use std::sync::LazyLock;

use serde::Deserialize;

use super::actions::Help;
use super::kind::{LimitKind, Service, Verdict, Who, Window};
use super::vocabulary::embedded;
use crate::claude::version::Versions;

/// The embedded rows.
const EMBEDDED: &str = include_str!("messages.json");

/// How much a row says. Of several messages in one text the last one of the highest rank counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Rank {
    /// Nothing known.
    Talk,
    /// A class or a status.
    Vague,
    /// Something known that is no limit.
    Known,
    /// A limit by its name, or the news about one.
    Limit,
}

/// The rows of one subject.
#[derive(Debug, Deserialize)]
#[serde(bound(deserialize = "'de: 'static"))]
struct Chapter {
    /// For docs/limits.md, which a test writes.
    #[cfg(test)]
    #[serde(rename = "chapter")]
    title: String,
    rank: Rank,
    rows: Vec<Message>,
}

/// One kind of message. A row says what is its own; the rest is as here.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Message {
    /// Its name in tests and in JSON.
    pub id: &'static str,
    /// What it names. Unknown for a window that it does not name.
    pub names: LimitKind,
    /// Who says so, where it is not who mostly speaks of what it names.
    pub(super) service: Option<Service>,
    /// In which zone its times are, where they name none and it is not the user's.
    pub(super) zone: &'static str,
    /// How long it lasts at most, where what it names mostly lasts for less.
    pub(super) lasts_hours: Option<u8>,
    /// Words that it is recognized by: `^` where the message must begin so, `~` where a statement of
    /// it must, `?` where they count only beside a name of Claude's, for anybody may say them; `&` between
    /// parts that must all be there.
    pub(super) says: Vec<&'static str>,
    /// Names of a limit that is said to be reached, written alike: `=` for exactly these words, `!`
    /// for those of a limit that is not called the user's, `*` for any of Claude's.
    pub(super) limit: Vec<&'static str>,
    /// What the API or Claude Code calls it: `type` or `code` of its JSON, `apiError` of the line.
    pub(super) codes: Vec<&'static str>,
    /// Classes and statuses that mean it, where there are no words.
    pub(super) class: Vec<&'static str>,
    /// The rule of rules.json that judges it; empty where it is the same whatever the evidence.
    pub(super) rule: &'static str,
    pub(super) judged: Judged,
    /// What it means in general. Of a fixed judgement it is the headline, without its full stop.
    pub(super) means: &'static str,
    /// The badge of a fixed judgement.
    pub(super) badge: &'static str,
    /// What it means, or meant, for some: under which conditions (`|` between alternatives), whom that
    /// is, and in which versions.
    pub(super) also: Vec<(&'static str, &'static str, Versions, &'static str)>,
    /// How some versions word it, newest first; `…` is what varies.
    pub(super) by_version: Vec<(Versions, &'static str)>,
    /// How old and new versions word it.
    pub(super) wordings: Vec<&'static str>,
    /// What helps, best first, by the names in helps.json.
    pub(super) helps: Vec<Help>,
    /// What people tried in vain, with its source.
    pub(super) in_vain: Vec<&'static str>,
    /// For whom that is worth knowing: conditions, as in rules.json.
    pub(super) in_vain_for: &'static str,
    /// Where this is known from.
    pub(super) source: &'static str,
}

impl Message {
    /// All wordings.
    pub fn texts(&self) -> impl Iterator<Item = &'static str> + '_ {
        let by_version = self.by_version.iter().map(|(_, text)| *text);
        by_version.chain(self.wordings.iter().copied())
    }

    /// What it means in general, and for some: "Pro, Max, 2.1.119 to before 2.1.153: …".
    pub(super) fn meanings(&self) -> impl Iterator<Item = String> {
        let in_general = format!("{}.", self.means.trim_end_matches('.'));
        let for_some = self.also.iter();
        let for_some = for_some.map(|(_, who, versions, means)| match versions.from {
            None => format!("{who}: {means}"),
            Some(_) => format!("{who}, {versions}: {means}"),
        });
        std::iter::once(in_general).chain(for_some)
    }
}

/// Verdict, who can change it (null: whoever pays), and whether waiting helps: true, false, conditions
/// under which it does (`|` between alternatives), or null where nobody knows.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub(super) struct Judged {
    pub(super) verdict: Verdict,
    pub(super) who: Option<Who>,
    pub(super) waiting: Option<&'static str>,
}

/// In the order in which they are tried.
static CHAPTERS: LazyLock<Vec<Chapter>> = LazyLock::new(|| embedded(EMBEDDED));
/// For a file without rows, which a test rules out.
static NOTHING: LazyLock<Message> = LazyLock::new(Message::default);

/// All rows with their ranks, in the order in which they are tried.
pub(super) fn ranked() -> impl Iterator<Item = (Rank, &'static Message)> {
    let chapters = CHAPTERS.iter();
    chapters.flat_map(|chapter| chapter.rows.iter().map(|message| (chapter.rank, message)))
}

/// All rows.
pub fn all() -> impl Iterator<Item = &'static Message> {
    ranked().map(|(_, message)| message)
}

/// The row for a window that the server names but the text does not.
pub(super) fn of_window(window: Window) -> Option<&'static Message> {
    all().find(|message| message.names == LimitKind::Window(window))
}

/// The row of this name: "unknown" for what is recognized by nothing, "code" for a part of a program.
pub(super) fn known_as(id: &str) -> &'static Message {
    all().find(|message| message.id == id).unwrap_or(&NOTHING)
}

#[cfg(test)]
#[path = "../../../tests/unit/limits_page.rs"]
// what it needs to know of a row the library shows to nobody
mod limits_page;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rows_can_be_read() {
        let chapters: Vec<Chapter> = serde_json::from_str(EMBEDDED).unwrap();
        assert_eq!(chapters.len(), 14);
        for id in ["code", "unknown"] {
            assert_eq!(known_as(id).id, id);
        }
    }
}
