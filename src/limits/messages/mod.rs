//! The messages that are known, a row each in messages.json: what recognizes it, what it is, what it
//! meant where, what helps, and how that is known.
//!
//! To add one, add a row to its chapter and a line to tests/data. Rows are tried in the order of the
//! file, so a narrow row stands before a broad one.

mod row;

use std::sync::LazyLock;

use serde::Deserialize;

use super::kind::{LimitKind, Window};
use super::vocabulary::embedded;

pub use row::Message;

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
pub(super) struct Chapter {
    #[serde(rename = "chapter")]
    pub(super) title: &'static str,
    rank: Rank,
    pub(super) rows: Vec<Message>,
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

/// The rows by subject, in an order for readers.
pub(super) fn chapters() -> impl Iterator<Item = &'static Chapter> {
    const TITLES: &str = "Your plan's limits|Caps on usage credits|Usage credits|Warnings and news\
        |What Claude Code answers about limits|The Console, API keys and gateways|The service\
        |Too long, too large|Logins, keys and models|Not a limit of Claude";
    let titles = TITLES.split('|');
    titles.filter_map(|title| CHAPTERS.iter().find(|chapter| chapter.title == title))
}

/// The row for a window that the server names but the text does not.
pub(super) fn of_window(window: Window) -> Option<&'static Message> {
    all().find(|message| message.names == LimitKind::Window(window))
}

/// The row for a part of a program.
pub(super) fn code() -> &'static Message {
    known_as("code")
}

/// The row for what is recognized by nothing.
pub(super) fn unknown() -> &'static Message {
    known_as("unknown")
}

fn known_as(id: &str) -> &'static Message {
    all().find(|message| message.id == id).unwrap_or(&NOTHING)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rows_can_be_read() {
        let chapters: Vec<Chapter> = serde_json::from_str(EMBEDDED).unwrap();
        assert_eq!(chapters.len(), 14);
        assert_eq!(super::chapters().count(), 10);
        assert_eq!((code().id, unknown().id), ("code", "unknown"));
    }
}
