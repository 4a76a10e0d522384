//! What was spent, for programs; and as people read it, with what is to be known of it in one sign.

use serde_json::{Value, json};

use crate::ledger::Tally;
use crate::pricing::Money;

impl Tally {
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

/// An amount and how sure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
