//! Derives results from the facts about one lineage: the owner of each response, the runs of each session, and the
//! unrecorded spend.
//!
//! The rules, in order:
//!
//! 1. `owners`: A response belongs to the session whose transcript provides the best proof of ownership.
//! 2. `runs`: A run starts from a known total and ends with another. Its delta includes everything that its process
//!    spent: responses, compactions, and other background requests.
//! 3. `parts`: A session's transcript is divided into the history before the first run and the parts covered by runs.
//!    The history starts from zero and ends with its newest checkpoint. A fork starts from a checkpoint of its parent,
//!    which is known only if the fork's responses account for the entire increase since that checkpoint.
//! 4. `unrecorded`: A part's unrecorded spend is its delta minus the cost of its responses, in dollars, and is never
//!    negative. `breakdown` adds up all parts of a session.
//! 5. `bounds`: A session's amount is exact if every compaction lies in a part with known totals. Otherwise, the amount
//!    is a lower bound, and a `bounds::LowerBound` states the reason.

pub(crate) mod bounds;
mod breakdown;
mod owners;
mod parts;
mod run_totals;
pub(crate) mod runs;
mod session_facts;
#[cfg(test)]
mod tests;
mod unrecorded;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bounds::{LowerBound, LowerBoundReason};
use owners::LineOwners;
use serde::{Deserialize, Serialize};

use super::events::RunEvent;
use super::facts::{Checkpoint, Compaction, Id, Response, TranscriptFacts};
use crate::pricing::{Money, PriceTable};
use crate::time::Millis;

/// The facts about one lineage.
#[derive(Debug, Default)]
pub(crate) struct Lineage {
    pub sessions: BTreeSet<Id>,
    pub files: BTreeMap<Id, TranscriptFacts>,
    pub responses: Vec<Response>,
    pub compactions: Vec<Compaction>,
    pub checkpoints: Vec<Checkpoint>,
    /// The events of all processes that worked on these sessions, ordered by number.
    pub events: Vec<RunEvent>,
    pub models: HashMap<Id, String>,
}

impl Lineage {
    /// Returns the name of a model.
    fn model(&self, id: Id) -> &str {
        self.models.get(&id).map_or("", String::as_str)
    }
}

/// The results of one lineage.
#[derive(Debug, Default)]
pub(crate) struct Reconciled {
    /// The owner of each response, in the order of [`Lineage::responses`].
    pub owners: Vec<Id>,
    pub sessions: BTreeMap<Id, SessionBreakdown>,
}

/// The unrecorded spend of one session, and how it was calculated. The ledger stores the fields that are not skipped.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct SessionBreakdown {
    pub off_transcript: Vec<OffTranscriptSpend>,
    pub bounds: Vec<LowerBound>,
    /// The model of the newest response.
    pub model: Id,
    /// The session's spend up to the newest total of each run.
    pub covered: Money,
    /// The unrecorded spend, excluding pending spend.
    pub unrecorded: Money,
    #[serde(skip)]
    pub runs: Vec<RunBreakdown>,
    /// The number of compactions in the session.
    #[serde(skip)]
    pub compactions: usize,
    /// The number of inherited responses and compactions, by the session that owns them.
    #[serde(skip)]
    pub inherited: BTreeMap<Id, InheritedLines>,
    /// The newest total of each process that may still be working on this session.
    pub open_totals: BTreeMap<Id, Money>,
    /// The newest event included in these results.
    pub last_event: i64,
}

impl SessionBreakdown {
    fn add_bound(&mut self, at: Millis, reason: LowerBoundReason) {
        self.bounds.push(LowerBound { at, reason });
    }
}

/// The number of responses and compactions that a session inherited from another session.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct InheritedLines {
    pub responses: u64,
    pub compactions: u64,
}

/// Unrecorded or pending spend at a single point in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OffTranscriptSpend {
    pub at: Millis,
    pub model: Id,
    pub kind: OffTranscriptKind,
    pub cost: Money,
}

/// The kind of an [`OffTranscriptSpend`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OffTranscriptKind {
    /// Spend that is included in running totals but is not in any transcript.
    Unrecorded,
    /// Unrecorded spend of a model without a known price, which makes the amount an estimate.
    Estimated,
    /// Spend that may belong to a response that is not in the transcript yet.
    Pending,
}

/// The breakdown for a single run, or for the part of the history without identified runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RunBreakdown {
    pub pid: Option<u32>,
    /// True if the process was identified. Otherwise, its spend is known only from checkpoints.
    pub is_identified: bool,
    pub started_at: Option<Millis>,
    pub ended_at: Option<Millis>,
    pub starting_total: Option<Money>,
    /// False if the starting total may already include some of the run's responses.
    pub is_start_proven: bool,
    pub last_total: Option<Money>,
    /// The number of responses in the run.
    pub responses: u64,
    /// The cost of these responses.
    pub recorded: Money,
    /// The number of responses that the totals cover. All other responses arrived after the last total.
    pub covered_responses: u64,
    /// The cost of the covered responses.
    pub covered: Money,
    /// The part of the increase in the totals that may be due to responses after the last total.
    pub cost_of_later_responses: Money,
    pub unrecorded: Money,
}

impl RunBreakdown {
    /// Returns the increase in the totals. An unknown total counts as zero.
    fn increase(&self) -> Money {
        self.last_total.unwrap_or_default() - self.starting_total.unwrap_or_default()
    }

    /// Returns the starting total, or `None` if it is unknown or may already include some of the run's responses.
    pub(crate) fn proven_starting_total(&self) -> Option<Money> {
        if self.is_start_proven {
            self.starting_total
        } else {
            None
        }
    }

    /// Returns the unexplained part of the increase in the totals: the increase minus the cost of the covered responses
    /// and minus [`Self::cost_of_later_responses`].
    fn unexplained_increase(&self) -> Money {
        self.increase() - self.covered - self.cost_of_later_responses
    }

    /// Returns the difference between the increase in the totals and the spend that explains it. Returns `None` if the
    /// two agree, if a total is unknown, or if the starting total is not proven.
    pub(crate) fn difference(&self) -> Option<Money> {
        let (Some(_), Some(_)) = (self.proven_starting_total(), self.last_total) else {
            return None;
        };
        let difference = self.unexplained_increase() - self.unrecorded;
        if difference.is_near(Money::ZERO) {
            None
        } else {
            Some(difference)
        }
    }
}

/// Derives the results of a lineage from its facts.
pub(crate) fn reconcile(lineage: &Lineage, prices: &PriceTable) -> Reconciled {
    let owners = LineOwners::new(lineage);
    let owner_of_each: Vec<Id> = lineage
        .responses
        .iter()
        .map(|response| {
            let owner = owners.owner(response.at, response.locations());
            owner.unwrap_or(response.session)
        })
        .collect();
    let runs = runs::runs_of(&lineage.events);
    let mut facts = session_facts::facts_by_session(lineage, &owners, &owner_of_each, &runs);
    let sessions = lineage
        .sessions
        .iter()
        .map(|session| {
            let facts = facts.remove(session).unwrap_or_default();
            (*session, facts.breakdown(lineage, prices))
        })
        .collect();
    Reconciled {
        owners: owner_of_each,
        sessions,
    }
}
