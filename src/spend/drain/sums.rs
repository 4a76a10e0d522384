//! Adds up cache writes, grouped by cause and by session.

use std::cmp::Reverse;
use std::collections::HashMap;

use indexmap::IndexMap;
use serde_json::{Value, json};

use super::cause::RewriteCause;
use super::history::{CacheWrite, Rewrite};
use crate::pricing::Money;

/// The total number, tokens, and cost of a group of rewrites.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sum {
    /// The number of responses with a rewrite.
    pub responses: u64,
    pub tokens: u64,
    /// The cost of writing the tokens minus the cost of reading them.
    pub cost: Money,
}

impl Sum {
    fn add(&mut self, rewrite: &Rewrite) {
        self.responses += 1;
        self.tokens = self.tokens.saturating_add(rewrite.tokens);
        self.cost += rewrite.cost;
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "answers": self.responses,
            "tokens": self.tokens,
            "cost_usd": self.cost.usd(),
        })
    }
}

/// The sums of rewrites, grouped by cause.
#[derive(Debug, Default)]
pub(crate) struct SumsByCause {
    /// The sum of all causes.
    pub total: Sum,
    causes: HashMap<RewriteCause, Sum>,
}

impl SumsByCause {
    fn add(&mut self, rewrite: &Rewrite) {
        self.total.add(rewrite);
        self.causes
            .entry(rewrite.verdict.cause)
            .or_default()
            .add(rewrite);
    }

    /// Returns the sums, most expensive cause first.
    pub(super) fn by_cost(&self) -> Vec<(RewriteCause, Sum)> {
        let mut sums = Vec::from_iter(self.causes.clone());
        sums.sort_by_key(|(cause, sum)| (Reverse(sum.cost), *cause));
        sums
    }
}

/// The cache writes in a period, including rewrites.
#[derive(Debug, Default)]
pub(crate) struct CacheSums {
    /// The number of responses.
    pub(super) responses: u64,
    /// The number of responses without a recorded request.
    pub(super) unrecorded: u64,
    /// The cost of all cache writes.
    pub(super) written: Money,
    /// The rewrites that were provably avoidable.
    pub avoidable: SumsByCause,
    /// The other rewrites.
    pub(super) not_proven: SumsByCause,
    /// The sessions with avoidable rewrites, most expensive first, keyed by session ID.
    pub sessions: IndexMap<String, SessionSums>,
    /// The avoidable rewrites, most expensive first.
    pub(super) cases: Vec<Case>,
}

/// A session with avoidable rewrites.
#[derive(Debug, Default)]
pub(crate) struct SessionSums {
    pub title: Option<String>,
    /// The total cost of the session.
    pub cost: Money,
    pub(super) avoidable: SumsByCause,
}

impl SessionSums {
    /// Returns the cause of the most expensive avoidable rewrites.
    pub(super) fn main_cause(&self) -> RewriteCause {
        match self.avoidable.by_cost().first() {
            Some((cause, _)) => *cause,
            None => RewriteCause::Unknown,
        }
    }
}

/// An avoidable rewrite and the cache write that it is a part of.
#[derive(Debug)]
pub(super) struct Case {
    pub write: CacheWrite,
    pub rewrite: Rewrite,
}

impl CacheSums {
    /// Adds up cache writes.
    pub(crate) fn new(writes: Vec<CacheWrite>) -> Self {
        let mut sums = Self::default();
        for write in writes {
            sums.add(write);
        }
        sums.cases
            .sort_by_key(|case| Reverse(case.rewrite.cost));
        sums.sessions
            .sort_by_cached_key(|id, session| (Reverse(session.avoidable.total.cost), id.clone()));
        sums
    }

    fn add(&mut self, mut write: CacheWrite) {
        self.responses += 1;
        self.unrecorded += u64::from(!write.is_recorded);
        self.written += write.cost;
        let Some(rewrite) = write.rewrite.take() else {
            return;
        };
        if rewrite.verdict.proof.is_none() {
            return self.not_proven.add(&rewrite);
        }
        self.avoidable.add(&rewrite);
        let session = self
            .sessions
            .entry(write.session.clone())
            .or_default();
        session.avoidable.add(&rewrite);
        self.cases.push(Case { write, rewrite });
    }
}
