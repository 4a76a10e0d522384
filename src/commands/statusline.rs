//! `whycap statusline`: one or more rows for Claude Code, always, with exit code 0.

use std::process::ExitCode;

use crate::environment::Environment;
use crate::incidents;
use crate::places::Places;
use crate::statusline::input::StatusInput;
use crate::terminal::Palette;

/// Claude Code sends about 2 KB; anything past this is not a status payload.
const STDIN_LIMIT: usize = 1 << 20;

/// Prints the status line. Never fails: the host blanks its line on an error or on empty output.
pub fn run(environment: &Environment) -> ExitCode {
    super::guard_host("whycap\n");
    let input = StatusInput::parse(&super::read_stdin(STDIN_LIMIT));
    let places = Places::of(environment);
    let palette = Palette::for_host(environment);
    // The client indents each row by two columns and keeps two free: it cuts what is longer.
    let width = environment.columns().unwrap_or(80).saturating_sub(4).max(1);
    incidents::samples::record(&places, environment, &input);
    let mut line = input.model_name().unwrap_or("whycap").to_owned();
    let rows = incidents::rows::for_session(&places, environment, &input, width);
    for row in rows.into_iter().flatten() {
        line.push('\n');
        for (tone, text) in row {
            line.push_str(&palette.paint(tone, &text));
        }
    }
    // A closed pipe means that the host cancelled this run; there is nobody to tell.
    let _ = super::print(&format!("{line}\n"));
    ExitCode::SUCCESS
}
