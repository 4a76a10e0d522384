//! Reads transcripts on several threads and returns the facts in transcript order.
//!
//! Only one thread can write to the database. That thread commits the chunks read by the other threads, and reads
//! chunks itself when it has nothing to commit.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::Instant;

use super::catch_up::Effort;
use super::collect::Batch;
use super::error::LedgerError;
use crate::claude::transcripts::{self, TranscriptFile};
use crate::pricing::PriceTable;
use crate::time::Millis;
use crate::transcript::reader::{ReadLimits, ReadPosition};

/// The minimum number of bytes in a chunk when several threads read. Small chunks let all threads finish at about the
/// same time, and let the first commit start early.
const SHARED_CHUNK: u64 = 4 * 1024 * 1024;

/// The minimum chunk size, in bytes, for reading on a single thread. Hooks and status-line calls rarely need a second
/// chunk. Because the first chunk is read before the transaction begins, they do not lock the ledger while reading.
const LONE_CHUNK: u64 = 64 * 1024 * 1024;

/// The maximum number of bytes in a chunk that is read within a transaction. Reading a transcript of several gigabytes
/// takes seconds, and the ledger must not stay locked for that long.
const LONG_READ: u64 = 2 * LONE_CHUNK;

/// The maximum number of reading threads. More threads would only wait for the committing thread.
const MOST_THREADS: usize = 8;

/// The maximum number of chunks waiting to be committed. At this limit, the reading threads pause, so that a long
/// history does not fill up memory.
const MOST_WAITING: usize = 2 * MOST_THREADS;

/// A transcript that has grown since it was last read.
#[derive(Debug)]
pub(super) struct GrownTranscript {
    pub(super) file: TranscriptFile,
    /// How far the transcript has been read.
    pub(super) position: ReadPosition,
}

impl GrownTranscript {
    /// Returns the number of bytes that have not been read yet.
    pub(super) fn unread_bytes(&self) -> u64 {
        self.file.state.size.saturating_sub(self.position.offset)
    }
}

fn unread_bytes(transcripts: &[GrownTranscript]) -> u64 {
    transcripts.iter().map(GrownTranscript::unread_bytes).sum()
}

/// The facts from several consecutive transcripts.
pub(super) struct Chunk {
    /// The chunk's position in transcript order.
    number: usize,
    pub(super) batch: Batch,
    /// The number of bytes in these transcripts that had not been read before.
    pub(super) bytes: u64,
    /// True if time ran out before all of these transcripts were read to the end.
    pub(super) is_cut_short: bool,
}

/// The settings for reading transcripts.
pub(super) struct ReadSettings<'p> {
    /// See [`ReadLimits::settled_before`].
    pub(super) settled_before: Millis,
    pub(super) prices: &'p PriceTable,
    pub(super) effort: Effort,
    /// The time at which reading started.
    pub(super) started: Instant,
}

impl ReadSettings<'_> {
    fn is_late(&self) -> bool {
        match self.effort {
            Effort::All => false,
            Effort::Within(limit) => self.started.elapsed() >= limit,
        }
    }

    /// Returns the number of threads to use for reading this many bytes. While Claude Code is waiting, only one thread
    /// reads, to leave the other processors free.
    fn threads(&self, bytes: u64) -> usize {
        if bytes < 2 * SHARED_CHUNK || self.effort != Effort::All {
            return 1;
        }
        thread::available_parallelism().map_or(1, |threads| threads.get().min(MOST_THREADS))
    }

    fn read(&self, number: usize, transcripts: &[GrownTranscript], buffer: &mut Vec<u8>) -> Chunk {
        let mut batch = Batch::default();
        let mut is_cut_short = false;
        for GrownTranscript { file, position } in transcripts {
            if self.is_late() {
                is_cut_short = true;
                break;
            }
            let mut limits = ReadLimits {
                buffer,
                settled_before: self.settled_before,
                is_enough: &mut |_| {
                    is_cut_short = self.is_late();
                    is_cut_short
                },
            };
            if let Err(error) = batch.read(&file.path, position, &mut limits)
                && transcripts::exists_despite(&error)
            {
                batch.unreadable.push(file.path.clone());
            }
        }
        batch.price(self.prices);
        Chunk {
            number,
            batch,
            bytes: unread_bytes(transcripts),
            is_cut_short,
        }
    }
}

/// The chunks that no thread has started to read.
struct Queue<'t> {
    chunks: Vec<&'t [GrownTranscript]>,
    next: AtomicUsize,
    settings: &'t ReadSettings<'t>,
}

impl Queue<'_> {
    /// Reads the next chunk. Returns `None` if no chunks are left or the next chunk is larger than `most_bytes`.
    fn read_next(&self, most_bytes: u64, buffer: &mut Vec<u8>) -> Option<Chunk> {
        let number = self
            .next
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |number| {
                if self.bytes(number) <= most_bytes {
                    Some(number + 1)
                } else {
                    None
                }
            })
            .ok()?;
        let transcripts = self.chunks.get(number)?;
        Some(self.settings.read(number, transcripts, buffer))
    }

    /// Returns the number of unread bytes in a chunk.
    fn bytes(&self, number: usize) -> u64 {
        unread_bytes(self.chunks.get(number).copied().unwrap_or_default())
    }

    /// Discards the chunks that no thread has started to read.
    fn discard(&self) {
        self.next.store(self.chunks.len(), Ordering::Relaxed);
    }
}

/// The chunks in transcript order.
pub(super) struct OrderedChunks<'q> {
    queue: &'q Queue<'q>,
    /// Receives the chunks that other threads have read.
    receiver: Receiver<Chunk>,
    /// The chunks that arrived out of order.
    early: BTreeMap<usize, Chunk>,
    /// The number of the next chunk.
    next: usize,
    buffer: Vec<u8>,
}

impl OrderedChunks<'_> {
    /// Returns the next chunk. Returns `None` if no chunks are left, or if the next chunk is unread and larger than
    /// [`LONG_READ`].
    pub(super) fn next_without_long_read(&mut self) -> Option<Chunk> {
        self.next_of_at_most(LONG_READ)
    }

    /// Returns true if every chunk has been returned.
    pub(super) fn is_finished(&self) -> bool {
        self.next >= self.queue.chunks.len()
    }

    fn next_of_at_most(&mut self, most_bytes: u64) -> Option<Chunk> {
        loop {
            let received = self.receiver.try_iter();
            self.early
                .extend(received.map(|chunk| (chunk.number, chunk)));
            if let Some(chunk) = self.early.remove(&self.next) {
                self.next += 1;
                return Some(chunk);
            }
            if self.queue.bytes(self.next) > most_bytes {
                return None;
            }
            let chunk = match self.queue.read_next(most_bytes, &mut self.buffer) {
                Some(chunk) => chunk,
                None => self.receiver.recv().ok()?,
            };
            self.early.insert(chunk.number, chunk);
        }
    }
}

impl Iterator for OrderedChunks<'_> {
    type Item = Chunk;

    fn next(&mut self) -> Option<Chunk> {
        self.next_of_at_most(u64::MAX)
    }
}

/// Reads the transcripts and passes the chunks to `commit` in transcript order.
pub(super) fn read_chunks(
    transcripts: &[GrownTranscript],
    settings: &ReadSettings<'_>,
    commit: impl FnOnce(&mut OrderedChunks<'_>) -> Result<(), LedgerError>,
) -> Result<(), LedgerError> {
    let threads = settings.threads(unread_bytes(transcripts));
    let chunk_bytes = if threads > 1 {
        SHARED_CHUNK
    } else {
        LONE_CHUNK
    };
    let queue = Queue {
        chunks: split(transcripts, chunk_bytes),
        next: AtomicUsize::new(0),
        settings,
    };
    let (sender, receiver) = sync_channel(MOST_WAITING);
    thread::scope(|scope| {
        for _ in 1..threads {
            let (sender, queue) = (sender.clone(), &queue);
            let read = move || {
                let mut buffer = Vec::new();
                while let Some(chunk) = queue.read_next(u64::MAX, &mut buffer) {
                    // Sending fails only if the receiving thread has stopped because of an error, which it returns
                    // itself.
                    let _ = sender.send(chunk);
                }
            };
            // If the system cannot start another thread, this thread reads everything.
            let _ = thread::Builder::new().spawn_scoped(scope, read);
        }
        drop(sender);
        let result = commit(&mut OrderedChunks {
            queue: &queue,
            receiver,
            early: BTreeMap::new(),
            next: 0,
            buffer: Vec::new(),
        });
        queue.discard();
        result
    })
}

/// Splits transcripts into chunks of at least `chunk_bytes` unread bytes. The last chunk may be smaller.
fn split(transcripts: &[GrownTranscript], chunk_bytes: u64) -> Vec<&[GrownTranscript]> {
    let mut chunks = Vec::new();
    let mut start = 0;
    let mut bytes = 0;
    for (index, transcript) in transcripts.iter().enumerate() {
        bytes += transcript.unread_bytes();
        if bytes >= chunk_bytes || index + 1 == transcripts.len() {
            chunks.extend(transcripts.get(start..=index));
            start = index + 1;
            bytes = 0;
        }
    }
    chunks
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "the tests play the client, which writes transcripts"
)]
mod tests {
    use std::fs::{self, File};
    use std::path::{Path, PathBuf};
    use std::time::Duration;

    use super::*;

    /// Writes a transcript that contains one response and roughly this many bytes of other lines.
    fn transcript(directory: &Path, number: usize, bytes: usize) -> GrownTranscript {
        let path = directory.join(format!("{number}.jsonl"));
        let other = format!("{{\"type\":\"user\",\"text\":\"{}\"}}\n", "x".repeat(1_000));
        let response = format!(
            "{{\"type\":\"assistant\",\"requestId\":\"r{number}\",\"timestamp\":\"2026-11-20T06:26:56.016Z\",\"message\":{{\"id\":\"m\",\"model\":\"claude-opus-4-6\",\"usage\":{{\"output_tokens\":{number}}}}}}}\n"
        );
        fs::write(&path, other.repeat(bytes / other.len()) + &response).unwrap();
        GrownTranscript {
            file: TranscriptFile::look(&path).unwrap().unwrap(),
            position: ReadPosition::default(),
        }
    }

    fn read(transcripts: &[GrownTranscript], effort: Effort) -> Vec<Chunk> {
        let prices = PriceTable::list();
        let settings = ReadSettings {
            settled_before: 0,
            prices: &prices,
            effort,
            started: Instant::now(),
        };
        let mut all = Vec::new();
        read_chunks(transcripts, &settings, |chunks| {
            all.extend(chunks);
            Ok(())
        })
        .unwrap();
        all
    }

    #[test]
    fn facts_arrive_in_transcript_order_from_any_thread() {
        let directory = tempfile::tempdir().unwrap();
        let sizes = [6, 1, 1, 5, 2, 0, 3].map(|megabytes| megabytes << 20);
        let transcripts: Vec<GrownTranscript> = sizes
            .into_iter()
            .enumerate()
            .map(|(number, bytes)| transcript(directory.path(), number, bytes))
            .collect();
        let written: Vec<&PathBuf> = transcripts
            .iter()
            .map(|transcript| &transcript.file.path)
            .collect();
        let chunks = read(&transcripts, Effort::All);
        let files = chunks.iter().flat_map(|chunk| &chunk.batch.files);
        let paths: Vec<&PathBuf> = files.map(|facts| &facts.path).collect();
        assert_eq!(paths, written);
        let responses = chunks.iter().map(|chunk| chunk.batch.responses.len());
        assert_eq!(responses.sum::<usize>(), written.len());
        let bytes: u64 = transcripts.iter().map(GrownTranscript::unread_bytes).sum();
        assert_eq!(chunks.iter().map(|chunk| chunk.bytes).sum::<u64>(), bytes);
        assert!(chunks.iter().all(|chunk| !chunk.is_cut_short));
    }

    #[test]
    fn a_long_chunk_is_not_read_within_a_transaction() {
        let directory = tempfile::tempdir().unwrap();
        let transcripts = [LONG_READ + 1, LONG_READ + 1, 0].map(|bytes| {
            let path = directory.path().join(format!("{bytes}.jsonl"));
            // A sparse file takes up no disk space.
            File::create(&path).unwrap().set_len(bytes).unwrap();
            GrownTranscript {
                file: TranscriptFile::look(&path).unwrap().unwrap(),
                position: ReadPosition::default(),
            }
        });
        let prices = PriceTable::list();
        let settings = ReadSettings {
            settled_before: 0,
            prices: &prices,
            // One thread reads everything.
            effort: Effort::Within(Duration::MAX),
            started: Instant::now(),
        };
        read_chunks(&transcripts, &settings, |chunks| {
            let mut numbers = Vec::new();
            for _ in 0..2 {
                assert!(chunks.next_without_long_read().is_none());
                numbers.extend(chunks.next().map(|chunk| chunk.number));
            }
            numbers.extend(chunks.next_without_long_read().map(|chunk| chunk.number));
            assert_eq!(numbers, [0, 1, 2]);
            assert!(chunks.next().is_none() && chunks.next_without_long_read().is_none());
            Ok(())
        })
        .unwrap();
    }

    #[test]
    fn a_last_transcript_that_was_not_read_to_its_end_is_cut_short() {
        let directory = tempfile::tempdir().unwrap();
        let transcripts = [transcript(directory.path(), 0, 64 << 20)];
        let chunks = read(&transcripts, Effort::Within(Duration::from_millis(2)));
        assert!(chunks.iter().any(|chunk| chunk.is_cut_short));
    }
}
