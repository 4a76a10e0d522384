//! Reads transcripts on several threads.
//!
//! Only one thread can write to the database, and writing is fastest if all facts are written at once. The facts from a
//! gigabyte of transcripts take about 30 MB of memory.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use super::catch_up::ReadTime;
use super::collect::Batch;
use crate::claude::transcripts::{self, TranscriptFile};
use crate::transcript::reader::{ReadLimits, ReadPosition};

/// The minimum number of unread bytes that are divided among several threads.
const MIN_SHARED_BYTES: u64 = 8 * 1024 * 1024;

/// The maximum number of reading threads. With more threads, most of the time would be spent writing.
const MOST_THREADS: usize = 8;

/// A transcript that has new lines or must be read again.
#[derive(Debug)]
pub(super) struct UnreadTranscript {
    pub file: TranscriptFile,
    /// How far the transcript has been read.
    pub position: ReadPosition,
    /// True if the lines before the position should be read again.
    pub is_read_again: bool,
}

impl UnreadTranscript {
    /// Returns the number of bytes to read.
    pub(super) fn unread_bytes(&self) -> u64 {
        let size = self.file.state.size;
        if self.is_read_again {
            size
        } else {
            size.saturating_sub(self.position.offset)
        }
    }
}

pub(super) fn unread_bytes(transcripts: &[UnreadTranscript]) -> u64 {
    transcripts
        .iter()
        .map(UnreadTranscript::unread_bytes)
        .sum()
}

/// The settings for reading transcripts.
struct ReadSettings {
    read_time: ReadTime,
    /// The time at which reading started.
    started: Instant,
}

impl ReadSettings {
    fn is_out_of_time(&self) -> bool {
        match self.read_time {
            ReadTime::All => false,
            ReadTime::Within(limit) => self.started.elapsed() >= limit,
        }
    }

    /// Returns the number of threads to use for reading the given number of bytes. While Claude Code is waiting, only
    /// one thread reads, to leave the other processors free.
    fn threads(&self, bytes: u64) -> usize {
        if bytes < MIN_SHARED_BYTES || self.read_time != ReadTime::All {
            return 1;
        }
        thread::available_parallelism().map_or(1, |threads| threads.get().min(MOST_THREADS))
    }

    /// Reads the new lines of a transcript.
    fn read(&self, transcript: &UnreadTranscript, buffer: &mut Vec<u8>) -> Batch {
        let mut batch = Batch::default();
        let mut is_cut_short = false;
        let mut limits = ReadLimits {
            buffer,
            is_enough: &mut || {
                is_cut_short = self.is_out_of_time();
                is_cut_short
            },
            reads_again: transcript.is_read_again,
        };
        let path = &transcript.file.path;
        if let Err(error) = batch.read(path, &transcript.position, &mut limits)
            && transcripts::exists_despite(&error)
        {
            batch.unreadable.push(path.clone());
        }
        batch.is_cut_short = is_cut_short;
        batch
    }
}

/// Transcripts that are distributed to several threads.
struct Distribution<'r> {
    transcripts: &'r [UnreadTranscript],
    settings: &'r ReadSettings,
    /// The index of the first transcript that no thread has started to read.
    next: AtomicUsize,
    /// The number of bytes that have been read.
    done: AtomicU64,
}

impl Distribution<'_> {
    /// Reads transcripts until none are left or time runs out. Calls `progress` with the number of bytes that all
    /// threads have read so far. Returns the facts from each transcript by its position in the list.
    fn read(&self, mut progress: impl FnMut(u64)) -> BTreeMap<usize, Batch> {
        let mut buffer = Vec::new();
        let mut all = BTreeMap::new();
        loop {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(transcript) = self.transcripts.get(index) else {
                return all;
            };
            if self.settings.is_out_of_time() {
                all.entry(index)
                    .or_insert_with(Batch::default)
                    .is_cut_short = true;
                return all;
            }
            all.insert(index, self.settings.read(transcript, &mut buffer));
            let bytes = transcript.unread_bytes();
            progress(self.done.fetch_add(bytes, Ordering::Relaxed) + bytes);
        }
    }
}

/// Reads the new lines of these transcripts. Calls `progress` with the number of bytes read so far.
pub(super) fn read_transcripts(
    transcripts: &[UnreadTranscript],
    read_time: ReadTime,
    progress: impl FnMut(u64),
) -> Batch {
    let settings = ReadSettings {
        read_time,
        started: Instant::now(),
    };
    let distribution = Distribution {
        transcripts,
        settings: &settings,
        next: AtomicUsize::new(0),
        done: AtomicU64::new(0),
    };
    let all = thread::scope(|scope| {
        let mut others = Vec::new();
        for _ in 1..settings.threads(unread_bytes(transcripts)) {
            // If the system cannot start another thread, this thread reads everything.
            others.extend(thread::Builder::new().spawn_scoped(scope, || distribution.read(|_| ())));
        }
        let mut all = distribution.read(progress);
        for other in others {
            all.extend(other.join().unwrap_or_default());
        }
        all
    });
    let mut batch = Batch::default();
    for next in all.into_values() {
        batch.append(next);
    }
    batch
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "the tests play the client, which writes transcripts"
)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};
    use std::time::Duration;

    use super::*;

    /// Writes a transcript that contains one response and roughly this many bytes of other lines.
    fn transcript(directory: &Path, number: usize, bytes: usize) -> UnreadTranscript {
        let path = directory.join(format!("{number}.jsonl"));
        let other = format!("{{\"type\":\"user\",\"text\":\"{}\"}}\n", "x".repeat(1_000));
        let response = format!(
            "{{\"type\":\"assistant\",\"requestId\":\"r{number}\",\"timestamp\":\"2026-11-20T06:26:56.016Z\",\"message\":{{\"id\":\"m\",\"model\":\"claude-opus-4-6\",\"usage\":{{\"output_tokens\":{number}}}}}}}\n"
        );
        fs::write(&path, other.repeat(bytes / other.len()) + &response).unwrap();
        UnreadTranscript {
            file: TranscriptFile::look(&path).unwrap().unwrap(),
            position: ReadPosition::default(),
            is_read_again: false,
        }
    }

    #[test]
    fn facts_arrive_in_transcript_order_from_any_thread() {
        let directory = tempfile::tempdir().unwrap();
        let sizes = [6, 1, 1, 5, 2, 0, 3].map(|megabytes| megabytes << 20);
        let transcripts: Vec<UnreadTranscript> = sizes
            .into_iter()
            .enumerate()
            .map(|(number, bytes)| transcript(directory.path(), number, bytes))
            .collect();
        let written: Vec<&PathBuf> = transcripts
            .iter()
            .map(|transcript| &transcript.file.path)
            .collect();
        let mut done = 0;
        let batch = read_transcripts(&transcripts, ReadTime::All, |bytes| done = bytes);
        let paths: Vec<&PathBuf> = batch.files.iter().map(|facts| &facts.path).collect();
        assert_eq!(paths, written);
        assert_eq!(batch.responses.len(), written.len());
        assert!(done > 0 && done <= unread_bytes(&transcripts));
        assert!(!batch.is_cut_short);
    }

    #[test]
    fn a_read_that_runs_out_of_time_is_cut_short() {
        let directory = tempfile::tempdir().unwrap();
        let transcripts = [transcript(directory.path(), 0, 64 << 20)];
        let batch = read_transcripts(
            &transcripts,
            ReadTime::Within(Duration::from_millis(2)),
            |_| (),
        );
        assert!(batch.is_cut_short);
        let transcripts = [transcript(directory.path(), 1, 1)];
        let batch = read_transcripts(&transcripts, ReadTime::Within(Duration::ZERO), |_| ());
        assert!(batch.is_cut_short);
    }
}
