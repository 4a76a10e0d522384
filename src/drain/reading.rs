//! Reading transcripts for their requests: all of them, from the start. Only `drain` does: requests
//! are most of a new transcript's bytes, and nothing else needs them.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};

use super::history::{History, Known, Write};
use super::record::read;
use crate::claude::transcripts::{TranscriptFile, session_of};
use crate::disk::ours::open_regular;
use crate::pricing::PriceTable;
use crate::time::Millis;

/// A line longer than this is passed over; the client writes nothing near it.
const LONGEST_LINE: u64 = 16 * 1024 * 1024;

/// What every answer of these transcripts since a moment wrote to the cache, in order of time.
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
    let (mut known, mut writes, mut done) = (Known::default(), Vec::new(), 0);
    for file in files {
        if let Ok(opened) = open_regular(&file.path) {
            let mut history = History::new(session_of(&file.path), prices);
            // What was read before an error holds.
            let _ = each_line(opened, |line| {
                let write = read(line).and_then(|record| history.take(record, &mut known));
                writes.extend(write);
            });
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
