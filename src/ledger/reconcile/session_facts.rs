//! Collects the facts about each session in a lineage.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::owners::LineOwners;
use super::runs::Run;
use super::{InheritedLines, Lineage};
use crate::ledger::facts::{Checkpoint, Compaction, Id, Location, Response};
use crate::pricing::Money;
use crate::time::Millis;

/// A response or a compaction, and its offset in the session's transcript.
#[derive(Debug)]
pub(super) struct Located<'l, T> {
    pub offset: i64,
    /// True if the line in the session's own transcript names a client that runs in a terminal and writes checkpoints.
    pub is_from_terminal: bool,
    pub fact: &'l T,
}

/// The facts about one session, in transcript order.
#[derive(Debug, Default)]
pub(super) struct SessionFacts<'l> {
    /// The responses. Those that are missing from the session's transcript are placed at its start. A subagent's
    /// response gets the offset of the response that precedes it in the session.
    pub responses: Vec<Located<'l, Response>>,
    pub compactions: Vec<Located<'l, Compaction>>,
    pub checkpoints: Vec<&'l Checkpoint>,
    pub runs: Vec<&'l Run>,
    /// All totals reported by status-line calls, each with the length of the transcript when it was first reported.
    pub sampled: BTreeMap<Money, i64>,
    /// The greatest total reported by a client that did not identify its process, and the time of the report.
    pub unidentified: Option<(Money, Millis)>,
    /// The time of the newest inherited response or compaction. The times of other inherited lines are not stored.
    pub inherited_until: Option<Millis>,
    /// The number of inherited responses and compactions, by the session that owns them.
    pub inherited: BTreeMap<Id, InheritedLines>,
    /// The times at which damaged lines may have been written, one for each day.
    pub damage: Vec<Millis>,
    /// True if any of the session's transcripts has ever been read.
    pub has_transcript: bool,
    /// True if another version of the transcript contains responses that the longest version lacks.
    pub has_other_version: bool,
    pub last_event: i64,
}

/// Returns the facts about each session in a lineage. `owner_of_each` lists the owner of each response.
pub(super) fn facts_by_session<'l>(
    lineage: &'l Lineage,
    owners: &LineOwners<'l>,
    owner_of_each: &[Id],
    runs: &'l [Run],
) -> HashMap<Id, SessionFacts<'l>> {
    let mut collector = FactCollector {
        lineage,
        owners,
        longest: HashMap::new(),
        by_session: HashMap::new(),
    };
    collector.add_files();
    collector.add_responses(owner_of_each);
    collector.add_compactions();
    collector.add_checkpoints();
    for run in runs {
        collector.facts_of(run.session).runs.push(run);
    }
    collector.add_events();
    for facts in collector.by_session.values_mut() {
        facts.sort();
    }
    collector.by_session
}

/// Collects the facts about each session in a lineage.
struct FactCollector<'f, 'l> {
    lineage: &'l Lineage,
    owners: &'f LineOwners<'l>,
    /// The size and ID of each session's longest transcript. Offsets refer to this file, and are the same in copies of
    /// it.
    longest: HashMap<Id, (i64, Id)>,
    by_session: HashMap<Id, SessionFacts<'l>>,
}

impl<'l> FactCollector<'_, 'l> {
    fn facts_of(&mut self, session: Id) -> &mut SessionFacts<'l> {
        self.by_session.entry(session).or_default()
    }

    /// Returns true if `file` is the longest transcript of `session`.
    fn is_longest(&self, session: Id, file: Id) -> bool {
        self.longest.get(&session).map(|(_, id)| *id) == Some(file)
    }

    fn add_files(&mut self) {
        for (id, file) in &self.lineage.files {
            let facts = self.facts_of(file.session);
            facts.has_transcript = true;
            facts.damage.extend(&file.damage);
            if file.is_main {
                let size_and_id = (file.size, *id);
                let longest = self
                    .longest
                    .entry(file.session)
                    .or_insert(size_and_id);
                *longest = (*longest).max(size_and_id);
            }
        }
    }

    fn add_responses(&mut self, owner_of_each: &[Id]) {
        let lineage = self.lineage;
        let mut of_subagents: HashMap<Id, Vec<&'l Response>> = HashMap::new();
        for (response, owner) in lineage.responses.iter().zip(owner_of_each) {
            let location_in_longest = response
                .locations()
                .find(|location| self.is_longest(*owner, location.file));
            let own_file = response
                .locations()
                .filter_map(|location| lineage.files.get(&location.file))
                .find(|file| file.session == *owner);
            let is_from_terminal =
                location_in_longest.is_some_and(|location| location.is_from_terminal);
            let facts = self.facts_of(*owner);
            let offset = match (location_in_longest, own_file) {
                (Some(location), _) => location.offset,
                (None, Some(file)) if !file.is_main => {
                    of_subagents
                        .entry(*owner)
                        .or_default()
                        .push(response);
                    continue;
                }
                (None, own_file) => {
                    facts.has_other_version |= own_file.is_some();
                    -1
                }
            };
            facts.responses.push(Located {
                offset,
                is_from_terminal,
                fact: response,
            });
            for heir in self.add_inherited(*owner, response.at, response.locations()) {
                self.inherited_lines(heir, *owner).responses += 1;
            }
        }
        for (owner, responses) in of_subagents {
            self.facts_of(owner)
                .add_subagent_responses(responses);
        }
    }

    fn add_compactions(&mut self) {
        let lineage = self.lineage;
        for compaction in &lineage.compactions {
            let locations = compaction.locations.iter();
            let Some(owner) = self.owners.owner(compaction.at, locations.clone()) else {
                continue;
            };
            for heir in self.add_inherited(owner, compaction.at, locations.clone()) {
                self.inherited_lines(heir, owner).compactions += 1;
            }
            let location_in_longest = locations
                .clone()
                .find(|location| self.is_longest(owner, location.file));
            if let Some(location) = location_in_longest {
                self.facts_of(owner).compactions.push(Located {
                    offset: location.offset,
                    is_from_terminal: false,
                    fact: compaction,
                });
            }
        }
    }

    /// Returns the number of responses and compactions that `heir` inherited from `owner`.
    fn inherited_lines(&mut self, heir: Id, owner: Id) -> &mut InheritedLines {
        self.facts_of(heir)
            .inherited
            .entry(owner)
            .or_default()
    }

    /// Records the time of a line for each session that inherited it. Returns these sessions except the owner, which
    /// may have a copy of its own line.
    fn add_inherited<'p>(
        &mut self,
        owner: Id,
        at: Millis,
        locations: impl Iterator<Item = &'p Location>,
    ) -> BTreeSet<Id> {
        let mut heirs = BTreeSet::new();
        for location in locations {
            if self.owners.is_inherited(at, owner, location)
                && let Some(file) = self.lineage.files.get(&location.file)
            {
                self.facts_of(file.session).inherit(at);
                if file.session != owner {
                    heirs.insert(file.session);
                }
            }
        }
        heirs
    }

    fn add_checkpoints(&mut self) {
        let lineage = self.lineage;
        for checkpoint in &lineage.checkpoints {
            if let Some(file) = lineage.files.get(&checkpoint.file)
                && self.is_longest(file.session, checkpoint.file)
            {
                self.facts_of(file.session)
                    .checkpoints
                    .push(checkpoint);
            }
        }
    }

    fn add_events(&mut self) {
        for event in &self.lineage.events {
            let facts = self.facts_of(event.session);
            facts.last_event = facts.last_event.max(event.number);
            if let Some(total) = event.total {
                facts.sampled.entry(total).or_insert(event.length);
            }
            if event.process == 0 {
                let reported = event.total.map(|total| (total, event.at));
                facts.unidentified = facts.unidentified.max(reported);
            }
        }
    }
}

impl<'l> SessionFacts<'l> {
    fn sort(&mut self) {
        self.responses
            .sort_by_key(|response| (response.offset, response.fact.key));
        self.compactions
            .sort_by_key(|compaction| compaction.offset);
        self.checkpoints
            .sort_by_key(|checkpoint| checkpoint.offset);
        self.runs.sort_by_key(|run| run.start);
    }

    fn inherit(&mut self, at: Millis) {
        self.inherited_until = self.inherited_until.max(Some(at));
    }

    fn add_subagent_responses(&mut self, responses: Vec<&'l Response>) {
        let mut main: Vec<(Millis, i64)> = self
            .responses
            .iter()
            .map(|response| (response.fact.at, response.offset))
            .collect();
        main.sort_unstable();
        for response in responses {
            let earlier = main.partition_point(|(at, _)| *at <= response.at);
            let before = earlier
                .checked_sub(1)
                .and_then(|index| main.get(index));
            self.responses.push(Located {
                offset: before.map_or(-1, |(_, offset)| *offset),
                is_from_terminal: false,
                fact: response,
            });
        }
    }

    /// Returns the checkpoints before the given offset.
    pub(super) fn checkpoints_before(&self, offset: i64) -> &[&'l Checkpoint] {
        let count = self
            .checkpoints
            .partition_point(|checkpoint| checkpoint.offset < offset);
        self.checkpoints.get(..count).unwrap_or_default()
    }
}
