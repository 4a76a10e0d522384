//! The messages that are known, a row each: what it names, what recognizes it, what it is, what it
//! meant where, what helps.
//!
//! To add one, add a row to the file of its subject and a line to tests/data. Rows are tried in
//! order, file by file, so a narrow row stands before a broad one.

mod access;
mod caps;
mod console;
mod credits;
mod row;
mod service;
mod windows;

use super::kind::{LimitKind, Window};

pub use row::Message;
pub(super) use row::{Concerns, Pattern};

/// All rows, in the order in which they are tried.
pub fn all() -> impl Iterator<Item = &'static Message> {
    [
        credits::ROWS,
        console::ROWS,
        caps::ROWS,
        access::ROWS,
        service::NAMED,
        windows::ROWS,
        service::BY_CLASS,
    ]
    .into_iter()
    .flatten()
}

/// The rows by subject, in an order for readers.
pub(super) const CHAPTERS: [(&str, &[Message]); 6] = [
    ("The windows of a plan", windows::ROWS),
    ("Caps on usage credits", caps::ROWS),
    ("Usage credits", credits::ROWS),
    ("The Console", console::ROWS),
    ("The service", service::NAMED),
    ("Logins, models and sizes", access::ROWS),
];

/// The row for a window that the server names but the text does not.
pub(super) fn of_window(window: Window) -> Option<&'static Message> {
    windows::ROWS
        .iter()
        .find(|message| message.names == LimitKind::Window(window))
}

/// The row for what is recognized by nothing.
pub(super) fn unknown() -> &'static Message {
    &service::UNKNOWN
}
