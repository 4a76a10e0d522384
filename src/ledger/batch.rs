//! What a stretch of reading found, gathered before it goes into the ledger in one transaction.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::path::{Path, PathBuf};

use crate::pricing::{Money, Service, Usage};
use crate::time::Millis;
use crate::transcript::reader::{Continuity, Progress};
use crate::transcript::record::{CostState, Response};
use crate::transcript::scan::Sink;

/// One response, merged over its repetitions.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Counted {
    pub(super) at: Millis,
    /// Index into [`Batch::sessions`].
    pub(super) session: u32,
    /// Index into [`Batch::models`].
    pub(super) model: u32,
    /// Whether a copied line named the session; that outranks the file it was found in.
    pub(super) session_is_named: bool,
    pub(super) subagent: bool,
    pub(super) usage: Usage,
    pub(super) service: Service,
    pub(super) calls: Vec<Usage>,
}

impl Counted {
    /// Takes in another repetition of the same response. The order does not matter, save for
    /// which of two files names the session where neither line does.
    pub(super) fn merge(&mut self, other: Self) {
        if other.session_is_named && !self.session_is_named {
            self.session = other.session;
            self.session_is_named = true;
        }
        if other.usage.output > self.usage.output || self.calls.is_empty() {
            self.calls = other.calls;
        }
        self.at = self.at.min(other.at);
        self.subagent |= other.subagent;
        self.usage = self.usage.max(other.usage);
        self.service.fast |= other.service.fast;
        self.service.us_only |= other.service.us_only;
    }
}

/// What was learned about a session.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct SessionSeen {
    pub(super) name: String,
    pub(super) project: Option<String>,
    /// The session of the newest copied line, and its time.
    pub(super) parent: Option<(String, Millis)>,
}

/// A running total found in a file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct CostStateSeen {
    pub(super) file: usize,
    pub(super) position: u64,
    pub(super) session: u32,
    pub(super) before: Option<Millis>,
    pub(super) after: Option<Millis>,
    pub(super) state: CostState,
}

/// How far a file was read.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct FileSeen {
    pub(super) path: PathBuf,
    pub(super) before: Progress,
    pub(super) progress: Progress,
    pub(super) continuity: Continuity,
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
        self.before.offset == 0
            || self.continuity == Continuity::ReadAnew
            || self.progress.offset.saturating_sub(self.before.offset) >= WORTH_WRITING
            || self.progress.modified.saturating_sub(self.before.modified) >= LONG_ENOUGH
    }
}

/// Keys are hashes already.
#[derive(Debug, Default, Clone)]
pub(super) struct NoHash(u64);

impl Hasher for NoHash {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }
    fn write_i64(&mut self, key: i64) {
        self.0 = key.cast_unsigned();
    }
    fn finish(&self) -> u64 {
        self.0
    }
}

/// Everything found and not yet committed.
#[derive(Debug, Default)]
pub struct Batch {
    pub(super) responses: HashMap<i64, Counted, BuildHasherDefault<NoHash>>,
    pub(super) sessions: Vec<SessionSeen>,
    pub(super) models: Vec<String>,
    pub(super) files: Vec<FileSeen>,
    pub(super) cost_states: Vec<CostStateSeen>,
    /// Whether the session's last word was an error. Meant for the batch of one session.
    pub ends_in_refusal: bool,
    /// The client's live total for a session, and when it was told.
    pub client_total: Option<(String, Money, Millis)>,
    /// For running totals committed earlier: file, position, time of the first line after.
    pub(super) first_times: Vec<(usize, u64, Millis)>,
    session_index: HashMap<String, u32>,
    model_index: HashMap<String, u32>,
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

    pub(super) fn session(&mut self, name: &str) -> u32 {
        // Lines of one session follow one another.
        if let Some(last) = self.sessions.last()
            && last.name == name
        {
            return index(self.sessions.len() - 1);
        }
        if let Some(known) = self.session_index.get(name) {
            return *known;
        }
        let new = index(self.sessions.len());
        self.sessions.push(SessionSeen {
            name: name.to_owned(),
            ..SessionSeen::default()
        });
        self.session_index.insert(name.to_owned(), new);
        new
    }

    pub(super) fn model(&mut self, name: &str) -> u32 {
        if let Some(position) = self
            .models
            .iter()
            .rev()
            .take(4)
            .position(|model| model == name)
        {
            return index(self.models.len() - 1 - position);
        }
        if let Some(known) = self.model_index.get(name) {
            return *known;
        }
        let new = index(self.models.len());
        self.models.push(name.to_owned());
        self.model_index.insert(name.to_owned(), new);
        new
    }

    /// A receiver for what is read from one file. `home` is the session that the file's place
    /// says it belongs to; `fallback_at` stands in for times of files that hold none.
    pub(super) fn file<'b>(&'b mut self, home: &'b str, fallback_at: Millis) -> FileSink<'b> {
        let file = self.files.len();
        let home = self.session(home);
        FileSink {
            batch: self,
            home,
            file,
            fallback_at,
        }
    }

    /// Notes how far a file was read, after its receiver is done.
    pub(super) fn finish_file(
        &mut self,
        path: &Path,
        before: Progress,
        progress: Progress,
        continuity: Continuity,
    ) {
        self.files.push(FileSeen {
            path: path.to_owned(),
            before,
            progress,
            continuity,
        });
    }
}

fn index(position: usize) -> u32 {
    u32::try_from(position).unwrap_or(u32::MAX)
}

/// Receives the records of one file.
pub(super) struct FileSink<'b> {
    batch: &'b mut Batch,
    home: u32,
    file: usize,
    fallback_at: Millis,
}

impl FileSink<'_> {
    fn seen(&mut self, session: u32) -> Option<&mut SessionSeen> {
        self.batch.sessions.get_mut(session as usize)
    }
}

impl Sink for FileSink<'_> {
    fn response(&mut self, found: Response<'_>, at: Option<Millis>) {
        let at = at.unwrap_or(self.fallback_at);
        let session = match found.session.as_deref() {
            Some(name) if !name.is_empty() => self.batch.session(name),
            _ => self.home,
        };
        let home = self.home;
        if let Some(directory) = found.directory.as_deref()
            && let Some(seen) = self.seen(home)
            && seen.project.is_none()
        {
            seen.project = Some(directory.to_owned());
        }
        if found.copied && session != home {
            let owner = self
                .batch
                .sessions
                .get(session as usize)
                .map(|owner| owner.name.clone());
            let directory = found.directory.as_deref();
            if let Some(seen) = self.seen(home)
                && seen.parent.as_ref().is_none_or(|(_, known)| *known <= at)
            {
                seen.parent = owner.map(|name| (name, at));
            }
            // The parent's own transcript may be gone; the copy still says where it worked.
            if let Some(seen) = self.seen(session)
                && seen.project.is_none()
            {
                seen.project = directory.map(str::to_owned);
            }
        }
        if session == home && !found.subagent {
            self.batch.ends_in_refusal = false;
        }
        let counted = Counted {
            at,
            session,
            model: self.batch.model(&found.model),
            session_is_named: found.copied,
            subagent: found.subagent,
            usage: found.usage,
            service: found.service,
            calls: found.calls,
        };
        match self.batch.responses.entry(found.key) {
            std::collections::hash_map::Entry::Occupied(mut known) => {
                known.get_mut().merge(counted);
            }
            std::collections::hash_map::Entry::Vacant(new) => {
                new.insert(counted);
            }
        }
    }

    fn refusal(&mut self) {
        self.batch.ends_in_refusal = true;
    }

    fn cost_state(&mut self, state: CostState, position: u64, before: Option<Millis>) {
        let session = match state.session.as_deref() {
            Some(name) if !name.is_empty() => self.batch.session(name),
            _ => self.home,
        };
        let before = before.or(Some(self.fallback_at));
        let file = self.file;
        self.batch.cost_states.push(CostStateSeen {
            file,
            position,
            session,
            before,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(at: Millis, output: u64, session: u32, named: bool) -> Counted {
        Counted {
            at,
            session,
            model: 0,
            session_is_named: named,
            subagent: false,
            usage: Usage {
                output,
                ..Usage::default()
            },
            service: Service::default(),
            calls: Vec::new(),
        }
    }

    #[test]
    fn repetitions_merge_the_same_in_any_order() {
        let lines = [
            counted(5, 1, 0, false),
            counted(3, 250, 0, false),
            counted(9, 0, 7, true),
        ];
        let merged = |order: [usize; 3]| {
            let mut first = lines[order[0]].clone();
            first.merge(lines[order[1]].clone());
            first.merge(lines[order[2]].clone());
            first
        };
        let expected = merged([0, 1, 2]);
        assert_eq!(
            (expected.at, expected.usage.output, expected.session),
            (3, 250, 7)
        );
        for order in [[0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            assert_eq!(merged(order), expected);
        }
    }
}
