//! The way out: standard output and standard error.

use std::io::{self, Write};

use super::sanitize;

/// Writes `text` to standard output in one piece. A reader that went away is not an error.
pub fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Writes one line to standard error, under the program's name. If that is closed there is nobody
/// left to tell.
pub fn complain(problem: &str) {
    let _ = writeln!(io::stderr(), "whycap: {}", sanitize(problem));
}
