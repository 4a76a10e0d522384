//! Whether a person looks at what is printed.

use std::io::{self, IsTerminal};

/// Whether standard output is a terminal.
#[expect(
    clippy::disallowed_methods,
    reason = "part of the door: nothing is written"
)]
pub fn is_seen_by_person() -> bool {
    io::stdout().is_terminal()
}
