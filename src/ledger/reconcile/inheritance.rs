//! Determines the total that a fork inherited from its parent, for forks that were not observed.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::Lineage;
use super::owners::Owners;
use crate::ledger::facts::{Checkpoint, Id, STALE};
use crate::pricing::{Money, NOISE};
use crate::time::Millis;

/// The maximum time, in milliseconds, by which a session's own totals can begin before its first ownership marker. A
/// terminal can be open for a while before the first prompt writes a marker.
const EARLIEST_START: Millis = 1_000;

/// The maximum time, in milliseconds, that a process with `-p` takes after its start to write its first ownership
/// marker.
const LATEST_MARKER: Millis = 60_000;

/// The checkpoints that forks may have started from.
pub(super) struct Inheritance<'l> {
    lineage: &'l Lineage,
    owners: &'l Owners<'l>,
    /// The checkpoints that follow a response or compaction in its own transcript, indexed by the key of the response
    /// or compaction.
    after: HashMap<i64, Vec<&'l Checkpoint>>,
    /// The keys of all responses and compactions in each transcript.
    keys: HashMap<Id, HashSet<i64>>,
    /// The keys of the inherited responses and compactions in each transcript that has any.
    inherited: HashMap<Id, Vec<i64>>,
    /// All checkpoints, indexed by the start of the first run that they cover.
    by_start: HashMap<Millis, Vec<&'l Checkpoint>>,
    /// All checkpoints, indexed by amount and session.
    by_amount: BTreeMap<(Money, Id, i64), &'l Checkpoint>,
}

/// The starting total of a chain of runs.
pub(super) enum StartingTotal<'l> {
    Zero,
    /// A parent's checkpoint. `is_certain` is false if there are other candidates.
    Of {
        checkpoint: &'l Checkpoint,
        is_certain: bool,
    },
    Unknown,
}

impl<'l> Inheritance<'l> {
    /// `owner_of_each` contains the owner of each response, in the order of the responses.
    pub(super) fn new(lineage: &'l Lineage, owners: &'l Owners<'l>, owner_of_each: &[Id]) -> Self {
        let mut items: HashMap<Id, BTreeMap<i64, i64>> = HashMap::new();
        let mut keys: HashMap<Id, HashSet<i64>> = HashMap::new();
        let responses = lineage.responses.iter().flat_map(|response| {
            response
                .locations()
                .map(|location| (response.key, location))
        });
        let compactions = lineage.compactions.iter().flat_map(|compaction| {
            let locations = compaction.locations.iter();
            locations.map(|location| (compaction.key, location))
        });
        for (key, location) in responses.chain(compactions) {
            if location.offset < STALE {
                let of_file = items.entry(location.file).or_default();
                of_file.insert(location.offset, key);
            }
            keys.entry(location.file).or_default().insert(key);
        }
        let mut after: HashMap<i64, Vec<&Checkpoint>> = HashMap::new();
        for checkpoint in &lineage.checkpoints {
            let of_file = items.get(&checkpoint.file);
            let before = of_file.and_then(|items| items.range(..checkpoint.offset).next_back());
            if let Some((_, key)) = before {
                let candidates = after.entry(*key).or_default();
                let is_repetition = |known: &&&Checkpoint| {
                    known.cost == checkpoint.cost && known.started == checkpoint.started
                };
                // Two are enough, because at least one of them belongs to a session other than the fork.
                if candidates.iter().filter(is_repetition).count() < 2 {
                    candidates.push(checkpoint);
                }
            }
        }
        let mut inherited: HashMap<Id, Vec<i64>> = HashMap::new();
        let responses = lineage.responses.iter().zip(owner_of_each);
        let responses = responses.flat_map(|(response, owner)| {
            let locations = response.locations();
            locations.map(move |location| (response.key, Some(*owner), location.file))
        });
        let compactions = lineage.compactions.iter().flat_map(|compaction| {
            let owner = owners.owner(compaction.at, compaction.locations.iter());
            let locations = compaction.locations.iter();
            locations.map(move |location| (compaction.key, owner, location.file))
        });
        for (key, owner, file) in responses.chain(compactions) {
            let facts = lineage.files.get(&file);
            if facts.is_some_and(|facts| Some(facts.session) != owner) {
                inherited.entry(file).or_default().push(key);
            }
        }
        let mut by_start: HashMap<Millis, Vec<&Checkpoint>> = HashMap::new();
        for checkpoint in &lineage.checkpoints {
            by_start
                .entry(checkpoint.started)
                .or_default()
                .push(checkpoint);
        }
        let by_amount = lineage.checkpoints.iter().filter_map(|checkpoint| {
            let session = lineage.files.get(&checkpoint.file)?.session;
            Some(((checkpoint.cost, session, checkpoint.offset), checkpoint))
        });
        Self {
            inherited,
            by_start,
            by_amount: by_amount.collect(),
            lineage,
            owners,
            after,
            keys,
        }
    }

    /// Returns a checkpoint with this amount, preferably one from the given session.
    pub(super) fn checkpoint_of(&self, amount: Money, session: Id) -> Option<&'l Checkpoint> {
        let range = (amount - NOISE, Id::MIN, i64::MIN)..=(amount + NOISE, Id::MAX, i64::MAX);
        let mut same = self.by_amount.range(range).peekable();
        let first = same.peek().map(|(_, checkpoint)| **checkpoint);
        let of_session = same.find(|((_, other, _), _)| *other == session);
        of_session.map(|(_, checkpoint)| *checkpoint).or(first)
    }

    /// Returns true if a checkpoint can continue a starting total. The starting total is given by its amount and, if
    /// known, the start of its chain of runs.
    pub(super) fn continues(
        &self,
        checkpoint: &Checkpoint,
        starting: Option<(Money, Option<Millis>)>,
    ) -> bool {
        match starting {
            Some((_, Some(started))) => started == checkpoint.started,
            Some((amount, None)) if amount.is_near(Money::ZERO) => {
                let others = self.by_start.get(&checkpoint.started).into_iter().flatten();
                let mut others = others.filter(|other| other.file != checkpoint.file);
                others.next().is_none() || self.begins_itself(checkpoint)
            }
            _ => true,
        }
    }

    /// Returns the starting total of the chain of runs that wrote this checkpoint to its session's transcript.
    /// `recorded` is the cost of the session's own responses.
    pub(super) fn starting_total(
        &self,
        checkpoint: &Checkpoint,
        session: Id,
        recorded: Money,
    ) -> StartingTotal<'l> {
        let is_candidate = |candidate: &&Checkpoint| {
            let file = self.lineage.files.get(&candidate.file);
            file.is_some_and(|file| file.session != session)
                && candidate.started == checkpoint.started
                && is_within(candidate, checkpoint)
                && self.has_all_inherited_lines(candidate.file, checkpoint.file)
        };
        let keys = self.keys.get(&checkpoint.file);
        let proven = keys.into_iter().flatten();
        let mut candidates: Vec<&Checkpoint> = proven
            .filter_map(|key| self.after.get(key))
            .flatten()
            .copied()
            .filter(is_candidate)
            .collect();
        let is_proven = !candidates.is_empty();
        if !is_proven {
            if self.begins_itself(checkpoint) {
                return StartingTotal::Zero;
            }
            let same_start = self.by_start.get(&checkpoint.started).into_iter().flatten();
            candidates.extend(same_start.copied().filter(is_candidate));
        }
        candidates.sort_by_key(|candidate| std::cmp::Reverse((candidate.cost, candidate.run_ms)));
        candidates.dedup_by_key(|candidate| candidate.cost);
        // A total is ruled out if the remaining amount is less than the responses cost.
        let fits = |candidate: &&&Checkpoint| checkpoint.cost - candidate.cost >= recorded - NOISE;
        let Some(chosen) = candidates.iter().find(fits).or(candidates.last()) else {
            return StartingTotal::Unknown;
        };
        let is_smallest = candidates
            .last()
            .is_some_and(|last| last.cost == chosen.cost);
        let explains_all = (checkpoint.cost - chosen.cost).is_near(recorded);
        StartingTotal::Of {
            checkpoint: chosen,
            is_certain: is_proven && is_smallest || explains_all,
        }
    }

    /// Returns true if the chain of runs that wrote a checkpoint began in the checkpoint's own session. This is the
    /// case if the chain began after the first ownership marker. This is also the case if the transcript begins with a
    /// marker, contains only its own lines, and is the oldest transcript with such a chain.
    fn begins_itself(&self, checkpoint: &Checkpoint) -> bool {
        let file = checkpoint.file;
        let marker = self.owners.first_marker(file);
        if marker.is_some_and(|marker| checkpoint.started >= marker.at - EARLIEST_START) {
            return true;
        }
        if self.inherited.contains_key(&file) || self.keys.get(&file).is_none_or(HashSet::is_empty)
        {
            return false;
        }
        let facts = self.lineage.files.get(&file);
        let first = facts.and_then(|facts| facts.markers.iter().map(|marker| marker.offset).min());
        if first != marker.map(|marker| marker.offset) {
            // Forks copied the session's first marker, and they contain inherited lines.
            let mut same_start = self.by_start.get(&checkpoint.started).into_iter().flatten();
            return same_start
                .all(|other| other.file == file || self.inherited.contains_key(&other.file));
        }
        // A process with `-p` writes its marker at startup.
        let is_late = marker.is_some_and(|marker| {
            marker.snapshot.is_none() && checkpoint.started < marker.at - LATEST_MARKER
        });
        let others = self.by_start.get(&checkpoint.started).into_iter().flatten();
        let mut others = others.filter(|other| other.file != file);
        let is_oldest = others.all(|other| {
            let other_time = self.owners.first_marker(other.file).map(|marker| marker.at);
            other_time.is_none() || marker.map(|marker| marker.at) <= other_time
        });
        !is_late && is_oldest
    }

    /// Returns true if the parent's transcript contains everything that the fork inherited. If it does not, the fork
    /// was created from a different session.
    fn has_all_inherited_lines(&self, parent: Id, fork: Id) -> bool {
        let of_parent = self.keys.get(&parent);
        let mut inherited = self.inherited.get(&fork).into_iter().flatten();
        inherited.all(|key| of_parent.is_some_and(|keys| keys.contains(key)))
    }
}

/// Returns true if none of a checkpoint's counters exceed those of a later checkpoint.
fn is_within(earlier: &Checkpoint, later: &Checkpoint) -> bool {
    earlier.cost <= later.cost + NOISE
        && earlier.api_ms <= later.api_ms
        && earlier.run_ms <= later.run_ms
        && earlier.models.iter().all(|(name, total)| {
            let of_later = later.models.get(name).copied().unwrap_or_default();
            let mut before = total.usage;
            if !of_later.splits {
                before.cache_write_1h = 0;
            }
            (before - of_later.usage).is_zero()
        })
}
