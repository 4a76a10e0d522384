//! The transcripts of all sessions.

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use chrono::{DateTime, Utc};

use super::cache::Cache;
use super::transcript_end;
use crate::claude::sessions;
use crate::claude::transcripts::{self, TranscriptFile, session_of};
use crate::claude::version::names_account;
use crate::limits::free_period::FreePeriod;
use crate::paths::Paths;
use crate::transcript::owner::Owner;
use crate::transcript::tail::Tail;

/// The number of recently changed transcripts whose ends are searched for errors and responses. Reading the end of a
/// transcript takes about a millisecond, so the search adds about 20 ms to a command. The errors in all other
/// transcripts are in the ledger.
pub(super) const TRANSCRIPTS_TO_READ: usize = 20;

/// The transcripts of all sessions, excluding those of subagents. Each transcript is located and read only once,
/// because a session may have thousands of errors.
#[derive(Debug)]
pub(super) struct SessionTranscripts<'a> {
    paths: &'a Paths,
    list: OnceCell<TranscriptList>,
    transcript_paths: Cache<String, Option<PathBuf>>,
    tails: Cache<PathBuf, Option<Rc<Tail>>>,
    owners: Cache<PathBuf, Option<Owner>>,
    beginnings: Cache<PathBuf, Option<DateTime<Utc>>>,
    free_periods: Cache<PathBuf, Rc<[FreePeriod]>>,
}

/// A list with one transcript per session.
#[derive(Debug)]
struct TranscriptList {
    /// The transcripts, most recently changed first. A session may have transcripts in several projects, because a
    /// project can be moved and a history can be copied. Only the newest one is listed.
    files: Vec<TranscriptFile>,
    /// The position of each session in `files`.
    positions: HashMap<String, usize>,
}

impl<'a> SessionTranscripts<'a> {
    pub(super) fn new(paths: &'a Paths) -> Self {
        Self {
            paths,
            list: OnceCell::new(),
            transcript_paths: Cache::default(),
            tails: Cache::default(),
            owners: Cache::default(),
            beginnings: Cache::default(),
            free_periods: Cache::default(),
        }
    }

    /// Returns the list of all transcripts. Must not be used while Claude Code is waiting, because there may be a
    /// hundred thousand transcripts.
    fn list(&self) -> &TranscriptList {
        self.list.get_or_init(|| {
            let mut files = Vec::new();
            let mut positions = HashMap::new();
            for file in transcripts::of_sessions(self.paths.transcript_roots()) {
                positions.entry(session_of(&file.path)).or_insert_with(|| {
                    files.push(file);
                    files.len() - 1
                });
            }
            TranscriptList { files, positions }
        })
    }

    /// Returns true if all transcripts have been listed.
    #[cfg(test)]
    pub(super) fn is_listed(&self) -> bool {
        self.list.get().is_some()
    }

    /// Returns the most recently changed transcripts.
    pub(super) fn newest(&self) -> &[TranscriptFile] {
        let files = &self.list().files;
        files.get(..TRANSCRIPTS_TO_READ).unwrap_or(files)
    }

    /// Returns the most recently changed transcripts, and the given session's transcript if it is not among them.
    pub(super) fn newest_and(
        &self,
        session: Option<&str>,
    ) -> impl Iterator<Item = &TranscriptFile> {
        let list = self.list();
        let older = session
            .and_then(|session| list.positions.get(session))
            .filter(|position| **position >= TRANSCRIPTS_TO_READ)
            .and_then(|position| list.files.get(*position));
        self.newest().iter().chain(older)
    }

    /// Returns the path of a session's transcript. Uses the list of all transcripts if it has already been built.
    /// Otherwise, looks for the file in each project, which takes time proportional to the number of projects.
    pub(super) fn path_of(&self, session: &str) -> Option<PathBuf> {
        match self.list.get() {
            Some(list) => {
                let file = list.files.get(*list.positions.get(session)?)?;
                Some(file.path.clone())
            }
            None => self.transcript_paths.get_or_compute(session, || {
                transcripts::of_session(self.paths.transcript_roots(), session)
            }),
        }
    }

    /// Returns true if a session has a transcript, and no other session's ID starts with `prefix`. `prefix` is the
    /// beginning of the session's ID.
    pub(super) fn is_unique_prefix(&self, prefix: &str, session: &str) -> bool {
        let positions = &self.list().positions;
        let matches = positions.keys().filter(|id| id.starts_with(prefix));
        positions.contains_key(session) && matches.count() == 1
    }

    /// Returns the end of a transcript, or `None` if the file cannot be read.
    pub(super) fn tail(&self, path: &Path) -> Option<Rc<Tail>> {
        self.tails
            .get_or_compute(path, || transcript_end::read_tail(path).map(Rc::new))
    }

    /// Returns the owner recorded in a transcript, or `None` if no owner is recorded.
    pub(super) fn owner(&self, path: &Path) -> Option<Owner> {
        self.owners
            .get_or_compute(path, || transcript_end::owner(path))
    }

    /// Returns a session's owner, or `None` if its transcript does not exist on this machine or does not record an
    /// owner.
    pub(super) fn owner_of(&self, session: &str) -> Option<Owner> {
        self.owner(&self.path_of(session)?)
    }

    /// Returns the account that a session's transcript named at the time of a response, or `None` if it did not name one
    /// yet.
    pub(super) fn owner_at(&self, session: &str, response_at: DateTime<Utc>) -> Option<Owner> {
        let tail = self.tail(&self.path_of(session)?)?;
        tail.owner_at(response_at).cloned()
    }

    /// Returns true if a session is paid for through an API key, a cloud provider, or a gateway instead of an account.
    /// This is the case if the transcript does not name an account, although the version of Claude Code that wrote it
    /// records accounts. Returns false if the session has no transcript on this machine.
    pub(super) fn is_without_account(&self, session: &str) -> bool {
        let Some(tail) = self.path_of(session).and_then(|path| self.tail(&path)) else {
            return false;
        };
        tail.owner.is_none() && names_account(tail.version.as_deref())
    }

    /// Returns the time of the first line that has a timestamp.
    pub(super) fn began_at(&self, path: &Path) -> Option<DateTime<Utc>> {
        self.beginnings
            .get_or_compute(path, || transcript_end::began_at(path))
    }

    /// Returns the periods at the end of a transcript in which responses were free, oldest first.
    pub(super) fn free_periods(&self, path: &Path) -> Rc<[FreePeriod]> {
        self.free_periods
            .get_or_compute(path, || transcript_end::free_periods(path).into())
    }

    /// Returns transcripts of other sessions that may have received a response since the given time. To avoid listing
    /// all transcripts, considers only running sessions and recently changed projects. A transcript that has not been
    /// modified since then cannot contain such a response, so it does not need to be read.
    pub(super) fn changed_beside(
        &self,
        session: &str,
        since: DateTime<Utc>,
    ) -> Vec<TranscriptFile> {
        let projects = transcripts::projects_changed_since(self.paths.transcript_roots(), since);
        let mut files = transcripts::of_sessions(projects.into_iter());
        files.truncate(TRANSCRIPTS_TO_READ);
        files.extend(self.running());

        let since = since.timestamp_nanos_opt().unwrap_or_default();
        let mut seen = HashSet::from([session.to_owned()]);
        files.retain(|file| file.state.modified >= since && seen.insert(session_of(&file.path)));
        files
    }

    /// Returns the transcripts of running sessions.
    fn running(&self) -> impl Iterator<Item = TranscriptFile> {
        sessions::running(self.paths)
            .filter_map(|running| self.path_of(running.session.as_deref()?))
            .filter_map(|path| TranscriptFile::look(&path).ok().flatten())
    }
}
