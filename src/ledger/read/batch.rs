//! What a stretch of reading found, gathered before it goes into the ledger in one transaction.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::{Path, PathBuf};

use indexmap::{IndexMap, IndexSet};

use crate::ledger::scene::{Scene, SceneId, agent_name, scene_id};
use crate::ledger::store::{Counted, WrittenTotal};
use crate::pricing::Money;
use crate::time::Millis;
use crate::transcript::line::{CompactBoundary, CostState, OwnMark, Response};
use crate::transcript::reader::{Continuity, ReadPosition};
use crate::transcript::scan::{Place, Sink};

/// The directory that a session worked in, by the line with the lowest rank: the earliest of its
/// own files, or else of a copy that names it.
pub(crate) type Project = (i64, String);

/// What a copy says ranks behind everything that a session's own file says.
const BY_A_COPY: i64 = 1 << 60;

/// A place in a batch: where a line stands, by the file's and the session's place in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SeenAt {
    pub(crate) file: usize,
    pub(crate) position: u64,
    pub(crate) is_late: bool,
    pub(crate) names: Option<usize>,
}

/// A response and where it was seen, each file once.
#[derive(Debug, Clone)]
pub(crate) struct ResponseSeen {
    /// Its model by its place in the batch.
    pub(crate) counted: Counted<usize>,
    pub(crate) first: SeenAt,
    pub(crate) copies: Vec<SeenAt>,
}

/// The end of a compaction.
#[derive(Debug, Clone)]
pub(crate) struct CompactionSeen {
    pub(crate) key: i64,
    pub(crate) at: Millis,
    pub(crate) tokens: u64,
    pub(crate) seen: SeenAt,
}

/// What one file held, besides responses, and how far it was read.
#[derive(Debug, Clone)]
pub(crate) struct FileSeen {
    pub(crate) path: PathBuf,
    pub(crate) session: usize,
    pub(crate) before: ReadPosition,
    pub(crate) now: ReadPosition,
    pub(crate) continuity: Continuity,
    pub(crate) marks: Vec<(u64, OwnMark)>,
    pub(crate) compactions: Vec<CompactionSeen>,
    pub(crate) totals: Vec<WrittenTotal>,
    /// The first time behind the running total that was the last one in it.
    pub(crate) behind_known_total: Option<Millis>,
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
        now.offset.saturating_sub(before.offset) >= WORTH_WRITING
            || now.file.modified.saturating_sub(before.file.modified) >= LONG_ENOUGH
    }
}

/// Everything found and not yet committed.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// Whether a file that is there could not be read.
    pub(crate) has_gaps: bool,
    /// By key.
    pub(crate) responses: HashMap<i64, ResponseSeen>,
    pub(crate) sessions: IndexMap<String, Option<Project>>,
    pub(crate) models: IndexSet<String>,
    pub(crate) scenes: HashMap<SceneId, Scene>,
    pub(crate) files: Vec<FileSeen>,
    /// Whether the session's last word was an error. Meant for the batch of one session.
    pub(crate) ends_in_refusal: bool,
}

impl Batch {
    /// Whether there is nothing to commit.
    pub(crate) fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Whether a status line should write it, rather than leave it to a later one or to a hook.
    pub(crate) fn is_worth_writing(&self) -> bool {
        self.responses.len() >= MANY_RESPONSES || self.files.iter().any(FileSeen::is_worth_writing)
    }

    /// Whether more follows from it than that its session spent what its responses cost: the
    /// beginning of a file, where a fork has its parent's lines; a running total; a file read
    /// anew; lines out of order.
    pub(crate) fn has_consequences(&self) -> bool {
        let of_file = |file: &FileSeen| {
            file.before.offset == 0
                || file.continuity == Continuity::ReadAnew
                || !file.totals.is_empty()
        };
        let of_response = |seen: &ResponseSeen| seen.first.is_late || seen.first.names.is_some();
        self.files.iter().any(of_file) || self.responses.values().any(of_response)
    }

    /// Whether lines of another session stand at the beginning of its file.
    pub(crate) fn begins_like_a_fork(&self) -> bool {
        let is_copy = |seen: &SeenAt| seen.is_late || seen.names.is_some();
        self.files.iter().any(|file| file.before.offset == 0)
            && self.responses.values().any(|found| is_copy(&found.first))
    }

    fn session(&mut self, name: &str) -> usize {
        let known = self.sessions.get_index_of(name);
        known.unwrap_or_else(|| self.sessions.insert_full(name.to_owned(), None).0)
    }

    fn model(&mut self, name: &str) -> usize {
        let known = self.models.get_index_of(name);
        known.unwrap_or_else(|| self.models.insert_full(name.to_owned()).0)
    }

    fn scene(&mut self, found: &Response<'_>) -> SceneId {
        let branch = found.branch.as_deref().unwrap_or_default();
        let agent = agent_name(found.agent.as_deref(), found.subagent);
        let id = scene_id(branch, agent);
        self.scenes.entry(id).or_insert_with(|| Scene {
            branch: branch.to_owned(),
            agent: agent.to_owned(),
        });
        id
    }

    fn learn_project(&mut self, session: usize, rank: i64, directory: &str) {
        if let Some((_, known)) = self.sessions.get_index_mut(session) {
            let is_better = |(best, name): &Project| (rank, directory) < (*best, name.as_str());
            if known.as_ref().is_none_or(is_better) {
                *known = Some((rank, directory.to_owned()));
            }
        }
    }

    /// A receiver for what is read from one file of a session. `fallback_at` stands in for times of
    /// files that hold none.
    pub(crate) fn file<'b>(&'b mut self, name: &'b str, fallback_at: Millis) -> FileSink<'b> {
        FileSink {
            file: self.files.len(),
            session: self.session(name),
            name,
            fallback_at,
            batch: self,
            marks: Vec::new(),
            compactions: Vec::new(),
            totals: Vec::new(),
            behind_known_total: None,
        }
    }
}

/// Receives the lines of one file.
pub(crate) struct FileSink<'b> {
    batch: &'b mut Batch,
    file: usize,
    session: usize,
    name: &'b str,
    fallback_at: Millis,
    marks: Vec<(u64, OwnMark)>,
    compactions: Vec<CompactionSeen>,
    totals: Vec<WrittenTotal>,
    behind_known_total: Option<Millis>,
}

impl FileSink<'_> {
    /// What is behind the last total: the one found last, or the one that the ledger knows.
    fn note_behind(&mut self, at: Option<Millis>) {
        match self.totals.last_mut() {
            Some(last) => last.after = at,
            None => self.behind_known_total = at,
        }
    }

    /// Notes how far the file was read.
    pub(crate) fn finish(
        mut self,
        path: &Path,
        before: ReadPosition,
        now: ReadPosition,
        continuity: Continuity,
    ) {
        self.note_behind(now.carry.first_at);
        self.batch.files.push(FileSeen {
            path: path.to_owned(),
            session: self.session,
            before,
            now,
            continuity,
            marks: self.marks,
            compactions: self.compactions,
            totals: self.totals,
            behind_known_total: self.behind_known_total,
        });
    }

    /// Whose the line says it is: the session that it was copied from, or the one on a line that
    /// was copied as it was.
    fn names(&mut self, copied_from: Option<&str>, session: Option<&str>) -> Option<usize> {
        let named = copied_from.or(session.filter(|session| *session != self.name))?;
        Some(self.batch.session(named))
    }
}

impl Sink for FileSink<'_> {
    fn response(&mut self, found: Response<'_>, place: Place) {
        let at = place.at.unwrap_or(self.fallback_at);
        let own = self.session;
        let names = self.names(found.copied_from.as_deref(), found.session.as_deref());
        if let Some(directory) = found.directory.as_deref() {
            self.batch.learn_project(own, at, directory);
            // A parent's own transcript may be gone; the copy still says where it worked.
            if let Some(named) = names.filter(|named| *named != own) {
                self.batch.learn_project(named, BY_A_COPY + at, directory);
            }
        }
        if names.is_none() && !found.subagent {
            self.batch.ends_in_refusal = false;
        }
        let seen = SeenAt {
            file: self.file,
            position: place.position,
            is_late: place.is_late,
            names,
        };
        let counted = Counted {
            at,
            scene: self.batch.scene(&found),
            model: self.batch.model(&found.model),
            subagent: found.subagent,
            usage: found.usage,
            service: found.service,
            calls: found.calls,
            advice: found.advice,
        };
        match self.batch.responses.entry(found.key) {
            Entry::Occupied(mut known) => {
                let known = known.get_mut();
                known.counted.merge(&counted);
                let mut files = std::iter::once(&known.first).chain(&known.copies);
                if files.all(|copy| copy.file != seen.file) {
                    known.copies.push(seen);
                }
            }
            Entry::Vacant(new) => {
                new.insert(ResponseSeen {
                    counted,
                    first: seen,
                    copies: Vec::new(),
                });
            }
        }
    }

    fn mark(&mut self, mark: OwnMark, position: u64) {
        self.marks.push((position, mark));
    }

    fn compaction(&mut self, found: CompactBoundary<'_>, place: Place) {
        let names = self.names(found.copied_from.as_deref(), None);
        self.compactions.push(CompactionSeen {
            key: found.key,
            at: found.at,
            tokens: found.tokens,
            seen: SeenAt {
                file: self.file,
                position: place.position,
                is_late: place.is_late,
                names,
            },
        });
    }

    fn cost_state(
        &mut self,
        state: CostState,
        position: u64,
        before: Option<Millis>,
        since_last: Option<Millis>,
    ) {
        self.note_behind(since_last);
        self.totals.push(WrittenTotal {
            position,
            started: state.started,
            cost: Money::from_noisy_usd(state.total_usd).unwrap_or_default(),
            run_ms: state.run_ms,
            api_ms: state.api_ms,
            has_unknown_model: state.has_unknown_model,
            before: before.unwrap_or(state.started),
            after: None,
            models: state.models,
        });
    }

    fn refusal(&mut self) {
        self.batch.ends_in_refusal = true;
    }
}
