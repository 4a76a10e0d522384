//! The messages that are known, a row each: what it names, what recognizes it, what it is, what it
//! meant where, what helps.
//!
//! To add one, add a row to the file of its subject and a line to tests/data. A row says what is its
//! own; `ROW` says the rest. Rows are tried in order, file by file, so a narrow row stands before a
//! broad one.

mod access;
mod caps;
mod console;
mod credits;
mod news;
mod others;
mod row;
mod service;
mod sizes;
mod windows;

use super::kind::{LimitKind, Window};

pub(super) use row::Concerns;
pub use row::Message;

/// How much a row says. Of several messages in one text the last one of the highest rank counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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

/// All rows with their ranks, in the order in which they are tried.
const TRIED: [(Rank, &[Message]); 12] = [
    (Rank::Known, others::FOREIGN),
    (Rank::Limit, news::ROWS),
    (Rank::Limit, console::ROWS),
    (Rank::Limit, credits::ROWS),
    (Rank::Limit, caps::ROWS),
    (Rank::Limit, windows::ROWS),
    (Rank::Known, news::ANSWERS),
    (Rank::Known, sizes::ROWS),
    (Rank::Known, others::ROWS),
    (Rank::Known, access::ROWS),
    (Rank::Known, service::NAMED),
    (Rank::Vague, service::BY_CLASS),
];

pub(super) fn ranked() -> impl Iterator<Item = (Rank, &'static Message)> {
    TRIED
        .into_iter()
        .flat_map(|(rank, rows)| rows.iter().map(move |message| (rank, message)))
}

/// All rows.
pub fn all() -> impl Iterator<Item = &'static Message> {
    ranked().map(|(_, message)| message)
}

/// The rows by subject, in an order for readers.
pub(super) const CHAPTERS: [(&str, &[Message]); 10] = [
    ("Your plan's limits", windows::ROWS),
    ("Caps on usage credits", caps::ROWS),
    ("Usage credits", credits::ROWS),
    ("Warnings and news", news::ROWS),
    ("What Claude Code answers about limits", news::ANSWERS),
    ("The Console, API keys and gateways", console::ROWS),
    ("The service", service::NAMED),
    ("Too long, too large", sizes::ROWS),
    ("Logins, keys and models", access::ROWS),
    ("Not a limit of Claude", others::ROWS),
];

/// The row for a window that the server names but the text does not.
pub(super) fn of_window(window: Window) -> Option<&'static Message> {
    windows::ROWS
        .iter()
        .find(|message| message.names == LimitKind::Window(window))
}

/// The row for a part of a program.
pub(super) fn code() -> &'static Message {
    &others::CODE
}

/// The row for what is recognized by nothing.
pub(super) fn unknown() -> &'static Message {
    &service::UNKNOWN
}
