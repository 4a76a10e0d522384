//! One file a verb. A verb gathers what it needs, asks the pure code, and prints.

mod answers;
pub mod budget;
pub(crate) mod completions;
pub mod config;
pub mod doctor;
pub mod drain;
pub mod explain;
pub mod export;
mod failure;
pub(crate) mod hook;
pub(crate) mod host_guard;
mod host_input;
pub mod incidents;
pub mod install;
mod line_facts;
pub(crate) mod locks;
mod machine;
mod moment;
pub mod now;
mod preview;
pub mod prices;
mod question;
pub mod report;
pub mod spend;
mod spend_page;
pub(crate) mod statusline;
pub mod uninstall;
pub mod wait;
mod windows;
pub(crate) mod wrong_arguments;

use std::io::{self, Read};
use std::process::ExitCode;

use crate::terminal::complain;

/// Turns a verb's failure into one line on standard error and exit code 1, or 2 where it is about
/// what was typed.
pub(crate) fn report_failure(outcome: anyhow::Result<ExitCode>) -> ExitCode {
    outcome.unwrap_or_else(|error| {
        if error.is::<failure::Misuse>() {
            complain(&error.to_string());
            return ExitCode::from(2);
        }
        complain(&failure::in_one_line(&error));
        ExitCode::FAILURE
    })
}

/// The first `limit` bytes of standard input. An error gives what was read so far.
fn read_beginning(limit: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(8 * 1024);
    let input = io::stdin().lock();
    let _ = input.take(limit as u64).read_to_end(&mut bytes);
    bytes
}
