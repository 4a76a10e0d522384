//! `whycap statusline`: one or more rows for Claude Code, always, with exit code 0.

use std::process::ExitCode;

use crate::environment::Environment;
use crate::statusline::input::StatusInput;

/// Claude Code sends about 2 KB; anything past this is not a status payload.
const STDIN_LIMIT: usize = 1 << 20;

/// Prints the status line. Never fails: the host blanks its line on an error or on empty output.
pub fn run(_environment: &Environment) -> ExitCode {
    super::guard_host("whycap\n");
    let input = StatusInput::parse(&super::read_stdin(STDIN_LIMIT));
    let line = input.model_name().unwrap_or("whycap").to_owned();
    // A closed pipe means that the host cancelled this run; there is nobody to tell.
    let _ = super::print(&format!("{line}\n"));
    ExitCode::SUCCESS
}
