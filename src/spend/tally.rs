//! Sums of a group, and of everything.

use std::iter::Sum;
use std::ops::AddAssign;

use serde_json::{Value, json};

use crate::ledger::SpendRow;
use crate::pricing::{Money, Usage};

/// What was spent, in how many responses, with how many tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Priced from transcripts.
    pub(crate) recorded: Money,
    /// Counted by the client's totals only.
    pub(crate) unrecorded: Money,
    /// Told to the status line only.
    pub(crate) unwritten: Money,
    /// Whether there may be more.
    pub(crate) at_least: bool,
    pub(crate) responses: u64,
    /// Of these, responses of models without a known price.
    pub(crate) unpriced: u64,
    /// Tokens and searches of the recorded responses.
    pub(crate) usage: Usage,
}

impl Tally {
    pub(crate) fn from_row(row: &SpendRow<'_>) -> Self {
        Self {
            recorded: row.recorded,
            unrecorded: row.unrecorded,
            unwritten: row.unwritten,
            at_least: row.at_least,
            responses: row.responses,
            unpriced: row.unpriced,
            usage: row.usage,
        }
    }

    pub(crate) fn cost(&self) -> Money {
        self.recorded + self.unrecorded + self.unwritten
    }

    /// The contract's fields.
    pub(crate) fn json(&self) -> Value {
        json!({
            "cost_usd": self.cost().usd(),
            "at_least": self.at_least,
            "recorded_usd": self.recorded.usd(),
            "unrecorded_usd": (self.unrecorded + self.unwritten).usd(),
            "not_written_usd": self.unwritten.usd(),
            "responses": self.responses,
            "unpriced_responses": self.unpriced,
            "tokens": {
                "input": self.usage.input,
                "output": self.usage.output,
                "cache_read": self.usage.cache_read,
                "cache_write_5m": self.usage.cache_write_5m(),
                "cache_write_1h": self.usage.cache_write_1h,
            },
            "web_searches": self.usage.web_searches,
        })
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.recorded += other.recorded;
        self.unrecorded += other.unrecorded;
        self.unwritten += other.unwritten;
        self.at_least |= other.at_least;
        self.responses = self.responses.saturating_add(other.responses);
        self.unpriced = self.unpriced.saturating_add(other.unpriced);
        self.usage += other.usage;
    }
}

impl Sum for Tally {
    fn sum<I: Iterator<Item = Self>>(tallies: I) -> Self {
        tallies.fold(Self::default(), |mut sum, tally| {
            sum += tally;
            sum
        })
    }
}
