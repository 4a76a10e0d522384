//! `whycap statusline`: one or more rows for Claude Code, always, with exit code 0.
//!
//! It reads, draws, prints, and then keeps: what it has to write, and what takes long to read, waits
//! until the line is out.

use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use super::host::{Deadline, has_memory, read_input};
use super::preview::preview;
use crate::environment::Environment;
use crate::machine::{LineAsked, LineKnown};
use crate::status_line::wrapped::{Wrapped, WrappedLine};
use crate::terminal::{Shown, print};

/// Claude Code sends about 2 KB; anything past this is not a status payload.
const STDIN_LIMIT: usize = 1 << 20;

/// How long what has to be known for the line may take. Two milliseconds are usual;
/// a machine under load may take a hundred times as long.
const LONGEST: Duration = Duration::from_millis(600);

pub(crate) const LAST_WORDS: &str = "whycap\n";

/// What somebody reads who calls this by hand.
const BY_HAND: &str = "Claude Code runs this for its status line. Try: whycap statusline --preview";

/// Prints the status line. Never fails: the host blanks its line on an error or on empty output.
pub(crate) fn run(arguments: &[OsString], environment: Environment) -> ExitCode {
    if arguments.iter().any(|argument| argument == "--preview") {
        let _ = print(&preview(environment));
    } else if io::stdin().is_terminal() {
        // On a terminal nothing would ever come.
        let _ = print(&Shown::text(&format!("{BY_HAND}\n")));
    } else if !has_memory() {
        let _ = print(&Shown::text(LAST_WORDS));
    } else {
        print_line(environment);
    }
    ExitCode::SUCCESS
}

fn print_line(environment: Environment) {
    let (asked, wrapped) = LineAsked::read(&read_input(STDIN_LIMIT), environment);
    let asked = Arc::new(asked);
    let deadline = Deadline::start(LONGEST, {
        let asked = Arc::clone(&asked);
        move || asked.drawn_at_once()
    });
    let known = LineKnown::gather(&asked);
    let own = known.drawn();
    let wrapped = deadline.speak(|| {
        let wrapped = wrapped.map(Wrapped::finish);
        // A closed pipe means that the host cancelled this run; there is nobody to tell.
        let _ = print(&below(wrapped.as_ref(), own));
        wrapped
    });
    if let Some(wrapped) = wrapped {
        wrapped.keep();
    }
    known.keep();
}

/// The line that the user told us to keep, and ours below it.
fn below(wrapped: Option<&WrappedLine>, own: Shown) -> Shown {
    let Some(foreign) = wrapped.and_then(|wrapped| wrapped.text.as_ref()) else {
        return own;
    };
    #[expect(clippy::disallowed_methods, reason = "as their own program says it")]
    Shown::as_it_is(format!("{foreign}\n")).then(&own)
}
