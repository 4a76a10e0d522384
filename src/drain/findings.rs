//! What was written again in a period: sums by cause, session and version, and the dearest cases.

use std::collections::{BTreeMap, HashMap};

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

    /// These, and whatever else there is to say of them.
    pub(super) fn json_with(
        &self,
        fields: impl IntoIterator<Item = (&'static str, Value)>,
    ) -> Value {
        let sums = [
            ("answers", json!(self.answers)),
            ("tokens", json!(self.tokens)),
            ("cost_usd", json!(self.cost.usd())),
        ];
        let all = fields.into_iter().chain(sums);
        all.map(|(name, value)| (name.to_owned(), value)).collect()
    }

    pub(super) fn json(&self) -> Value {
        self.json_with([])
    }
}

/// What was found in a period.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// All that was written to the cache.
    pub(crate) written: Money,
    pub(crate) needless: Sum,
    /// By cause, and whether it was needless; the dearest first, what was needless before that.
    pub(crate) causes: Vec<(Cause, bool, Sum)>,
    /// Sessions with needless writes, the dearest first.
    pub(crate) sessions: Vec<SessionDrain>,
    /// Needless writes by the version that sent the request; how many answers of each in all.
    pub(crate) versions: BTreeMap<String, (u64, Sum)>,
    /// Needless writes, the dearest first.
    pub(crate) cases: Vec<Write>,
    /// Answers without a record of their request: of them only usage and times are known.
    pub(crate) unrecorded: u64,
    pub(crate) answers: u64,
    /// What writing everything for an hour would have cost more, and what it would have saved where
    /// five minutes had passed, and no hour.
    pub(crate) hour: (Money, Money),
}

/// What a session wrote without need.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct SessionDrain {
    pub(crate) session: String,
    pub(crate) needless: Sum,
    /// What most of it is due to.
    pub(crate) cause: Option<Cause>,
}

impl Findings {
    /// Adds up these writes.
    pub(crate) fn new(writes: Vec<Write>) -> Self {
        let mut found = Self::default();
        let mut causes: HashMap<(Cause, bool), Sum> = HashMap::new();
        let mut sessions: HashMap<String, HashMap<Cause, Sum>> = HashMap::new();
        for write in writes {
            found.answers += 1;
            found.written += write.cost;
            found.unrecorded += u64::from(!write.is_recorded);
            found.hour.0 += write.hour_more;
            let version = found.versions.entry(write.version.clone()).or_default();
            version.0 += 1;
            let Some(again) = &write.again else { continue };
            causes
                .entry((again.cause, again.is_needless))
                .or_default()
                .add(again);
            if again.cause == Cause::Expired && again.after < HOUR {
                found.hour.1 += again.cost;
            }
            if !again.is_needless {
                continue;
            }
            found.needless.add(again);
            version.1.add(again);
            let session = sessions.entry(write.session.clone()).or_default();
            session.entry(again.cause).or_default().add(again);
            found.cases.push(write);
        }
        found.cases.sort_by_key(|write| {
            let cost = write.again.as_ref().map_or(Money::ZERO, |again| again.cost);
            std::cmp::Reverse(cost)
        });
        found.causes = causes
            .into_iter()
            .map(|((cause, is_needless), sum)| (cause, is_needless, sum))
            .collect();
        found.causes.sort_by_key(|(cause, is_needless, sum)| {
            (!is_needless, std::cmp::Reverse(sum.cost), *cause)
        });
        found.sessions = sessions.into_iter().map(SessionDrain::new).collect();
        found.sessions.sort_by(|one, other| {
            let by_cost = other.needless.cost.cmp(&one.needless.cost);
            by_cost.then_with(|| one.session.cmp(&other.session))
        });
        found
    }
}

impl Findings {
    /// Needless writes with what is shown of them, the dearest first.
    pub(super) fn dearest(&self, many: usize) -> impl Iterator<Item = (&Write, &Again)> {
        let cases = self.cases.iter().take(many);
        cases.filter_map(|write| Some((write, write.again.as_ref()?)))
    }
}

impl SessionDrain {
    fn new((session, causes): (String, HashMap<Cause, Sum>)) -> Self {
        let mut needless = Sum::default();
        for sum in causes.values() {
            needless.answers += sum.answers;
            needless.tokens += sum.tokens;
            needless.cost += sum.cost;
        }
        let dearest = causes
            .into_iter()
            .max_by_key(|(cause, sum)| (sum.cost, std::cmp::Reverse(*cause)));
        Self {
            session,
            needless,
            cause: dearest.map(|(cause, _)| cause),
        }
    }
}
