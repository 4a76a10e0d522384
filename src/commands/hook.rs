//! `whycap hook`: one event from Claude Code. Always exit code 0; prints nothing or one JSON object.

use std::process::ExitCode;

use crate::environment::Environment;

/// Handles the event on standard input.
pub fn run(_environment: &Environment) -> ExitCode {
    super::guard_host("");
    ExitCode::SUCCESS
}
