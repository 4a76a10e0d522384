//! One file a verb. A verb gathers what it needs, asks the pure code, and prints.

mod answers;
pub(crate) mod completions;
pub mod config;
pub mod doctor;
pub mod explain;
pub(crate) mod hook;
mod host_guard;
pub mod incidents;
pub mod install;
pub(crate) mod locks;
pub(crate) mod meant;
mod preview;
pub mod prices;
mod question;
pub mod report;
pub mod spend;
pub(crate) mod statusline;
pub mod uninstall;
pub mod wait;

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use crate::claude::model_pricing::own_rates;
use crate::environment::Environment;
use crate::ledger::{Caught, Effort, Ledger};
use crate::places::Places;
use crate::pricing::PriceTable;
use crate::terminal::{Page, complain, print};

/// Turns a verb's failure into one line on standard error and exit code 1.
pub(crate) fn report_failure(outcome: anyhow::Result<ExitCode>) -> ExitCode {
    outcome.unwrap_or_else(|error| {
        complain(&in_one_line(&error));
        ExitCode::FAILURE
    })
}

/// An error and its causes, save what has been said.
fn in_one_line(error: &anyhow::Error) -> String {
    let mut line = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !line.contains(&cause) {
            line = format!("{line}: {cause}");
        }
    }
    line
}

/// Prints JSON where it was asked for, else the page that `lay_out` fills.
fn show(
    environment: &Environment,
    json: Option<String>,
    lay_out: impl FnOnce(&mut Page),
) -> io::Result<()> {
    if let Some(json) = json {
        return print(&(json + "\n"));
    }
    let mut page = Page::for_person(environment);
    lay_out(&mut page);
    print(&page.into_text())
}

/// Lets the ledger read what transcripts have gained, no longer than this.
fn read_on(ledger: &mut Ledger, places: &Places, no_longer: Duration) -> Caught {
    let roots = places.transcript_roots();
    let effort = Effort::Within(no_longer);
    // Where nothing could be done, the default says that it is not complete.
    PriceTable::with(own_rates(places))
        .ok()
        .and_then(|prices| ledger.catch_up(roots, &prices, effort, &mut |_| {}).ok())
        .unwrap_or_default()
}

/// Reads standard input up to `limit` bytes; what lies beyond is read and dropped, so that the
/// host never sees a broken pipe. An error gives what was read so far.
pub(crate) fn read_stdin(limit: usize) -> Vec<u8> {
    use std::io::Read;
    let mut bytes = Vec::with_capacity(8 * 1024);
    let mut input = io::stdin().lock();
    if (&mut input)
        .take(limit as u64)
        .read_to_end(&mut bytes)
        .is_ok()
        && bytes.len() == limit
    {
        let _ = io::copy(&mut input, &mut io::sink());
    }
    bytes
}
