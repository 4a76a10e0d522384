//! What was written to the prompt cache again: how much, why, and what of it nobody needed.
//!
//! `record` reads a line, `history` holds each answer against what its cache held, `cause` has the
//! rules, `findings` adds up. docs/drain.md says what each cause means and how it was tried.

mod attribution;
mod cause;
mod findings;
mod history;
mod page;
mod percent_worth;
mod record;
mod window_use;

pub(crate) use attribution::Attribution;
pub(crate) use cause::Cause;
pub(crate) use findings::Findings;
pub(crate) use history::{Again, Write};
pub(crate) use page::{Drain, bug_report};
pub(crate) use percent_worth::{PercentWorth, SpentHere};
pub(crate) use window_use::WindowShares;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};

use history::History;

use crate::claude::transcripts::{TranscriptFile, session_of};
use crate::disk::ours::open_regular;
use crate::pricing::PriceTable;
use crate::time::Millis;

/// A line longer than this is passed over; the client writes nothing near it.
const LONGEST_LINE: u64 = 16 * 1024 * 1024;

/// What every answer of these transcripts since a moment wrote to the cache, in order of time. Only
/// who asks where it went reads them for it, all from the start: requests are most of a new
/// transcript's bytes, and nothing else needs them.
/// `progress` is told bytes read and bytes in all. A file that cannot be read gives nothing; `whycap
/// doctor` names it.
pub(crate) fn writes(
    mut files: Vec<TranscriptFile>,
    since: Option<Millis>,
    prices: &PriceTable,
    progress: &mut dyn FnMut(u64, u64),
) -> Vec<Write> {
    // The oldest first: forks are copied from what was there before.
    files.sort_by(|one, other| {
        (one.state.modified, &one.path).cmp(&(other.state.modified, &other.path))
    });
    let all = files.iter().map(|file| file.state.size).sum();
    let (mut history, mut writes, mut done) = (History::new(prices), Vec::new(), 0);
    for file in files {
        if let Ok(opened) = open_regular(&file.path) {
            history.begin(session_of(&file.path));
            // What was read before an error holds.
            let _ = each_line(opened, |line| writes.extend(history.read(line)));
        }
        done += file.state.size;
        progress(done, all);
    }
    writes.retain(|write| since.is_none_or(|since| write.answer.at >= since));
    writes.sort_by_key(|write| write.answer.at);
    writes
}

fn each_line(file: File, mut see: impl FnMut(&[u8])) -> io::Result<()> {
    let mut reader = BufReader::with_capacity(256 * 1024, file);
    let mut line = Vec::new();
    loop {
        line.clear();
        let mut limited = (&mut reader).take(LONGEST_LINE);
        if limited.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        see(&line);
    }
}
