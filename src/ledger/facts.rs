//! The facts that the ledger keeps, each one type from the reading to the view.

use std::collections::BTreeMap;

use rusqlite::Row;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::pricing::{Advice, ModelPrices, Money, ServiceLevel, Usage};
use crate::time::Millis;
use crate::transcript::line::ModelTotal;

/// What stands for a name: of a session, a model, a transcript, a scene. A hash, so that it is the
/// same whatever was read first, and a reading needs no ledger to name things. Six bytes as SQLite
/// keeps numbers: of a million names, two in three hundred ledgers are one.
pub(crate) type Id = i64;

/// The id of a name.
pub(crate) fn id_of(name: &[u8]) -> Id {
    (xxh3_64(name) >> 17).cast_signed()
}

/// The model of a total that names none: it stands for all.
pub(crate) fn unnamed_model() -> Id {
    id_of(b"")
}

/// Something by an id, or by another number that is a hash.
pub(crate) type ById<T> = BTreeMap<Id, T>;

/// On which branch, and by which agent, a response was worked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scene {
    /// The git branch as the client writes it; empty if the line says none.
    pub branch: String,
    /// A subagent's type; `main` for the session itself, `subagent` where the line names no type.
    pub agent: String,
}

impl Scene {
    /// The id of a scene. There are a few hundred at most: five bytes are enough.
    pub(super) fn id(branch: &str, agent: &str) -> Id {
        (xxh3_64_with_seed(agent.as_bytes(), xxh3_64(branch.as_bytes())) >> 24).cast_signed()
    }
}

/// How far from its transcript's beginning a line stands, in bytes. Where the transcript was read anew
/// since, and the line was not found again, it stands [`CUT_OFF`] farther: behind the rest.
pub(crate) type Position = i64;

/// All lines that were found stand before this.
pub(crate) const CUT_OFF: Position = 1 << 60;

/// Where a line stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Sighting {
    pub(crate) file: Id,
    pub(crate) position: Position,
    /// Whether it stands behind something of a later time, as what a fork copied mostly does.
    pub(crate) is_late: bool,
    /// The session that the line says it was copied from.
    pub(crate) copied_from: Option<Id>,
}

impl Sighting {
    /// The place of a line that was seen again in the same file: within one reading the first
    /// counts, and after the file was read anew, the new one.
    pub(crate) fn seen_again(self, again: Self) -> Self {
        let is_known = self.position < CUT_OFF && self.position <= again.position;
        Self {
            copied_from: self.copied_from.or(again.copied_from),
            ..if is_known { self } else { again }
        }
    }

    /// From `file, position, late, copied_from` in these columns.
    pub(crate) fn read(row: &Row<'_>, first: usize) -> rusqlite::Result<Self> {
        Ok(Self {
            file: row.get(first)?,
            position: row.get(first + 1)?,
            is_late: row.get(first + 2)?,
            copied_from: row.get(first + 3)?,
        })
    }
}

/// A response, merged over its repetitions: one row of the ledger.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Answer {
    /// The same wherever it is repeated.
    pub(crate) key: i64,
    /// When its first line was written.
    pub(crate) at: Millis,
    /// Its owner.
    pub(crate) session: Id,
    pub(crate) model: Id,
    /// Of the earliest line, as work begins there; of lines of one moment, the one with the lowest id.
    pub(crate) scene: Id,
    pub(crate) is_of_subagent: bool,
    /// Whether the model has no known price.
    pub(crate) is_unpriced: bool,
    pub(crate) usage: Usage,
    pub(crate) service: ServiceLevel,
    /// The calls of a tool loop, where they decide the price.
    pub(crate) calls: Vec<Usage>,
    /// What other models were served for it.
    pub(crate) advice: Vec<Advice>,
    /// At our prices.
    pub(crate) cost: Money,
    /// Where it was seen first.
    pub(crate) place: Sighting,
    /// Where else it stands, each file once. Empty where nobody asked for them.
    pub(crate) copies: Vec<Sighting>,
}

impl Answer {
    /// Takes in another repetition of the same response. The order does not matter.
    pub(crate) fn merge(&mut self, other: &Self) {
        let rank = |calls: &[Usage]| calls.iter().copied().sum::<Usage>().fields();
        if rank(&other.calls) > rank(&self.calls) {
            self.calls.clone_from(&other.calls);
        }
        let advice = |advice: &[Advice]| advice.iter().map(|one| one.usage).sum::<Usage>().fields();
        if advice(&other.advice) > advice(&self.advice) {
            self.advice.clone_from(&other.advice);
        }
        (self.at, self.scene) = (self.at, self.scene).min((other.at, other.scene));
        self.is_of_subagent |= other.is_of_subagent;
        self.usage = self.usage.max(other.usage);
        self.service.fast |= other.service.fast;
        self.service.us_only |= other.service.us_only;
    }

    /// Prices it anew.
    pub(crate) fn price(&mut self, prices: &ModelPrices<'_>) {
        let cost = prices.price(self.at, &self.usage, self.service, &self.calls);
        let (advice, known) = prices.price_advice(self.at, &self.advice, self.service);
        self.cost = cost + advice;
        self.is_unpriced = !prices.known || !known;
    }

    /// Every place where it stands.
    pub(crate) fn places(&self) -> impl Iterator<Item = &Sighting> + Clone {
        std::iter::once(&self.place).chain(&self.copies)
    }
}

/// What those answers that are meant cost.
pub(crate) fn cost_of<'a>(
    answers: impl IntoIterator<Item = &'a Answer>,
    is_meant: impl Fn(&Answer) -> bool,
) -> Money {
    let meant = answers.into_iter().filter(|answer| is_meant(answer));
    meant.map(|answer| answer.cost).sum()
}

/// The end of a compaction.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Compaction {
    pub(crate) key: i64,
    pub(crate) at: Millis,
    /// The length of what was compacted.
    pub(crate) tokens: u64,
    /// Its owner.
    pub(crate) session: Id,
    pub(crate) places: Vec<Sighting>,
}

/// A running total, by the ids of models.
pub(crate) type Parts = BTreeMap<Id, ModelTotal>;

/// A `cost-state` line.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Total {
    pub(crate) file: Id,
    pub(crate) position: Position,
    pub(crate) session: Id,
    /// When the chain of runs began.
    pub(crate) started: Millis,
    pub(crate) cost: Money,
    pub(crate) run_ms: i64,
    pub(crate) api_ms: i64,
    pub(crate) has_unknown_model: bool,
    pub(crate) parts: Parts,
    /// The latest time before it in its file.
    pub(crate) before: Millis,
    /// The first time behind it.
    pub(crate) after: Option<Millis>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(position: Position) -> Sighting {
        Sighting {
            file: 1,
            position,
            is_late: position == 70,
            copied_from: None,
        }
    }

    fn answer(at_ms: Millis, output: u64) -> Answer {
        Answer {
            at: at_ms,
            scene: output.cast_signed(),
            usage: Usage {
                output,
                ..Usage::default()
            },
            service: ServiceLevel {
                fast: output == 1,
                us_only: false,
            },
            ..Answer::default()
        }
    }

    #[test]
    fn repetitions_merge_the_same_in_any_order() {
        let lines = [answer(5, 1), answer(3, 250), answer(9, 0)];
        let merged = |order: [usize; 3]| {
            let mut first = lines[order[0]].clone();
            first.merge(&lines[order[1]]);
            first.merge(&lines[order[2]]);
            first
        };
        let expected = merged([0, 1, 2]);
        assert_eq!((expected.at, expected.usage.output), (3, 250));
        assert!(expected.service.fast);
        for order in [[0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            assert_eq!(merged(order), expected);
        }
    }

    #[test]
    fn a_line_that_was_seen_again_stands_where_it_was_unless_the_file_was_read_anew() {
        let (found, again) = (at(50), at(70));
        assert_eq!(found.seen_again(again), found);
        assert_eq!(at(CUT_OFF + 50).seen_again(again), again);
    }
}
