//! Adds up cache writes and rewrites by cause, session, and Claude Code version.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use indexmap::IndexMap;
use serde_json::{Value, json};

use super::cause::RewriteVerdict;
use super::history::{CacheWrite, Rewrite};
use super::loads::LoadKind;
use crate::pricing::Money;

/// The total number, tokens, and cost of a group of rewrites.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sum {
    /// The number of responses with a rewrite.
    pub(crate) responses: u64,
    pub(crate) tokens: u64,
    /// The cost of writing the tokens minus the cost of reading them.
    pub(crate) cost: Money,
}

impl Sum {
    fn add(&mut self, rewrite: &Rewrite) {
        self.add_all(Self {
            responses: 1,
            tokens: rewrite.tokens,
            cost: rewrite.cost,
        });
    }

    pub(super) fn add_all(&mut self, other: Self) {
        self.responses += other.responses;
        self.tokens = self.tokens.saturating_add(other.tokens);
        self.cost += other.cost;
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "answers": self.responses,
            "tokens": self.tokens,
            "cost_usd": self.cost.usd(),
        })
    }
}

/// The cache writes in a period, including rewrites.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// The number of responses.
    pub(crate) responses: u64,
    /// The number of responses without a recorded request.
    pub(crate) unrecorded: u64,
    /// The cost of all cache writes.
    pub(crate) written: Money,
    /// The total of all avoidable rewrites.
    pub(crate) avoidable: Sum,
    /// The rewrites by verdict.
    pub(crate) verdicts: VerdictSums,
    /// The sessions with avoidable rewrites, most expensive first, keyed by session ID.
    pub(crate) sessions: IndexMap<String, SessionFindings>,
    /// The number of responses and rewrites for each Claude Code version.
    pub(crate) versions: BTreeMap<String, VersionFindings>,
    /// The avoidable rewrites, most expensive first.
    pub(crate) cases: Vec<Case>,
    /// The other rewrites for which only the API reported a cause, most expensive first.
    pub(crate) reported_cases: Vec<Case>,
    /// The rewrites for which only the API reported a cause, by verdict.
    pub(super) reported: VerdictSums,
    /// The number of skills loaded.
    pub(crate) skills_loaded: u64,
    /// The number of tool searches that found a tool.
    pub(crate) tool_searches: u64,
    pub(crate) hour_lifetime: HourLifetime,
}

/// A session with avoidable rewrites.
#[derive(Debug, Default)]
pub(crate) struct SessionFindings {
    pub(crate) title: Option<String>,
    /// The total cost of the session.
    pub(crate) cost: Money,
    pub(crate) avoidable: Sum,
    verdicts: VerdictSums,
}

impl SessionFindings {
    /// Returns the most expensive verdict for the output of `drain --json`.
    pub(super) fn main_verdict_in_json(&self) -> Option<RewriteVerdict> {
        let sums = self.verdicts.in_json().sorted();
        sums.first().map(|(verdict, _)| *verdict)
    }

    /// Returns the most expensive verdict for the text output. In JSON, several verdicts may be combined into one.
    pub(super) fn main_verdict(&self) -> Option<RewriteVerdict> {
        let main = self.main_verdict_in_json()?;
        self.verdicts
            .sorted()
            .into_iter()
            .map(|(verdict, _)| verdict)
            .find(|verdict| verdict.in_json() == main)
    }
}

/// Rewrites by verdict. All lists of causes are built from these sums, so they have the same order.
#[derive(Debug, Clone, Default)]
pub(crate) struct VerdictSums(HashMap<RewriteVerdict, Sum>);

impl VerdictSums {
    fn add(&mut self, rewrite: &Rewrite) {
        self.0.entry(rewrite.verdict).or_default().add(rewrite);
    }

    /// Returns the sum for a verdict, or `None` if there are no such rewrites.
    pub(super) fn get(&self, verdict: RewriteVerdict) -> Option<Sum> {
        self.0.get(&verdict).copied()
    }

    /// Returns the sums by cause for the output of `drain --json`.
    pub(super) fn in_json(&self) -> Self {
        let mut merged = Self::default();
        for (verdict, sum) in &self.0 {
            merged.0.entry(verdict.in_json()).or_default().add_all(*sum);
        }
        merged
    }

    /// Returns all verdicts with their sums. Avoidable rewrites come first. Within each group, the most expensive
    /// verdict comes first.
    pub(super) fn sorted(&self) -> Vec<(RewriteVerdict, Sum)> {
        let mut sums: Vec<_> = self
            .0
            .iter()
            .map(|(verdict, sum)| (*verdict, *sum))
            .collect();
        sums.sort_by_key(|(verdict, sum)| (!verdict.is_avoidable(), Reverse(sum.cost), *verdict));
        sums
    }
}

/// The number of responses that a version of Claude Code received, and the avoidable rewrites among them.
#[derive(Debug, Default)]
pub(crate) struct VersionFindings {
    pub(crate) responses: u64,
    pub(crate) avoidable: Sum,
}

/// A rewrite and the cache write that it belongs to.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) write: CacheWrite,
    pub(crate) rewrite: Rewrite,
}

/// A comparison with a cache lifetime of one hour instead of five minutes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct HourLifetime {
    /// The difference in total spend, which is negative if less would have been spent.
    pub(crate) difference: Money,
    /// The cost of rewrites after pauses of five minutes to one hour.
    pub(crate) savings: Money,
}

impl HourLifetime {
    fn add(&mut self, write: &CacheWrite) {
        self.difference += write.hour_difference;
        match &write.rewrite {
            Some(rewrite) if rewrite.is_within_an_hour() => self.savings += rewrite.cost,
            _ => {}
        }
    }

    /// Returns how much more the remaining cache writes would have cost.
    pub(super) fn surcharge(self) -> Money {
        self.difference + self.savings
    }
}

impl Findings {
    /// Creates the findings from a list of cache writes.
    pub(crate) fn new(writes: Vec<CacheWrite>) -> Self {
        let mut findings = Self::default();
        for write in writes {
            findings.add(write);
        }
        for cases in [&mut findings.cases, &mut findings.reported_cases] {
            cases.sort_by_key(|case| Reverse(case.rewrite.cost));
        }
        findings
            .sessions
            .sort_by_cached_key(|id, session| (Reverse(session.avoidable.cost), id.clone()));
        findings
    }

    fn add(&mut self, mut write: CacheWrite) {
        self.responses += 1;
        self.unrecorded += u64::from(!write.is_recorded);
        self.written += write.cost;
        self.hour_lifetime.add(&write);
        for load in &write.loads {
            match load {
                LoadKind::Skill => self.skills_loaded += 1,
                LoadKind::Tools => self.tool_searches += 1,
            }
        }
        let version = self
            .versions
            .entry(write.response.version.clone())
            .or_default();
        version.responses += 1;

        let Some(rewrite) = write.rewrite.take() else {
            return;
        };
        self.verdicts.add(&rewrite);
        if rewrite.is_reported {
            self.reported.add(&rewrite);
        }
        if !rewrite.verdict.is_avoidable() {
            if rewrite.is_reported {
                self.reported_cases.push(Case { write, rewrite });
            }
            return;
        }
        self.avoidable.add(&rewrite);
        version.avoidable.add(&rewrite);
        let session = self.sessions.entry(write.session.clone()).or_default();
        session.avoidable.add(&rewrite);
        session.verdicts.add(&rewrite);
        self.cases.push(Case { write, rewrite });
    }

    /// Returns the loads of one kind and the rewrites that they caused, or `None` if there were no such rewrites.
    pub(super) fn load_rewrites(&self, kind: LoadKind) -> Option<LoadRewrites> {
        let sum = self
            .verdicts
            .get(RewriteVerdict::not_avoidable(kind.cause()))?;
        let loads = match kind {
            LoadKind::Skill => self.skills_loaded,
            LoadKind::Tools => self.tool_searches,
        };
        Some(LoadRewrites { loads, sum })
    }
}

/// The number of loads of one kind, along with the resulting rewrites.
#[derive(Debug, Clone, Copy)]
pub(super) struct LoadRewrites {
    pub(super) loads: u64,
    /// The rewrites caused by the loads.
    pub(super) sum: Sum,
}

impl LoadRewrites {
    /// Returns the cost of all these rewrites divided by the number of loads.
    pub(super) fn cost_per_load(self) -> Money {
        self.sum.cost.times(1, self.loads.max(1).into())
    }

    /// Returns the average cost of a rewrite.
    pub(super) fn cost_per_rewrite(self) -> Money {
        self.sum.cost.times(1, self.sum.responses.max(1).into())
    }
}
