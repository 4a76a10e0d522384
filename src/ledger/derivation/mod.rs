//! From what stands in transcripts to what each session spent: whose an answer is, which answers a
//! running total covers, and what the totals count beyond them.
//!
//! Pure: facts come in as values, and whatever order files were read in, the same facts give the
//! same figures. Sessions are given by their place in the order of their names.

mod missing;
mod owners;
mod runs;

use std::collections::BTreeMap;

pub(crate) use missing::Found;
pub(crate) use runs::Run;

use crate::pricing::{Advice, ModelPrices, Money, PriceTable, ServiceLevel, Usage};
use crate::time::Millis;

/// A session's place among those of its family.
pub(crate) type SessionIndex = usize;
/// A transcript's place among those of its family.
pub(crate) type FileIndex = usize;

/// Everything that is known of sessions that have to do with each other: forks, their parents, and
/// whoever shares a line with them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Family {
    /// Names in ascending order.
    pub(crate) sessions: Vec<String>,
    pub(crate) files: Vec<Transcript>,
    pub(crate) answers: Vec<Answer>,
    pub(crate) compactions: Vec<Compaction>,
    pub(crate) totals: Vec<Total>,
}

/// A transcript of a session or of one of its subagents. Copies of a file are files of their own.
#[derive(Debug, Clone, Default)]
pub(crate) struct Transcript {
    pub(crate) session: SessionIndex,
    /// The first `queue-operation`.
    pub(crate) queue: Option<Mark>,
    /// Snapshots of the file history, each with what tells it from others.
    pub(crate) snapshots: Vec<(i64, Mark)>,
}

/// A line that a process writes into the file of its own session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) position: u64,
    pub(crate) at: Millis,
}

/// Where a line stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sighting {
    pub(crate) file: FileIndex,
    pub(crate) position: u64,
    /// Whether it stands behind something of a later time.
    pub(crate) is_late: bool,
    /// The session that the line says it was copied from.
    pub(crate) names: Option<SessionIndex>,
}

/// A response, merged over its repetitions.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) key: i64,
    pub(crate) at: Millis,
    pub(crate) model: String,
    pub(crate) usage: Usage,
    /// At our prices.
    pub(crate) cost: Money,
    pub(crate) served: ServiceLevel,
    pub(crate) is_of_subagent: bool,
    pub(crate) calls: Vec<Usage>,
    pub(crate) advice: Vec<Advice>,
    pub(crate) sightings: Vec<Sighting>,
}

impl Answer {
    /// What each model was served for it. Of a model that a total does not name (the empty one), all.
    fn served_by(&self, model: &str) -> Usage {
        let is_wanted = |name: &str| model.is_empty() || name == model;
        let own = is_wanted(&self.model).then_some(self.usage);
        let advice = self.advice.iter().filter(|one| is_wanted(&one.model));
        own.into_iter().chain(advice.map(Advice::usage)).sum()
    }

    /// The models that were served for it.
    fn models(&self) -> impl Iterator<Item = &str> {
        let advice = self.advice.iter().map(|one| one.model.as_str());
        std::iter::once(self.model.as_str()).chain(advice)
    }

    /// What this model's part costs at these prices.
    fn price(&self, model: &str, prices: &ModelPrices<'_>) -> Money {
        let mut cost = Money::ZERO;
        if model.is_empty() || self.model == model {
            cost += prices.price(self.at, &self.usage, self.served, &self.calls);
        }
        let advice = self.advice.iter();
        for one in advice.filter(|one| model.is_empty() || one.model == model) {
            let service = ServiceLevel {
                fast: false,
                ..self.served
            };
            cost += prices.price(self.at, &one.usage(), service, &[]);
        }
        cost
    }
}

/// The end of a compaction.
#[derive(Debug, Clone)]
pub(crate) struct Compaction {
    pub(crate) at: Millis,
    /// The length of what was compacted.
    pub(crate) tokens: u64,
    pub(crate) sightings: Vec<Sighting>,
}

/// A model's part of a running total.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Part {
    pub(crate) usage: Usage,
    /// Whether [`Usage::cache_write_1h`] is known.
    pub(crate) splits: bool,
    pub(crate) cost: Money,
}

/// A running total, by canonical model name.
pub(crate) type Parts = BTreeMap<String, Part>;

/// A `cost-state` line.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Total {
    pub(crate) file: FileIndex,
    pub(crate) position: u64,
    pub(crate) session: SessionIndex,
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

/// What was spent by a session, as far as it follows from its family.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Derived {
    /// The owner of each answer, in the family's order.
    pub(crate) owners: Vec<SessionIndex>,
    /// By session.
    pub(crate) sessions: Vec<SessionLife>,
}

/// The runs of a session and what they say.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct SessionLife {
    /// In order of their ends.
    pub(crate) runs: Vec<Run>,
    /// The end of the last run. No answer after it is in any.
    pub(crate) until: Option<Millis>,
    pub(crate) found: Found,
    /// The session that it was forked from.
    pub(crate) parent: Option<SessionIndex>,
}

/// Applies the rules.
pub(crate) fn derive(family: &Family, prices: &PriceTable) -> Derived {
    let owners = owners::Owners::of(family);
    let answers: Vec<SessionIndex> = family
        .answers
        .iter()
        .map(|answer| owners.owner(answer.at, &answer.sightings))
        .collect();
    let compactions: Vec<SessionIndex> = family
        .compactions
        .iter()
        .map(|compaction| owners.owner(compaction.at, &compaction.sightings))
        .collect();
    let runs = runs::of_family(family, &owners, &answers, &compactions);
    let sessions = runs
        .into_iter()
        .enumerate()
        .map(|(session, (runs, parent))| {
            let own = |owner: &SessionIndex| *owner == session;
            let of = |(answer, owner)| own(owner).then_some(answer);
            let answers: Vec<&Answer> =
                family.answers.iter().zip(&answers).filter_map(of).collect();
            let of = |(compaction, owner)| own(owner).then_some(compaction);
            let compactions: Vec<&Compaction> = family
                .compactions
                .iter()
                .zip(&compactions)
                .filter_map(of)
                .collect();
            SessionLife {
                found: missing::unrecorded(&runs, &answers, &compactions, prices),
                until: runs.iter().map(|run| run.end).max(),
                runs,
                parent,
            }
        });
    Derived {
        sessions: sessions.collect(),
        owners: answers,
    }
}
