//! Reading what transcripts have gained since the last time.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};
use std::vec::IntoIter;

use rusqlite::Result;

use super::batch::{Batch, FileSink};
use super::commit::Concerned;
use crate::claude::transcripts::{self, TranscriptFile};
use crate::ledger::spend_rows::COMPLETE;
use crate::ledger::store::transcript_files::file_id;
use crate::ledger::store::{Ledger, LedgerError, Store};
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
}

impl Ledger {
    /// Reads everything new under `roots` into the ledger. `watch` is told how many bytes are read of
    /// how many, a few times a second on a long reading.
    pub fn catch_up(
        &mut self,
        roots: impl Iterator<Item = PathBuf>,
        prices: &PriceTable,
        effort: Effort,
        watch: &mut dyn FnMut(u64, u64),
    ) -> Result<Caught, LedgerError> {
        let began = Instant::now();
        let mut known = self.ask(Store::positions)?;
        let listing = transcripts::all(roots);
        let jobs = listing.files.into_iter().map(|file| Job {
            position: known.remove(&file_id(&file.path)).unwrap_or_default(),
            file,
        });
        let mut jobs: Vec<Job> = jobs.filter(Job::has_news).collect();
        // Newest first: if time runs out, what a person looks at is there.
        jobs.sort_by_key(|job| std::cmp::Reverse(job.file.state.modified));
        let (files, total) = (jobs.len(), jobs.iter().map(Job::bytes).sum());
        let jobs = Mutex::new(jobs.into_iter());
        let mut reader = JobReader::new(&jobs, prices);
        let mut complete = true;
        let mut unreadable = if total < WORTH_THREADS || effort != Effort::All {
            let mut late = || {
                complete &= !matches!(effort, Effort::Within(most) if began.elapsed() >= most);
                !complete
            };
            let next = &mut || reader.next(u64::MAX, &mut late);
            self.commit_all(next, prices, &mut |_| {})?
        } else {
            self.read_with_threads(reader, &mut |done| watch(done, total))?
        };
        if complete {
            // If another process is writing, it or the next reading will note it, and take them up.
            let is_noted = self.is_complete() || self.ask(|store| store.note(COMPLETE, 1)).is_ok();
            let _ = is_noted && self.take_up(prices).is_ok();
        }
        unreadable.extend(listing.unreadable);
        unreadable.sort();
        Ok(Caught {
            files,
            unreadable,
            complete,
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
        let own = TranscriptFile::look(transcript).ok().flatten().into_iter();
        let files = own.chain(transcripts::of_subagents(transcript));
        let jobs = files.map(|file| {
            let position = self.ask(|store| store.position(&file.path))?;
            Ok(Job { file, position })
        });
        let mut jobs = jobs.collect::<Result<Vec<Job>, LedgerError>>()?;
        jobs.retain(Job::has_news);
        let batch = JobReader::new(&Mutex::new(jobs.into_iter()), prices).next(u64::MAX, late);
        Ok(batch.unwrap_or_default())
    }

    /// Returns which files could not be read.
    fn read_with_threads(
        &mut self,
        mut reader: JobReader<'_>,
        watch: &mut dyn FnMut(u64),
    ) -> Result<Vec<PathBuf>, LedgerError> {
        self.ask(|store| store.pragma_update(None, "cache_size", CACHE))?;
        watch(0);
        let threads = std::thread::available_parallelism().map_or(2, usize::from);
        let (sender, receiver) = sync_channel(MOST_WAITING);
        std::thread::scope(|scope| {
            // This thread is one of them: it commits, and reads while there is nothing to commit.
            for _ in 1..threads.min(MOST_THREADS) {
                let (sender, mut reader) = (sender.clone(), reader.clone());
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
            self.commit_all(&mut next, prices, watch)
        })
    }

    /// Commits what `next` gives until there is no more, and returns which files could not be
    /// read. `watch` is told how many bytes are done.
    fn commit_all(
        &mut self,
        next: &mut dyn FnMut() -> Option<Batch>,
        prices: &PriceTable,
        watch: &mut dyn FnMut(u64),
    ) -> Result<Vec<PathBuf>, LedgerError> {
        let (mut done, mut unreadable) = (0, Vec::new());
        // Fused: whoever is asked again when time has run out would take what was read for unfinished.
        let batches = std::iter::from_fn(next).fuse();
        let batches = batches.inspect(|batch| unreadable.extend_from_slice(&batch.unreadable));
        let mut batches = batches.filter(|batch| !batch.files.is_empty()).peekable();
        while batches.peek().is_some() {
            let enough = done + TRANSACTION_BYTES;
            self.write(|store| {
                let mut concerned = Concerned::default();
                while done < enough
                    && let Some(batch) = batches.next()
                {
                    store.put_batch(&batch, prices, &mut concerned)?;
                    done += batch.bytes;
                    watch(done);
                }
                store.settle(concerned, prices)
            })?;
            self.tidy();
        }
        drop(batches);
        Ok(unreadable)
    }
}

/// What one thread reads of files that threads share; a clone is for another thread.
#[derive(Clone)]
struct JobReader<'q> {
    /// Those that nobody reads.
    jobs: &'q Mutex<IntoIter<Job>>,
    prices: &'q PriceTable,
    buffer: Vec<u8>,
    /// A long file that was read in part. Nobody else reads on in it.
    unfinished: Option<Job>,
}

impl<'q> JobReader<'q> {
    fn new(jobs: &'q Mutex<IntoIter<Job>>, prices: &'q PriceTable) -> Self {
        Self {
            jobs,
            prices,
            buffer: Vec::new(),
            unfinished: None,
        }
    }

    fn job(&mut self) -> Option<Job> {
        let unfinished = self.unfinished.take();
        unfinished.or_else(|| self.jobs.lock().ok()?.next())
    }

    /// Reads on in a file.
    fn read(
        &mut self,
        job: &Job,
        batch: &mut Batch,
        enough: &mut impl FnMut(u64) -> bool,
    ) -> std::io::Result<ReadPosition> {
        let path = &job.file.path;
        let mut session = transcripts::session_of(path);
        if !transcripts::is_session_id(&session) {
            // A copy that somebody made. Its lines say whose they are.
            session = first_session(path)?.unwrap_or(session);
        }
        let mut sink = FileSink::new(batch, &job.file, job.position, &session, self.prices);
        let (now, is_anew) = read_on(path, &job.position, &mut self.buffer, &mut sink, enough)?;
        sink.finish(now, is_anew);
        Ok(now)
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
            match self.read(&job, batch, enough) {
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
        gathered.map(|batch| batch.priced(self.prices))
    }
}
