//! What was written again in a period: sums by cause, session and version, and the dearest cases.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::cause::Cause;
use super::history::{Again, Write};
use crate::pricing::Money;
use crate::time::HOUR;

/// Answers, tokens and money of some writes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sum {
    pub(crate) answers: u64,
    pub(crate) tokens: u64,
    pub(crate) cost: Money,
}

impl Sum {
    fn add(&mut self, again: &Again) {
        self.answers += 1;
        self.tokens = self.tokens.saturating_add(again.tokens);
        self.cost += again.cost;
    }

    pub(super) fn json(&self) -> Value {
        json!({"answers": self.answers, "tokens": self.tokens, "cost_usd": self.cost.usd()})
    }
}

/// What was found in a period.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// All that was written to the cache.
    pub(crate) written: Money,
    pub(crate) needless: Sum,
    /// By cause, and whether it was needless; the dearest first, what was needless before that.
    pub(crate) causes: Vec<((Cause, bool), Sum)>,
    /// Sessions with needless writes, by their ids, the dearest first.
    pub(crate) sessions: Vec<(String, SessionDrain)>,
    /// Needless writes by the version that sent the request; how many answers of each in all.
    pub(crate) versions: BTreeMap<String, (u64, Sum)>,
    /// Needless writes, the dearest first.
    pub(crate) cases: Vec<(Write, Again)>,
    /// Answers without a record of their request: of them only usage and times are known.
    pub(crate) unrecorded: u64,
    pub(crate) answers: u64,
    /// What writing everything for an hour would have cost more, and what it would have saved where
    /// five minutes had passed, and no hour.
    pub(crate) hour: (Money, Money),
}

/// What a session wrote without need, beside what it is called and cost.
#[derive(Debug, Default)]
pub(crate) struct SessionDrain {
    pub(crate) title: Option<String>,
    /// What it cost in all.
    pub(crate) cost: Money,
    pub(crate) needless: Sum,
    costs: BTreeMap<Cause, Money>,
}

impl Findings {
    /// Adds up these writes.
    pub(crate) fn new(writes: Vec<Write>) -> Self {
        let mut found = Self::default();
        let mut causes: BTreeMap<(Cause, bool), Sum> = BTreeMap::new();
        let mut sessions: BTreeMap<String, SessionDrain> = BTreeMap::new();
        for mut write in writes {
            found.answers += 1;
            found.written += write.cost;
            found.unrecorded += u64::from(!write.is_recorded);
            found.hour.0 += write.hour_more;
            let version = found
                .versions
                .entry(write.answer.version.clone())
                .or_default();
            version.0 += 1;
            let Some(again) = write.again.take() else {
                continue;
            };
            let cause = causes.entry((again.cause, again.is_needless));
            cause.or_default().add(&again);
            if again.cause == Cause::Expired && again.after < HOUR {
                found.hour.1 += again.cost;
            }
            if !again.is_needless {
                continue;
            }
            found.needless.add(&again);
            version.1.add(&again);
            let session = sessions.entry(write.session.clone()).or_default();
            session.needless.add(&again);
            *session.costs.entry(again.cause).or_default() += again.cost;
            found.cases.push((write, again));
        }
        found.cases.sort_by_key(|(_, again)| Reverse(again.cost));
        found.causes = causes.into_iter().collect();
        let place = |((_, is_needless), sum): &((_, bool), Sum)| (!is_needless, Reverse(sum.cost));
        found.causes.sort_by_key(place);
        found.sessions = sessions.into_iter().collect();
        found
            .sessions
            .sort_by_key(|(_, drain)| Reverse(drain.needless.cost));
        found
    }
}

impl SessionDrain {
    /// What most of it is due to.
    pub(super) fn cause(&self) -> Option<Cause> {
        let costs = self.costs.iter().rev();
        let dearest = costs.max_by_key(|(_, cost)| **cost);
        dearest.map(|(cause, _)| *cause)
    }
}
