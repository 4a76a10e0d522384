//! What a stretch of reading found, gathered before it goes into the ledger in one transaction.

use std::path::PathBuf;

use indexmap::IndexMap;
use indexmap::map::Entry;

use crate::claude::transcripts::TranscriptFile;
use crate::ledger::facts::{
    Answer, ById, Compaction, Id, Parts, Position, Scene, Sighting, Total, id_of,
};
use crate::ledger::store::transcript_files::file_id;
use crate::ledger::store::{WITNESS_OF_COPY, WorkedIn};
use crate::pricing::{ModelPrices, PriceTable};
use crate::time::Millis;
use crate::transcript::line::{CostState, Line, OwnMark, Response};
use crate::transcript::reader::{ReadPosition, Sink};

/// What one file held, besides responses, and how far it was read.
#[derive(Debug, Clone, Default)]
pub(crate) struct FileSeen {
    pub(crate) id: Id,
    pub(crate) path: PathBuf,
    pub(crate) session: Id,
    pub(crate) before: ReadPosition,
    pub(crate) now: ReadPosition,
    /// It was cut short, replaced or rewritten, and read anew from its start.
    pub(crate) is_anew: bool,
    pub(crate) marks: Vec<OwnMark>,
    pub(crate) compactions: Vec<Compaction>,
    pub(crate) totals: Vec<Total>,
    /// The first time behind the running total that was the last one in it.
    pub(crate) behind_known_total: Option<Millis>,
}

/// A live transcript's gain is written once it has grown by this much, or for this long
/// (nanoseconds). Until then each status line reads it again: a few kilobytes cost less than a
/// transaction, and the write-ahead log stays short.
const WORTH_WRITING: u64 = 256 * 1024;
const LONG_ENOUGH: i64 = 5_000_000_000;
/// The same by what it holds: each answer is looked up again by every status line.
const MANY_ANSWERS: usize = 24;

impl FileSeen {
    fn is_worth_writing(&self) -> bool {
        let (before, now) = (&self.before, &self.now);
        now.offset.saturating_sub(before.offset) >= WORTH_WRITING
            || now.file.modified.saturating_sub(before.file.modified) >= LONG_ENOUGH
    }
}

/// The prices of models, by their ids.
pub(crate) type PricesById<'p> = ById<ModelPrices<'p>>;

/// Everything found and not yet committed.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// How many bytes of transcripts were read for it.
    pub(crate) bytes: u64,
    /// Files that are there and could not be read.
    pub(crate) unreadable: Vec<PathBuf>,
    /// By key, in the order in which they were found.
    pub(crate) answers: IndexMap<i64, Answer>,
    /// The models that were asked for, by the keys of answers of others.
    pub(crate) switched: ById<Id>,
    /// Names, and directories as far as lines say them.
    pub(crate) sessions: ById<(String, Option<WorkedIn>)>,
    /// Canonical names.
    pub(crate) models: ById<String>,
    /// The models of names as they are written, by hashes of these.
    spellings: ById<Id>,
    pub(crate) scenes: ById<Scene>,
    pub(crate) files: Vec<FileSeen>,
    /// Whether the session's last word was an error. Meant for the batch of one session.
    pub(crate) ends_in_refusal: bool,
}

impl Batch {
    /// Whether a status line should write it, rather than leave it to a later one or to a hook.
    pub(crate) fn is_worth_writing(&self) -> bool {
        self.answers.len() >= MANY_ANSWERS || self.files.iter().any(FileSeen::is_worth_writing)
    }

    /// Whether more follows from it than that its session spent what its responses cost: the
    /// beginning of a file, where a fork has its parent's lines; a running total; a file read
    /// anew; lines out of order.
    pub(crate) fn has_consequences(&self) -> bool {
        let of_file =
            |file: &FileSeen| file.before.offset == 0 || file.is_anew || !file.totals.is_empty();
        self.files.iter().any(of_file) || self.answers.values().any(is_copy)
    }

    /// Whether lines of another session stand at the beginning of its file.
    pub(crate) fn begins_like_a_fork(&self) -> bool {
        self.files.iter().any(|file| file.before.offset == 0) && self.answers.values().any(is_copy)
    }

    /// The prices of its models.
    pub(crate) fn prices<'p>(&self, prices: &'p PriceTable) -> PricesById<'p> {
        let models = self.models.iter();
        let known = models.map(|(id, name)| (*id, prices.prices_of(name)));
        known.collect()
    }

    /// With what its answers cost: worked out here, where threads read, and not where one commits what all have read.
    pub(super) fn priced(mut self, prices: &PriceTable) -> Self {
        let models = self.prices(prices);
        for answer in self.answers.values_mut() {
            if let Some(prices) = models.get(&answer.model) {
                answer.price(prices);
            }
        }
        self
    }

    fn session(&mut self, name: &str) -> Id {
        let id = id_of(name.as_bytes());
        let session = self.sessions.entry(id);
        session.or_insert_with(|| (name.to_owned(), None));
        id
    }

    fn model(&mut self, name: &str, prices: &PriceTable) -> Id {
        let spelling = self.spellings.entry(id_of(name.as_bytes()));
        *spelling.or_insert_with(|| {
            let canonical = prices.canonical(name);
            let id = id_of(canonical.as_bytes());
            self.models.insert(id, canonical);
            id
        })
    }

    fn scene(&mut self, found: &Response<'_>) -> Id {
        let branch = found.branch.as_deref().unwrap_or_default();
        let unnamed = if found.subagent { "subagent" } else { "main" };
        let named = found.agent.as_deref().filter(|name| !name.is_empty());
        let agent = named.unwrap_or(unnamed);
        let id = Scene::id(branch, agent);
        self.scenes.entry(id).or_insert_with(|| Scene {
            branch: branch.to_owned(),
            agent: agent.to_owned(),
        });
        id
    }

    fn learn_directory(&mut self, session: Id, witness: Millis, path: &str) {
        if let Some((_, known)) = self.sessions.get_mut(&session) {
            let is_better = |(best, name): &WorkedIn| (witness, path) < (*best, name.as_str());
            if known.as_ref().is_none_or(is_better) {
                *known = Some((witness, path.to_owned()));
            }
        }
    }
}

/// Whether an answer looks like one of another session.
fn is_copy(answer: &Answer) -> bool {
    answer.place.is_late || answer.place.copied_from.is_some()
}

/// Receives the lines of one file.
pub(crate) struct FileSink<'b> {
    batch: &'b mut Batch,
    seen: FileSeen,
    name: &'b str,
    /// Stands in for times of files that hold none.
    fallback_at: Millis,
    prices: &'b PriceTable,
}

impl<'b> FileSink<'b> {
    /// For what is read from one file of the session of this name, on from where it was read before.
    pub(crate) fn new(
        batch: &'b mut Batch,
        file: &TranscriptFile,
        before: ReadPosition,
        name: &'b str,
        prices: &'b PriceTable,
    ) -> Self {
        let seen = FileSeen {
            id: file_id(&file.path),
            path: file.path.clone(),
            session: batch.session(name),
            before,
            ..FileSeen::default()
        };
        Self {
            batch,
            seen,
            name,
            fallback_at: file.state.modified_ms(),
            prices,
        }
    }

    /// What is behind the last total: the one found last, or the one that the ledger knows.
    fn note_behind(&mut self, at: Option<Millis>) {
        match self.seen.totals.last_mut() {
            Some(last) => last.after = at,
            None => self.seen.behind_known_total = at,
        }
    }

    /// Notes how far the file was read.
    pub(crate) fn finish(mut self, now: ReadPosition, is_anew: bool) {
        self.note_behind(now.carry.first_at);
        (self.seen.now, self.seen.is_anew) = (now, is_anew);
        self.batch.files.push(self.seen);
    }

    /// The session that a line was copied from, as it says, or the one on a line that was copied as
    /// it was.
    fn source(&mut self, copied_from: Option<&str>, session: Option<&str>) -> Option<Id> {
        let named = copied_from.or(session.filter(|session| *session != self.name));
        named.map(|name| self.batch.session(name))
    }

    fn response(&mut self, found: Response<'_>, place: Sighting) {
        let at = found.at.unwrap_or(self.fallback_at);
        let own = self.seen.session;
        let named = place.copied_from;
        if let Some(directory) = found.directory.as_deref() {
            self.batch.learn_directory(own, at, directory);
            if let Some(named) = named.filter(|named| *named != own) {
                self.batch
                    .learn_directory(named, at + WITNESS_OF_COPY, directory);
            }
        }
        if named.is_none() && !found.subagent {
            self.batch.ends_in_refusal = false;
        }
        let model = self.batch.model(&found.model, self.prices);
        if let Some(asked) = &found.asked {
            let asked = self.batch.model(asked, self.prices);
            if asked != model {
                self.batch.switched.insert(found.key, asked);
            }
        }
        let scene = self.batch.scene(&found);
        let mut advice = found.advice;
        for one in &mut advice {
            one.model = self.prices.canonical(&one.model);
        }
        let answer = Answer {
            key: found.key,
            at,
            session: named.unwrap_or(own),
            model,
            scene,
            is_of_subagent: found.subagent,
            usage: found.usage,
            service: found.service,
            calls: found.calls,
            advice,
            place,
            ..Answer::default()
        };
        match self.batch.answers.entry(found.key) {
            Entry::Occupied(mut known) => {
                let known = known.get_mut();
                known.merge(&answer);
                if known.places().all(|known| known.file != place.file) {
                    known.copies.push(place);
                }
            }
            Entry::Vacant(new) => {
                new.insert(answer);
            }
        }
    }

    fn total(&mut self, state: CostState, position: Position) {
        self.note_behind(state.since_last);
        let mut parts = Parts::new();
        for (name, part) in state.models {
            let sum = parts.entry(self.batch.model(&name, self.prices));
            sum.and_modify(|sum| *sum += part).or_insert(part);
        }
        self.seen.totals.push(Total {
            file: self.seen.id,
            position,
            session: self.seen.session,
            started: state.started,
            cost: state.cost,
            run_ms: state.run_ms,
            api_ms: state.api_ms,
            has_unknown_model: state.has_unknown_model,
            parts,
            before: state.before.unwrap_or(state.started),
            after: None,
        });
    }
}

impl Sink for FileSink<'_> {
    fn line(&mut self, line: Line<'_>, position: u64, is_late: bool) {
        let mut place = Sighting {
            file: self.seen.id,
            position: position.cast_signed(),
            is_late,
            copied_from: None,
        };
        match line {
            Line::Response(found) => {
                let copied_from = found.copied_from.as_deref();
                place.copied_from = self.source(copied_from, found.session.as_deref());
                self.response(found, place);
            }
            Line::Mark(mark) => self.seen.marks.push(mark),
            Line::CompactBoundary(found) => {
                place.copied_from = self.source(found.copied_from.as_deref(), None);
                self.seen.compactions.push(Compaction {
                    key: found.key,
                    at: found.at,
                    tokens: found.tokens,
                    session: self.seen.session,
                    places: vec![place],
                });
            }
            Line::CostState(state) => self.total(state, place.position),
            Line::Refusal => self.batch.ends_in_refusal = true,
            Line::Other => {}
        }
    }
}
