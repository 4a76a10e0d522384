//! Sums of a group, and of everything; and an amount as people read it, with what is to be known of it
//! in one sign.

use std::iter::Sum;
use std::ops::AddAssign;

use serde_json::{Value, json};

use crate::ledger::{SpendRow, Spent};
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

/// An amount and how sure it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Amount {
    /// The amount.
    pub money: Money,
    /// A model without a known price is among it, priced as Claude Code does.
    is_estimate: bool,
    /// There may be more: not everything was read, or is to be known.
    pub(crate) is_lower_bound: bool,
}

impl Amount {
    /// One that is sure.
    pub fn exact(money: Money) -> Self {
        Self {
            money,
            is_estimate: false,
            is_lower_bound: false,
        }
    }

    /// What all of it costs.
    pub(crate) fn from_tally(tally: &Tally) -> Self {
        Self {
            money: tally.cost(),
            is_estimate: tally.unpriced > 0,
            is_lower_bound: tally.at_least,
        }
    }

    /// What the ledger says of a session or a period.
    pub(crate) fn from_spent(spent: &Spent) -> Self {
        Self {
            money: spent.total(),
            is_estimate: spent.estimated,
            is_lower_bound: spent.at_least,
        }
    }

    /// The same where there may be more. That says more than that a part is estimated.
    pub(crate) fn unless_complete(self, is_complete: bool) -> Self {
        let is_lower_bound = self.is_lower_bound || !is_complete;
        Self {
            is_lower_bound,
            ..self
        }
    }

    /// `≥` or `≈`, if it is not exact.
    pub(crate) fn sign(self) -> &'static str {
        match (self.is_lower_bound, self.is_estimate) {
            (true, _) => "\u{2265}",
            (_, true) => "\u{2248}",
            _ => "",
        }
    }

    /// As people read it.
    pub(crate) fn show(self) -> String {
        format!("{}{}", self.sign(), self.money.show())
    }
}
