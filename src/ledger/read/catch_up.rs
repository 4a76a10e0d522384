//! Reading what transcripts have gained since the last time.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use rusqlite::TransactionBehavior;

use super::batch::Batch;
use super::commit::{Concerned, put, put_and_settle, settle};
use crate::claude::transcripts::{self, TranscriptFile};
use crate::ledger::spent::note_complete;
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

/// A transcript that has something new, and how far it was read.
#[derive(Clone)]
struct Job {
    file: TranscriptFile,
    position: ReadPosition,
}

impl Job {
    fn has_news(&self) -> bool {
        self.position.file != self.file.state
    }

    fn bytes(&self) -> u64 {
        self.file.state.size.saturating_sub(self.position.offset)
    }

    fn read(
        &self,
        batch: &mut Batch,
        prices: &PriceTable,
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
        let mut sink = batch.file(path, self.position, &session, fallback_at, prices);
        let (now, continuity) = read_on(path, &self.position, buffer, &mut sink, enough)?;
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
        self.write(|connection| put_and_settle(connection, batch, prices))?;
        self.tidy();
        Ok(())
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
        let mut known = self.ask(transcript_files::positions)?;
        let listing = transcripts::all(roots);
        let jobs = listing.files.into_iter().map(|file| Job {
            position: known.remove(&file_id(&file.path)).unwrap_or_default(),
            file,
        });
        let jobs = jobs.filter(Job::has_news).collect();
        let mut late = || matches!(effort, Effort::Within(limit) if began.elapsed() >= limit);
        let mut caught = self.read_jobs(jobs, &mut late, prices, effort, watch)?;
        if caught.complete {
            // If another process is writing, it waits until the next time.
            let _ = self.take_up(prices);
        }
        caught.unreadable.extend(listing.unreadable);
        caught.unreadable.sort();
        Ok(caught)
    }

    fn read_jobs(
        &mut self,
        mut jobs: Vec<Job>,
        late: &mut impl FnMut() -> bool,
        prices: &PriceTable,
        effort: Effort,
        watch: &mut dyn FnMut(ReadingProgress),
    ) -> Result<Caught, LedgerError> {
        // Newest first: if time runs out, what a person looks at is there.
        jobs.sort_by_key(|job| std::cmp::Reverse(job.file.state.modified));
        let total = jobs.iter().map(Job::bytes).sum();
        let files = jobs.len();
        let next = AtomicUsize::new(0);
        let mut reader = JobReader::new(&jobs, &next, prices);
        if total < WORTH_THREADS || effort != Effort::All {
            let batch = reader.next(u64::MAX, late).unwrap_or_default();
            let complete = !late();
            self.commit(&batch, prices)?;
            if complete && !self.is_complete() {
                // If another process is writing, it or the next reading will note it.
                let _ = note_complete(&self.connection);
            }
            return Ok(Caught {
                files,
                unreadable: batch.unreadable,
                complete,
            });
        }
        watch(ReadingProgress { done: 0, total });
        let read = self.read_with_threads(reader, total, watch);
        self.tidy();
        Ok(Caught {
            files,
            unreadable: read.map_err(self.failed())?,
            complete: true,
        })
    }

    /// Reads what one session has gained: its transcript and those of its subagents, until it is
    /// `late`. The batch is not committed.
    pub(crate) fn read_session(
        &self,
        transcript: &Path,
        prices: &PriceTable,
        late: &mut impl FnMut() -> bool,
    ) -> Result<Batch, LedgerError> {
        let own = TranscriptFile::at(transcript).into_iter();
        let files = own.chain(transcripts::of_subagents(transcript));
        let jobs = files.map(|file| {
            let position = |connection: &_| transcript_files::position(connection, &file.path);
            let position = self.ask(position)?;
            Ok(Job { file, position })
        });
        let mut jobs = jobs.collect::<Result<Vec<Job>, LedgerError>>()?;
        jobs.retain(Job::has_news);
        let next = AtomicUsize::new(0);
        let batch = JobReader::new(&jobs, &next, prices).next(u64::MAX, late);
        Ok(batch.unwrap_or_default())
    }

    /// Returns which files could not be read.
    fn read_with_threads(
        &mut self,
        mut reader: JobReader<'_>,
        total: u64,
        watch: &mut dyn FnMut(ReadingProgress),
    ) -> rusqlite::Result<Vec<PathBuf>> {
        let threads = std::thread::available_parallelism().map_or(2, usize::from);
        let (sender, receiver) = sync_channel(MOST_WAITING);
        std::thread::scope(|scope| {
            // This thread is one of them: it commits, and reads while there is nothing to commit.
            for _ in 1..threads.min(MOST_THREADS) {
                let (sender, mut reader) = (sender.clone(), reader.beside());
                // Nobody receives only where committing failed, and that is reported.
                let read = move || {
                    while reader
                        .next(BATCH_BYTES, &mut || false)
                        .is_some_and(|read| sender.send(read).is_ok())
                    {}
                };
                // Where the system gives no thread, this one does it all.
                let _ = std::thread::Builder::new().spawn_scoped(scope, read);
            }
            drop(sender);
            let prices = reader.prices;
            // Owns the receiver, so that whoever still sends when it is over learns of it.
            let mut next = move || {
                let read = receiver.try_recv().ok();
                let read = read.or_else(|| reader.next(BATCH_BYTES, &mut || false));
                read.or_else(|| receiver.recv().ok())
            };
            self.commit_all(&mut next, total, prices, watch)
        })
    }

    /// Commits what `next` gives until there is no more, and returns which files could not be
    /// read.
    fn commit_all(
        &mut self,
        next: &mut dyn FnMut() -> Option<Batch>,
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
            while let Some(batch) = waiting {
                put(&transaction, &batch, prices, &mut concerned)?;
                unreadable.extend(batch.unreadable);
                done += batch.bytes;
                watch(ReadingProgress { done, total });
                waiting = next();
                if done >= enough {
                    break;
                }
            }
            settle(&transaction, &concerned, prices)?;
            if waiting.is_none() {
                note_complete(&transaction)?;
            }
            transaction.commit()?;
            self.use_log();
        }
        Ok(unreadable)
    }
}

/// What one thread reads of files that threads share.
struct JobReader<'q> {
    jobs: &'q [Job],
    /// The first that nobody reads.
    next: &'q AtomicUsize,
    prices: &'q PriceTable,
    buffer: Vec<u8>,
    /// A long file that was read in part. Nobody else reads on in it.
    unfinished: Option<Job>,
}

impl<'q> JobReader<'q> {
    fn new(jobs: &'q [Job], next: &'q AtomicUsize, prices: &'q PriceTable) -> Self {
        Self {
            jobs,
            next,
            prices,
            buffer: Vec::new(),
            unfinished: None,
        }
    }

    /// One for another thread.
    fn beside(&self) -> Self {
        Self::new(self.jobs, self.next, self.prices)
    }

    fn job(&mut self) -> Option<Job> {
        self.unfinished.take().or_else(|| {
            let next = self.next.fetch_add(1, Ordering::Relaxed);
            self.jobs.get(next).cloned()
        })
    }

    /// Reads until there are about so many bytes to commit, or it is `late`. None if nothing is left.
    fn next(&mut self, most: u64, late: &mut impl FnMut() -> bool) -> Option<Batch> {
        let mut gathered = None;
        while !late()
            && let Some(job) = self.job()
        {
            let batch: &mut Batch = gathered.get_or_insert_default();
            let room = most - batch.bytes;
            let enough = &mut |bytes| bytes >= room || late();
            match job.read(batch, self.prices, &mut self.buffer, enough) {
                Ok(now) => {
                    batch.bytes += now.offset.saturating_sub(job.position.offset);
                    // What was read to its end looks as it did then.
                    let goes_on =
                        now.file == FileState::default() && now.offset != job.position.offset;
                    self.unfinished = goes_on.then_some(Job {
                        position: now,
                        ..job
                    });
                }
                // A file that vanished is no reason to show nothing.
                Err(error) if !transcripts::is_there(&error) => {}
                Err(_) => batch.unreadable.push(job.file.path),
            }
            if batch.bytes >= most {
                break;
            }
        }
        gathered
    }
}
