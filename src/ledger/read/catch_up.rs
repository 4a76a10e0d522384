//! Reading what transcripts have gained since the last time.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use rusqlite::TransactionBehavior;

use super::batch::Batch;
use super::commit::{Concerned, put, put_and_settle, settle};
use crate::claude::transcripts::{self, TranscriptFile};
use crate::ledger::store::transcript_files::{self, file_id};
use crate::ledger::store::{Ledger, LedgerError};
use crate::pricing::PriceTable;
use crate::transcript::reader::{FileState, ReadPosition, first_session, read_on};

/// A batch is handed on after about this many bytes: often enough that it goes into the ledger
/// while others are read.
const BATCH_BYTES: u64 = 4 * 1024 * 1024;

/// A transaction is committed after about this many bytes: often enough that a killed first read
/// loses little. Keys are hashes, so each writes nearly every page of the ledger.
const TRANSACTION_BYTES: u64 = 512 * 1024 * 1024;

/// Page cache for a long reading, in SQLite's unit: kibibytes, negative. The usual 2 MB would
/// write pages out and read them back within one transaction.
const CACHE: i64 = -32 * 1024;

/// One thread commits, so more would only wait for it.
const MOST_THREADS: usize = 8;

/// So many batches may wait for it: memory holds no more, however much there is to read.
const MOST_WAITING: usize = 4;

/// From this much to read on, it is worth starting threads.
const WORTH_THREADS: u64 = 4 * 1024 * 1024;

/// How much to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// Everything.
    All,
    /// Until this much time has passed; the rest another time.
    Within(Duration),
}

/// Progress of a long reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadingProgress {
    /// Bytes read so far.
    pub done: u64,
    /// Bytes to read in all.
    pub total: u64,
}

/// What a catch-up did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Caught {
    /// Files that had something new.
    pub files: usize,
    /// Transcripts and directories that are there and could not be read, in order.
    pub unreadable: Vec<PathBuf>,
    /// Whether there was time to read everything.
    pub complete: bool,
}

impl Caught {
    /// Whether nothing at all is missing.
    pub fn is_all(&self) -> bool {
        self.complete && self.unreadable.is_empty()
    }
}

struct Job {
    file: TranscriptFile,
    position: ReadPosition,
}

impl Job {
    fn bytes(&self) -> u64 {
        self.file.state.size.saturating_sub(self.position.offset)
    }

    /// Reads on from a position, and says how far it came; the same as before if the file cannot be
    /// read. None if it is there all the same.
    fn read(
        &self,
        from: ReadPosition,
        batch: &mut Batch,
        buffer: &mut Vec<u8>,
        enough: &mut impl FnMut(u64) -> bool,
    ) -> Option<ReadPosition> {
        match self.read_into(from, batch, buffer, enough) {
            Err(error) if transcripts::is_there(&error) => None,
            read => Some(read.unwrap_or(from)),
        }
    }

    fn read_into(
        &self,
        from: ReadPosition,
        batch: &mut Batch,
        buffer: &mut Vec<u8>,
        enough: &mut impl FnMut(u64) -> bool,
    ) -> std::io::Result<ReadPosition> {
        let path = &self.file.path;
        let mut session = transcripts::session_of(path);
        if !transcripts::is_session_id(&session) {
            // A copy that somebody made. Its lines say whose they are.
            session = first_session(path)?.unwrap_or(session);
        }
        let fallback_at = self.file.state.modified_ms();
        let mut sink = batch.file(path, from, &session, fallback_at);
        let (now, continuity) = read_on(path, &from, buffer, &mut sink, enough)?;
        sink.finish(now, continuity);
        Ok(now)
    }
}

impl Ledger {
    /// Puts a batch into the ledger.
    pub(crate) fn commit(&mut self, batch: &Batch, prices: &PriceTable) -> Result<(), LedgerError> {
        if batch.is_empty() {
            return Ok(());
        }
        self.write(|connection| put_and_settle(connection, batch, prices))
    }

    /// Reads everything new under `roots` into the ledger. `watch` is told how far it is, a few
    /// times a second on a long reading.
    pub fn catch_up(
        &mut self,
        roots: impl Iterator<Item = PathBuf>,
        prices: &PriceTable,
        effort: Effort,
        watch: &mut dyn FnMut(ReadingProgress),
    ) -> Result<Caught, LedgerError> {
        let began = Instant::now();
        let known = self.ask(transcript_files::file_states)?;
        let listing = transcripts::all(roots);
        let changed = listing
            .files
            .into_iter()
            .filter(|file| known.get(&file_id(&file.path)) != Some(&file.state));
        let jobs = changed
            .map(|file| self.job(file))
            .collect::<Result<Vec<Job>, LedgerError>>()?;
        let mut caught = self.read_jobs(jobs, began, prices, effort, watch)?;
        if caught.complete {
            // If another process is writing, it waits until the next time.
            let _ = self.take_up(prices);
        }
        caught.unreadable.extend(listing.unreadable);
        caught.unreadable.sort();
        Ok(caught)
    }

    fn job(&self, file: TranscriptFile) -> Result<Job, LedgerError> {
        let position = self.ask(|connection| transcript_files::position(connection, &file.path))?;
        Ok(Job { file, position })
    }

    fn read_jobs(
        &mut self,
        mut jobs: Vec<Job>,
        began: Instant,
        prices: &PriceTable,
        effort: Effort,
        watch: &mut dyn FnMut(ReadingProgress),
    ) -> Result<Caught, LedgerError> {
        // Newest first: if time runs out, what a person looks at is there.
        jobs.sort_by_key(|job| std::cmp::Reverse(job.file.state.modified));
        let total = jobs.iter().map(Job::bytes).sum();
        let late = || matches!(effort, Effort::Within(limit) if began.elapsed() >= limit);
        let mut caught = Caught {
            files: jobs.len(),
            complete: true,
            ..Caught::default()
        };
        if total < WORTH_THREADS || effort != Effort::All {
            let (mut batch, mut buffer) = (Batch::default(), Vec::new());
            for job in &jobs {
                if late() {
                    caught.complete = false;
                    break;
                }
                let read = job.read(job.position, &mut batch, &mut buffer, &mut |_| late());
                if read.is_none() {
                    caught.unreadable.push(job.file.path.clone());
                }
            }
            // The last file may have been left in its middle.
            caught.complete &= !late();
            self.commit(&batch, prices)?;
            if caught.complete && !self.is_complete() {
                self.note_complete();
            }
            return Ok(caught);
        }
        watch(ReadingProgress { done: 0, total });
        let read = self.read_with_threads(&jobs, total, prices, watch);
        if read.is_ok() {
            self.note_complete();
        }
        // After the note: the first write to a log that was folded back flushes to disk again.
        self.tidy();
        caught.unreadable = read?;
        Ok(caught)
    }

    /// Reads what one session has gained: its transcript and those of its subagents, until it is
    /// `late`. The batch is not committed.
    pub(crate) fn read_session(
        &self,
        transcript: &Path,
        late: &mut impl FnMut() -> bool,
    ) -> Result<Batch, LedgerError> {
        let (mut batch, mut buffer) = (Batch::default(), Vec::new());
        let own = TranscriptFile::at(transcript);
        for file in own.into_iter().chain(transcripts::of_subagents(transcript)) {
            let job = self.job(file)?;
            if job.position.file != job.file.state {
                // A file that vanished is no reason to show nothing.
                let read = job.read(job.position, &mut batch, &mut buffer, &mut |_| late());
                batch.has_gaps |= read.is_none();
            }
        }
        Ok(batch)
    }

    /// Returns which files could not be read.
    fn read_with_threads(
        &mut self,
        jobs: &[Job],
        total: u64,
        prices: &PriceTable,
        watch: &mut dyn FnMut(ReadingProgress),
    ) -> Result<Vec<PathBuf>, LedgerError> {
        let threads = std::thread::available_parallelism().map_or(2, usize::from);
        let queue = Queue {
            jobs,
            next: AtomicUsize::new(0),
        };
        let (sender, receiver) = sync_channel(MOST_WAITING);
        let outcome = std::thread::scope(|scope| {
            // This thread is one of them: it commits, and reads while there is nothing to commit.
            for _ in 1..threads.min(MOST_THREADS) {
                let (sender, mut reading) = (sender.clone(), QueueReader::new(&queue));
                // Nobody receives only where committing failed, and that is reported.
                let read =
                    move || while reading.next().is_some_and(|read| sender.send(read).is_ok()) {};
                // Where the system gives no thread, this one does it all.
                let _ = std::thread::Builder::new().spawn_scoped(scope, read);
            }
            drop(sender);
            let mut reading = QueueReader::new(&queue);
            // Owns the receiver, so that whoever still sends when it is over learns of it.
            let mut next = move || match receiver.try_recv() {
                Ok(handed) => Some(handed),
                Err(_) => reading.next().or_else(|| receiver.recv().ok()),
            };
            self.commit_all(&mut next, total, prices, watch)
        });
        outcome.map_err(self.failed())
    }

    /// Commits what `next` gives until there is no more, and returns which files could not be
    /// read.
    fn commit_all(
        &mut self,
        next: &mut dyn FnMut() -> Option<Handed>,
        total: u64,
        prices: &PriceTable,
        watch: &mut dyn FnMut(ReadingProgress),
    ) -> rusqlite::Result<Vec<PathBuf>> {
        self.connection.pragma_update(None, "cache_size", CACHE)?;
        let (mut done, mut unreadable) = (0, Vec::new());
        let mut waiting = next();
        while waiting.is_some() {
            let transaction = self
                .connection
                .transaction_with_behavior(TransactionBehavior::Immediate)?;
            let enough = done + TRANSACTION_BYTES;
            let mut concerned = Concerned::default();
            while let Some(handed) = waiting {
                put(&transaction, &handed.batch, prices, &mut concerned)?;
                unreadable.extend(handed.unreadable);
                done += handed.bytes;
                watch(ReadingProgress { done, total });
                waiting = next();
                if done >= enough {
                    break;
                }
            }
            settle(&transaction, concerned, prices)?;
            transaction.commit()?;
        }
        Ok(unreadable)
    }
}

/// What was read and is to be committed.
#[derive(Default)]
struct Handed {
    batch: Batch,
    /// Bytes read for it.
    bytes: u64,
    /// Files that could not be read.
    unreadable: Vec<PathBuf>,
}

/// Files to be read, shared by threads.
struct Queue<'a> {
    jobs: &'a [Job],
    next: AtomicUsize,
}

/// What one thread reads.
struct QueueReader<'q> {
    queue: &'q Queue<'q>,
    buffer: Vec<u8>,
    /// A long file, and how far it was read. Nobody else reads on in it.
    unfinished: Option<(&'q Job, ReadPosition)>,
}

impl<'q> QueueReader<'q> {
    fn new(queue: &'q Queue<'q>) -> Self {
        Self {
            queue,
            buffer: Vec::new(),
            unfinished: None,
        }
    }

    /// Another file, from where it was read before.
    fn another(&self) -> Option<(&'q Job, ReadPosition)> {
        let job = self.queue.next.fetch_add(1, Ordering::Relaxed);
        let job = self.queue.jobs.get(job)?;
        Some((job, job.position))
    }

    /// Reads until there is enough to commit. None if nothing is left.
    fn next(&mut self) -> Option<Handed> {
        let mut gathered = None;
        while let Some((job, from)) = self.unfinished.take().or_else(|| self.another()) {
            let handed: &mut Handed = gathered.get_or_insert_default();
            let room = BATCH_BYTES - handed.bytes;
            let enough = &mut |bytes| bytes >= room;
            match job.read(from, &mut handed.batch, &mut self.buffer, enough) {
                Some(now) => {
                    handed.bytes += now.offset.saturating_sub(from.offset);
                    // What was read to its end looks as it did then.
                    let goes_on = now.file == FileState::default() && now.offset != from.offset;
                    self.unfinished = goes_on.then_some((job, now));
                }
                None => handed.unreadable.push(job.file.path.clone()),
            }
            if handed.bytes >= BATCH_BYTES {
                break;
            }
        }
        gathered
    }
}
