//! `whycap statusline`: prints the status line for Claude Code, and always exits with 0.
//!
//! The command prints the rows before it does anything slow, such as writing to disk or reading large files.

use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::environment::Environment;
use crate::status_line::call::{StatusLineCall, StatusLineFacts};
use crate::status_line::wrapped::{Wrapped, WrappedLine};
use crate::terminal::host::{Deadline, InputLimits, has_enough_memory, read_input};
use crate::terminal::{Shown, print};

/// The limits for reading the input. Claude Code sends about 2 KB. Without it, whycap does not know the session and can
/// show only today's spend. The status line therefore waits longer than a hook.
const INPUT_LIMITS: InputLimits = InputLimits {
    size: 1 << 20,
    first_byte: Duration::from_millis(600),
    total: Duration::from_millis(900),
};

/// The time limit for collecting data. Two milliseconds are usually enough, but a busy machine can take a hundred times
/// as long.
const TIME_LIMIT: Duration = Duration::from_millis(600);

/// The output if nothing else can be printed.
pub(crate) const FALLBACK: &str = "whycap\n";

/// The hint for users who run this command in a terminal.
const HINT: &str = "Claude Code runs this command for its status line, and passes it a JSON object on standard input.";

/// Prints the status line. Always prints something and never fails. Otherwise, Claude Code would hide the status line.
pub(crate) fn run(environment: Environment) -> ExitCode {
    if io::stdin().is_terminal() {
        let _ = print(&Shown::text(&format!("{HINT}\n")));
    } else if !has_enough_memory() {
        let _ = print(&Shown::text(FALLBACK));
    } else {
        print_line(environment);
    }
    ExitCode::SUCCESS
}

fn print_line(environment: Environment) {
    let input = read_input(INPUT_LIMITS);
    let prepared_call = Arc::new(OnceLock::new());
    // Start the deadline now, because preparing the call reads files and can hang if the home directory is on a network
    // file system.
    let deadline = Deadline::start(TIME_LIMIT, {
        let prepared_call = Arc::clone(&prepared_call);
        move || match prepared_call.get() {
            Some(call) => StatusLineCall::render_payload(call),
            None => Shown::text(FALLBACK),
        }
    });
    let (call, wrapped) = StatusLineCall::read(&input, environment);
    let call = prepared_call.get_or_init(|| call);
    let facts = StatusLineFacts::collect(call);
    let rows = facts.render();
    let wrapped_line = deadline.print_in_time(|| {
        let line = wrapped.map(Wrapped::finish);
        // A broken pipe means that Claude Code has canceled the call, so nobody would see an error message.
        let _ = print(&below(line.as_ref(), rows));
        line
    });
    if let Some(line) = wrapped_line {
        line.save();
    }
    facts.save();
}

/// Returns whycap's rows, preceded by the output of the user's previous status line.
fn below(wrapped: Option<&WrappedLine>, rows: Shown) -> Shown {
    let Some(text) = wrapped.and_then(|line| line.text.as_ref()) else {
        return rows;
    };
    #[expect(
        clippy::disallowed_methods,
        reason = "the output of the user's own command"
    )]
    Shown::unescaped(format!("{text}\n")).followed_by(&rows)
}
