//! Adds up cache writes and rewrites by cause, session, and Claude Code version.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use indexmap::IndexMap;
use serde_json::{Value, json};

use super::cause::{RewriteCause, RewriteVerdict};
use super::history::{CacheWrite, Rewrite};
use super::loads::LoadKind;
use crate::pricing::Money;
use crate::time::HOUR;

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

/// The cache writes of a period, and the rewrites among them.
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
    /// The rewrites by verdict. Avoidable rewrites come first, and each group is sorted by cost in descending order.
    pub(crate) verdicts: IndexMap<RewriteVerdict, Sum>,
    /// The sessions with avoidable rewrites, most expensive first, keyed by session ID.
    pub(crate) sessions: IndexMap<String, SessionFindings>,
    /// The number of responses and rewrites for each Claude Code version.
    pub(crate) versions: BTreeMap<String, VersionFindings>,
    /// The avoidable rewrites, most expensive first.
    pub(crate) cases: Vec<Case>,
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
    avoidable_by_cause: BTreeMap<RewriteCause, Money>,
}

impl SessionFindings {
    /// Returns the most expensive cause.
    pub(super) fn main_cause(&self) -> Option<RewriteCause> {
        let (cause, _) = self
            .avoidable_by_cause
            .iter()
            .rev()
            .max_by_key(|(_, cost)| **cost)?;
        Some(*cause)
    }
}

/// The number of responses that a version of Claude Code received, and the avoidable rewrites among them.
#[derive(Debug, Default)]
pub(crate) struct VersionFindings {
    pub(crate) responses: u64,
    pub(crate) avoidable: Sum,
}

/// An avoidable rewrite and the cache write that it belongs to.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) write: CacheWrite,
    pub(crate) rewrite: Rewrite,
}

/// The additional cost and the savings if the cache lifetime had been one hour instead of five minutes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct HourLifetime {
    /// The additional cost of cache writes.
    pub(crate) surcharge: Money,
    /// The cost of rewrites after pauses of five minutes to one hour.
    pub(crate) savings: Money,
}

impl HourLifetime {
    fn add(&mut self, write: &CacheWrite) {
        self.surcharge += write.hour_surcharge;
        let Some(rewrite) = &write.rewrite else {
            return;
        };
        if rewrite.verdict.cause == RewriteCause::Expired && rewrite.after < HOUR {
            self.savings += rewrite.cost;
            // With a one-hour lifetime, these tokens would have been read rather than written.
            let written = write.response.usage.cache_write;
            self.surcharge -= write
                .hour_surcharge
                .times(rewrite.tokens.into(), written.into());
        }
    }
}

impl Findings {
    /// Creates the findings from a list of cache writes.
    pub(crate) fn new(writes: Vec<CacheWrite>) -> Self {
        let mut findings = Self::default();
        for write in writes {
            findings.add(write);
        }
        findings
            .cases
            .sort_by_key(|case| Reverse(case.rewrite.cost));
        findings
            .verdicts
            .sort_by_key(|verdict, sum| (!verdict.is_avoidable, Reverse(sum.cost), *verdict));
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
        self.verdicts
            .entry(rewrite.verdict)
            .or_default()
            .add(&rewrite);
        if !rewrite.verdict.is_avoidable {
            return;
        }
        self.avoidable.add(&rewrite);
        version.avoidable.add(&rewrite);
        let session = self.sessions.entry(write.session.clone()).or_default();
        session.avoidable.add(&rewrite);
        *session
            .avoidable_by_cause
            .entry(rewrite.verdict.cause)
            .or_default() += rewrite.cost;
        self.cases.push(Case { write, rewrite });
    }

    /// Returns the loads of one kind and the rewrites that they caused, or `None` if there were no such rewrites.
    pub(super) fn load_rewrites(&self, kind: LoadKind) -> Option<LoadRewrites> {
        let sum = *self
            .verdicts
            .get(&RewriteVerdict::not_proven_avoidable(kind.cause()))?;
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
