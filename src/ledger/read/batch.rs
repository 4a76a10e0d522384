//! What a stretch of reading found, gathered before it goes into the ledger in one transaction.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::{Path, PathBuf};

use indexmap::{IndexMap, IndexSet};

use crate::ledger::store::Counted;
use crate::pricing::Money;
use crate::time::Millis;
use crate::transcript::line::{CostState, Response};
use crate::transcript::reader::{Continuity, ReadPosition};
use crate::transcript::scan::Sink;

/// What was learned about a session.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct SessionSeen {
    pub(crate) project: Option<String>,
    /// The session of the newest copied line, and its time.
    pub(crate) parent: Option<(String, Millis)>,
}

/// A running total found in a file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CostStateSeen {
    pub(crate) file: usize,
    pub(crate) position: u64,
    pub(crate) session: usize,
    pub(crate) before: Option<Millis>,
    pub(crate) after: Option<Millis>,
    pub(crate) state: CostState,
}

/// How far a file was read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FileSeen {
    pub(crate) path: PathBuf,
    pub(crate) before: ReadPosition,
    pub(crate) now: ReadPosition,
    pub(crate) continuity: Continuity,
}

/// A live transcript's gain is written once it has grown by this much, or for this long
/// (nanoseconds). Until then each status line reads it again: a few kilobytes cost less than a
/// transaction, and the write-ahead log stays short.
const WORTH_WRITING: u64 = 256 * 1024;
const LONG_ENOUGH: i64 = 5_000_000_000;
/// The same by what it holds: each response is looked up again by every status line.
const MANY_RESPONSES: usize = 24;

impl FileSeen {
    fn is_worth_writing(&self) -> bool {
        let (before, now) = (&self.before, &self.now);
        before.offset == 0
            || self.continuity == Continuity::ReadAnew
            || now.offset.saturating_sub(before.offset) >= WORTH_WRITING
            || now.file.modified.saturating_sub(before.file.modified) >= LONG_ENOUGH
    }
}

/// Everything found and not yet committed.
#[derive(Debug, Default)]
pub struct Batch {
    /// By key. Sessions and models are given by their place among those of the batch.
    pub(crate) responses: HashMap<i64, Counted<usize>>,
    pub(crate) sessions: IndexMap<String, SessionSeen>,
    pub(crate) models: IndexSet<String>,
    pub(crate) files: Vec<FileSeen>,
    pub(crate) cost_states: Vec<CostStateSeen>,
    /// Whether the session's last word was an error. Meant for the batch of one session.
    pub ends_in_refusal: bool,
    /// The client's live total for a session, and when it was told.
    pub client_total: Option<(String, Money, Millis)>,
    /// For running totals committed earlier: file, position, time of the first line after.
    pub(crate) first_times: Vec<(usize, u64, Millis)>,
}

impl Batch {
    /// Whether there is nothing to commit.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Whether a status line should write it, rather than leave it to a later one or to a hook.
    pub fn is_worth_writing(&self) -> bool {
        !self.cost_states.is_empty()
            || self.responses.len() >= MANY_RESPONSES
            || self.files.iter().any(FileSeen::is_worth_writing)
    }

    /// Distinct responses in the batch.
    pub fn responses(&self) -> usize {
        self.responses.len()
    }

    fn session(&mut self, name: &str) -> usize {
        let known = self.sessions.get_index_of(name);
        known.unwrap_or_else(|| {
            let new = self
                .sessions
                .insert_full(name.to_owned(), SessionSeen::default());
            new.0
        })
    }

    fn model(&mut self, name: &str) -> usize {
        let known = self.models.get_index_of(name);
        known.unwrap_or_else(|| self.models.insert_full(name.to_owned()).0)
    }

    /// A receiver for what is read from one file. `home` is the session that the file's place
    /// says it belongs to; `fallback_at` stands in for times of files that hold none.
    pub(crate) fn file(&mut self, home: &str, fallback_at: Millis) -> FileSink<'_> {
        FileSink {
            home: self.session(home),
            file: self.files.len(),
            batch: self,
            fallback_at,
        }
    }

    /// Notes how far a file was read, after its receiver is done.
    pub(crate) fn finish_file(
        &mut self,
        path: &Path,
        before: ReadPosition,
        now: ReadPosition,
        continuity: Continuity,
    ) {
        self.files.push(FileSeen {
            path: path.to_owned(),
            before,
            now,
            continuity,
        });
    }
}

/// Receives the records of one file.
pub(crate) struct FileSink<'b> {
    batch: &'b mut Batch,
    home: usize,
    file: usize,
    fallback_at: Millis,
}

impl FileSink<'_> {
    /// The session that a line names, else the one of the file.
    fn session(&mut self, named: Option<&str>) -> usize {
        match named.filter(|name| !name.is_empty()) {
            Some(name) => self.batch.session(name),
            None => self.home,
        }
    }

    /// Notes where sessions worked and whose lines were copied.
    fn learn(&mut self, found: &Response<'_>, session: usize, at: Millis) {
        // A parent's own transcript may be gone; the copy still says where it worked.
        for concerned in [Some(self.home), found.copied.then_some(session)] {
            if let Some(directory) = found.directory.as_deref()
                && let Some(seen) = concerned.and_then(|place| self.session_at(place))
                && seen.project.is_none()
            {
                seen.project = Some(directory.to_owned());
            }
        }
        if found.copied
            && session != self.home
            && let Some(owner) = found.session.as_deref().map(str::to_owned)
            && let Some(seen) = self.session_at(self.home)
            && seen.parent.as_ref().is_none_or(|(_, known)| *known <= at)
        {
            seen.parent = Some((owner, at));
        }
    }

    fn session_at(&mut self, place: usize) -> Option<&mut SessionSeen> {
        Some(self.batch.sessions.get_index_mut(place)?.1)
    }
}

impl Sink for FileSink<'_> {
    fn response(&mut self, found: Response<'_>, at: Option<Millis>) {
        let at = at.unwrap_or(self.fallback_at);
        let session = self.session(found.session.as_deref());
        self.learn(&found, session, at);
        if session == self.home && !found.subagent {
            self.batch.ends_in_refusal = false;
        }
        let counted = Counted {
            at,
            session,
            session_is_named: found.copied,
            model: self.batch.model(&found.model),
            subagent: found.subagent,
            usage: found.usage,
            service: found.service,
            calls: found.calls,
        };
        match self.batch.responses.entry(found.key) {
            Entry::Occupied(mut known) => known.get_mut().merge(&counted),
            Entry::Vacant(new) => {
                new.insert(counted);
            }
        }
    }

    fn refusal(&mut self) {
        self.batch.ends_in_refusal = true;
    }

    fn cost_state(&mut self, state: CostState, position: u64, before: Option<Millis>) {
        let session = self.session(state.session.as_deref());
        self.batch.cost_states.push(CostStateSeen {
            file: self.file,
            position,
            session,
            before: before.or(Some(self.fallback_at)),
            after: None,
            state,
        });
    }

    fn first_time_after(&mut self, position: u64, at: Millis) {
        let file = self.file;
        let waiting = self.batch.cost_states.iter_mut().rev();
        match waiting
            .take_while(|seen| seen.file == file)
            .find(|seen| seen.position == position)
        {
            Some(seen) => seen.after = Some(at),
            None => self.batch.first_times.push((file, position, at)),
        }
    }
}
